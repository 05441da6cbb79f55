#!/usr/bin/env python3
"""The documents' examples run, and their links lead somewhere.

Every fenced block of README.md that names a language is a whole program: it is compiled, linked as the README says, and run in
an empty folder, in the order of the page, so that what an earlier block made is there for a later one. A line `→ text` under a
block is what it must print.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
BUILD = TOP / "build"
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{BUILD / 'bin'}:{os.environ['PATH']}",
    "LD_LIBRARY_PATH": str(BUILD / "lib"),
    "PKG_CONFIG_PATH": str(BUILD / "lib" / "pkgconfig"),
}


@dataclass
class Block:
    """One fenced block: its language, its text, the line it starts at, and what it must print."""

    language: str
    text: str
    line: int
    prints: str | None


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, those without a language left out."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in re.finditer(r"^```(\w+)\n(.*?)^```\n(?:\n?→ `([^\n]*)`\n)?", text, re.MULTILINE | re.DOTALL):
        found.append(Block(match[1], match[2], text.count("\n", 0, match.start()) + 1, match[3]))
    return found


def run(command: list[str | Path], folder: Path, **more: str) -> str:
    """Runs a command in the folder; its output, or an exception with it."""
    # Anchors of stores that soon are gone are not left on this machine.
    environment = {**ENVIRONMENT, "XDG_STATE_HOME": str(folder / "state"), **more}
    done = subprocess.run(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command[:3]))}…: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def shell(text: str, folder: Path) -> str:
    """What a reader types. The store and root it names are kept for the later blocks."""
    script = f"set -eu\n{text}\n"
    # A reader goes on in one shell, so the later blocks have what the first exported.
    return run(["sh", "-c", script], folder, KEYFOLD_STORE="keys/keys.db", KEYFOLD_ROOT="file:root/root.key")


def compiled(variable: str, compiler: str, suffix: str, flags: list[str]) -> Callable[[str, Path], str]:
    def build_and_run(text: str, folder: Path) -> str:
        source = folder / f"example{suffix}"
        source.write_text(text, encoding="utf-8")
        found = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "keyfold"], env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, check=True
        ).stdout.split()
        run([os.environ.get(variable, compiler), *flags, source, "-o", folder / "example", *found], folder)
        return run([folder / "example"], folder)

    return build_and_run


def python(text: str, folder: Path) -> str:
    (folder / "example.py").write_text(text, encoding="utf-8")
    return run([BUILD / "venv" / "bin" / "python", "-W", "error", "example.py"], folder)


def go(text: str, folder: Path) -> str:
    """In a module of its own that requires ours, as a user's does."""
    module = folder / "go-example"
    module.mkdir(exist_ok=True)
    (module / "main.go").write_text(text, encoding="utf-8")
    ours = re.search(r"^module (\S+)", (TOP / "bindings" / "go" / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    assert ours
    (module / "go.mod").write_text(
        f"module example\n\ngo 1.24\n\nrequire {ours[1]} v0.0.0\n\nreplace {ours[1]} => {TOP / 'bindings' / 'go'}\n",
        encoding="utf-8",
    )
    run([os.environ.get("GO", "go"), "build", "-o", folder / "example-go", "."], module, GOFLAGS="-mod=mod")
    return run([folder / "example-go"], folder)


def rust(text: str, folder: Path) -> str:
    """In a package of its own that depends on ours, sharing our build folder and lock file."""
    package = folder / "rust-example"
    (package / "src").mkdir(parents=True, exist_ok=True)
    (package / "src" / "main.rs").write_text(text, encoding="utf-8")
    (package / "Cargo.toml").write_text(
        '[package]\nname = "rust-example"\nversion = "0.0.0"\nedition = "2024"\n\n[workspace]\n\n'
        f'[dependencies]\nkeyfold = {{ path = "{TOP}" }}\n\n[profile.dev.package."*"]\nopt-level = 2\n',
        encoding="utf-8",
    )
    shutil.copyfile(TOP / "Cargo.lock", package / "Cargo.lock")
    target = os.environ.get("CARGO_TARGET_DIR") or str(TOP / "target")
    cargo = os.environ.get("CARGO", "cargo")
    # From our own folder, whose .cargo/config.toml makes SQLite the same as in every other build.
    run([cargo, "build", "--quiet", "--offline", "--manifest-path", package / "Cargo.toml"], TOP, CARGO_TARGET_DIR=target)
    return run([Path(target) / "debug" / "rust-example"], folder)


STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
RUNNERS: dict[str, Callable[[str, Path], str]] = {
    "sh": shell,
    "c": compiled("CC", "cc", ".c", ["-std=c99", *STRICT]),
    "cpp": compiled("CXX", "c++", ".cpp", ["-std=c++17", *STRICT]),
    "python": python,
    "go": go,
    "rust": rust,
}


def examples(page: Path) -> list[str]:
    """Runs a page's blocks in order; what went wrong."""
    wrong = []
    seen = set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for block in blocks(page):
            where = f"{page.name}:{block.line} ({block.language})"
            try:
                printed = RUNNERS[block.language](block.text, folder)
                if block.prints is not None and block.prints not in printed:
                    raise RuntimeError(f"does not print {block.prints!r} but:\n{printed}")
                print(f"  documents: {where}: ok", flush=True)
            except (RuntimeError, KeyError) as error:
                wrong.append(f"{where}: {error}")
            seen.add(block.language)
    missing = set(RUNNERS) - seen
    return wrong + ([f"{page.name}: no example in {', '.join(sorted(missing))}"] if missing else [])


def links(page: Path) -> list[str]:
    """Relative links that lead nowhere."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    wrong = []
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists():
            wrong.append(f"{page.relative_to(TOP)}: the link to {target} leads nowhere")
    return wrong


def assurance(page: Path) -> list[str]:
    """Tests that the page names and nobody wrote."""
    named = re.findall(r"`([A-Za-z0-9_/.]+)`", " ".join(re.findall(r"\|([^|]*)\|$", page.read_text(encoding="utf-8"), re.MULTILINE)))
    wrong = []
    for name in named:
        if "/" in name:
            exists = (TOP / name).exists()
        else:
            search = ["grep", "-rqwE", f"(fn|def|void|func) {name}", "src", "tests", "bindings"]
            kinds = [f"--include=*.{kind}" for kind in ("rs", "py", "c", "cpp", "go")]
            exists = subprocess.run([*search, *kinds], cwd=TOP, check=False).returncode == 0
        if not exists:
            wrong.append(f"{page.name}: there is no test {name}")
    return wrong if named else [f"{page.name}: names no test"]


def from_kms(page: Path) -> list[str]:
    """What the page of AWS KMS's operations names and nobody wrote: functions of each language, and commands."""
    text = page.read_text(encoding="utf-8")
    sources = {
        "rust": "".join(p.read_text(encoding="utf-8") for p in (TOP / "src").glob("**/*.rs")),
        "c": (TOP / "include" / "keyfold.h").read_text(encoding="utf-8"),
        "python": "".join(p.read_text(encoding="utf-8") for p in (TOP / "bindings" / "python" / "keyfold").glob("*.py")),
        "go": "".join(p.read_text(encoding="utf-8") for p in (TOP / "bindings" / "go" / "keyfold").glob("*.go")),
    }
    wrong = []
    rows = re.findall(r"^\| ([A-Z][A-Za-z]+) \|(.*)\|$", text.split("## A dry run")[0], re.MULTILINE)
    operations = {name for name, _ in rows} - {"KMS"}
    if len(operations) != 56:
        wrong.append(f"{page.name}: names {len(operations)} operations of KMS, not 56")
    for operation, columns in rows:
        cells = columns.split("|")
        if operation == "KMS" or "–" in cells[0]:
            continue
        defined = {
            "rust": lambda name: rf"pub fn {name.rsplit('::', 1)[-1].rsplit('.', 1)[-1]}\b",
            "c": lambda name: rf"\bkeyfold_{name}\(",
            "python": lambda name: rf"def {name.rsplit('.', 1)[-1]}\b",
            "go": lambda name: rf"func (\([a-z]+ \*?[A-Za-z]+\) )?{name.rsplit('.', 1)[-1]}\(",
        }
        for language, cell in zip(defined, cells, strict=False):
            for name in re.findall(r"`([^`]+)`", cell):
                if not re.search(defined[language](name), sources[language]):
                    wrong.append(f"{page.name}: {operation}: {language} has no {name}")
        for command in re.findall(r"`([a-z][^`]+)`", cells[4]):
            words = command.split(" --")[0].split()
            flags = re.findall(r"--[a-z-]+", command)
            told = subprocess.run([BUILD / "bin" / "keyfold", "help", *words], text=True, capture_output=True, check=False)
            if told.returncode or any(flag not in told.stdout for flag in flags):
                wrong.append(f"{page.name}: {operation}: there is no command keyfold {command}")
    return wrong


def main() -> int:
    wrong = examples(TOP / "README.md") + assurance(TOP / "docs" / "ASSURANCE.md") + from_kms(TOP / "docs" / "FROM-KMS.md")
    pages = subprocess.run(["git", "-C", TOP, "ls-files", "*.md"], text=True, capture_output=True, check=False).stdout.split()
    for page in pages or [str(p.relative_to(TOP)) for p in [*TOP.glob("*.md"), *TOP.glob("docs/**/*.md")]]:
        wrong += links(TOP / page)
    print("\n".join(wrong) if wrong else "documents: passed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
