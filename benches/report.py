#!/usr/bin/env python3
"""Makes the table, the JSON and the plot of a bench run.

    benches/report.py ABI.json CALLS.jsonl [--store FILE] [--json FILE] [--svg FILE] [--markdown FILE] [LIBRARY…]

ABI.json is what `benches/abi` printed, --store what `benches/store` did, CALLS.jsonl one line a language, LIBRARY the files whose sizes are reported.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
from pathlib import Path
from typing import Any

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
    if "store" in report:
        store_rows(report["store"], add)
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


# --- the plot -------------------------------------------------------------------------------------------------------

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 400, 70, 20, 40, 50
LINES = (
    ("engine", "#999999", "bare engine, ready key"),
    ("encrypt", "#1f6f4a", "encrypt"),
    ("decrypt", "#b5541c", "decrypt"),
)


def plot(report: Report) -> str:
    """Throughput over message size, both on logarithmic axes."""
    points = report["curve"]
    powers = [math.log2(point["bytes"]) for point in points]
    speeds = [point[name] / 1e9 for point in points for name, _, _ in LINES]
    low, high = math.floor(math.log10(min(speeds))), math.ceil(math.log10(max(speeds)))

    def x(size: float) -> float:
        return LEFT + (math.log2(size) - powers[0]) / (powers[-1] - powers[0]) * (WIDTH - LEFT - RIGHT)

    def y(speed: float) -> float:
        return TOP + (high - math.log10(speed)) / (high - low) * (HEIGHT - TOP - BOTTOM)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="14">One thread through the C ABI: GB/s over the size of the message</text>',
    ]
    for exponent in range(low, high + 1):
        for factor in (1, 2, 5) if exponent < high else (1,):
            value = factor * 10.0**exponent
            out.append(
                f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}" stroke="#{"ccc" if factor == 1 else "eee"}"/>'
            )
            out.append(
                f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end" fill="#555">{value:g}</text>'
            )
    for power in range(int(powers[0]), int(powers[-1]) + 1, 2):
        label = (
            f"{2**power} B"
            if power < 10
            else f"{2**(power - 10)} KiB" if power < 20 else f"{2**(power - 20)} MiB"
        )
        out.append(f'<path d="M{x(2**power):.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#eee"/>')
        out.append(
            f'<text x="{x(2**power):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="#555">{label}</text>'
        )
    for number, (name, colour, label) in enumerate(LINES):
        path = "L".join(f"{x(p['bytes']):.1f} {y(p[name] / 1e9):.1f}" for p in points)
        out.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        at = HEIGHT - BOTTOM - 20 - 18 * (len(LINES) - number)
        out.append(f'<path d="M{WIDTH - 210} {at}h24" stroke="{colour}" stroke-width="2"/>')
        out.append(f'<text x="{WIDTH - 180}" y="{at + 4}">{label}</text>')
    return "\n".join([*out, "</svg>", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("abi", type=Path)
    parser.add_argument("calls", type=Path)
    parser.add_argument("libraries", type=Path, nargs="*")
    parser.add_argument("--store", type=Path)
    for name in ("json", "svg", "markdown"):
        parser.add_argument(f"--{name}", type=Path)
    options = parser.parse_args()

    report: Report = json.loads(options.abi.read_text(encoding="utf-8"))
    report["calls"] = [json.loads(line) for line in options.calls.read_text(encoding="utf-8").splitlines()]
    if options.store:
        report["store"] = json.loads(options.store.read_text(encoding="utf-8"))
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
    if options.svg:
        options.svg.write_text(plot(report), encoding="utf-8")
    if options.markdown:
        page = options.markdown.read_text(encoding="utf-8")
        start, end = "<!-- table: begin (written by make bench) -->\n", "<!-- table: end -->"
        before, rest = page.split(start)
        after = rest.split(end)[1]
        where = f"{report['machine']['processor']}, {report['machine']['cores']} cores, engine {report['engine']}.\n\n"
        options.markdown.write_text(f"{before}{start}{where}{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
