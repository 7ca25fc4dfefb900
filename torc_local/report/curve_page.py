"""``plot -o FILE.html``: curves as one page that needs no network, no script and no other file."""

from collections.abc import Callable, Iterable, Sequence
from html import escape

from torc_local.report.curves import GPU, Curve, heading, mean, percent, size_of
from torc_local.report.text import duration, local

#: Points of a curve that are drawn, at most: the smallest and the largest of each part of the time.
_POINTS = 200

_WIDTH, _HEIGHT = 560, 80

_STYLE = """\
:root { color-scheme: light dark; --line: #0b6bcb; --fill: #0b6bcb22; --quiet: #5a6572; --rule: #d5dae0; }
@media (prefers-color-scheme: dark) { :root { --line: #6cb6ff; --fill: #6cb6ff22; --quiet: #9aa5b1; --rule: #3a424b; } }
body { font: 15px/1.4 system-ui, sans-serif; margin: 1.5rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1rem; margin: 1.6rem 0 .2rem; overflow-wrap: anywhere; }
.pair { display: flex; flex-wrap: wrap; gap: 1.5rem; } figure { margin: 0; flex: 1 1 22rem; }
figcaption, .note { color: var(--quiet); font-size: .85rem; }
svg { width: 100%; height: 5rem; border-bottom: 1px solid var(--rule); }
polygon { fill: var(--fill); } polyline { fill: none; stroke: var(--line); stroke-width: 1.5; }
polyline { vector-effect: non-scaling-stroke; }
"""


def page(title: str, found: Sequence[Curve], notes: Iterable[str]) -> str:
    """The whole page."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        *(f'<p class="note">{escape(note)}</p>' for note in notes),
    ]
    for one in found:
        what = heading(one).replace("   ", ", ")
        parts += [
            f"<section><h2>{escape(what)}</h2>",
            f'<p class="note">from {local(one.times[0])}</p><div class="pair">',
            *_figure("GPU" if one.kind == GPU else "processors", one.times, one.cpu_percent, percent),
            *_figure("memory", one.times, one.memory_bytes, size_of),
            "</div></section>",
        ]
    return "\n".join([*parts, "</body></html>", ""])


def _figure(what: str, times: Sequence[int], values: Sequence[float | None], show: Callable[[float], str]) -> list[str]:
    pairs = [(at, value) for at, value in zip(times, values, strict=True) if value is not None]
    if not pairs:
        return []
    top = max(value for _, value in pairs)
    lasted = duration(float(pairs[-1][0] - pairs[0][0]))
    label = f"{what}: peak {show(top)}, mean {show(mean(times, values))}, over {lasted}"
    points = _points(pairs, top or 1.0)
    line = " ".join(f"{x:g},{y:g}" for x, y in points)
    area = f"{points[0][0]:g},{_HEIGHT} {line} {points[-1][0]:g},{_HEIGHT}"
    frame = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img"'
    return [
        f'<figure><svg {frame} aria-label="{escape(label)}">',
        f'<polygon points="{area}"/><polyline points="{line}"/></svg>',
        f"<figcaption>{escape(label)}</figcaption></figure>",
    ]


def _points(pairs: Sequence[tuple[int, float]], top: float) -> list[tuple[float, float]]:
    """Where to draw a curve; of very many samples the extremes of each part of the time, so that no peak is lost."""
    begin, span = pairs[0][0], max(pairs[-1][0] - pairs[0][0], 1)
    parts: dict[int, list[tuple[int, float]]] = {}
    for at, value in pairs:
        parts.setdefault((at - begin) * (_POINTS // 2) // (span + 1), []).append((at, value))
    kept = [
        pair
        for part in parts.values()
        for pair in sorted({min(part, key=lambda one: one[1]), max(part, key=lambda one: one[1])})
    ]
    drawn = [(round((at - begin) / span * _WIDTH, 1), round(_HEIGHT * (1 - value / top), 1)) for at, value in kept]
    return drawn if len(drawn) > 1 else [drawn[0], (float(_WIDTH), drawn[0][1])]
