"""``report`` and ``evaluate --html``: which evaluation a page shows, and that nothing else is touched."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import mudata
import numpy as np
import pytest

import mmvae_cli
from mmvae_cli.errors import CannotCreateError, UsageError
from tests.pipeline.helpers import QUICK, study, with_samples


def trained(folder: Path, mdata: mudata.MuData, **options: Any) -> dict[str, str]:
    mmvae_cli.train(mdata, run=str(folder / "run"), **{**QUICK, **options})
    return {"run": str(folder / "run"), "out": str(folder / "report.html")}


def data_of(page: Path) -> Any:
    (found,) = re.findall(r'id="page-data">(.*?)</script>', page.read_text(), re.DOTALL)
    return json.loads(found)


def numbers(packed: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed["f4"]), "<f4")


def test_a_page_leaves_the_data_as_they_are(tmp_path: Path) -> None:
    mdata = study()
    where = trained(tmp_path, mdata, label="label")
    before = (set(mdata.obsm), set(mdata.obs), set(mdata.uns["mmvae"]), *(set(m.var) for m in mdata.mod.values()))
    assert mmvae_cli.report(mdata, **where) == tmp_path / "report.html"
    after = (set(mdata.obsm), set(mdata.obs), set(mdata.uns["mmvae"]), *(set(m.var) for m in mdata.mod.values()))
    assert before == after
    assert "made for this page" in (tmp_path / "report.html").read_text()


def test_an_evaluation_of_the_model_is_used_again_and_gives_the_same_page(tmp_path: Path) -> None:
    mdata = study()
    where = trained(tmp_path, mdata, label="label")
    mmvae_cli.evaluate(mdata, run=where["run"], html=str(tmp_path / "evaluated.html"))
    mmvae_cli.report(mdata, **where)
    page = tmp_path / "report.html"
    assert "read from the data" in page.read_text()
    assert data_of(page) == data_of(tmp_path / "evaluated.html")
    r2 = numbers(data_of(page)["features"][0]["values"]["r2_cross"])
    np.testing.assert_allclose(r2, mdata.mod["rna"].var["mmvae_r2_cross"], rtol=1e-6)


def test_an_evaluation_of_another_model_is_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mdata = study()
    where = trained(tmp_path, mdata, label="label")
    mmvae_cli.evaluate(mdata, run=where["run"])
    mmvae_cli.train(mdata.copy(), run=where["run"], force=True, **{**QUICK, "seed": 3, "label": "label"})
    caplog.set_level("INFO", "mmvae_cli")
    mmvae_cli.report(mdata, **where)
    assert "made for this page" in (tmp_path / "report.html").read_text()
    assert "the evaluation in the data is not used: it is of another model" in caplog.messages


def test_an_evaluation_with_other_options_is_not_and_they_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mdata = study()
    mdata.obs["age"], mdata.obs["batch"] = np.arange(80) / 7, ["a", "b"] * 40
    where = trained(tmp_path, mdata)
    mmvae_cli.evaluate(mdata, run=where["run"], label="age", batch="batch")
    caplog.set_level("INFO", "mmvae_cli")
    mmvae_cli.report(mdata, **where, baselines=False)
    assert "made for this page" in (tmp_path / "report.html").read_text()
    (said,) = [text for text in caplog.messages if text.startswith("the evaluation in the data is not used: ")]
    assert said.partition(": ")[2].split("; ") == [
        "--label is age there, not given here",
        "--batch is batch there, not given here",
        "--baselines is on there, off here",
    ]


def test_a_file_that_exists_is_refused_before_any_work(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("mine")
    with pytest.raises(CannotCreateError, match="exists"):
        mmvae_cli.report(study(), run=str(tmp_path / "no run"), out=str(page))
    with pytest.raises(CannotCreateError, match="exists"):
        mmvae_cli.evaluate(study(), run=str(tmp_path / "no run"), html=str(page))
    with pytest.raises(UsageError, match=r"a page is an .html file"):
        mmvae_cli.report(study(), run=str(tmp_path / "no run"), out=str(tmp_path / "report.pdf"))
    assert page.read_text() == "mine"


def test_missing_modalities_no_label_and_no_evaluation_of_baselines_are_no_error(tmp_path: Path) -> None:
    mdata = with_samples(study(90), {"rna": range(80), "meth": range(10, 90)})
    where = trained(tmp_path, mdata, screen=False, latent="3")
    mmvae_cli.report(mdata, **where, baselines=False)
    text = (tmp_path / "report.html").read_text()
    assert "The run has no label" in text
    data = data_of(tmp_path / "report.html")
    modalities = next(one for one in data["samples"]["columns"] if one["name"] == "modalities")
    assert modalities["classes"] == ["meth", "meth + rna", "rna"]
    assert all(one["sets"] is not None for one in data["features"])  # the truth of simulated data
    assert data["samples"]["n"] == 90
