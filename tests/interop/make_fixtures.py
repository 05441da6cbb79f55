#!/usr/bin/env python3
"""Makes a set of fixtures: a store, its root, and envelopes that every later version must open.

    tests/interop/make_fixtures.py FOLDER

Run once for a release whose format is new, never again: the folder must not exist. tests/fixtures/README.md says why.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from run import BUILD, SIZES, Case, Store, run  # noqa: E402

PASSPHRASE = "correct horse battery staple"
ROW = {"tenant": "acme", "table": "cards", "column": "pan", "größe": "ähnlich 😀", "empty": ""}


def pattern(size: int) -> bytes:
    """Bytes of which no two chunks look alike."""
    return bytes((i * 31 + i // 251) % 256 for i in range(size))


class Maker:
    """Writes envelopes and their sidecars, by the command."""

    def __init__(self, folder: Path) -> None:
        self.envelopes = folder / "envelopes"
        self.envelopes.mkdir(parents=True)
        (folder / "root").mkdir(mode=0o700)
        (folder / "store").mkdir(mode=0o700)
        self.store = Store(folder / "store" / "store.db", folder / "root" / "root.key")

    def file(self, name: str) -> Path:
        return self.envelopes / f"{name}.kfe"

    def sidecar(self, name: str, plaintext: bytes, keys: list[str] | str, context: dict[str, str], **more: object) -> None:
        told = {
            "kind": "envelope",
            "keys": keys,
            "context": context,
            "accept_stored_context": False,
            "plaintext_hex": plaintext.hex(),
            **more,
        }
        text = json.dumps(told, ensure_ascii=False, indent=1)
        self.file(name).with_suffix(".json").write_text(text + "\n", encoding="utf-8")

    def pairs(self, option: str, context: dict[str, str]) -> list[str]:
        return [argument for name, value in context.items() for argument in (option, f"{name}={value}")]

    def envelope(
        self, name: str, plaintext: bytes, under: list[str], bound: dict[str, str], *options: str, **told: object
    ) -> None:
        also = [argument for key in under[1:] for argument in ("--also-key", key)]
        done = self.store.keyfold(
            "encrypt", "--key", under[0], *also, *self.pairs("--context", bound), *options, "-o", str(self.file(name)), "-",
            stdin=plaintext,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(done.stderr.decode())
        opened_with = {"keys": under, "context": bound, **told}
        self.sidecar(name, plaintext, **opened_with)  # type: ignore[arg-type]

    def data_key(self, name: str, size: int, context: dict[str, str], *options: str) -> None:
        plain = self.envelopes / "key"
        self.store.must(
            "datakey", "--key", "cards", "--bytes", str(size), *self.pairs("--context", context), *options,
            "--plaintext-out", str(plain), "-o", str(self.file(name)),
        )  # fmt: skip
        self.sidecar(name, plain.read_bytes(), ["cards"], context, kind="datakey")
        plain.unlink()


def make(folder: Path) -> None:
    maker = Maker(folder)
    store = maker.store
    store.must("init")
    store.must("key", "create", "cards")
    store.must("key", "create", "invoices")
    with tempfile.NamedTemporaryFile() as material:
        material.write(pattern(32))
        material.flush()
        store.must("key", "import", "imported", "--material", material.name)

    # Version 1 of cards.
    maker.envelope("size-0-no-context", b"", ["cards"], {})
    for size in SIZES:
        maker.envelope(f"size-{size}", pattern(size), ["cards"], ROW)
    maker.envelope("cards-version-1", b"under version 1", ["cards"], ROW)
    maker.envelope("rewrapped", b"made under version 1, rewrapped to 3", ["cards"], ROW)
    maker.envelope("both-keys", b"either key opens this", ["cards", "invoices"], ROW)
    maker.envelope("both-keys-by-second", b"opened by the second key", ["cards", "invoices"], ROW, keys=["invoices"])
    maker.envelope("imported-material", b"under material of the user's own", ["imported"], ROW)
    maker.data_key("datakey-16", 16, ROW)
    maker.data_key("datakey-32", 32, {})
    maker.data_key("datakey-1024", 1024, ROW, "--store-context", "names")

    store.must("key", "rotate", "cards")
    maker.envelope("cards-version-2", b"under version 2", ["cards"], ROW)
    maker.envelope("names-stored", b"names stored", ["cards"], ROW, "--store-context", "names")
    maker.envelope("all-stored", b"all stored, all given", ["cards"], ROW, "--store-context", "all")
    maker.envelope(
        "all-stored-accepted", b"all stored, none given", ["cards"], ROW, "--store-context", "all",
        context={}, accept_stored_context=True,
    )  # fmt: skip
    maker.envelope("any-key", b"the reader names no key", ["invoices"], ROW, keys="*")
    maker.envelope("reencrypt-from", b"moved to another key and context", ["cards"], ROW)
    moved = {"tenant": "globex"}
    store.must(
        "reencrypt", "--key", "invoices", *maker.pairs("--context", ROW), *maker.pairs("--new-context", moved),
        "-o", str(maker.file("reencrypted")), str(maker.file("reencrypt-from")),
    )  # fmt: skip
    maker.sidecar("reencrypted", b"moved to another key and context", ["invoices"], moved)

    store.must("key", "rotate", "cards")
    maker.envelope("cards-version-3", b"under version 3", ["cards"], ROW)
    store.must("rewrap", "--key", "cards", str(maker.file("rewrapped")))

    # Some of the values stored: the command has no flag for it.
    case = Case(maker.file("some-stored"), "envelope", ["cards"], ROW, False, b"two values stored", "values:table,column")
    if wrong := run("rust", store, "make", [case], folder):
        raise SystemExit("\n".join(wrong))
    (folder / "rust-make.commands").unlink()
    maker.sidecar("some-stored", b"two values stored", ["cards"], {k: v for k, v in ROW.items() if k not in ("table", "column")},
                  accept_stored_context=True)  # fmt: skip

    # A second root: its Argon2id parameters and salt must be understood for ever too.
    (folder / "secret").mkdir(mode=0o700)
    (folder / "secret" / "passphrase").touch(mode=0o600)
    (folder / "secret" / "passphrase").write_text(PASSPHRASE, encoding="utf-8")
    environment = {**os.environ, "KEYFOLD_NEW_PASSPHRASE_FD": str(folder / "secret" / "passphrase")}
    done = subprocess.run(
        [BUILD / "bin" / "keyfold", "--store", store.path, "--root", f"file:{store.root}", "root", "add", "--new-root", "passphrase:"],
        env=environment, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)


def main() -> int:
    target = Path(sys.argv[1])
    if target.exists():
        raise SystemExit(f"{target} holds fixtures already; they are never remade")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o700)
        make(folder)
        target.mkdir(parents=True)
        for path in ("envelopes", "store/store.db", "root/root.key"):
            subprocess.run(["cp", "-r", folder / path, target], check=True)
    print(f"made {len(list((target / 'envelopes').glob('*.kfe')))} envelopes in {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
