"""Metrics of several tools on the same samples and scale, from the latents and predictions that each wrote down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from mmvae_cli.data.count_transforms import COUNTS_PER_SAMPLE
from mmvae_cli.data.transforms import TRANSFORMS
from mmvae_cli.evaluation.metrics import label_separation, pearson_per_feature

Tables = dict[str, pd.DataFrame]  # latents by what is given, predictions by "source->target"; rows named by samples
Row = tuple[str, str, float]  # quantity, tool, value
ALL = "all"
MOST_VARIABLE = 200
COMPONENTS = 20


def _log_at_one_depth(rates: np.ndarray) -> np.ndarray:
    """As ``lognorm``, with one factor for all samples: what is predicted by its mean stays the same for all."""
    return np.log1p(rates * (COUNTS_PER_SAMPLE / rates.sum(axis=1).mean()))


PREDICTED = {"lognorm": _log_at_one_depth, "clr": lambda rates: TRANSFORMS["clr"].apply(rates, "predicted")}


@dataclass(frozen=True)
class Scale:
    """On which scale values and predictions are correlated: at equal library size.

    Attributes
    ----------
    transforms
        By modality the transform that both go through.
    binary
        Modalities whose values are first taken as 0 or not 0, as their models take them.
    """

    transforms: Mapping[str, str]
    binary: tuple[str, ...] = ()

    def values(self, counts: Any, modality: str) -> Any:
        """Return counts on the scale, (n_samples, n_features)."""
        if modality in self.binary:
            counts = (counts > 0).astype(np.float32)
        return TRANSFORMS[self.transforms[modality]].apply(counts, modality)

    def predictions(self, rates: np.ndarray, modality: str) -> np.ndarray:
        """Return predicted counts or probabilities, which are at one library size for all samples, on the scale."""
        return PREDICTED[self.transforms[modality]](rates)


def separations(tools: Mapping[str, Tables], given: Sequence[str], label: pd.Series, part: pd.Series) -> Iterator[Row]:
    """AUC of the label over held-out samples, by what is given of them: all they have, or one modality.

    The logistic regression is fitted on the latents of training samples with all they have. Samples are those that
    every tool embeds which is compared there.

    Parameters
    ----------
    tools
        Latents of each tool.
    given
        The modalities, in the order of the rows.
    label, part
        Class and part of the split, by sample.
    """
    codes, classes = pd.factorize(label, sort=True)
    target = pd.Series(np.where(codes < 0, np.nan, codes), label.index)
    for name in (ALL, *given):
        title = f"AUC, given {' + '.join(given) if name == ALL else name + ' alone'}"
        pairs = {
            tool: (tables.get(ALL, tables[name]), tables[name]) for tool, tables in tools.items() if name in tables
        }
        train, test = (shared_names([pair[i].index for pair in pairs.values()]) for i in (0, 1))
        train, test = train[part[train] == "train"], test[part[test] == "test"]
        for tool, (learned, held) in pairs.items():
            arguments = (learned.loc[train].to_numpy(), target[train].to_numpy(), held.loc[test].to_numpy())
            found = label_separation(*arguments, target[test].to_numpy(), [str(one) for one in classes])
            yield title, tool, np.nan if found["auc"] is None else found["auc"]


def correlations(tools: Mapping[str, Tables], data: Mapping[str, Any], scale: Scale) -> Iterator[Row]:
    """Correlation of predictions of a modality from another one with its values, median over features.

    Over the samples and features for which every tool has a number that predicts there. A feature that a tool gives by
    its mean, the same for all samples, counts as 0; one whose values do not vary counts for nobody.

    Parameters
    ----------
    tools
        Predictions of each tool.
    data
        AnnData of each modality, with the counts.
    """
    keys = dict.fromkeys(key for tables in tools.values() for key in tables if "->" in key)
    for key in keys:
        source, _, target = key.partition("->")
        found = {tool: tables[key] for tool, tables in tools.items() if key in tables}
        features = shared_names([data[target].var_names, *(table.columns for table in found.values())])
        samples = shared_names([data[target].obs_names, *(table.index for table in found.values())])
        counts = data[target][samples, features].X
        truth = scale.values(np.asarray(counts.toarray() if hasattr(counts, "toarray") else counts), target)
        guesses = {name: table.loc[samples, features].to_numpy() for name, table in found.items()}
        moving = {name: (guess != guess[:1]).any(axis=0) for name, guess in guesses.items()}
        chosen = {
            "all features": slice(None),
            f"the {MOST_VARIABLE} most variable": np.argsort(-truth.var(axis=0), kind="stable")[:MOST_VARIABLE],
            "those that all tools predict": np.all([*moving.values()], axis=0),
        }
        r = {tool: pearson_per_feature(truth, scale.predictions(guess, target)) for tool, guess in guesses.items()}
        for which, columns in chosen.items():
            for tool, values in r.items():
                known = values[columns][~np.isnan(values[columns])]
                yield f"Pearson, {source} → {target}, {which}", tool, float(np.median(known)) if len(known) else np.nan
        for tool in guesses:
            yield f"features of {target} predicted, of {len(features):,}", tool, int(moving[tool].sum())


def components(data: Mapping[str, Any], part: pd.Series, scale: Scale) -> Tables:
    """Principal components of each modality by itself, fitted on its training samples."""
    tables = {}
    for name, adata in data.items():
        values = scale.values(adata.X, name)
        learned = (part[adata.obs_names] == "train").to_numpy()
        model = PCA(COMPONENTS, svd_solver="arpack", random_state=0).fit(values[learned])
        tables[name] = pd.DataFrame(model.transform(values), adata.obs_names)
    return tables


def shared_names(indices: Sequence[pd.Index]) -> pd.Index:
    """Names that are in all of them, in the order of the first."""
    return reduce(lambda first, second: first[first.isin(second)], indices)
