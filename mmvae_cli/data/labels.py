"""A column of annotations as a label: classes or numbers, and which samples have one."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Number

import numpy as np
import pandas as pd

from mmvae_cli.data.look_alikes import warn_of_alike
from mmvae_cli.errors import DataError, counted, did_you_mean, listed

log = logging.getLogger("mmvae_cli")
SILENT = logging.Logger("silent", level=logging.CRITICAL)

MOST_INTEGER_CLASSES = 10  # whole numbers with more distinct values are measured, not coded
MISSING_NUMBERS = (-9, -99, -999, -9999)
MISSING_WORDS = frozenset(
    {"nan", "na", "n/a", "none", "null", "missing", "<na>", "unknown", "unk", "?", "-", ".", "nd", "not available"}
    | {"not reported", "not determined", "not applicable", *map(str, MISSING_NUMBERS)}
)


@dataclass(frozen=True)
class Label:
    """One label of every sample.

    Attributes
    ----------
    name
        The column's name.
    kind
        ``"categorical"`` or ``"continuous"``.
    classes
        The classes, sorted (by value where they are numbers); empty when continuous.
    values
        (n_samples,) float64: the position of the class in ``classes``, or the number; nan where unlabelled.
    """

    name: str
    kind: str
    classes: tuple[str, ...]
    values: np.ndarray

    @property
    def labelled(self) -> np.ndarray:
        """(n_samples,) True where the sample has a label."""
        return np.asarray(~np.isnan(self.values))


def make_label(
    series: pd.Series,
    name: str,
    kind: str = "label",
    *,
    most_integer_classes: int = MOST_INTEGER_CLASSES,
    quietly: bool = False,
) -> Label:
    """Read a column as a label, or as another kind of column for which classes and numbers differ.

    Text, categories and truth values are classes. Numbers are classes if there are two distinct ones, or if
    they are whole, at most ten distinct, and each stands for two samples or more on average; else they are
    continuous. None, nan, NA and empty text are missing.

    Parameters
    ----------
    series
        One value per sample, (n_samples,).
    name, kind
        The label's name and what it is, for messages.
    most_integer_classes
        As above; 0 takes all numbers with more than two values as continuous.
    quietly
        Log nothing.

    Raises
    ------
    DataError
        If no sample is labelled, all labels are equal, a number is infinite, or there are more classes than
        half the labelled samples (an identifier).
    """
    say = SILENT if quietly else log
    raw, what = series.astype(object), f"{kind} {name!r}"
    known = _is_known(raw)
    if not known.any():
        raise DataError(
            f"{what} is missing in all {len(series):,} samples",
            hint="choose another column, or check that the sample names of the columns and of the data agree",
        )
    present = raw[known]
    if _is_numeric(series, present):
        numbers = np.full(len(series), np.nan)
        numbers[known] = present.astype(float)
        return _from_numbers(numbers, name, what, most_integer_classes, say)
    return _from_classes(present, known, name, what, say)


def class_names(series: pd.Series) -> pd.Series:
    """Name of each sample's class, as in ``Label.classes``; missing where it has none."""
    raw = series.astype(object)
    return raw.where(_is_known(raw), None).map(_class_text, na_action="ignore")


def against_rest(series: pd.Series, chosen: str, name: str) -> pd.Series:
    """Return a column with ``chosen`` and, for every other value, ``"other"``; missing stays missing.

    Raises
    ------
    DataError
        If no sample has the class.
    """
    words = class_names(series)
    allowed = sorted(set(words.dropna()))
    warn_of_look_alikes(series, f"label {name!r}")
    if chosen not in allowed:
        raise DataError(
            f"label {name!r} has no class {chosen!r}", hint=f"{did_you_mean(chosen, allowed)}allowed: {listed(allowed)}"
        )
    return words.where(words.isna() | (words == chosen), "other")


def warn_of_look_alikes(series: pd.Series, what: str) -> None:
    """Name classes of a column that differ by letter case or blanks only, or look alike: most likely one, mistyped."""
    warn_of_alike(Counter(class_names(series).dropna()), what, log)


def strata(label: Label | None, observed: np.ndarray) -> np.ndarray:
    """Return what a split should keep in proportion: the class of each sample and which modalities it has.

    Parameters
    ----------
    label
        The label; continuous ones are cut at their quartiles. None: only the modalities count.
    observed
        (n_samples, n_modalities) True where the modality was measured.

    Returns
    -------
    (n_samples,) text such as ``"mutated|101"``.
    """
    pattern = ["".join("1" if one else "0" for one in row) for row in np.asarray(observed, dtype=bool)]
    group = np.full(len(pattern), "unlabelled", dtype=object)
    if label is not None:
        labelled = label.labelled
        known = label.values[labelled]
        if label.classes:
            group[labelled] = np.array(label.classes, dtype=object)[known.astype(int)]
        else:
            quartiles = np.quantile(known, [0.25, 0.5, 0.75])
            group[labelled] = [f"quartile {1 + bin}" for bin in np.searchsorted(quartiles, known, side="left")]
    return np.array([f"{one}|{own}" for one, own in zip(group, pattern, strict=True)], dtype=str)


def _is_known(raw: pd.Series) -> np.ndarray:
    """(n_samples,) True where there is a value: None, nan, NA and empty text are missing."""
    missing = raw.isna() | raw.map(lambda value: isinstance(value, str) and not value.strip())
    return np.asarray(~missing.to_numpy(dtype=bool))


def _is_numeric(series: pd.Series, present: pd.Series) -> bool:
    if isinstance(series.dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(series.dtype):
        return False
    if pd.api.types.is_numeric_dtype(series.dtype):
        return True
    return all(isinstance(value, Number) and not isinstance(value, bool | np.bool_) for value in present)


def _from_numbers(numbers: np.ndarray, name: str, what: str, most_classes: int, say: logging.Logger) -> Label:
    """Decide whether numbers are classes, and say why."""
    known = numbers[~np.isnan(numbers)]
    if np.isinf(known).any():
        raise DataError(
            f"{what} is infinite in {counted(int(np.isinf(known).sum()), 'sample')}",
            hint="leave these cells empty, or choose another column",
        )
    distinct = np.unique(known)
    if len(distinct) == 1:
        raise DataError(
            f"{what} is constant: {_class_text(distinct[0])} in all {len(known):,} samples with a value",
            hint="choose a column that differs between samples",
        )
    if distinct[0] in MISSING_NUMBERS and (np.isin(distinct, MISSING_NUMBERS) | (distinct >= 0)).all():
        say.warning(
            "%s is %g in %s and else not below 0: leave these cells empty if that means missing",
            what, distinct[0], counted(int((known == distinct[0]).sum()), "sample"),
        )  # fmt: skip
    whole = bool(np.all(distinct == np.rint(distinct)))
    coded = whole and len(distinct) <= most_classes and 2 * len(distinct) <= len(known)
    if not coded and len(distinct) > 2:
        say.info(
            "%s is taken as continuous: %s distinct %s in %s",
            what,
            f"{len(distinct):,}",
            "whole numbers" if whole else "numbers",
            counted(len(known), "sample"),
        )
        return Label(name=name, kind="continuous", classes=(), values=numbers)
    say.info("%s is taken as categorical: numbers with only %d distinct values", what, len(distinct))
    _warn_of_single_samples({_class_text(one): int((known == one).sum()) for one in distinct}, what, say)
    codes = np.where(np.isnan(numbers), np.nan, np.searchsorted(distinct, numbers))
    return Label(name=name, kind="categorical", classes=tuple(_class_text(one) for one in distinct), values=codes)


def _from_classes(present: pd.Series, known: np.ndarray, name: str, what: str, say: logging.Logger) -> Label:
    """Number the classes of a column that holds no plain numbers."""
    counts = Counter(_class_text(value) for value in present)
    number_of = {_class_text(value): float(value) for value in present if isinstance(value, int | float | np.number)}
    by_value = len(number_of) == len(counts)
    classes = tuple(sorted(counts, key=number_of.__getitem__) if by_value else sorted(counts))
    if len(classes) == 1:
        raise DataError(
            f"{what} has one class only: {classes[0]!r} in all {len(present):,} samples with a value",
            hint="choose a column with at least two classes",
        )
    if len(classes) > max(2, len(present) / 2):
        raise DataError(
            f"{what} has {len(classes):,} classes in {len(present):,} samples with a value ({listed(classes, 3)}): "
            "it looks like an identifier",
            hint="choose a column with fewer classes; numbers must be stored as numbers, not as text",
        )
    _warn_of_missing_words(counts, what, say)
    warn_of_alike(counts, what, say)
    _warn_of_single_samples(counts, what, say)
    say.info("%s is taken as categorical: %d classes", what, len(classes))
    code = {one: float(position) for position, one in enumerate(classes)}
    values = np.full(len(known), np.nan)
    values[known] = [code[_class_text(value)] for value in present]
    return Label(name=name, kind="categorical", classes=classes, values=values)


def _warn_of_missing_words(counts: Mapping[str, int], what: str, say: logging.Logger) -> None:
    for name in sorted(counts):
        word = " ".join(name.lower().replace("_", " ").split())
        if word in MISSING_WORDS and not (word == "-" and "+" in counts):  # negative and positive
            say.warning(
                "%s has a class named %r (%s): leave the cells empty if that means missing",
                what, name, counted(counts[name], "sample"),
            )  # fmt: skip


def _warn_of_single_samples(counts: Mapping[str, int], what: str, say: logging.Logger) -> None:
    single = sorted(name for name, count in counts.items() if count == 1)
    if single:
        say.warning(
            "%s: the single sample of a class trains or is held out, never both: %s; join such classes with others, or "
            "leave their cells empty",
            what, listed(map(repr, single), most=5),
        )  # fmt: skip


def _class_text(value: object) -> str:
    """Name of a class; whole numbers without a decimal point, also where a missing value made them floats."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(float(value)) if isinstance(value, np.floating) else str(value)
