"""The growth of what was measured, as a picture: both axes logarithmic, so that what does not grow is a level line.

Used by `scale.py`. Standard library only; the panel and its colours are those of the documentation's pictures (`docs/pictures/draw.py`).
"""

import math
from collections.abc import Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 440, 80, 190, 50, 60
FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"
INK, QUIET, PANEL, EDGE = "#1f2933", "#52606d", "#fbfbf8", "#9aa5b1"
CURVES = (
    ("register one", "register_one", "#1f4f8f"),
    ("CPU of that", "register_one_cpu", "#8a5a00"),
    ("change one", "change_one", "#1b6b3a"),
    ("show all", "status", "#52606d"),
    ("start all", "start_all", "#9b1c1c"),
    ("a server is lost", "lost_server", "#6b2f8a"),
)
"""What is drawn, which field of a row it is, and its colour."""


def picture(rows: Sequence[Any]) -> str:
    """An SVG of all rows that have at least two sizes."""
    sizes = [row.resources for row in rows]
    values = [value for row in rows for _, name, _ in CURVES if (value := getattr(row, name))]
    low, high = 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)))

    def place(size: float, value: float) -> tuple[float, float]:
        across = (math.log(size) - math.log(sizes[0])) / max(math.log(sizes[-1]) - math.log(sizes[0]), 1e-9)
        up = (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" font-family="{FONT}" '
        'role="img" aria-labelledby="title text">',
        '<title id="title">What things cost with many resources</title>',
        f'<desc id="text">Seconds, by the number of resources: {escape(", ".join(title for title, _, _ in CURVES))}</desc>',
        f'<rect x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}" rx="12" fill="{PANEL}" stroke="{EDGE}"/>',
        _text(LEFT, 30, "seconds, by the number of resources; a level line does not grow", INK, bold=True),
    ]
    decade = low
    while decade <= high * 1.01:
        _, y = place(sizes[0], decade)
        lines.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="{EDGE}" stroke-dasharray="2 4"/>')
        lines.append(_text(LEFT - 8, y + 4, f"{decade:g}", QUIET, anchor="end"))
        decade *= 10
    lines += [_text(place(size, low)[0], HEIGHT - BOTTOM + 22, f"{size:,}", QUIET, anchor="middle") for size in sizes]
    for title, name, ink in CURVES:
        points = [place(row.resources, value) for row in rows if (value := getattr(row, name))]
        if points:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            lines.append(f'<polyline points="{path}" fill="none" stroke="{ink}" stroke-width="2"/>')
            lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{ink}"/>' for x, y in points]
            lines.append(_text(points[-1][0] + 10, points[-1][1] + 4, title, ink))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _text(x: float, y: float, words: str, ink: str, *, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="13" fill="{ink}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'
