"""A plot of speeds over sizes, both on logarithmic axes, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 420, 70, 20, 40, 50
GREY, GREEN, ORANGE, BLUE, RED, VIOLET = "#999999", "#1f6f4a", "#b5541c", "#2a5d9f", "#a3243b", "#6b4c9a"


@dataclass(frozen=True)
class Line:
    """One line: its points are pairs of bytes and bytes a second."""

    label: str
    colour: str
    points: Sequence[tuple[int, float]]
    dashed: bool = False


def speeds(title: str, lines: Sequence[Line]) -> str:
    """The whole picture. Speeds are told in GB/s."""
    lines = [line for line in lines if line.points]
    sizes = [math.log2(size) for line in lines for size, _ in line.points]
    values = [speed / 1e9 for line in lines for _, speed in line.points]
    left, right = min(sizes), max(sizes)
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))

    def x(power: float) -> float:
        return LEFT + (power - left) / (right - left) * (WIDTH - LEFT - RIGHT)

    def y(speed: float) -> float:
        return TOP + (high - math.log10(speed)) / (high - low) * (HEIGHT - TOP - BOTTOM)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="14">{title}</text>',
    ]
    for exponent in range(low, high + 1):
        for factor in (1, 2, 5) if exponent < high else (1,):
            at = y(factor * 10.0**exponent)
            out.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#{"ccc" if factor == 1 else "eee"}"/>')
            value = f"{factor * 10.0**exponent:g}"
            out.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end" fill="#555">{value}</text>')
    for power in range(int(left), int(right) + 1, 2):
        at = x(power)
        out.append(f'<path d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#eee"/>')
        middle = f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="#555">'
        out.append(f"{middle}{size_name(power)}</text>")
    for number, line in enumerate(lines):
        path = "L".join(f"{x(math.log2(size)):.1f} {y(speed / 1e9):.1f}" for size, speed in line.points)
        look = f'stroke="{line.colour}" stroke-width="2"' + (' stroke-dasharray="5 4"' if line.dashed else "")
        out.append(f'<path d="M{path}" fill="none" {look}/>')
        at = HEIGHT - BOTTOM - 12 - 16 * (len(lines) - number)
        out.append(f'<path d="M{WIDTH - 230} {at}h24" {look}/>')
        out.append(f'<text x="{WIDTH - 200}" y="{at + 4}">{line.label}</text>')
    return "\n".join([*out, "</svg>", ""])


def size_name(power: int) -> str:
    """Two to this power, as people say it."""
    for least, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if power >= least:
            return f"{2 ** (power - least)} {unit}"
    return f"{2**power} B"
