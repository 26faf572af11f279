"""A trained model on values of another kind: refused where they have no meaning for it, else warned about."""

from __future__ import annotations

from pathlib import Path

import mudata
import numpy as np
import pytest
from scipy.special import expit

import mmvae_cli
from mmvae_cli.errors import DataError
from tests.pipeline.helpers import study, train

KINDS = {
    "continuous": lambda x: x,
    "fractions": expit,
    "counts": lambda x: np.floor(np.exp(1.0 + 0.5 * x)),
    "binary": lambda x: (x > 0).astype(np.float32),
}


def data(kind: str) -> mudata.MuData:
    """Both modalities continuous, but for the values of rna."""
    mdata = study(60)
    mdata.mod["rna"].X = np.asarray(KINDS[kind](mdata.mod["rna"].X), dtype=np.float32)
    return mdata


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("runs")
    made = {}
    for name, kind, options in (
        ("nb", "counts", {}),
        ("lognorm", "counts", {"transform": {"rna": "lognorm"}}),
        ("gaussian counts", "counts", {"likelihood": {"rna": "gaussian"}}),
        ("bernoulli", "binary", {}),
        ("mvalue", "fractions", {}),
        ("beta zscore", "fractions", {"transform": {"rna": "zscore"}}),
        ("zscore", "continuous", {}),
    ):
        train(data(kind), folder / name, epochs=1, **options)
        made[name] = str(folder / name)
    return made


def use(run: str, mdata: mudata.MuData) -> None:
    mmvae_cli.embed(mdata, run=run)
    mmvae_cli.predict(mdata, run=run, source=["rna"], target=["meth"])


@pytest.mark.parametrize(
    ("run", "kind", "said"),
    [
        ("nb", "continuous", "whole counts"),
        ("nb", "fractions", "whole counts"),
        ("lognorm", "continuous", "whole counts"),
        ("lognorm", "fractions", "whole counts"),
        ("gaussian counts", "continuous", "whole counts"),
        ("bernoulli", "counts", "0 and 1 only"),
        ("bernoulli", "fractions", "0 and 1 only"),
        ("mvalue", "continuous", "values between 0 and 1"),
        ("mvalue", "counts", "values between 0 and 1"),
    ],
)
def test_values_without_a_meaning_for_the_model_are_refused(run: str, kind: str, said: str, runs) -> None:
    with pytest.raises(DataError, match=f"trained on {said}, and here are values that are not: .* at sample") as caught:
        mmvae_cli.embed(data(kind), run=runs[run])
    assert "as in training" in caught.value.hint
    for call in (
        lambda mdata: mmvae_cli.predict(mdata, run=runs[run], source=["rna"], target=["meth"]),
        lambda mdata: mmvae_cli.evaluate(mdata, run=runs[run]),
    ):
        with pytest.raises(DataError, match="was trained on"):
            call(data(kind))


def test_negative_values_are_refused_with_their_place(runs) -> None:
    mdata = data("counts")
    mdata.mod["rna"].X[4, 2] = -3
    sample, feature = mdata.mod["rna"].obs_names[4], mdata.mod["rna"].var_names[2]
    with pytest.raises(DataError, match=f"1 of 720, the first -3 at sample '{sample}', feature '{feature}'"):
        mmvae_cli.embed(mdata, run=runs["nb"])


def test_the_kind_of_what_is_not_used_does_not_matter(runs) -> None:
    mmvae_cli.predict(data("continuous"), run=runs["nb"], source=["meth"], target=["rna"])


@pytest.mark.parametrize(
    ("run", "kind"),
    [("zscore", "counts"), ("zscore", "fractions"), ("beta zscore", "continuous"), ("beta zscore", "counts")],
)
def test_values_of_another_kind_are_warned_about(run: str, kind: str, runs, caplog) -> None:
    use(runs[run], data(kind))
    assert "results mean something only if both are in one unit" in caplog.text


@pytest.mark.parametrize(
    ("run", "kind"),
    [("nb", "counts"), ("nb", "binary"), ("lognorm", "counts"), ("bernoulli", "binary"), ("mvalue", "fractions"),
     ("mvalue", "binary"), ("zscore", "continuous")],
)  # fmt: skip
def test_values_of_the_kind_of_the_training_are_not_remarked_on(run: str, kind: str, runs, caplog) -> None:
    use(runs[run], data(kind))
    assert "trained on" not in caplog.text


def test_runs_that_do_not_know_their_kind_are_used_as_before(runs, tmp_path: Path) -> None:
    import json
    import shutil

    folder = Path(shutil.copytree(runs["zscore"], tmp_path / "old"))
    content = json.loads((folder / "run.json").read_text())
    for record in content["modalities"]:
        del record["value_kind"]
    (folder / "run.json").write_text(json.dumps(content))
    use(str(folder), data("counts"))
