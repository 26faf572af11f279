"""Figures of ``mmvae_cli.plots`` in the page."""

from __future__ import annotations

import warnings

from mmvae_cli.errors import DataError
from mmvae_cli.plots.pictures import PICTURES, Picture
from mmvae_cli.reporting.content import Content
from mmvae_cli.reporting.html import Markup, element, paragraph
from mmvae_cli.reporting.svg import STYLE, inline_svg

KNOWN = {picture.name: picture for picture in PICTURES}
WIDE = ("associations", "history", "loadings", "variance_per_latent")  # these may take the whole width


def figures(content: Content, *names: str) -> Markup:
    """Return figures side by side, by their names in ``PICTURES``; one that has nothing to show says why not."""
    return element("div", *(_figure(content, KNOWN[name]) for name in names), class_="figures")


def _figure(content: Content, picture: Picture) -> Markup:
    from matplotlib import rc_context

    with rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of glyphs that a font lacks: the browser has them
        try:
            drawn = picture.draw(content.mdata, content.key)
        except DataError as reason:
            return paragraph(f"{picture.caption} Not shown: {reason.args[0]}.", class_="small")
        figure = drawn if hasattr(drawn, "savefig") else drawn.figure
        svg = inline_svg(figure, picture.name.replace("_", "-"), picture.caption)
    caption = element("figcaption", picture.caption)
    return element("figure", svg, caption, class_="whole" if picture.name in WIDE else None)
