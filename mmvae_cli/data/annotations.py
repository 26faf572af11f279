"""Columns that annotate samples: labels, splits, groups, wherever in the data they stand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

from mmvae_cli.data.convert import as_plain
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.errors import DataError, did_you_mean, listed


def find_column(dataset: Dataset, name: str, kind: str = "column") -> pd.Series:
    """Find a column and align it to the samples of the data.

    Parameters
    ----------
    dataset
        What was read.
    name
        ``modality:column`` for the modality's own ``obs``; a plain name is looked for in the ``obs`` of the
        whole, then in those of all modalities.
    kind
        What it is for, in the message: ``"label"``.

    Returns
    -------
    (n_samples,) indexed like ``dataset.obs``: bool, int64, float64 or text; nan where a sample has no value.

    Raises
    ------
    DataError
        If there is no such column, or modalities contradict each other.
    """
    if kind in ANOTHERS and name in _own_columns(dataset):
        raise DataError(f"column {name!r} was written by mmvae: it is no {kind}", hint="choose another column")
    modality, _, own = name.partition(":")
    if modality in dataset.annotations and own in dataset.annotations[modality]:
        return _aligned(dataset, dataset.annotations[modality][own], f"modality {modality!r}", name)
    if name in dataset.obs:
        return _aligned(dataset, dataset.obs[name], "the data", name)
    holders = {holder: obs[name] for holder, obs in dataset.annotations.items() if name in obs}
    if not holders:
        raise _unknown(dataset, name, kind)
    return _combined(
        {holder: _aligned(dataset, column, f"modality {holder!r}", name) for holder, column in holders.items()}, name
    )


ANOTHERS = ("label", "group", "covariate")  # what no column of ours can be


def _own_columns(dataset: Dataset) -> list[str]:
    """Columns that earlier commands wrote."""
    return [f"{key}_split" for key in dataset.uns]


def column_names(dataset: Dataset) -> list[str]:
    """Names to suggest: columns of the whole, then of the modalities, plain and with the modality; none of ours."""
    known = [str(column) for column in dataset.obs if column not in _own_columns(dataset)]
    plain = [*known, *(column for obs in dataset.annotations.values() for column in obs.columns)]
    addressed = [f"{modality}:{column}" for modality, obs in dataset.annotations.items() for column in obs.columns]
    return list(dict.fromkeys([*plain, *addressed]))


def column_marks(dataset: Dataset, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of names and values of each column that is there, whatever the order of the samples."""
    found = {}
    for name in names:
        try:
            column = find_column(dataset, name).sort_index(key=lambda index: index.astype(str))
        except DataError:
            continue
        text = "\x1e".join(f"{sample}\x1f{value}" for sample, value in column.items())
        found[name] = hashlib.sha256(text.encode()).hexdigest()
    return found


def _aligned(dataset: Dataset, column: pd.Series, where: str, name: str) -> pd.Series:
    """The column with a value or nan for each sample of the data."""
    samples = dataset.obs.index
    twice = [*column.index[column.index.duplicated()], *samples[samples.duplicated()]]
    if twice:
        raise DataError(
            f"{where}: sample names more than once, so {name!r} is ambiguous: {listed(dict.fromkeys(twice), 3)}",
            hint="give every sample a name of its own",
        )
    plain = as_plain(column)
    if not plain.index.equals(samples):
        plain = as_plain(plain.reindex(samples))
    return plain.rename(name)


def _combined(columns: dict[str, pd.Series], name: str) -> pd.Series:
    """One column from those of several modalities, which must agree where they overlap."""
    modalities = list(columns)
    combined = columns[modalities[0]].astype(object)
    for modality in modalities[1:]:
        other = columns[modality].astype(object)
        conflict = combined.notna() & other.notna() & (combined != other)
        if conflict.any():
            sample = combined.index[int(np.argmax(conflict.to_numpy()))]
            raise DataError(
                f"column {name!r} stands in several modalities and differs, for sample {sample!r}: "
                f"{combined[sample]!r} and, in {modality!r}, {other[sample]!r}",
                hint=f"say which: {' or '.join(f'{holder}:{name}' for holder in modalities)}",
            )
        combined = combined.where(combined.notna(), other)
    return as_plain(combined)


def _unknown(dataset: Dataset, name: str, kind: str) -> DataError:
    known = column_names(dataset)
    if not known:
        return DataError(
            f"unknown {kind} {name!r}: the samples have no columns", hint="give a table of labels: --obs labels.csv"
        )
    return DataError(f"unknown {kind} {name!r}", hint=f"{did_you_mean(name, known)}allowed: {listed(known)}")
