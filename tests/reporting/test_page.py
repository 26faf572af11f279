"""The file itself: what it may do, what it holds, and what it does not hold."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.reporting.hostile import COLUMN, GENE, NAMES, SAMPLE


@pytest.fixture(scope="module")
def text(hostile: Path) -> str:
    return hostile.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def data(text: str) -> dict:  # type: ignore[type-arg]
    (found,) = re.findall(r'<script type="application/json" id="page-data">(.*?)</script>', text, re.DOTALL)
    return json.loads(found)


def test_only_its_own_style_and_script_are_allowed(text: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    allowed = policy[1].replace("&#x27;", "'")
    assert allowed.startswith("default-src 'none'; ")
    assert "unsafe" not in allowed
    for kind, pattern in (("script", r"<script>(.*?)</script>"), ("style", r"<style>(.*?)</style>")):
        (content,) = re.findall(pattern, text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in allowed


def test_it_names_no_address_that_could_be_fetched(text: str) -> None:
    assert not re.search(r"(src|href)=\"(?!#|data:)", text)
    assert not re.search(r"@import|url\((?!#)", text)
    assert set(re.findall(r"https?://[^\"' )]+", text)) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_stand_nowhere_as_they_are(text: str, name: str) -> None:
    assert name not in text


class Attributes(HTMLParser):
    """Names of all attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {name for name, _ in attrs}


def test_nothing_sets_a_style_or_a_handler(text: str) -> None:
    parser = Attributes()
    parser.feed(text)
    assert {"class", "aria-label"} <= parser.names
    assert not {name for name in parser.names if name == "style" or name.startswith("on")}


def test_the_data_hold_the_names_as_they_are(data: dict) -> None:  # type: ignore[type-arg]
    assert SAMPLE in data["samples"]["names"]
    assert GENE in data["features"][0]["names"]
    assert data["label"] == COLUMN
    assert data["samples"]["columns"][0]["name"] == COLUMN


def test_pairs_are_of_held_out_samples_and_of_every_feature_with_r2(data: dict) -> None:  # type: ignore[type-arg]
    for modality in data["features"]:
        pairs = modality["pairs"]
        rows = np.frombuffer(base64.b64decode(pairs["samples"]["i4"]), "<i4")
        assert pairs["heldOut"] == len(rows) == 16
        r2 = np.frombuffer(base64.b64decode(modality["values"]["r2_cross"]["f4"]), "<f4")
        assert len(np.frombuffer(base64.b64decode(pairs["features"]["i4"]), "<i4")) == np.isfinite(r2).sum()
        split = next(one for one in data["samples"]["columns"] if one["name"] == "part of the split")
        codes = np.frombuffer(base64.b64decode(split["values"]["u1"]), "u1")
        assert {split["classes"][code] for code in codes[rows]} == {"test"}


def test_every_section_is_there_with_a_heading_and_a_link(text: str) -> None:
    sections = re.findall(r'<section id="([\w-]+)"', text) or re.findall(r'<section aria[^>]*id="([\w-]+)"', text)
    assert sections == [
        "verdict", "data", "variance", "latents", "prediction", "training", "labels", "stability", "provenance",
    ]  # fmt: skip
    for name in sections:
        assert f'href="#{name}"' in text
        assert f'<h2 id="{name}-title">' in text


def test_every_figure_is_described(text: str) -> None:
    figures = re.findall(r"<svg[^>]*>", text)
    assert len(figures) > 8
    assert all('role="img"' in figure and 'aria-label="' in figure for figure in figures)
    assert "Not shown" not in text
