"""A picture of growth: milliseconds of each page by the number of orders, both by powers of ten."""

import math
from collections.abc import Sequence
from html import escape

from tests.bench.growth import Growth
from tests.bench.pages import MAY_GROW

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 860, 460, 70, 190, 40, 60
_LOWEST, _HIGHEST = 1.0, 100.0
_INK, _FAINT, _RULE, _PAPER = "#22302c", "#8a938f", "#e3ded2", "#fffef9"
_COLORS = dict(zip(MAY_GROW, ("#a8401d", "#1f6f5c"), strict=True))


def draw_growth(scales: Sequence[str], pages: Sequence[Growth]) -> str:
    """Return an SVG: the pages that may grow in color, all others in gray."""
    frame = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" font-family="system-ui, sans-serif"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {frame} font-size="13">',
        "<title>Milliseconds of each page by the number of orders</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="{_PAPER}"/>',
        _text(_LEFT, 22, "Milliseconds per page, page cache off", weight=600),
    ]
    for value in (1, 2, 5, 10, 20, 50, 100):
        y = _y(value)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="{_RULE}"/>')
        parts.append(_text(_LEFT - 10, y + 4, str(value), anchor="end", color=_FAINT))
    for nth, scale in enumerate(scales):
        x = _x(nth, len(scales))
        parts.append(_text(x, _HEIGHT - _BOTTOM + 24, f"{scale} orders", anchor="middle"))
    others = [page for page in pages if page.page not in MAY_GROW]
    parts += [_line(page, len(scales), _FAINT, 1) for page in others]
    quick = [page.milliseconds[-1] for page in others]
    parts.append(_label(math.sqrt(min(quick) * max(quick)), f"{len(others)} other pages", _FAINT))
    for page in pages:
        if page.page in MAY_GROW:
            parts.append(_line(page, len(scales), _COLORS[page.page], 2.5))
            said = f"{page.page}: {page.milliseconds[-1]:.0f} ms"
            parts.append(_label(page.milliseconds[-1], said, _COLORS[page.page]))
    return "\n".join([*parts, "</svg>", ""])


def _x(nth: int, count: int) -> float:
    return _LEFT + 30 + nth * (_WIDTH - _LEFT - _RIGHT - 60) / max(1, count - 1)


def _y(milliseconds: float) -> float:
    within = min(max(milliseconds, _LOWEST), _HIGHEST)
    share = math.log(within / _LOWEST) / math.log(_HIGHEST / _LOWEST)
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _line(page: Growth, count: int, color: str, width: float) -> str:
    points = " ".join(
        f"{_x(nth, count):.1f},{_y(value):.1f}" for nth, value in enumerate(page.milliseconds)
    )
    return (
        f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="{width}">'
        f"<title>{escape(page.page)}</title></polyline>"
    )


def _label(milliseconds: float, text: str, color: str) -> str:
    return _text(_WIDTH - _RIGHT - 20, _y(milliseconds) + 4, text, color=color, weight=600)


def _text(
    x: float, y: float, text: str, anchor: str = "start", color: str = _INK, weight: int = 400
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{color}" font-weight="{weight}">{escape(text)}</text>'
