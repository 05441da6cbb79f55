#!/usr/bin/env python3
"""Every language opens what every other one makes, and the fixtures that must open for ever.

    tests/interop/run.py [LANGUAGE…]        all of them without arguments

Each language has a program that does a list of commands (interop.c says how they look); the command line is driven from
here. Nothing here knows the format: an envelope passes when its plaintext comes out.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
BUILD = TOP / "build"
FIXTURES = TOP / "tests" / "fixtures"
COMMAND = BUILD / "bin" / "keyfold"

PROGRAMS: dict[str, list[str]] = {
    "c": [str(BUILD / "tests" / "interop-c")],
    "c++": [str(BUILD / "tests" / "interop-cpp")],
    "rust": [str(BUILD / "tests" / "interop-rust")],
    "python": [str(BUILD / "venv" / "bin" / "python"), str(TOP / "tests" / "interop" / "interop.py")],
    "go": [str(BUILD / "tests" / "interop-go")],
}
LANGUAGES = [*PROGRAMS, "cli"]

# Sizes around the empty message, one byte, and one, two and three chunks of 16 KiB.
SIZES = [0, 1, 100, 16383, 16384, 16385, 40000]


@dataclass
class Case:
    """One envelope or data key blob and what it takes to open it."""

    file: Path
    kind: str = "envelope"
    keys: list[str] | str = "*"
    context: dict[str, str] = field(default_factory=dict)
    accept_stored_context: bool = False
    plaintext: bytes = b""
    stored: str = "none"

    def line(self, verb: str) -> str:
        """The command's line: see interop.c."""
        fourth = self.stored if verb == "make" else str(int(self.accept_stored_context))
        if verb == "refuse":
            fifth = str(head_size(self.file.read_bytes()))
        elif verb == "make" and self.kind == "datakey":
            fifth = str(len(self.plaintext))
        else:
            fifth = self.plaintext.hex() or "-"
        pairs = ",".join(f"{k.encode().hex()}:{v.encode().hex()}" for k, v in self.context.items())
        keys = self.keys if isinstance(self.keys, str) else ",".join(self.keys)
        return "\t".join([verb, self.kind, keys, pairs or "-", fourth, fifth, str(self.file)])


def head_size(envelope: bytes) -> int:
    """Fixed part, stored context and cells."""
    return 44 + int.from_bytes(envelope[6:8], "big") + int.from_bytes(envelope[8:10], "big")


@dataclass
class Store:
    """A key store and the root that opens it, in folders of their own."""

    path: Path
    root: Path

    def keyfold(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Runs the command on this store."""
        environment = {**os.environ, "KEYFOLD_STORE": str(self.path), "KEYFOLD_ROOT": f"file:{self.root}"}
        return subprocess.run([COMMAND, *arguments], input=stdin, env=environment, capture_output=True, check=False)

    def must(self, *arguments: str) -> bytes:
        """The same, where it has to succeed."""
        done = self.keyfold(*arguments)
        if done.returncode:
            raise SystemExit(f"keyfold {' '.join(arguments)}: {done.stderr.decode()}")
        return done.stdout


# --- one language's part --------------------------------------------------------------------------------------------


def run(language: str, store: Store, verb: str, cases: list[Case], work: Path) -> list[str]:
    """Does one command for each case; returns what failed."""
    if language == "cli":
        return [complaint for case in cases for complaint in by_command(store, verb, case)]
    commands = work / f"{language}-{verb}.commands"
    commands.write_text("".join(case.line(verb) + "\n" for case in cases))
    done = subprocess.run(
        [*PROGRAMS[language], str(store.path), str(store.root), str(commands)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0 and f"passed {len(cases)}\n" in done.stdout:
        return []
    return [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("passed")] or [
        f"{language} exited with {done.returncode} and did not count {len(cases)} commands"
    ]


def by_command(store: Store, verb: str, case: Case) -> list[str]:
    """The command line's part."""
    context = [argument for k, v in case.context.items() for argument in ("--context", f"{k}={v}")]
    keys = [] if isinstance(case.keys, str) else case.keys
    if verb == "make":
        if case.kind == "datakey":
            done = store.keyfold(
                "datakey", "--key", keys[0], "--bytes", str(len(case.plaintext)), *context,
                "--plaintext-out", f"{case.file}.key", "-o", str(case.file),
            )  # fmt: skip
        else:
            source = "-"
            if case.kind == "file":
                source = f"{case.file}.plain"
                Path(source).write_bytes(case.plaintext)
            also = [argument for key in keys[1:] for argument in ("--also-key", key)]
            done = store.keyfold(
                "encrypt", "--key", keys[0], *also, *context, "--store-context", case.stored, "-o", str(case.file), source,
                stdin=case.plaintext if source == "-" else b"",
            )  # fmt: skip
        return [] if done.returncode == 0 else [f"make {case.file.name}: {done.stderr.decode()}"]

    options = [argument for key in keys for argument in ("--key", key)] + context
    if case.accept_stored_context:
        options.append("--accept-stored-context")
    if verb == "open" and case.kind == "stream":
        first, size = len(case.plaintext) // 3, len(case.plaintext) // 2
        for what, expected in ([], case.plaintext), (["--range", f"{first}:{size}"], case.plaintext[first : first + size]):
            sealed = case.file.read_bytes() if not what else b""
            done = store.keyfold("decrypt", *what, *options, "-o", "-", "-" if not what else str(case.file), stdin=sealed)
            if done.returncode or done.stdout != expected:
                return [f"stream {case.file.name} {what}: exit {done.returncode}, {done.stderr.decode()}"]
        return []
    if verb == "open" and case.kind == "file":
        made = Path(f"{case.file}.opened")
        made.unlink(missing_ok=True)
        done = store.keyfold("decrypt", *options, "-o", str(made), str(case.file))
        same = done.returncode == 0 and made.read_bytes() == case.plaintext
        return [] if same else [f"file {case.file.name}: exit {done.returncode}, {done.stderr.decode()}"]
    if verb == "open":
        opens = ["datakey", "--open", str(case.file)] if case.kind == "datakey" else ["decrypt", str(case.file)]
        done = store.keyfold(*opens, *options, "-o", "-")
        if done.returncode:
            return [f"open {case.file.name}: {done.stderr.decode()}"]
        return [] if done.stdout == case.plaintext else [f"open {case.file.name}: opens to something else"]

    # A process each, so one bit a byte, a different one from byte to byte.
    whole = case.file.read_bytes()
    head = head_size(whole)
    damaged = [(f"byte {i} changed", whole[:i] + bytes([whole[i] ^ 1 << i % 8]) + whole[i + 1 :]) for i in range(head)]
    damaged += [(f"cut to {size} bytes", whole[:size]) for size in range(len(whole))]
    complaints = []
    for what, data in damaged:
        done = store.keyfold("decrypt", *options, "-o", "-", "-", stdin=data)
        if done.returncode not in (1, 3, 4) or done.stdout:
            complaints.append(f"refuse {case.file.name}: {what}: exit {done.returncode}, {len(done.stdout)} bytes out")
    return complaints


# --- what is opened -------------------------------------------------------------------------------------------------


def fixtures(committed: Path, work: Path) -> tuple[Store, list[Case]]:
    """A release's store and envelopes, copied to where their modes are as a store and a root want them."""
    folder = work / f"fixtures-{committed.name}"
    (folder / "root").mkdir(mode=0o700, parents=True)
    (folder / "store").mkdir(mode=0o700)
    store = Store(folder / "store" / "store.db", folder / "root" / "root.key")
    shutil.copyfile(committed / "store.db", store.path)
    shutil.copyfile(committed / "root.key", store.root)
    store.path.chmod(0o600)
    store.root.chmod(0o600)
    cases = []
    for sidecar in sorted((committed / "envelopes").glob("*.json")):
        told = json.loads(sidecar.read_text())
        cases.append(
            Case(
                file=sidecar.with_suffix(".kfe"),
                kind=told["kind"],
                keys=told["keys"],
                context=told["context"],
                accept_stored_context=told["accept_stored_context"],
                plaintext=bytes.fromhex(told["plaintext_hex"]),
            )
        )
    return store, cases


def new_store(work: Path) -> Store:
    """A store with a key that has two versions and one that has one."""
    (work / "root").mkdir(mode=0o700)
    (work / "store").mkdir(mode=0o700)
    store = Store(work / "store" / "keys.db", work / "root" / "root.key")
    store.must("init")
    store.must("key", "create", "cards")
    store.must("key", "rotate", "cards")
    store.must("key", "create", "invoices")
    return store


def wanted(folder: Path) -> list[Case]:
    """What each language makes."""
    row = {"tenant": "acme", "table": "cards", "größe": "ähnlich 😀", "empty": ""}
    folder.mkdir()
    cases = [
        Case(folder / f"size-{size}.kfe", keys=["cards"], context=row, plaintext=bytes(i * 7 % 251 for i in range(size)))
        for size in SIZES
    ]
    cases += [
        replace(case, file=folder / f"{kind}-{case.file.name}", kind=kind) for kind in ("stream", "file") for case in cases
    ]
    cases.append(Case(folder / "no-context.kfe", keys=["cards"], plaintext=b"no context"))
    cases.append(Case(folder / "names.kfe", keys=["cards"], context=row, stored="names", plaintext=b"names stored"))
    cases.append(Case(folder / "all.kfe", keys=["cards"], context=row, stored="all", plaintext=b"all stored"))
    cases.append(Case(folder / "two-keys.kfe", keys=["invoices", "cards"], context=row, plaintext=b"either key"))
    for size in (16, 32, 1024):
        blob = Case(folder / f"datakey-{size}.kfe", kind="datakey", keys=["cards"], context=row, plaintext=bytes(size))
        cases.append(blob)
    return cases


def to_open(made: list[Case]) -> list[Case]:
    """How the others open it: by the key, streamed, into a file or at once, by any key of the store, by stored context, by the second key alone."""
    cases = []
    for case in made:
        if case.kind == "datakey":
            case.plaintext = Path(f"{case.file}.key").read_bytes()
        cases.append(case)
        if case.kind in ("stream", "file"):
            cases += [replace(case, kind=kind) for kind in ("envelope", "stream", "file") if kind != case.kind]
            continue
        if case.kind == "envelope":
            cases.append(replace(case, kind="stream"))
        cases.append(Case(case.file, case.kind, "*", case.context, False, case.plaintext))
        if case.stored == "all":
            cases.append(Case(case.file, case.kind, case.keys, {}, True, case.plaintext))
        if len(case.keys) > 1:
            cases.append(Case(case.file, case.kind, [case.keys[1]], case.context, False, case.plaintext))
    return cases


def main() -> int:
    languages = sys.argv[1:] or LANGUAGES
    complaints: list[str] = []

    def report(what: str, found: list[str]) -> None:
        print(f"  interop: {what}: {'ok' if not found else 'FAILED'}", flush=True)
        complaints.extend(f"{what}: {line}" for line in found[:10])

    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        # The stores are copies: an anchor of an earlier run's may know more of them than these have.
        os.environ["XDG_STATE_HOME"] = str(work / "state")
        releases = sorted(path.parent for path in FIXTURES.glob("*/store.db"))
        if not releases:
            raise SystemExit("tests/fixtures: no release")
        for release in releases:
            store, cases = fixtures(release, work)
            if len(cases) < 20:
                raise SystemExit(f"{release}: envelopes are missing")
            simple = next(case for case in cases if case.file.stem == "size-0-no-context")
            for language in languages:
                what = f"{language} opens the {len(cases)} fixtures of {release.name}"
                report(what, run(language, store, "open", cases, work))
                if release == releases[0]:
                    report(f"{language} refuses every damaged head", run(language, store, "refuse", [simple], work))

        store = new_store(work)
        made: dict[str, list[Case]] = {}
        for language in languages:
            made[language] = wanted(work / f"by-{language}")
            report(f"{language} makes {len(made[language])}", run(language, store, "make", made[language], work))
        if complaints:
            return tell(complaints)
        for reader in languages:
            for writer in languages:
                cases = to_open(made[writer])
                report(f"{reader} opens {len(cases)} by {writer}", run(reader, store, "open", cases, work))
    return tell(complaints)


def tell(complaints: list[str]) -> int:
    print("\n".join(complaints) if complaints else "interop: passed")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
