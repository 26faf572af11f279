"""What commands wrote into a MuData, read back for a figure; where it is missing, which command writes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mmvae_cli.data.annotations import find_column
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.errors import DataError, UsageError, listed, pick

if TYPE_CHECKING:
    from mudata import MuData

EVALUATE = "run mmvae evaluate (in Python mmvae_cli.evaluate) first"
TRAIN = "train with mmvae train (in Python mmvae_cli.train) first"
KINDS = ("cross", "self", "joint")
FROM = {"cross": "from the other modalities", "self": "from itself", "joint": "from all modalities"}


def record(mdata: MuData, key: str, what: str = "results of mmvae") -> Mapping[str, Any]:
    """Return what stands in ``uns[key]``; raises DataError where nothing does, with the keys there are.

    ``what`` is looked for there, for the message.
    """
    if not hasattr(mdata, "mod"):
        raise UsageError(
            f"a MuData is needed, this is a {type(mdata).__name__}", hint="read it: mudata.read_h5mu(path)"
        )
    found = mdata.uns.get(key)
    if not isinstance(found, Mapping):
        others = [name for name, value in mdata.uns.items() if isinstance(value, Mapping) and "written" in value]
        raise DataError(
            f"there are no {what} in uns[{key!r}]", hint=f"key={listed(map(repr, others))}" if others else TRAIN
        )
    return found


def metrics(mdata: MuData, key: str = "mmvae") -> dict[str, Any]:
    """Return the metrics that ``evaluate`` wrote.

    Raises
    ------
    DataError
        If there are none.
    """
    found = record(mdata, key, "metrics").get("metrics")
    if found is None:
        raise DataError(f"there are no metrics in uns[{key!r}]", hint=EVALUATE)
    parsed: dict[str, Any] = json.loads(str(found))
    return parsed


def training(mdata: MuData, key: str) -> dict[str, Any]:
    """Return the summary that ``train`` wrote."""
    found = record(mdata, key).get("training")
    if found is None:
        raise DataError(f"there is no training in uns[{key!r}]", hint=TRAIN)
    parsed: dict[str, Any] = json.loads(str(found))
    return parsed


def part_of_metrics(mdata: MuData, key: str, name: str, what: str, hint: str = EVALUATE) -> Any:
    """Return one of the metrics; ``what`` it is and ``hint`` are for the error where it is missing or empty."""
    found = metrics(mdata, key).get(name)
    if not found:
        raise DataError(f"the metrics in uns[{key!r}] hold no {what}", hint=hint)
    return found


def latent_names(mdata: MuData, key: str) -> list[str]:
    """Names of all latents, in the order of the joint embedding and of the loadings."""
    found = record(mdata, key).get("latents")
    if found is None:
        raise DataError(f"there are no latents in uns[{key!r}]", hint=TRAIN)
    return [str(name) for name in found]


def block_of(latent: str) -> str:
    """``rna_1`` → ``rna``."""
    return latent.rpartition("_")[0]


def block_columns(mdata: MuData, key: str, block: str) -> np.ndarray:
    """Columns of a block in the joint embedding; raises DataError for an unknown block."""
    blocks = np.array([block_of(name) for name in latent_names(mdata, key)], dtype=object)
    if block not in blocks and block in ("shared", *mdata.mod):
        raise DataError(f"the block {block!r} has no latents", hint="train with more, as with --latent 4")
    return np.flatnonzero(blocks == pick(block, dict.fromkeys(blocks), "block of latents"))


def matrix(holder: Any, slot: str, name: str, hint: str) -> np.ndarray:
    """Return an array of ``obsm`` or ``varm``, (rows, columns) float64."""
    values = getattr(holder, slot)
    if name not in values:
        raise DataError(f"there is no {slot}[{name!r}]", hint=hint)
    found = np.asarray(values[name], dtype=np.float64)
    return found.reshape(len(found), -1)


def column(mdata: MuData, name: str) -> pd.Series:
    """Column of samples, wherever it stands, indexed like ``mdata.obs``; see ``find_column``."""
    obs, annotations = mdata.obs, {modality: adata.obs for modality, adata in mdata.mod.items()}
    return find_column(Dataset({}, obs, annotations), name)


def find_modality(mdata: MuData, name: str) -> Any:
    """Return a modality; raises DataError for an unknown one."""
    return mdata.mod[pick(name, list(mdata.mod), "modality")]


def feature_scores(mdata: MuData, key: str, kind: str) -> dict[str, pd.DataFrame]:
    """R² of each feature and its set, by modality; features without one are left out.

    Parameters
    ----------
    kind
        ``cross``, ``self`` or ``joint``.

    Returns
    -------
    Columns ``r2`` and ``part``: sets as those of the metrics, ``"all"`` for every feature where there are none.
    """
    pick(kind, KINDS, "kind of R²", error=UsageError)
    of_modality = part_of_metrics(mdata, key, "r2", "R²")
    found = {}
    for name, adata in mdata.mod.items():
        score = f"{key}_r2_{kind}"
        if name not in of_modality or score not in adata.var:
            continue
        frame = pd.DataFrame({"r2": adata.var[score].to_numpy(dtype=float), "part": "all"}, index=adata.var_names)
        columns = [one for one in (f"{key}_set", "true_set", f"{key}_role") if one in adata.var]
        if columns and {"shared", "other"} & of_modality[name][kind].keys():
            frame["part"] = adata.var[columns[0]].astype(str).to_numpy()
        found[name] = frame[frame["r2"].notna()]
    if not any(len(frame) for frame in found.values()):
        raise DataError(f"no feature has an R² in var[{key + '_r2_' + kind!r}]", hint=EVALUATE)
    return found


def common_part(summaries: Iterable[Mapping[str, Any]], features: str | None) -> str:
    """Set of features to show: the one asked for, else ``shared`` where some modality has it, else ``all``."""
    summaries = list(summaries)
    known = [part for part in ("shared", "other", "all") if any(_has(one, part) for one in summaries)]
    if features is None:
        return known[0] if known and known[0] == "shared" else "all"
    return pick(features, known, "set of features")


def _has(summary: Mapping[str, Any], part: str) -> bool:
    return part in summary and summary[part] != {}
