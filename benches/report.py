#!/usr/bin/env python3
"""Makes the table, the JSON and the plots of a bench run.

    benches/report.py ABI.json CALLS.jsonl [--more FILE]… [--json FILE] [--pictures FOLDER] [--markdown FILE] [LIBRARY…]

ABI.json is what `benches/abi` printed, CALLS.jsonl one line a language, --more what the other benches did (store, stream, files,
instructions), LIBRARY the files whose sizes are reported. The pictures are throughput.svg and files.svg.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import Any

from plot import BLUE, GREEN, GREY, ORANGE, RED, VIOLET, Line, size_name, speeds

Report = dict[str, Any]


def rows(report: Report) -> list[tuple[str, str, str, str]]:
    """What is measured, what came out, the aim, and whether it is met."""
    made = []

    def add(what: str, value: float, form: str, aim: float | None, most: bool) -> None:
        met = "" if aim is None else "yes" if (value <= aim if most else value >= aim) else "no"
        bound = "" if aim is None else f"{'≤' if most else '≥'} {aim:g}"
        made.append((what, form.format(value), bound, met))

    small, chunk, large = report["small"], report["chunk"], report["large"]
    add("100 B encrypt, times the floor", small["encrypt"]["ratio"], "{:.2f}", 1.8, True)
    add("100 B decrypt, times the floor", small["decrypt_against_drawing"]["ratio"], "{:.2f}", 1.6, True)
    add("100 B decrypt, times the floor without its draw", small["decrypt"]["ratio"], "{:.2f}", 1.6, True)
    add("100 B encrypt, ns", small["encrypt"]["ns"], "{:.0f}", None, True)
    add("100 B decrypt, ns", small["decrypt"]["ns"], "{:.0f}", None, True)
    add("16 KiB encrypt, of the floor's speed", 1 / chunk["encrypt"]["ratio"], "{:.3f}", 0.88, False)
    add("16 KiB decrypt, of the floor's speed", 1 / chunk["decrypt_against_drawing"]["ratio"], "{:.3f}", 0.88, False)
    add("16 KiB decrypt, of its speed without the draw", 1 / chunk["decrypt"]["ratio"], "{:.3f}", 0.88, False)
    if below := report.get("below_chunk"):
        add("16,383 B encrypt, of the floor's speed", 1 / below["encrypt"]["ratio"], "{:.3f}", None, False)
        add("16,383 B decrypt, of the floor's speed", 1 / below["decrypt_against_drawing"]["ratio"], "{:.3f}", None, False)
    add("1 MiB encrypt, of the bare engine's speed", 1 / large["encrypt"]["ratio"], "{:.3f}", 0.90, False)
    add("1 MiB decrypt, of the bare engine's speed", 1 / large["decrypt"]["ratio"], "{:.3f}", 0.90, False)
    add("1 MiB encrypt, GB/s", large["bytes"] / large["encrypt"]["ns"], "{:.1f}", None, False)
    add("1 MiB decrypt, GB/s", large["bytes"] / large["decrypt"]["ns"], "{:.1f}", None, False)
    add("two threads on one key, times one", report["threads"]["speed_up"], "{:.2f}", 1.8, False)
    add("allocations in 20,000 calls", report["allocations"]["allocations"], "{:d}", 0, True)
    add("open a store, decrypt once, ms", report["open"]["milliseconds"], "{:.2f}", 5, True)
    draw = report["random"]
    add("44 random bytes through the ABI, ns", draw["abi_ns"], "{:.0f}", None, True)
    add("44 random bytes, generator alone, ns", draw["generator_ns"], "{:.0f}", None, True)
    add("44 random bytes by the system call, ns", draw["system_call_ns"], "{:.0f}", None, True)
    add("bytes over the plaintext, one key", report["overhead_bytes"], "{:d}", 164, True)
    if "large" in report.get("store", {}):
        store_rows(report["store"], add)
    if "memory" in report:
        stream_rows(report, add)
    if "files" in report:
        file_rows(report["files"], add)
    for name, count in report.get("instructions", {}).items():
        add(f"{name.replace(' ', ', ')} B: instructions (callgrind)", count, "{:d}", None, True)
    for name, size in report["libraries"].items():
        aim = 6.0 if name.endswith(".a") else 4.0 if ".so" in name else None
        add(f"{name}, MB", size / 1e6, "{:.2f}", aim, True)
    for call in report["calls"]:
        cell = f"{call['encrypt_ns']:.0f} / {call['decrypt_ns']:.0f}"
        made.append((f"100 B from {call['language']}, encrypt / decrypt ns", cell, "", ""))
    return made


def store_rows(store: Report, add: Any) -> None:
    """The key store and the trail."""
    cost = store["trail_cost"]
    add("100 B encrypt with the trail, times without", cost["encrypt"], "{:.3f}", 1.05, True)
    add("100 B decrypt with the trail, times without", cost["decrypt"], "{:.3f}", 1.05, True)
    for events in store["events"]:
        threads = f"{events['threads']} thread{'s' if events['threads'] > 1 else ''}"
        add(f"an event a call, {threads}: of bare SQLite's inserts", events["ratio"], "{:.2f}", 0.5, False)
        add(f"an event a call, {threads}: events a second", events["events_a_second"], "{:.0f}", None, False)
    add("audit verify, events a second", store["verify"]["events_a_second"], "{:.0f}", 1e6, False)
    add("audit verify, of reading, hashing and MACs on one core", store["verify"]["ratio"], "{:.2f}", None, False)
    rotations = store["rotations"]
    add("rotations that are due, of bare SQLite's updates", rotations["ratio"], "{:.2f}", 0.3, False)
    add("rotations that are due, a second", rotations["rotations_a_second"], "{:.0f}", None, False)
    large = store["large"]
    keys = f"{large['keys']:,} keys"
    add(f"{keys}: open, ms", large["open_ms"], "{:.2f}", 50, True)
    add(f"{keys}: a key by alias, cold, µs", large["cold_by_alias_us"], "{:.0f}", 100, True)
    add(f"{keys}: a key by id, cold, µs", large["cold_by_id_us"], "{:.0f}", 100, True)
    add(f"{keys}: a key by alias, cached, µs", large["cached_by_alias_us"], "{:.2f}", 1, True)
    add(f"{keys}: a key by id, cached, µs", large["cached_by_id_us"], "{:.2f}", 1, True)
    pages = large["late_page_us"] / large["first_page_us"]
    add(f"{keys}: a late page of a list, times the first", pages, "{:.2f}", 2, True)
    memory = large["peak_memory_kib"] / large["peak_memory_of_1000_kib"]
    add(f"{keys}: peak memory, times that of 1,000 keys", memory, "{:.2f}", 1.5, True)


def stream_rows(report: Report, add: Any) -> None:
    """Any size, memory to memory, and ranges."""
    for size in (1 << 20, 1 << 26, 1 << 30):
        for row in report["memory"]:
            if row["bytes"] != size:
                continue
            name = size_name(size.bit_length() - 1)
            for way in ("encrypt", "decrypt"):
                one, two, pushed = (row[way][how] for how in ("one", "two", "pushed"))
                add(f"{name} {way}, one thread, of the engine's speed", one["ratio"], "{:.2f}", 0.9, False)
                if size > 1 << 20:
                    more = two["speed"] / one["speed"]
                    add(f"{name} {way}, two threads, times one", more, "{:.2f}", 1.8, False)
                add(f"{name} {way}, pushed, of the engine's speed", pushed["ratio"], "{:.2f}", None, False)
    ranges = report["ranges"]
    add("ranges of 4 KiB a second", ranges["a_second"], "{:.0f}", None, False)
    add("ranges of 4 KiB, of the bare engine's chunks a second", ranges["ratio"], "{:.2f}", None, False)


def file_rows(files: list[Report], add: Any) -> None:
    """256 MiB from file to file, against `cp`, with what starting up takes left out on both sides."""
    for place, where in (("memory", "in memory"), ("disk", "on disk")):
        for way in ("encrypt", "decrypt"):
            speeds = file_speeds(files, place, way, 256 << 20)
            for tool, speed in speeds.items():
                if tool != "cp":
                    aim = 0.85 if tool == "keyfold" else None
                    what = f"256 MiB file {where}, {tool} {way}, of cp's speed"
                    add(what, speed / speeds["cp"], "{:.2f}", aim, False)
            if "cp" in speeds and way == "encrypt":
                add(f"256 MiB file {where}, cp, MiB/s", speeds["cp"] / (1 << 20), "{:.0f}", None, False)
    peaks = [row["peak_kib"] for row in files if row["tool"] == "keyfold" and row["bytes"] >= 256 << 20]
    if peaks:
        add("peak memory of the command, largest file, MiB", max(peaks) / 1024, "{:.1f}", 16, True)


def file_speeds(files: list[Report], place: str, way: str, size: int) -> dict[str, float]:
    """Bytes a second of each tool, without the time that it takes for an empty file."""
    taken = {
        (row["tool"], row["bytes"]): row["seconds"]
        for row in files
        if (row["place"], row["direction"]) == (place, way)
    }
    return {
        tool: size / max(seconds - taken[tool, 0], 1e-9)
        for (tool, at), seconds in taken.items()
        if at == size
    }


def table(report: Report) -> str:
    """The table as Markdown, columns aligned so that a terminal reads it too."""
    lines = [("measured", "here", "aim", "met"), *rows(report)]
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def machine() -> str:
    """The processor by name, where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def pictures(report: Report, folder: Path) -> None:
    """Throughput of calls, and of files."""
    curve = [
        Line(label, colour, [(point["bytes"], point[name]) for point in report["curve"]])
        for name, label, colour in (
            ("engine", "bare engine, ready key", GREY),
            ("encrypt", "encrypt", GREEN),
            ("decrypt", "decrypt", ORANGE),
        )
    ]
    title = "One thread through the C interface: GB/s over the size of the message"
    (folder / "throughput.svg").write_text(speeds(title, curve), encoding="utf-8")
    if "files" not in report:
        return
    tools = {row["tool"]: None for row in report["files"]}
    colours = dict(zip(tools, (GREY, GREEN, BLUE, ORANGE, RED, VIOLET)))
    lines = []
    for way, dashed in (("encrypt", False), ("decrypt", True)):
        for tool in tools:
            points = [
                (row["bytes"], row["bytes"] / row["seconds"])
                for row in report["files"]
                if (row["tool"], row["direction"], row["place"]) == (tool, way, "memory") and row["bytes"] > 0
            ]
            if tool != "cp" or not dashed:
                label = tool if tool == "cp" else f"{tool}, {way}"
                lines.append(Line(label, colours[tool], points, dashed))
    title = "File to file in memory, starting up included: GB/s over the size of the file"
    (folder / "files.svg").write_text(speeds(title, lines), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("abi", type=Path)
    parser.add_argument("calls", type=Path)
    parser.add_argument("libraries", type=Path, nargs="*")
    parser.add_argument("--more", type=Path, action="append", default=[])
    for name in ("json", "pictures", "markdown"):
        parser.add_argument(f"--{name}", type=Path)
    options = parser.parse_args()

    report: Report = json.loads(options.abi.read_text(encoding="utf-8"))
    report["calls"] = [json.loads(line) for line in options.calls.read_text(encoding="utf-8").splitlines()]
    for path in options.more:
        report |= json.loads(path.read_text(encoding="utf-8"))
    report["libraries"] = {path.name: path.stat().st_size for path in options.libraries}
    report["machine"] = {
        "processor": machine(),
        "cores": report["threads"]["cores"],
        "system": platform.platform(),
    }
    text = table(report)
    print(
        f"{report['machine']['processor']}, {report['machine']['cores']} cores, engine {report['engine']}\n\n{text}"
    )
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if options.pictures:
        pictures(report, options.pictures)
    if options.markdown:
        page = options.markdown.read_text(encoding="utf-8")
        start, end = "<!-- table: begin (written by make bench) -->\n", "<!-- table: end -->"
        before, rest = page.split(start)
        after = rest.split(end)[1]
        where = f"{report['machine']['processor']}, {report['machine']['cores']} cores, engine {report['engine']}.\n\n"
        options.markdown.write_text(f"{before}{start}{where}{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
