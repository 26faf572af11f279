"""Baselines on the data that a replicate's model sees: the same samples, features, scaling and held-out values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from mmvae_cli.config import TrainConfig
from mmvae_cli.data.aligned import Aligned
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.errors import DataError
from mmvae_cli.evaluation.baselines import BASELINES, Predictor, Values, different, predictor
from mmvae_cli.evaluation.metrics import r2_per_feature, summarise
from mmvae_cli.model.likelihoods import LIKELIHOODS
from mmvae_cli.pipeline.apply import Applied, in_prediction_unit
from mmvae_cli.pipeline.held_out import feature_sets, observed_values
from mmvae_cli.pipeline.latent_sizes import latent_sizes
from mmvae_cli.pipeline.tensors import device_data, totals_of, with_covariates
from mmvae_cli.pipeline.training_input import training_input
from mmvae_cli.training.run import ModalityRecord
from mmvae_cli.training.source import DeviceData

VISIBLE = 0.005  # a smaller difference of medians is none: tables show two digits


@dataclass(frozen=True)
class Seen:
    """What one replicate sees of the data; no model is needed.

    Attributes
    ----------
    observed
        (n_samples, n_modalities) True where a sample has a modality.
    data
        Of this replicate only, standardised.
    parts
        (n_samples,) ``train``/``validation``/``test``, empty where a sample takes no part.
    n_shared
        Shared latents of the model.
    """

    records: tuple[ModalityRecord, ...]
    replicate: int
    aligned: Aligned
    observed: np.ndarray
    data: DeviceData
    parts: np.ndarray
    n_shared: int

    @staticmethod
    def by(applied: Applied) -> Seen:
        """What a trained replicate sees."""
        run = applied.run
        part_of = dict(zip(run.samples, run.splits[applied.replicate], strict=True))
        parts = np.array([part_of.get(name, "") for name in applied.aligned.names], dtype="U10")
        n_shared = run.n_shared(applied.replicate)
        assert isinstance(applied.data, DeviceData)  # evaluation has its values in memory
        return Seen(run.modalities, applied.replicate, applied.aligned, applied.observed, applied.data, parts, n_shared)

    def rows(self, part: str, target: int) -> np.ndarray:
        """Rows of a part of the split that have the target and at least one other modality."""
        others = np.delete(self.observed, target, axis=1).any(axis=1)
        return np.flatnonzero((self.parts == part) & self.observed[:, target] & others)

    def values(self, modality: int, rows: np.ndarray) -> torch.Tensor:
        """(n_rows, features) as the model sees them, counts at the median library size; nan for missing entries."""
        alone = DeviceData((self.data.modalities[modality],))
        return alone.batch(torch.from_numpy(rows)[None]).values(0)[0]


@dataclass(frozen=True)
class Direction:
    """R² of one modality from all others by each baseline.

    Attributes
    ----------
    n_test
        Held-out samples.
    r2
        By baseline (n_features of the replicate,).
    left_out
        By baseline, why it was not computed.
    """

    n_test: int
    r2: Mapping[str, np.ndarray]
    left_out: Mapping[str, str]


def baseline_r2(seen: Seen, names: Collection[str] = tuple(BASELINES)) -> dict[str, Direction]:
    """R² of baselines on the held-out samples, by modality that is predicted; those without a source are left out."""
    found = {}
    for target, record in enumerate(seen.records):
        train, test = seen.rows("train", target), seen.rows("test", target)
        if len(train) == 0 or record.name not in seen.aligned.modalities:
            continue
        made, x = _predictor(seen, target, train, test), observed_values(seen, record, test)
        r2, left_out = {}, {}
        for name in names:
            reason = made.left_out(name)
            if reason is not None:
                left_out[name] = reason
                continue
            predicted = in_prediction_unit(made.predict(name), record, seen.replicate, scaled=True)
            r2[name] = r2_per_feature(x, predicted)
        found[record.name] = Direction(len(test), r2, left_out)
    return found


def _predictor(seen: Seen, target: int, train: np.ndarray, test: np.ndarray) -> Predictor:
    sources = []
    for index, record in enumerate(seen.records):
        if index != target and record.name in seen.aligned.modalities:
            encoded = LIKELIHOODS[record.likelihood].encoder_input
            of_train, of_test = (encoded(seen.values(index, rows), None).numpy() for rows in (train, test))
            sources.append(Values(of_train, of_test, seen.observed[train, index], seen.observed[test, index]))
    told = seen.data.modalities[target].covariates
    if told is not None:  # as the model's decoder is
        parts = [told[0, torch.from_numpy(rows)].numpy() for rows in (train, test)]
        sources.append(Values(*parts, *(np.ones(len(part), dtype=bool) for part in parts)))
    return predictor(sources, seen.values(target, train).numpy(), seen.n_shared)


def prepared_for(dataset: Dataset, config: TrainConfig) -> list[Seen]:
    """What the replicates of a training would see, without training them.

    Raises
    ------
    MmvaeError
        As ``train``.
    """
    _, n_shared = latent_sizes(config.latent, list(dataset.modalities))
    _, prepared = training_input(dataset, config)
    aligned, records, splits = prepared.study.aligned, prepared.records, prepared.study.splits
    if not (splits == "test").any():
        raise DataError("no samples are held out", hint="set --test-fraction above 0")
    totals = totals_of(aligned, records)
    cpu = torch.device("cpu")
    data = device_data(prepared.values, aligned.observed, records, cpu, totals=totals)
    data = with_covariates(data, prepared.study.covariates, cpu)
    return [
        Seen(records, index, aligned, aligned.observed, data.keep([index]), splits[index % len(splits)], n_shared)
        for index in range(config.replicates)
    ]


def measured(seen: Seen, name: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Metrics of a baseline in the form of a model's, and its R² per feature by modality.

    Raises
    ------
    DataError
        If the data are too large for it.
    """
    directions = baseline_r2(seen, (name,))
    for target, direction in directions.items():
        if name in direction.left_out:
            raise DataError(
                f"the baseline {name} is left out for modality {target!r}: {direction.left_out[name]}",
                hint="leave it out of --models, or use fewer features",
            )
    r2 = {target: directions[target].r2[name] for target in seen.aligned.file_order if target in directions}
    records, found = {record.name: record for record in seen.records}, {}
    for target, values in r2.items():
        scores = summarise(values, feature_sets(seen, records[target]))
        found[target] = {"cross": {**scores, "n": directions[target].n_test}}
    return {"n_test": int((seen.parts == "test").sum()), "r2": found, "label": None}, r2


def compare(applied: Applied, model: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """How the cross-modal predictions of a model compare with those of baselines, for the summary.

    Parameters
    ----------
    model
        By modality (n_features of the replicate,) R² of the model from all other modalities.

    Returns
    -------
    By modality that is predicted: the R² of the model and of each baseline by set of features, on how many features
    the model is better, and which baselines are better than the model on the whole.
    """
    seen = Seen.by(applied)
    directions = baseline_r2(seen, different(seen.n_shared))
    order = [name for name in applied.run.record["modality_order"] if name in directions]
    return {
        name: _compared(directions[name], model[name], feature_sets(applied, applied.run.modality(name)))
        for name in order
    }


def _compared(direction: Direction, model: np.ndarray, sets: np.ndarray | None) -> dict[str, Any]:
    known = ~np.isnan(model) & np.all([~np.isnan(r2) for r2 in direction.r2.values()], axis=0)
    of_model = summarise(np.where(known, model, np.nan), sets)
    decisive = next(
        part for part in ("shared", "all") if of_model.get(part, {}).get("median") is not None or part == "all"
    )
    members = {part: known if part == "all" else known & (np.asarray(sets) == part) for part in of_model}
    baselines: dict[str, Any] = {}
    for name, r2 in direction.r2.items():
        scores = summarise(np.where(known, r2, np.nan), sets)
        better = {part: int((model[chosen] > r2[chosen]).sum()) for part, chosen in members.items()}
        baselines[name] = {"title": BASELINES[name].title, "r2": scores, "model_better": better}
    return {
        "n": direction.n_test,
        "model": of_model,
        "baselines": baselines,
        "decided_on": decisive,
        "beaten_by": [name for name, one in baselines.items() if _is_higher(one["r2"][decisive], of_model[decisive])],
        "left_out": dict(direction.left_out),
    }


def _is_higher(baseline: Mapping[str, Any], model: Mapping[str, Any]) -> bool:
    if baseline["median"] is None or model["median"] is None:
        return False
    return bool(baseline["median"] >= model["median"] + VISIBLE)
