"""Line charts as inline SVG, in the colours of the page that they stand in."""

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

WIDTH, HEIGHT = 640, 280
LEFT, RIGHT, TOP, BOTTOM = 68, 16, 12, 48  # room for the larger letters of a phone

Points = Sequence[tuple[float, float]]


def line_chart(series: Mapping[str, Points], x_label: str, title: str) -> Markup:
    """A line for each series of at least one (x, y); the title is what a screen reader says."""
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    x_ticks, y_ticks = _ticks(min(xs), max(xs), 6), _ticks(min(ys), max(ys), 5)
    place_x = _Scale(x_ticks[0], x_ticks[-1], LEFT, WIDTH - RIGHT)
    place_y = _Scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP)
    parts = [
        Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            WIDTH, HEIGHT, title
        )
    ]
    for value in y_ticks:
        y = place_y(value)
        parts.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
                '<text x="{}" y="{}" text-anchor="end">{}</text>'
            ).format(LEFT, WIDTH - RIGHT, y, y, LEFT - 6, y + 5, f"{value:g}")
        )
    for value in x_ticks:
        text = '<text x="{}" y="{}" text-anchor="middle">{}</text>'
        parts.append(Markup(text).format(place_x(value), HEIGHT - BOTTOM + 20, f"{value:g}"))
    label = '<text x="{}" y="{}" text-anchor="end">{}</text>'
    parts.append(Markup(label).format(WIDTH - RIGHT, HEIGHT - 4, x_label))
    for i, points in enumerate(series.values()):
        path = " ".join(f"{place_x(x)},{place_y(y)}" for x, y in points)
        parts.append(Markup('<polyline class="s{}" points="{}"/>').format(i, path))
        dots = Markup("").join(
            Markup('<circle class="s{}" cx="{}" cy="{}" r="2.5"/>').format(
                i, place_x(x), place_y(y)
            )
            for x, y in points
        )
        parts.append(dots)
    return Markup("").join([*parts, Markup("</svg>")])


class _Scale:
    """Maps values from `low` to `high` onto pixels from `start` to `end`."""

    def __init__(self, low: float, high: float, start: float, end: float):
        self.low, self.start = low, start
        self.factor = (end - start) / (high - low)

    def __call__(self, value: float) -> float:
        return round(self.start + (value - self.low) * self.factor, 1)


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers, at least two, from at or below `low` to at or above `high`."""
    if low == high:
        around = abs(low) / 10 or 1
        low, high = low - around, high + around
    raw = (high - low) / (most - 1)
    unit = 10 ** math.floor(math.log10(raw))
    step = next(unit * m for m in (1, 2, 5, 10) if unit * m >= raw)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(i * step, 10) for i in range(first, last + 1)]
