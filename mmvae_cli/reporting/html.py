"""Pieces of HTML, in which everything that is not made here is text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence

VOID = ("br", "img", "input")
PLACE = re.compile(r"\{\{(\w+)\}\}")


class Markup(str):
    """Text that is HTML already; any other text is escaped where it is put into a page."""

    __slots__ = ()


def escaped(content: object) -> Markup:
    """Return what may stand in HTML between tags or as the value of an attribute."""
    return content if isinstance(content, Markup) else Markup(html.escape(str(content), quote=True))


def joined(parts: Iterable[object]) -> Markup:
    """Put pieces one after the other."""
    return Markup("".join(escaped(part) for part in parts))


def element(name: str, *content: object, **attributes: object) -> Markup:
    """Return an element.

    Parameters
    ----------
    content
        Text or ``Markup``.
    attributes
        ``class_`` is class, ``aria_label`` aria-label; None leaves an attribute out, True gives it no value.
    """
    shown = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escaped(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Markup(f"<{name}{shown}>" + ("" if name in VOID else f"{joined(content)}</{name}>"))


def table(caption: str, head: Sequence[object], rows: Iterable[Sequence[object]], *, names: int = 1) -> Markup:
    """Return a table; the first ``names`` columns hold text, the others numbers."""
    kinds = [None if place < names else "number" for place in range(len(head))]
    titles = [element("th", title, scope="col", class_=kind) for title, kind in zip(head, kinds, strict=True)]
    body = [
        element("tr", *(element("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True)))
        for row in rows
    ]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *titles)),
        element("tbody", *body),
    )
    return element("div", whole, class_="wide", tabindex="0", role="region", aria_label=caption)


def paragraph(*content: object, **attributes: object) -> Markup:
    """Return a paragraph."""
    return element("p", *content, **attributes)


def filled(template: str, content: Mapping[str, str]) -> str:
    """Put content in the ``{{places}}`` of a template; what looks like a place inside the content stays as it is."""
    return PLACE.sub(lambda place: content[place[1]], template)
