"""Figures of matplotlib as SVG inside a page: no style of their own, text in the page's colour, ids that are unique."""

from __future__ import annotations

import io
import re
from itertools import chain
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from mmvae_cli.reporting.html import Markup, escaped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXT_COLOUR = "#010203"  # stands for the page's own, light or dark
STYLE: dict[Any, Any] = {
    "text.color": TEXT_COLOUR,
    "axes.edgecolor": TEXT_COLOUR,
    "axes.labelcolor": TEXT_COLOUR,
    "axes.titlecolor": TEXT_COLOUR,
    "xtick.color": TEXT_COLOUR,
    "ytick.color": TEXT_COLOUR,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.facecolor": "none",
    "legend.edgecolor": "none",
    "legend.framealpha": 0.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",  # text that is found, read aloud, and as sharp as the page's own
    "svg.hashsalt": "mmvae",
    "axes.formatter.use_mathtext": False,
}
PIXELS = 1.45  # per point: text of 9 points is as large as that around it
XLINK = "http://www.w3.org/1999/xlink"
TAGS = (
    "svg",
    "g",
    "defs",
    "path",
    "use",
    "text",
    "tspan",
    "clipPath",
    "rect",
    "image",
    "circle",
    "line",
    "polygon",
    "pattern",
)
# Presentation attributes that matplotlib writes as style; a page without inline styles needs them as attributes.
PRESENTATION = (
    "fill", "stroke", "opacity", "fill-opacity", "stroke-opacity", "stroke-width", "stroke-linejoin", "stroke-linecap",
    "stroke-dasharray", "stroke-dashoffset", "stroke-miterlimit", "text-anchor", "fill-rule", "clip-rule",
    "font-size", "font-weight", "font-style", "image-rendering",
)  # fmt: skip
KEPT = (
    "d", "x", "y", "width", "height", "transform", "viewBox", "id", "clip-path", "cx", "cy", "r", "points",
    "x1", "x2", "y1", "y2", "preserveAspectRatio", "patternUnits",
)  # fmt: skip
DARK = ("#000000", "#333333")  # lines that would not be seen on a dark page; text on a light ground stays as it is
FONT = re.compile(r"(?:(italic|oblique)\s+)?(?:(bold|\d00)\s+)?([\d.]+)px")


def inline_svg(figure: Figure, name: str, description: str) -> Markup:
    """Return a figure as an ``<svg>`` element.

    Parameters
    ----------
    name
        Of letters and hyphens, unique in the page: its ids begin with it.
    description
        For those who do not see it.
    """
    for label in chain.from_iterable((*axes.get_xticklabels(), *axes.get_yticklabels()) for axes in figure.axes):
        if label.get_color() in ("black", "k", "#000000"):
            label.set_color(TEXT_COLOUR)
    written = io.BytesIO()
    # no date, so that the same results give the same page
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    root = ElementTree.fromstring(written.getvalue())
    return Markup(_element(root, name, description))


def _element(node: ElementTree.Element, prefix: str, description: str | None = None) -> str:
    """One element and what is in it; what is on no list of the above is left out."""
    tag = node.tag.split("}")[-1]
    if tag not in TAGS:
        return ""
    attributes = _attributes(node, prefix)
    if description is not None:
        width, height = (float(attributes.pop(side).removesuffix("pt")) * PIXELS for side in ("width", "height"))
        attributes |= {"width": f"{width:.0f}", "height": f"{height:.0f}", "class": "figure"}
        attributes |= {"role": "img", "aria-label": description, "stroke-linejoin": "round"}
    shown = "".join(f' {name}="{escaped(value)}"' for name, value in attributes.items())
    text = escaped(node.text or "") if tag in ("text", "tspan") else ""
    return f"<{tag}{shown}>{text}{''.join(_element(child, prefix) for child in node)}</{tag}>"


def _attributes(node: ElementTree.Element, prefix: str) -> dict[str, str]:
    found = {name: value for name, value in node.attrib.items() if name in (*KEPT, *PRESENTATION)}
    declared = (part.split(":", 1) for part in node.get("style", "").split(";") if ":" in part)
    for name, value in ((name.strip(), value.strip()) for name, value in declared):
        font = FONT.match(value) if name == "font" else None
        if font:
            style, weight, size = font.groups()
            given = {"font-style": style, "font-weight": weight, "font-size": size}
            found |= {key: part for key, part in given.items() if part}
        elif name in PRESENTATION:
            found[name] = value
    for name in ("fill", "stroke"):
        if found.get(name) == TEXT_COLOUR or (name == "stroke" and found.get(name) in DARK):
            found[name] = "currentColor"
    if "id" in found:
        found["id"] = f"{prefix}-{found['id']}"
    for name in ("clip-path", "fill"):
        if name in found:
            found[name] = found[name].replace("url(#", f"url(#{prefix}-")
    link = node.get(f"{{{XLINK}}}href", node.get("href", ""))
    if link.startswith("#"):
        found["href"] = f"#{prefix}-{link[1:]}"
    elif link.startswith("data:image/png;base64,"):
        found["href"] = link
    return found
