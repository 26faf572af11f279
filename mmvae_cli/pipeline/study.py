"""The samples of a study: their label, which of them take part, and how they are split."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from mmvae_cli.data.aligned import Aligned, align
from mmvae_cli.data.annotations import find_column
from mmvae_cli.data.count_transforms import log_weighted
from mmvae_cli.data.covariates import Covariates
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.labels import Label, make_label, strata
from mmvae_cli.data.split import FEWEST_TRAINING_SAMPLES, hint_of_fractions, make_split, read_split
from mmvae_cli.data_options import SplitOptions
from mmvae_cli.errors import DataError, UsageError, counted, counted_of, listed

log = logging.getLogger("mmvae_cli")

DRAWN = "drawn with seed "
FEW_HELD_OUT = 10  # samples; R² and AUC of fewer are mostly chance


@dataclass(frozen=True)
class Study:
    """Aligned data, label and splits.

    Attributes
    ----------
    label
        In the internal order of the samples; None where no label was named.
    splits
        (replicates, n_samples) ``train``/``validation``/``test``; empty for samples that take no part.
    split_origin, split_reused
        Where the split comes from, for the user; whether none of its held-out samples trained in the one that was
        written before, so that what was selected there may be used.
    weights
        By modality whose transform fits them (1 or replicates, n_features); see ``seen_by``.
    covariates
        In the internal order of the samples, fitted on the training samples; None where none was named.
    """

    aligned: Aligned
    label: Label | None
    splits: np.ndarray
    split_origin: str
    split_reused: bool = False
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)
    covariates: Covariates | None = None

    def seen_by(self, replicate: int) -> Study:
        """The study with the values that a replicate sees, where they depend on what was fitted on its samples."""
        values = {
            name: log_weighted(self.aligned.modalities[name].values, weights[replicate if len(weights) > 1 else 0])
            for name, weights in self.weights.items()
        }
        return replace(self, aligned=self.aligned.with_values(values), weights={})

    @property
    def columns(self) -> list[np.ndarray]:
        """Values of the label and of the covariates, (n_samples,) each."""
        of_label = [] if self.label is None else [self.label.values]
        return [*of_label, *(() if self.covariates is None else self.covariates.values)]

    def part(self, name: str, replicate: int = 0) -> np.ndarray:
        """(n_samples,) True for the samples of a part of the split."""
        return self.splits[replicate] == name

    @property
    def taking_part(self) -> np.ndarray:
        """(n_samples,) True for samples that train or are held out."""
        return self.splits[0] != ""


def make_study(dataset: Dataset, options: SplitOptions, label: str | None, key: str, n_own_splits: int = 0) -> Study:
    """Find the label, choose the samples that take part and split them.

    Parameters
    ----------
    label
        Name of the label's column, or None.
    key
        Prefix under which an earlier split may stand in ``obs``.
    n_own_splits
        Number of replicates that each draw a split of their own; 0: one split for all.

    Raises
    ------
    DataError
        If the label or the samples do not allow it.
    UsageError
        If options contradict each other.
    """
    aligned = align(dataset)
    observed = aligned.observed
    taking_part: np.ndarray = np.all(observed, 1) if options.complete_only else np.any(observed, 1)
    _say_incomplete(aligned, options.complete_only)
    target = None if label is None else _label(aligned, label, taking_part)
    if options.labelled_only:
        if target is None:
            raise UsageError("--labelled-only needs a label", hint="name its column with --label")
        taking_part = taking_part & target.labelled
        log.info("labelled samples only: %s", counted_of(taking_part.sum(), len(taking_part), "sample"))
    if options.split is not None and n_own_splits:
        raise UsageError("--split and --splits own exclude each other", hint="leave one of them out")
    splits, origin = _splits(aligned, options, target, taking_part, key, n_own_splits)
    _require_training_samples(splits, int(taking_part.sum()), options, origin)
    return Study(aligned, target, splits, origin, _is_reused(aligned, splits, f"{key}_split"))


def warn_of_few_held_out(splits: np.ndarray) -> None:
    """Say where so few samples (replicates, n_samples) are held out that metrics mean little."""
    fewest = int((splits == "test").sum(1).min())
    if not fewest:
        log.warning("no sample is held out: mmvae evaluate will have nothing to measure on (--test-fraction above 0)")
    elif fewest < FEW_HELD_OUT:
        log.warning(
            "only %s held out: metrics of so few say little; judge by many splits (--replicates 20 --splits own)",
            "1 sample is" if fewest == 1 else f"{fewest} samples are",
        )


def _require_training_samples(splits: np.ndarray, n_samples: int, options: SplitOptions, origin: str) -> None:
    fewest = int((splits == "train").sum(1).min())
    if fewest >= FEWEST_TRAINING_SAMPLES:
        return
    fractions = {"test": options.test_fraction, "validation": options.validation_fraction}
    is_drawn = origin.startswith(DRAWN) and options.group is None
    raise DataError(
        f"{counted(fewest, 'training sample')} of {n_samples} that take part; at least {FEWEST_TRAINING_SAMPLES} are "
        "needed",
        hint=hint_of_fractions(fractions) if is_drawn else f"use more samples, or another split than this: {origin}",
    )


def _say_incomplete(aligned: Aligned, complete_only: bool) -> None:
    """Say how many samples lack a modality, and name those that lack all."""
    empty = aligned.names[~aligned.observed.any(1)]
    if len(empty):
        log.warning(
            "%s without a value in any modality: left out, the embedding is NaN: %s",
            counted(len(empty), "sample"), listed(empty, most=5),
        )  # fmt: skip
    incomplete = int((~aligned.observed.all(1) & aligned.observed.any(1)).sum())
    if incomplete and complete_only:
        log.info("left out: %s without all modalities (--complete-only)", counted(incomplete, "sample"))
    elif incomplete:
        log.info(
            "%s without all modalities: used with what they have", counted_of(incomplete, len(aligned.names), "sample")
        )


def _label(aligned: Aligned, name: str, taking_part: np.ndarray) -> Label:
    column = find_column(aligned.dataset, name, "label")
    return make_label(column.iloc[aligned.order].where(taking_part), name)


def _splits(
    aligned: Aligned,
    options: SplitOptions,
    label: Label | None,
    taking_part: np.ndarray,
    key: str,
    n_own_splits: int,
) -> tuple[np.ndarray, str]:
    """Splits (replicates, n_samples), and where they come from."""
    earlier, groups = f"{key}_split", None
    if options.group is not None:
        groups = find_column(aligned.dataset, options.group, "group").iloc[aligned.order].to_numpy()
    if options.split is not None:
        column = find_column(aligned.dataset, options.split, "split")
        split = aligned.from_file(read_split(column, options.split))
        without = int((taking_part & (split == "")).sum())
        if without:
            log.info("%s without an entry in %r: no part in the study", counted(without, "sample"), options.split)
        split = np.where(taking_part, split, "")
        _check_groups(split, groups, f"column {options.split!r}")
        return split[None], f"column {options.split!r}"
    if not n_own_splits and earlier in aligned.dataset.obs:
        origin = f"obs[{earlier!r}], written before"
        log.info("split: read from %s (--split COLUMN takes another, --key NAME draws a new one)", origin)
        split = _earlier_split(aligned, earlier, taking_part)
        _check_groups(split[0], groups, origin)
        return split, origin
    layers = strata(_only(label, taking_part), aligned.observed[taking_part])
    splits = np.full((max(n_own_splits, 1), len(taking_part)), "", dtype="U10")
    for replicate in range(len(splits)):
        splits[replicate, taking_part] = make_split(
            aligned.names[taking_part],
            layers,
            test_fraction=options.test_fraction,
            validation_fraction=options.validation_fraction,
            seed=options.seed + replicate,
            groups=None if groups is None else groups[taking_part],
        )
    return splits, f"{DRAWN}{options.seed}" + (", one per replicate" if n_own_splits else "")


def _check_groups(split: np.ndarray, groups: np.ndarray | None, origin: str) -> None:
    """Refuse a split (n_samples,) that was made elsewhere and parts the samples of a group."""
    if groups is None:
        return
    known = (split != "") & ~pd.isna(groups)
    parts = pd.Series(split[known]).groupby(groups[known]).nunique()
    parted = [str(group) for group in parts.index[parts > 1]]
    if parted:
        raise DataError(
            f"the split in {origin} parts {len(parted)} groups, such as {parted[0]!r}",
            hint="leave out --group, or draw a new split: another --key, no --split",
        )


def _only(label: Label | None, chosen: np.ndarray) -> Label | None:
    return None if label is None else replace(label, values=label.values[chosen])


def _earlier_split(aligned: Aligned, column: str, taking_part: np.ndarray) -> np.ndarray:
    """Split (1, n_samples) that an earlier command wrote; samples that took no part then join the training."""
    split = aligned.from_file(read_split(aligned.dataset.obs[column], column, needed=("train",)))
    new = taking_part & (split == "")
    if new.any():
        log.warning("%s without an entry in %r: used for training", counted(int(new.sum()), "sample"), column)
    return np.where(taking_part, np.where(new, "train", split), "")[None]


def _is_reused(aligned: Aligned, splits: np.ndarray, column: str) -> bool:
    """Whether there is an earlier split, and no sample that trained in it is held out now."""
    if column not in aligned.dataset.obs:
        return False
    trained = aligned.from_file((aligned.dataset.obs[column].astype(str) == "train").to_numpy())
    return not bool((trained & np.isin(splits, ("validation", "test"))).any())
