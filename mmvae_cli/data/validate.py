"""What must hold of the data before anything is computed from them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from mmvae_cli.data.aligned import samples_with_values
from mmvae_cli.data.dataset import Dataset, Modality
from mmvae_cli.data.names import are_values
from mmvae_cli.data.on_disk import OnDisk
from mmvae_cli.errors import DataError, counted, listed

NO_NAMES = "the first column of a table holds the names of the samples; here it holds numbers, which look like values"
FEW_COMMON = 0.1  # of the samples of the smallest modality: fewer in two modalities are said

log = logging.getLogger("mmvae_cli")


def validate(dataset: Dataset, *, masked: bool = True) -> None:
    """Raise the first of `problems`, if there is one.

    Raises
    ------
    DataError
        Duplicated names, a modality without samples or features, or values that are missing or infinite.
    """
    for problem in problems(dataset, masked=masked):
        raise problem


def problems(dataset: Dataset, *, masked: bool = True) -> Iterator[DataError]:
    """Everything in the data that keeps a model from being trained, one error each.

    ``masked``: missing entries are no problem, but for those that are stored in a sparse matrix.
    """
    yield from duplicated_names(dataset.obs.index, "sample", "the data")
    for modality in dataset.modalities.values():
        yield from _names_and_sizes(modality)
        for part in _in_parts(modality):
            yield from _entries(part, masked)


def require_several(dataset: Dataset) -> None:
    """Raise DataError unless there are two modalities or more."""
    if len(dataset.modalities) < 2:
        found = f"there is only {next(iter(dataset.modalities))!r}" if dataset.modalities else "there is none"
        raise DataError(
            f"a multimodal model needs at least two modalities, and {found}",
            hint="give a file with several, one name=file per modality, or more names to --modalities",
        )


def require_overlap(dataset: Dataset) -> None:
    """Raise DataError unless a sample is in two modalities; warn where few are, or none of a modality.

    Raises
    ------
    DataError
        With names from each side, and with a hint where a table looks transposed.
    """
    samples = {name: samples_with_values(modality) for name, modality in dataset.modalities.items()}
    alone = [
        name
        for name, index in samples.items()
        if not any(index.isin(other).any() for partner, other in samples.items() if partner != name)
    ]
    if len(alone) == len(samples):
        examples = "; ".join(f"{name!r} has {listed(index[:3])}" for name, index in samples.items())
        raise DataError(f"no sample is in two modalities: {examples}", hint=_overlap_hint(dataset))
    for name in alone:
        log.warning("modality %r shares no sample with any other modality", name)
    _warn_of_few_common({name: index for name, index in samples.items() if name not in alone})


def _warn_of_few_common(samples: Mapping[str, pd.Index]) -> None:
    """Few common samples are a mosaic, or names that modalities spell differently."""
    named = pd.Index(np.concatenate([index.unique() for index in samples.values()]))
    common = named[named.duplicated()].unique()
    if len(common) < FEW_COMMON * min(len(index) for index in samples.values()):
        examples = "; ".join(
            f"{name!r} has {listed(index[~index.isin(common)][:3])}" for name, index in samples.items()
        )
        log.warning(
            "only %s in two modalities, alone are: %s. Samples are matched by name: if these are the same, "
            "use the same names", "1 sample is" if len(common) == 1 else f"{len(common):,} samples are", examples,
        )  # fmt: skip


def _overlap_hint(dataset: Dataset) -> str:
    for name, modality in dataset.modalities.items():
        for partner, other in dataset.modalities.items():
            if partner != name and modality.var.index.isin(other.obs.index).any():
                return (
                    f"the features of {name!r} are named like the samples of {partner!r}: turn it, samples are rows "
                    "(an AnnData in Python: adata.T)"
                )
        if are_values(modality.obs.index.astype(str).tolist()):
            return NO_NAMES
    common = _common_features(dataset)
    if not common:
        return "samples are matched by name: use the same names in every modality"
    options = " ".join(f"--transpose {name}" for name in dataset.modalities)
    return (
        f"features have names in common ({listed(common[:3])}): if these are the samples, the tables are turned; "
        f"add {options}, or leave that out where it is given"
    )


def _common_features(dataset: Dataset) -> list[str]:
    """Names that features of several modalities have, as where the samples of all are columns."""
    names = pd.Index([name for one in dataset.modalities.values() for name in one.var.index.unique()], dtype=object)
    return [str(name) for name in names[names.duplicated()].unique()]


def require_known_names(dataset: Dataset) -> None:
    """Raise DataError unless the samples of every modality are among the samples of the data."""
    for name, own in dataset.annotations.items():
        unknown = own.index[~own.index.isin(dataset.obs.index)]
        if len(unknown):
            raise DataError(
                f"not in the obs of the whole: {counted(len(unknown), 'sample')} of modality {name!r}: "
                f"{listed(unknown, 3)}",
                hint="bring them in line with MuData.update() and write the file again",
            )


def duplicated_names(names: pd.Index, kind: str, where: str) -> Iterator[DataError]:
    """The error for names that occur more than once, if there are any."""
    twice = names[names.duplicated()].unique()
    if len(twice):
        no_names = kind == "sample" and are_values(names.astype(str).tolist())
        yield DataError(
            f"{where}: {counted(len(twice), f'{kind} name')} more than once: {listed(twice, 3)}",
            hint=NO_NAMES if no_names else f"give every {kind} a name of its own",
        )


def _names_and_sizes(modality: Modality) -> Iterator[DataError]:
    where = f"modality {modality.name!r}"
    yield from duplicated_names(modality.obs.index, "sample", where)
    yield from duplicated_names(modality.var.index, "feature", where)
    for count, kind in zip(modality.values.shape, ("samples", "features"), strict=True):
        if count == 0:
            yield DataError(f"{where} has no {kind}", hint="leave it out with --modalities")


BAD_ENTRIES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "missing (NaN)": (
        np.isnan,
        "--missing-values mask leaves them out of the likelihood",
    ),
    "infinite": (np.isinf, "replace them (a logarithm of 0 or a division by 0 makes such values)"),
}

STORE_DENSE = (
    "store the modality dense (values.toarray()): missing entries are left out of the likelihood, but not sparse"
)


def _in_parts(modality: Modality) -> Iterator[Modality]:
    """The modality itself, or where its values are on disk some of its samples after the other."""
    if not isinstance(modality.values, OnDisk):
        yield modality
        return
    for rows, block in modality.values.blocks():
        yield replace(modality, values=block, obs=modality.obs.iloc[rows])


def _entries(modality: Modality, masked: bool) -> Iterator[DataError]:
    values = modality.values
    entries = values if isinstance(values, np.ndarray) else values.data
    for found, (is_bad, hint) in BAD_ENTRIES.items():
        bad = is_bad(entries)
        if not bad.any() or (masked and is_bad is np.isnan and isinstance(values, np.ndarray)):
            continue
        if isinstance(values, np.ndarray):
            samples, features = np.nonzero(bad)
        else:
            samples = np.repeat(np.arange(values.shape[0]), np.diff(values.indptr))[bad]
            features = values.indices[bad]
        first = np.lexsort((features, samples))[0]
        yield DataError(
            f"modality {modality.name!r} has {counted(samples.size, f'{found} value')} in "
            f"{counted(np.unique(samples).size, 'sample')} and {counted(np.unique(features).size, 'feature')}, "
            f"the first at sample "
            f"{modality.obs.index[samples[first]]!r}, feature {modality.var.index[features[first]]!r}",
            hint=STORE_DENSE if is_bad is np.isnan and sparse.issparse(values) else hint,
        )
