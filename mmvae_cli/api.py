"""The functions of the package, one per command: read → prepare → fit → write. Start reading here.

Each takes a MuData and returns it with the results in it (``check`` returns what it found). The command line calls
``on_files``, which does the same with files; both do their work in ``pipeline``, which holds one file per command.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmvae_cli.errors import UsageError
from mmvae_cli.pipeline.command_options import CONFIGS as CONFIGS
from mmvae_cli.pipeline.command_options import options_of as options_of
from mmvae_cli.pipeline.results import associations as associations
from mmvae_cli.pipeline.results import metrics as metrics

if TYPE_CHECKING:
    from mudata import MuData
    from pandas import DataFrame

    from mmvae_cli.pipeline.outcome import Outcome


def _pipeline(command: str) -> Callable[..., Any]:
    """Return the function of a command; imported when it is needed, because torch and scanpy take seconds."""
    name = command.replace("-", "_")
    return getattr(importlib.import_module(f"mmvae_cli.pipeline.{name}"), name)


def _require_mudata(mdata: object, options: Any) -> None:
    from mudata import MuData

    if not isinstance(mdata, MuData):
        raise UsageError(
            f"a MuData is needed, this is a {type(mdata).__name__}", hint="read it: mudata.read_h5mu(path)"
        )
    if getattr(options, "transpose", ()):
        raise UsageError("transpose is for tables, not for a MuData", hint="its samples are rows already: leave it out")


def _in_memory(command: str, mdata: MuData, options: Any, **more: Any) -> MuData:
    """Run a command on an object and write the results into it."""
    from mmvae_cli.data.writeback import apply

    _require_mudata(mdata, options)
    outcome: Outcome = _pipeline(command)(mdata, options, command_line=f"mmvae_cli.{command}", **more)
    apply(mdata, outcome.updates)
    outcome.write_pages()
    return mdata


def check(mdata: MuData, **options: Any) -> dict[str, Any]:
    """Describe the data and say what training would refuse.

    Parameters
    ----------
    mdata
        The data; left as they are.
    **options
        As the flags of ``mmvae check``, with ``_`` for ``-``: ``label="IGHV"``.

    Returns
    -------
    Modalities, overlap, label balance, and ``problems``: empty where ``train`` with the same options would start.
    """
    checked = options_of("check", options)
    _require_mudata(mdata, checked)
    outcome: Outcome = _pipeline("check")(mdata, checked)
    return outcome.summary


def select(mdata: MuData, *, on_screening: Callable[[float], None] | None = None, **options: Any) -> MuData:
    """Mark features: those most and least correlated with a label, or those with signal that modalities share.

    Parameters
    ----------
    mdata
        The data; gets ``obs["mmvae_split"]`` and per modality ``var["mmvae_set"]`` and ``var["mmvae_rank"]``, or with
        ``by="screening"`` ``var["mmvae_role"]``, ``var["mmvae_score"]`` and ``var["mmvae_q"]``.
    on_screening
        Called with the share of the screening that is done, from 0 to 1.
    **options
        As the flags of ``mmvae select``: ``label="IGHV", shared=10, other={"rna": 250}``, or ``by="screening"``.

    Raises
    ------
    MmvaeError
        As the command; see ``mmvae_cli.errors``.
    """
    return _in_memory("select", mdata, options_of("select", options), on_screening=on_screening)


def train(
    mdata: MuData,
    *,
    preset: str | None = None,
    config: str | Path | None = None,
    force: bool = False,
    on_epoch: Callable[[Any], None] | None = None,
    on_screening: Callable[[float], None] | None = None,
    **options: Any,
) -> MuData:
    """Train a model, save it in the run folder and embed every sample.

    Parameters
    ----------
    mdata
        The data; gets ``obsm["X_mmvae"]`` (n_obs, n_latents), ``obsm["X_mmvae_shared"]``, per modality
        ``obsm["X_mmvae_private"]``, the split and, where features were selected, their sets, where they were
        screened, their roles.
    preset, config
        ``"paper"``; a YAML file of options. Options given here win.
    force
        Replace the run folder if it exists.
    on_epoch
        Called with an ``EpochReport`` after each epoch.
    on_screening
        Called with the share of the screening that is done, from 0 to 1.
    **options
        As the flags of ``mmvae train``: ``model="mmvaepp", label="IGHV", latent="2+2+2", run="mmvae_run"``.

    Raises
    ------
    MmvaeError
        As the command; see ``mmvae_cli.errors``.
    """
    checked = options_of("train", options, preset=preset, config=config)
    return _in_memory("train", mdata, checked, force=force, on_epoch=on_epoch, on_screening=on_screening)


def embed(mdata: MuData, **options: Any) -> MuData:
    """Embed the samples of new data with a trained model.

    Parameters
    ----------
    mdata
        The data; gets the embeddings that ``train`` writes.
    **options
        As the flags of ``mmvae embed``: ``run="mmvae_run"``.
    """
    return _in_memory("embed", mdata, options_of("embed", options))


def predict(mdata: MuData, **options: Any) -> MuData:
    """Predict modalities from others.

    Parameters
    ----------
    mdata
        The data; gets ``mod[target].layers["mmvae_from_<source>"]`` (n_obs, n_vars), nan for features that are not
        modelled, and for samples that lack the target ``mod[source].obsm["mmvae_<target>"]``.
    **options
        As the flags of ``mmvae predict``: ``source="rna", target="methylation"`` (also ``from`` and ``to``).
    """
    return _in_memory("predict", mdata, options_of("predict", options))


def evaluate(mdata: MuData, *, force: bool = False, **options: Any) -> MuData:
    """Evaluate a trained model on its held-out samples; ``metrics`` reads the result.

    Parameters
    ----------
    mdata
        The data the model was trained on; gets per modality ``var["mmvae_r2_cross"]``, ``…_self``, ``…_joint``
        and ``uns["mmvae"]["metrics"]``.
    force
        Replace the page of ``html`` if it exists.
    **options
        As the flags of ``mmvae evaluate``: ``run="mmvae_run"``; ``figures="figures"`` also draws all that ``pl`` has.
    """
    return _in_memory("evaluate", mdata, options_of("evaluate", options), force=force)


def report(mdata: MuData, *, force: bool = False, **options: Any) -> Path:
    """Write a page for the browser about a trained model, with all its data in it; the data are left as they are.

    Parameters
    ----------
    mdata
        The data the model was trained on; an evaluation of this model that stands in them is used again.
    force
        Replace the file if it exists.
    **options
        As the flags of ``mmvae report``: ``run="mmvae_run", out="report.html"``.

    Returns
    -------
    The file.
    """
    checked = options_of("report", options)
    _in_memory("report", mdata, checked, force=force)
    return Path(checked.out)


def top_features(mdata: MuData, **options: Any) -> DataFrame:
    """List the features with the largest loadings on each latent, in each modality; no model is needed.

    Parameters
    ----------
    mdata
        Data with the loadings that ``train`` wrote; left as they are.
    **options
        As the flags of ``mmvae top-features``: ``latent="shared", n=20, modality="rna", names="symbol"``.

    Returns
    -------
    One row for each feature: ``latent``, ``modality``, ``rank``, ``feature``, ``loading`` (unit of the predictions, for
    a latent that rises by a standard deviation), and as far as they are known ``name``, ``share`` (of the feature's
    variance, by this latent), ``share_of_shared`` (by all shared latents; after ``evaluate``), ``role``, and whether
    the latent is ``unused``.

    Raises
    ------
    DataError
        If there are no loadings, or no such latent, modality or column.
    """
    from mmvae_cli.pipeline.top_features import feature_table

    checked = options_of("top-features", options)
    _require_mudata(mdata, checked)
    outcome: Outcome = _pipeline("top-features")(mdata, checked)
    return feature_table(outcome.summary)


def benchmark(
    mdata: MuData | None = None,
    *,
    preset: str | None = None,
    config: str | Path | None = None,
    on_cell: Callable[[Any], None] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Compare models over a grid of settings; what an earlier call finished is not run again.

    Parameters
    ----------
    mdata
        The data; left as they are. None with ``simulate=True``.
    preset, config
        A study of the paper, such as ``"table1"``; a YAML file of options. Options given here win.
    on_cell
        Called with a ``CellReport`` after each cell.
    **options
        As the flags of ``mmvae benchmark``: ``models=["mvae", "sup-mmvae"], other={"rna": [50, 250]}, jobs=1``.

    Returns
    -------
    The tables as text, and in ``out`` the folder with ``results.csv`` and the figures.
    """
    checked = options_of("benchmark", options, preset=preset, config=config)
    if mdata is not None:
        _require_mudata(mdata, checked)
    outcome: Outcome = _pipeline("benchmark")(mdata, checked, command_line="mmvae_cli.benchmark", on_cell=on_cell)
    return outcome.summary


def simulate(**options: Any) -> MuData:
    """Draw synthetic data with known shared and private latents.

    Parameters
    ----------
    **options
        As the flags of ``mmvae simulate``: ``samples=1000, other={"rna": 1000}``.
    """
    mdata: MuData = _pipeline("simulate")(options_of("simulate", options))[0]
    return mdata


def on_files(
    command: str,
    inputs: Sequence[str],
    options: Any,
    *,
    obs: str | None = None,
    output: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Run a command on files and write the results into them.

    Parameters
    ----------
    inputs
        Files as the command line takes them; empty for the data of the run.
    options
        From ``options_of``.
    obs
        A table of labels.
    output
        Where results go; None for the input itself.

    Returns
    -------
    The summary, with ``output``: the file that was written.
    """
    from mmvae_cli.pipeline import files

    return files.run(command, _pipeline(command), inputs, options, obs=obs, output=output, **more)
