"""What a page is made of: results of an evaluation, as arrays and tables, without the values of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

# Columns of the table of features: by the name of the values, what stands above them and what it means.
MEASURES = {
    "r2_cross": ("R² cross", "R² of the prediction from the other modalities, held-out samples"),
    "r2_self": ("R² self", "R² of the prediction from its own modality, held-out samples"),
    "r": ("r", "Pearson correlation of prediction from the other modalities and observed values, held-out samples"),
    "p_cross": ("p", "p-value: is it predicted from the other modalities better than by chance (permutation)"),
    "q_cross": ("q", "p-value adjusted for the number of features tested (Benjamini–Hochberg)"),
    "variance_shared": ("variance shared", "share of the variance that the shared latents explain"),
    "variance_private": ("variance private", "share of the variance that the private latents explain"),
}


@dataclass(frozen=True)
class Pairs:
    """Predicted and observed values of some features in some held-out samples.

    Attributes
    ----------
    features
        (n_shown,) places in the list of the modality's features.
    samples
        (n_samples,) places in the list of all samples.
    observed, predicted
        (n_shown, n_samples), in ``unit``; nan where a value is missing.
    n_held_out
        Samples over which R² was taken; more than ``samples`` where only some of them are shown.
    """

    features: np.ndarray
    samples: np.ndarray
    observed: np.ndarray
    predicted: np.ndarray
    unit: str
    n_held_out: int


@dataclass(frozen=True)
class Features:
    """The features of one modality that the model knows.

    Attributes
    ----------
    names
        (n_features,).
    symbols
        (n_features,) names that people know better, such as those of genes; None without such a column.
    sets
        (n_features,) ``shared`` or ``other``; None without such sets.
    values
        By the keys of ``MEASURES`` (n_features,), nan where there is none; measures that were not taken are absent.
    pairs
        None where nothing is predicted from other modalities.
    """

    names: np.ndarray
    symbols: np.ndarray | None
    sets: np.ndarray | None
    values: Mapping[str, np.ndarray]
    pairs: Pairs | None


@dataclass(frozen=True)
class Samples:
    """The samples that have a value in any modality.

    Attributes
    ----------
    columns
        (n_samples, …) annotations that points may be coloured by, the most important first; indexed by name.
    left_out
        Annotations that are not among them, because they are too many or cannot be drawn.
    """

    columns: pd.DataFrame
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """Latents that are drawn together: the shared ones, or the private ones of a modality.

    Attributes
    ----------
    name
        ``shared``, or the modality.
    latents
        (n_samples, n_latents); nan where a sample has none.
    names
        Of the latents.
    """

    name: str
    latents: np.ndarray
    names: tuple[str, ...]


@dataclass(frozen=True)
class ModalityData:
    """What is known of the data of a modality: samples, features of the model and of the file, missing entries."""

    n_samples: int
    n_features: int
    n_all_features: int
    missing: float  # share of the entries, of the samples that have the modality
    likelihood: str
    transform: str
    layer: str | None
    unit: str


@dataclass(frozen=True)
class Content:
    """Everything that a page shows.

    Attributes
    ----------
    summary
        Of ``mmvae evaluate``.
    record
        Of the run: ``config``, ``summary``, ``versions``, ``command_line``, …
    mdata
        A MuData, or what looks like one, with results where the commands write them: what figures are drawn from.
    overlap
        Names of modalities, joined by ``+`` → number of samples that have just these.
    modalities, features
        By name, in the order of the file.
    splits
        By part of the split, number of samples.
    associations
        Of latents with columns, as ``mmvae evaluate`` gives them; None where they were not tested.
    provenance
        Title → text, beside what the run's record says.
    warnings
        What deserves a look before anything is believed.
    """

    summary: Mapping[str, Any]
    record: Mapping[str, Any]
    mdata: Any
    key: str
    overlap: Mapping[str, int]
    modalities: Mapping[str, ModalityData]
    features: Mapping[str, Features]
    samples: Samples
    blocks: tuple[Block, ...]
    splits: Mapping[str, int]
    associations: Mapping[str, Any] | None
    provenance: Mapping[str, str]
    warnings: tuple[str, ...] = ()
