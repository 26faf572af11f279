"""``mmvae report`` and ``mmvae evaluate --html`` on files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import done, refused


@pytest.mark.usefixtures("trained")
def test_a_page_is_written_beside_the_data_which_stay_as_they_are(here: Path) -> None:
    before = (here / "two.h5mu").read_bytes()
    found = done("report --json").json
    assert (found["output"], found["evaluation"]) == ("report.html", "made")
    assert found["bytes"] == (here / "report.html").stat().st_size
    assert (here / "two.h5mu").read_bytes() == before
    refused("report", 73, "report.html exists", "--out")
    assert "written: report.html" in done("report --force").out


@pytest.mark.usefixtures("trained")
def test_evaluate_writes_the_page_too_and_report_then_reads_its_evaluation(here: Path) -> None:
    (here / "mine.html").write_text("mine")
    before = (here / "two.h5mu").read_bytes()
    refused("evaluate --html mine.html", 73, "mine.html exists", "--html")
    assert (here / "two.h5mu").read_bytes() == before
    assert done("evaluate --html mine.html --force --json").json["html"] == "mine.html"
    assert "Cross-modal prediction" in (here / "mine.html").read_text()
    assert done("report two.h5mu --json").json["evaluation"] == "read"


@pytest.mark.usefixtures("trained")
def test_a_place_that_is_none_is_refused(here: Path) -> None:
    refused("report --out report.pdf", 2, "--out report.pdf", ".html")
    refused("report --out nowhere/report.html", 73, "nowhere")
    refused("report --run nowhere", 66, "nowhere")
    assert list(here.glob("*.html")) == []
