"""Drawings as inline SVG: shapes with classes that the stylesheet colours, and every text escaped."""

from collections.abc import Sequence

from markupsafe import Markup, escape

Attributes = str | int | float | None


class Drawing:
    """A picture of so many units. title: what a screen reader says of it."""

    def __init__(self, width: float, height: float, title: str, kind: str = "") -> None:
        self.width, self.height, self.title, self.kind = width, height, title, kind
        self._parts: list[Markup] = []

    def rect(self, x: float, y: float, width: float, height: float, kind: str, tip: str = "", href: str = "") -> None:
        self._add("rect", tip, href, x=x, y=y, width=max(width, 0), height=max(height, 0), class_=kind)

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str, tip: str = "") -> None:
        self._add("line", tip, x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)

    def path(self, points: Sequence[tuple[float, float]], kind: str, tip: str = "", href: str = "") -> None:
        d = " ".join(f"{'ML'[i > 0]}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(points))
        self._add("path", tip, href, d=d, class_=kind)

    def outline(self, d: str, kind: str) -> None:
        """A path that is written already."""
        self._add("path", "", d=d, class_=kind)

    def circle(self, x: float, y: float, r: float, kind: str, tip: str = "", href: str = "") -> None:
        self._add("circle", tip, href, cx=x, cy=y, r=r, class_=kind)

    def text(self, x: float, y: float, said: str, kind: str = "", href: str = "", anchor: str = "start") -> None:
        anchored = "" if anchor == "start" else f' text-anchor="{escape(anchor)}"'
        text = f'<text x="{_n(x)}" y="{_n(y)}" class="{escape(kind)}"{anchored}>{escape(said)}</text>'
        self._parts.append(Markup(f'<a href="{escape(href)}">{text}</a>' if href else text))

    def texts(self, y: float, said: Sequence[tuple[float, str]], kind: str) -> None:
        """Several of one line and class, which the stylesheet may centre: places to the right, and texts."""
        spans = "".join(f'<tspan x="{_n(round(x, 1))}">{escape(text)}</tspan>' for x, text in said)
        if spans:
            self._parts.append(Markup(f'<text y="{_n(y)}" class="{escape(kind)}">{spans}</text>'))

    def _add(self, name: str, tip: str, href: str = "", **attributes: Attributes) -> None:
        said = " ".join(f'{key.rstrip("_")}="{_n(value)}"' for key, value in attributes.items() if value is not None)
        told = escape(tip)
        shape = f"<{name} {said}><title>{told}</title></{name}>" if tip else f"<{name} {said}/>"
        self._parts.append(Markup(f'<a href="{escape(href)}" aria-label="{told}">{shape}</a>' if href else shape))

    def __html__(self) -> Markup:
        head = Markup('<svg class="drawing {}" viewBox="0 0 {} {}" role="{}" aria-label="{}">').format(
            self.kind, _n(self.width), _n(self.height), self._role, self.title
        )
        return head + Markup().join(self._parts) + Markup("</svg>")

    @property
    def _role(self) -> str:
        """A picture has no links inside for a screen reader; a group has."""
        return "group" if any("<a " in part for part in self._parts) else "img"


def _n(value: Attributes) -> str:
    """A number as short as it can be, and a text escaped."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else escape(value)
