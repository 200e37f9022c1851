"""The growth of what was measured, as a picture: both axes logarithmic, so that what does not grow is a level line.

Used by `scale.py` and `decide.py`. Standard library only; the panel and its colours are those of the documentation's pictures
(`docs/pictures/draw.py`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 820, 440, 80, 250, 50, 60
FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"
INK, QUIET, PANEL, EDGE = "#1f2933", "#52606d", "#fbfbf8", "#9aa5b1"
BLUE, BROWN, GREEN, RED, PURPLE = "#1f4f8f", "#8a5a00", "#1b6b3a", "#9b1c1c", "#6b2f8a"
_LINE = 16
"""Between two names of curves, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One thing that was measured."""

    title: str
    ink: str
    points: Sequence[tuple[int, float]]
    """How many there were, and what it came to; more than 0."""
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where a value stands in the picture."""

    sizes: tuple[int, ...]
    low: float
    high: float

    def place(self, size: float, value: float) -> tuple[float, float]:
        span = max(math.log(self.sizes[-1]) - math.log(self.sizes[0]), 1e-9)
        across = (math.log(size) - math.log(self.sizes[0])) / span
        up = (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)


def picture(curves: Sequence[Curve], *, title: str, heading: str) -> str:
    """An SVG of these curves. `heading`: what the two axes are."""
    curves = [curve for curve in curves if curve.points]
    values = [value for curve in curves for _, value in curve.points]
    low, high = 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)))
    sizes = tuple(sorted({size for curve in curves for size, _ in curve.points}))
    scale = _Scale(sizes, low, high if high > low else low * 10)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" font-family="{FONT}" '
        'role="img" aria-labelledby="title text">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="text">{escape(heading)}: {escape(", ".join(curve.title for curve in curves))}</desc>',
        f'<rect x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}" rx="12" fill="{PANEL}" stroke="{EDGE}"/>',
        _text(LEFT, 30, heading, INK, bold=True),
        *_grid(scale),
    ]
    heights = _apart([scale.place(*curve.points[-1])[1] for curve in curves])
    for curve, height in zip(curves, heights, strict=True):
        lines += _drawn(curve, scale, height)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _grid(scale: _Scale) -> list[str]:
    lines, decade = [], scale.low
    while decade <= scale.high * 1.01:
        _, y = scale.place(scale.sizes[0], decade)
        lines.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="{EDGE}" stroke-dasharray="2 4"/>')
        lines.append(_text(LEFT - 8, y + 4, f"{decade:g}", QUIET, anchor="end"))
        decade *= 10
    below = [(scale.place(size, scale.low)[0], size) for size in scale.sizes]
    return [*lines, *(_text(x, HEIGHT - BOTTOM + 22, f"{size:,}", QUIET, anchor="middle") for x, size in below)]


def _drawn(curve: Curve, scale: _Scale, height: float) -> list[str]:
    points = [scale.place(*point) for point in curve.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = ' stroke-dasharray="6 4"' if curve.dashed else ""
    marks = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{curve.ink}"/>' for x, y in points]
    line = f'<polyline points="{path}" fill="none" stroke="{curve.ink}" stroke-width="2"{dashes}/>'
    return [line, *marks, _text(points[-1][0] + 10, height + 4, curve.title, curve.ink)]


def _apart(heights: Sequence[float]) -> list[float]:
    """The same, or a little lower, so that no name stands on another."""
    found: dict[int, float] = {}
    last = -math.inf
    for place in sorted(range(len(heights)), key=lambda place: heights[place]):
        last = found[place] = max(heights[place], last + _LINE)
    return [found[place] for place in range(len(heights))]


def _text(x: float, y: float, words: str, ink: str, *, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="13" fill="{ink}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'
