"""One key, one model: results of another model do not stay beside those that a command writes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from mmvae_cli.data.aligned import Aligned
from mmvae_cli.pipeline.outcome import MODEL, earlier_record, with_record
from mmvae_cli.training.identity import model_hash
from mmvae_cli.training.run import Run

log = logging.getLogger("mmvae_cli")

OF_A_MODEL = ("train", "embed", "predict", "evaluate")  # commands whose results are


def with_model_record(
    updates: Mapping[str, object],
    run: Run,
    folder: str,
    aligned: Aligned,
    entries: Mapping[str, object],
    *,
    replaces: Sequence[str] = (),
) -> dict[str, object]:
    """As ``outcome.with_record``, of the model in a run folder: what another one left is void, and this is logged."""
    key, model = run.record["key"], model_hash(folder)
    earlier = earlier_record(aligned, key).get(MODEL)
    if earlier is not None and str(earlier) != model:
        log.warning(
            "the data hold results of another model under %r: what is written now does not keep them (a model that is "
            "trained with another --key keeps its own)",
            key,
        )
        updates, replaces = {f"obs/{key}_split": split_of(run, aligned), **updates}, OF_A_MODEL
    return with_record(updates, aligned, key, {**entries, MODEL: model}, replaces=replaces)


def split_of(run: Run, aligned: Aligned) -> np.ndarray:
    """(n_samples,) the split of the written replicate in the order of the file; empty for samples it does not know."""
    split = pd.Series(run.splits[run.replicate], index=run.samples).reindex(aligned.dataset.obs.index)
    return split.fillna("").to_numpy(dtype=object)
