"""The page as a browser shows it: what it says, what it fetches, and what happens when it is used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reporting.browser import Tab, browser
from tests.reporting.hostile import CLASSES, COLUMN, GENE, SAMPLE

ROWS = "#feature-table tbody tr"
COLOURS = "#maps g circle"


@pytest.fixture(scope="module")
def opened(hostile: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("browser")) as tab:
        tab.open(hostile)
        yield tab


def column(tab: Tab, title: str) -> list[float]:
    """Numbers of a column of the table that are there."""
    titles = [text.rstrip(" ↓↑") for text in tab.texts("#feature-table th")]
    cells = tab.texts(f"{ROWS} td:nth-child({titles.index(title) + 1})")
    return [float(cell.replace("−", "-")) for cell in cells if cell != "–"]


def colours(tab: Tab) -> list[str]:
    found: list[str] = tab.ask(f"[...document.querySelectorAll('{COLOURS}')].map(x => x.getAttribute('fill'))")
    return found


def test_names_from_the_data_are_text(opened: Tab) -> None:
    assert opened.ask("document.images.length") == 0
    assert opened.ask("document.scripts.length") == 2
    assert opened.ask("document.querySelectorAll('b, [onmouseover], [onerror]').length") == 0
    assert any(CLASSES[0] in text for text in opened.texts("#map-legend button"))
    assert any(CLASSES[1] in text for text in opened.texts("#map-legend button"))
    assert COLUMN in opened.texts("#map-controls option")
    opened.choose("#search", GENE)
    assert opened.texts(f"{ROWS} td:first-child") == [GENE]
    opened.choose("#search", "")


def test_a_feature_that_is_chosen_is_drawn(opened: Tab) -> None:
    opened.choose("#search", "script")
    opened.click(f"{ROWS} button")
    assert opened.text("#scatter-name") == GENE
    assert opened.ask("document.querySelectorAll('#scatter g circle').length") == 16  # held-out samples
    opened.choose("#search", "")


def test_the_table_is_sorted_by_a_column_both_ways_also_by_keyboard(opened: Tab) -> None:
    found = column(opened, "R² cross")
    assert found == sorted(found, reverse=True)
    assert len(set(found)) > 1
    opened.ask("document.querySelectorAll('#feature-table th button')[3].focus()")
    opened.press("Enter")
    found = column(opened, "R² cross")
    assert found == sorted(found)
    assert opened.ask("document.querySelectorAll('#feature-table th')[3].getAttribute('aria-sort')") == "ascending"
    opened.press("Enter")


def test_the_table_is_searched_and_shows_a_page_at_a_time(opened: Tab) -> None:
    assert len(opened.texts(ROWS)) == 15
    opened.click(".pager button", 1)
    assert "16 to 24 of 24" in opened.text(".pager")
    opened.choose("#search", "METH &")
    names = opened.texts(f"{ROWS} td:first-child")
    assert len(names) == 11
    assert all(name.startswith("meth & ") for name in names)
    opened.choose("#search", "nowhere")
    assert "no such feature" in opened.text(".pager")
    opened.choose("#search", "")


def test_points_are_coloured_by_the_column_that_is_chosen(opened: Tab) -> None:
    by_label = colours(opened)
    assert len(set(by_label)) == 2
    number = str(opened.texts("#map-controls option").index("a number"))
    opened.choose("#map-controls select", number)
    by_number = colours(opened)
    assert len(by_number) == len(by_label)
    assert len(set(by_number)) > 20
    opened.choose("#map-controls select", "0")
    assert colours(opened) == by_label


def test_a_point_names_its_sample_by_keyboard(opened: Tab) -> None:
    opened.ask("document.querySelector('#maps svg').focus()")
    seen = []
    for _ in range(80):
        opened.press("ArrowRight")
        seen.append(opened.text("#tip").split("\n")[0])
    assert SAMPLE in seen
    assert len(set(seen)) == 80


def test_axes_of_a_map_can_be_chosen(opened: Tab) -> None:
    before = opened.ask(f"document.querySelector('{COLOURS}').getAttribute('cx')")
    opened.choose(".map select", "1")
    assert opened.ask(f"document.querySelector('{COLOURS}').getAttribute('cx')") != before
    opened.choose(".map select", "0")
    assert opened.ask(f"document.querySelector('{COLOURS}').getAttribute('cx')") == before


def test_the_button_makes_the_page_dark_and_light_again(opened: Tab) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    text = "getComputedStyle(document.querySelector('svg.figure text')).fill"
    light = (opened.ask(ground), opened.ask(text))
    opened.click("#theme")
    dark = (opened.ask(ground), opened.ask(text))
    assert all(one != other for one, other in zip(light, dark, strict=True))
    assert opened.ask("document.getElementById('theme').getAttribute('aria-pressed')") == "true"
    opened.click("#theme")
    assert (opened.ask(ground), opened.ask(text)) == light


def test_it_is_printed_light_and_without_what_is_for_the_hand(opened: Tab) -> None:
    opened.click("#theme")
    opened.call("Emulation.setEmulatedMedia", media="print")
    assert opened.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert opened.ask("getComputedStyle(document.querySelector('.controls')).display") == "none"
    opened.call("Emulation.setEmulatedMedia", media="")
    opened.click("#theme")


def test_nothing_is_wider_than_the_window(opened: Tab) -> None:
    for width in (1280, 700, 400):
        opened.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
        assert opened.ask("document.documentElement.scrollWidth") <= width
    opened.call("Emulation.clearDeviceMetricsOverride")


def test_nothing_is_fetched_and_nothing_goes_wrong(opened: Tab, hostile: Path) -> None:
    opened.open(hostile)
    opened.click(f"{ROWS} button")
    assert opened.said == []
    assert {url for url in opened.fetched if not url.startswith("data:")} == {hostile.resolve().as_uri()}


def test_a_script_that_is_not_the_page_s_own_does_not_run(hostile: Path, opened: Tab, tmp_path: Path) -> None:
    changed = tmp_path / "changed.html"
    changed.write_text(hostile.read_text().replace("<main", "<script>window.ran = 1</script><main", 1))
    opened.open(changed)
    assert opened.ask("window.ran === undefined")
    assert any("Content Security Policy" in said for said in opened.said)
