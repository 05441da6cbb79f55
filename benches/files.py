#!/usr/bin/env python3
"""Times whole files through the command against `cp`, and against peers where they are built.

    benches/files.py ONCE COMMAND [--peers FOLDER] [--largest MIB] [--rounds N]

ONCE is `benches/once.c`. Prints one JSON object. Every tool is a process of its own, run in turns on the same input; times are wall clock, medians of the
rounds, with the tool's own time for an empty file beside them, and the peak of its resident memory is what the system says when
it ends. In memory (tmpfs) nothing waits for a disk. On disk Keyfold syncs its output before it gives it its name, so there
every other tool is followed by `sync` on its output.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SIZES = (0, 1 << 10, 1 << 16, 1 << 20, 16 << 20, 256 << 20, 1 << 30)
PEERS_AT = (0, 16 << 20, 256 << 20)
DIRECTIONS = ("encrypt", "decrypt")


class Tool:
    """One program: how it encrypts and decrypts a file."""

    def __init__(
        self, name: str, encrypt: list[str], decrypt: list[str], *, syncs: bool = False, peer: bool = False
    ) -> None:
        self.name = name
        self.syncs = syncs
        self.peer = peer
        self._lines = {"encrypt": encrypt, "decrypt": decrypt}

    def run(self, once: Path, direction: str, source: Path, target: Path, *, sync: bool) -> tuple[float, int]:
        """Seconds, and the peak of resident memory in KiB."""
        line = [str({"IN": source, "OUT": target}.get(word, word)) for word in self._lines[direction]]
        target.unlink(missing_ok=True)
        ran = subprocess.run([once, *line], cwd=source.parent, stdout=subprocess.PIPE, text=True, check=False)
        if ran.returncode != 0:
            sys.exit(f"{' '.join(line)} ended with {ran.returncode}")
        seconds, peak = ran.stdout.split()
        if sync and not self.syncs:
            start = time.perf_counter()
            subprocess.run(["sync", target], check=True)
            return float(seconds) + time.perf_counter() - start, int(peak)
        return float(seconds), int(peak)


def tools(command: Path, folder: Path, peers: Path | None) -> Iterator[Tool]:
    """Keyfold with one thread and as it comes, the plain copy, and the peers that are there."""
    (folder / "store").mkdir(mode=0o700)
    (folder / "root").mkdir(mode=0o700)
    store = ["--store", f"{folder}/store/keys.db", "--root", f"file:{folder}/root/root.key", "--anchor", "off"]
    for words in (["init"], ["key", "create", "bench"]):
        subprocess.run([command, *store, *words, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    yield Tool("cp", ["cp", "IN", "OUT"], ["cp", "IN", "OUT"])
    for name, more in (("keyfold", []), ("keyfold, one thread", ["--threads", "1"])):
        lines = [
            [str(command), *store, direction, *key, "--quiet", *more, "-o", "OUT", "IN"]
            for direction, key in (("encrypt", ["--key", "bench"]), ("decrypt", ["--key", "bench"]))
        ]
        yield Tool(name, *lines, syncs=True)
    if peers:
        program = str(peers / "peers")
        for name in ("age", "tink"):
            yield Tool(name, *([program, name, direction, "IN", "OUT"] for direction in DIRECTIONS), peer=True)
        python = [str(peers / "venv/bin/python"), str(Path(__file__).parent.resolve() / "peers/esdk.py")]
        lines = [[*python, direction, "IN", "OUT"] for direction in DIRECTIONS]
        yield Tool("AWS Encryption SDK", *lines, peer=True)


def measure(
    once: Path, tool_list: list[Tool], folder: Path, size: int, rounds: int, *, sync: bool
) -> Iterator[dict[str, Any]]:
    """Every tool in turns, both ways; what each encrypts it decrypts."""
    plain, back = folder / "plain", folder / "back"
    with plain.open("wb") as out:
        for at in range(0, size, 1 << 20):
            out.write(os.urandom(min(1 << 20, size - at)))
    taken: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for number in range(rounds):
        order = tool_list if number % 2 == 0 else tool_list[::-1]
        for tool in order:
            sealed = folder / "sealed"
            for direction, source, target in (("encrypt", plain, sealed), ("decrypt", sealed, back)):
                ran = tool.run(once, direction, source, target, sync=sync)
                taken.setdefault((tool.name, direction), []).append(ran)
            if number == 0 and subprocess.run(["cmp", "-s", plain, back], check=False).returncode != 0:
                sys.exit(f"{tool.name} did not give back what it was given")
    for (name, direction), times in taken.items():
        yield {
            "tool": name,
            "direction": direction,
            "bytes": size,
            "seconds": statistics.median(seconds for seconds, _ in times),
            "peak_kib": max(peak for _, peak in times),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("once", type=Path)
    parser.add_argument("command", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--largest", type=int, default=1024, help="MiB")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    memory = Path("/dev/shm")
    places = [("disk", None)] if not memory.is_dir() else [("memory", memory), ("disk", None)]
    report = []
    for place, parent in places:
        folder = Path(tempfile.mkdtemp(prefix="keyfold-bench-", dir=parent))
        try:
            chosen = list(tools(options.command.resolve(), folder, options.peers and options.peers.resolve()))
            for size in SIZES:
                # Large files say enough in few rounds.
                rounds = max(3, options.rounds // 2) if size > 64 << 20 else options.rounds
                # The peers are compared where they are at their best: where starting up no longer counts.
                using = [tool for tool in chosen if size in PEERS_AT or not tool.peer]
                if size <= options.largest << 20:
                    rows = measure(options.once.resolve(), using, folder, size, rounds, sync=place == "disk")
                    report += [{"place": place, **row} for row in rows]
        finally:
            shutil.rmtree(folder)
    print(json.dumps({"files": report}))


if __name__ == "__main__":
    main()
