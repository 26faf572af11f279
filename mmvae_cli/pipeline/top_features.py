"""``mmvae top-features``: the features that each latent drives most. Reads what ``train`` wrote; no model is loaded."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mudata import MuData

from mmvae_cli.config import TopFeaturesConfig
from mmvae_cli.data.dataset import Results
from mmvae_cli.data.elements import read_results
from mmvae_cli.data.memory import results_of
from mmvae_cli.errors import DataError, pick
from mmvae_cli.evaluation.metrics import UNUSED_BELOW
from mmvae_cli.pipeline.outcome import MODEL, Outcome
from mmvae_cli.training.identity import model_hash

log = logging.getLogger("mmvae_cli")

KEY = "mmvae"
COLUMNS = ("latent", "modality", "rank", "feature", "name", "loading", "share", "share_of_shared", "role", "unused")


def top_features(source: Path | MuData, config: TopFeaturesConfig) -> Outcome:
    """Find the features with the largest loadings on each latent, in each modality.

    Returns
    -------
    A summary whose ``latents`` are in the order of the embedding. Each has its mean share of the variance of every
    modality (``explains``), whether it is ``unused`` (less than ``UNUSED_BELOW`` in all of them; None where shares are
    not known), and ``features``: the rows of ``feature_table``.

    Raises
    ------
    DataError
        If there are no loadings, or no latent, modality or column of a name that is asked for.
    """
    key = config.key or KEY
    config = replace(config, key=key)
    results = results_of(source, key) if isinstance(source, MuData) else read_results(source, key)
    names = _latent_names(results, key)
    _warn_of_another_run(results, config)
    modalities = [pick(name, results.loadings, "modality") for name in config.modality] or list(results.loadings)
    if config.names is not None:
        known = dict.fromkeys(str(column) for name in modalities for column in results.var[name])
        pick(config.names, known, "column of var", where="--names")
    latents = []
    for place in _chosen(names, config.latent):
        explains = {name: _mean(shares[:, place]) for name, shares in results.variance.items()}
        known_shares = [share for share in explains.values() if share is not None]
        unused = max(known_shares) < UNUSED_BELOW if known_shares else None
        rows = [row for name in modalities for row in _rows(results, name, place, config)]
        latents.append({"latent": names[place], "unused": unused, "explains": explains, "features": rows})
    summary = {
        "command": "top-features",
        "key": key,
        "by": config.by,
        "units": {name: str(results.record[f"unit_{name}"]) for name in modalities if f"unit_{name}" in results.record},
        "unused_below": UNUSED_BELOW,
        "latents": latents,
    }
    return Outcome(summary)


def feature_table(summary: Mapping[str, Any]) -> pd.DataFrame:
    """The features of all latents of a summary below each other; columns that nobody knows are left out."""
    rows = [
        {"latent": one["latent"], "unused": one["unused"], **row}
        for one in summary["latents"]
        for row in one["features"]
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.dropna(axis="columns", how="all") if rows else table


def _latent_names(results: Results, key: str) -> list[str]:
    """Names of the columns of the loadings."""
    if not results.loadings or "latents" not in results.record:
        raise DataError(
            f"there are no loadings under the key {key!r}",
            hint="mmvae train writes them into its data; results under another name are read with --key NAME",
        )
    names = [str(name) for name in np.asarray(results.record["latents"])]
    for kind in ("loadings", "variance"):
        for name, values in getattr(results, kind).items():
            if values.shape != (len(results.var[name]), len(names)):
                raise DataError(
                    f"varm['{key}_{kind}'] of modality {name!r} has the shape {values.shape}, "
                    f"{(len(results.var[name]), len(names))} is needed",
                    hint="embeddings of another model stand beside it: train again, or use another --key",
                )
    return names


def _warn_of_another_run(results: Results, config: TopFeaturesConfig) -> None:
    """Compare the model in the run folder with that of the loadings; where either is not known, the folders."""
    if config.run is None:
        return
    written, model = str(results.record.get("run", "")), results.record.get(MODEL)
    there = model_hash(config.run)
    if model is not None and there is not None:
        other = str(model) != there
    else:
        other = bool(written) and Path(config.run).resolve() != Path(written)
    if other:
        log.warning(
            "the loadings under %r are of another model than that in %s: of one in %s", config.key, config.run, written
        )


def _chosen(names: Sequence[str], asked: Sequence[str]) -> list[int]:
    """Places of the latents asked for, by their own name or that of their block; all by default."""
    blocks = dict.fromkeys(name.rpartition("_")[0] for name in names)
    found: dict[int, None] = {}
    for one in asked:
        if one not in names:
            pick(one, [*names, *blocks], "latent")
        found |= {place: None for place, name in enumerate(names) if one in (name, name.rpartition("_")[0])}
    return sorted(found) if asked else list(range(len(names)))


def _rows(results: Results, modality: str, latent: int, config: TopFeaturesConfig) -> Iterator[dict[str, Any]]:
    """The features of one modality with the largest loadings that are not 0."""
    loading, var, key = results.loadings[modality][:, latent], results.var[modality], config.key
    share = results.variance[modality][:, latent] if modality in results.variance else np.full(len(loading), np.nan)
    size = np.nan_to_num(np.abs(loading) if config.by == "loading" else share)
    largest = np.argsort(-size, kind="stable")[: config.n]
    of_shared = _column(var, f"{key}_variance_shared")
    role = _column(var, f"{key}_role", f"{key}_set")
    name = _column(var, config.names)
    for rank, place in enumerate(largest[(size > 0)[largest]], start=1):
        yield {
            "modality": modality,
            "rank": rank,
            "feature": str(var.index[place]),
            "name": _text(name[place]),
            "loading": float(loading[place]),
            "share": _number(share[place]),
            "share_of_shared": _number(of_shared[place]),
            "role": _text(role[place]),
        }


def _column(var: pd.DataFrame, *names: str | None) -> np.ndarray:
    """The first of some columns that is there; nothing but None where none is."""
    found = next((name for name in names if name in var), None)
    return np.full(len(var), None, dtype=object) if found is None else var[found].astype(object).to_numpy()


def _number(value: Any) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def _text(value: Any) -> str | None:
    return None if value is None or pd.isna(value) else str(value)


def _mean(shares: np.ndarray) -> float | None:
    known = shares[~np.isnan(shares)]
    return float(known.mean()) if len(known) else None
