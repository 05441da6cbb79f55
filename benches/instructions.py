#!/usr/bin/env python3
"""Counts the instructions of one-shot calls with callgrind, and compares them with those on record.

    benches/instructions.py PROGRAM [--record]

PROGRAM is `benches/instructions.c`. Prints one JSON object; what differs from benches/instructions.json by more than a hundredth
is told on standard error, so that a later change shows. Under valgrind a processor has AES-NI and neither wide AES nor SHA
instructions: the counts are for comparing with each other, not for telling times.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

RECORD = Path(__file__).with_suffix(".json")
SIZES = (100, 16_384)
CALLS = 200


def count(program: Path, direction: str, size: int) -> int:
    """Instructions a call."""
    with tempfile.NamedTemporaryFile() as out:
        line = [
            "valgrind",
            "--quiet",
            "--tool=callgrind",
            "--collect-atstart=no",
            f"--toggle-collect=counted_{direction}",
            f"--callgrind-out-file={out.name}",
            program,
            str(size),
            str(CALLS),
        ]
        subprocess.run(line, check=True)
        summary = re.search(r"^summary: (\d+)", Path(out.name).read_text(encoding="utf-8"), re.MULTILINE)
    if not summary:
        sys.exit("callgrind counted nothing")
    return round(int(summary[1]) / CALLS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        print("{}")
        print("instructions are not counted: valgrind is not here (Debian: apt-get install valgrind)", file=sys.stderr)
        return
    counts = {
        f"{direction} {size}": count(options.program, direction, size)
        for size in SIZES
        for direction in ("encrypt", "decrypt")
    }
    before = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    for name, now in counts.items():
        then = before.get(name)
        if then and abs(now - then) > then / 100:
            print(f"{name} bytes: {now} instructions, {now / then:.3f} times those on record ({then})", file=sys.stderr)
    if options.record:
        RECORD.write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({"instructions": counts}))


if __name__ == "__main__":
    main()
