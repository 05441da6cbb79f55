"""Writes, or with ``--check`` compares, everything that is generated from the committed header."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

if not __package__:  # run by its path: python3 bindings/generate
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    __package__ = "generate"

from . import c, go, python
from .header import read
from .model import Header, HeaderError

ROOT = Path(__file__).resolve().parents[2]


def outputs(header: Header, root: Path) -> dict[str, str]:
    """Every generated file, by its path from the repository's root."""
    abi = root / "docs/ABI.md"
    return {
        "bindings/python/keyfold/_native.py": python.native(header),
        "bindings/go/keyfold/native.go": go.native(header),
        "bindings/go/keyfold/keyfold.h": header.text,
        "bindings/exports.txt": c.exports(header),
        "tests/c/abi_check.c": c.abi_check(header),
        "docs/ABI.md": c.with_error_table(header, abi.read_text(encoding="utf-8")),
    }


def main(arguments: list[str] | None = None) -> int:
    """Runs the generator; 1 when ``--check`` finds a difference, 2 when the header cannot be read."""
    parser = argparse.ArgumentParser(prog="python3 -m bindings.generate", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="compare instead of writing; exit 1 on a difference"
    )
    parser.add_argument(
        "--root", type=Path, default=ROOT, help="the repository (default: the one this file is in)"
    )
    options = parser.parse_args(arguments)
    try:
        made = outputs(read(options.root / "include/keyfold.h"), options.root)
    except HeaderError as error:
        print(f"bindings/generate: error: {error}", file=sys.stderr)
        return 2
    differing = 0
    for name, text in made.items():
        path = options.root / name
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if old == text:
            continue
        differing += 1
        if options.check:
            lines = difflib.unified_diff(
                old.splitlines(), text.splitlines(), name, f"{name} (generated)", lineterm="", n=1
            )
            print("\n".join(list(lines)[:40]), file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    if differing and options.check:
        print(
            "bindings/generate: error: run python3 -m bindings.generate and commit the result",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
