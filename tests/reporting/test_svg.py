from __future__ import annotations

import re
from xml.etree import ElementTree

from matplotlib import rc_context
from matplotlib.figure import Figure

from mmvae_cli.reporting.svg import STYLE, inline_svg


def drawn(name: str, title: str = "title", n_points: int = 10) -> str:
    with rc_context(STYLE):
        figure = Figure((3, 2))
        axes = figure.subplots()
        axes.plot(range(n_points), label="line")
        axes.scatter(range(n_points), range(n_points), color="#0072b2", rasterized=n_points > 100)
        axes.set_title(title, parse_math=False)
        axes.text(1, 1, "black", color="black")
        axes.set_xticks([0, 1], ["a", "b"], color="black")
        axes.legend()
        return inline_svg(figure, name, 'a "picture"')


def test_it_needs_no_style_of_its_own() -> None:
    svg = drawn("a")
    assert "style" not in svg
    assert not re.search(r"\son\w+=", svg)
    assert "xlink" not in svg
    ElementTree.fromstring(svg)


def test_text_and_axes_have_the_colour_of_the_page_and_text_on_a_light_ground_its_own() -> None:
    root = ElementTree.fromstring(drawn("a"))
    fills = {"".join(text.itertext()).strip(): text.get("fill") for text in root.iter("text")}
    assert fills["title"] == fills["line"] == fills["a"] == "currentColor"
    assert fills["black"] is None  # what SVG draws black
    assert any(path.get("stroke") == "currentColor" for path in root.iter("path"))


def test_ids_of_two_figures_differ_and_those_of_one_are_found() -> None:
    first, second = (ElementTree.fromstring(drawn(name)) for name in ("first", "second"))
    ids = [{node.get("id") for node in root.iter() if node.get("id")} for root in (first, second)]
    assert not ids[0] & ids[1]
    used = [node.get("href", "").removeprefix("#") for node in first.iter("use")]
    assert used
    assert set(used) <= ids[0]
    clips = re.findall(r"url\(#([^)]+)\)", drawn("first"))
    assert clips
    assert set(clips) <= ids[0]


def test_the_description_is_there_for_those_who_do_not_see_it() -> None:
    root = ElementTree.fromstring(drawn("a"))
    assert (root.get("role"), root.get("aria-label")) == ("img", 'a "picture"')


def test_text_that_is_no_text_is_text() -> None:
    hostile = "<script>alert(1)</script> & $x^2$"
    root = ElementTree.fromstring(drawn("a", hostile))
    assert hostile in {"".join(text.itertext()) for text in root.iter("text")}
    assert not list(root.iter("script"))


def test_many_points_are_an_image_inside_and_the_same_figure_is_the_same_text() -> None:
    svg = drawn("a", n_points=1000)
    assert 'href="data:image/png;base64,' in svg
    assert svg == drawn("a", n_points=1000)
