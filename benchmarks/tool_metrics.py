"""Metrics of several tools on the same samples and scale, from the latents and predictions that each wrote down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from mmvae_cli.data.transforms import TRANSFORMS
from mmvae_cli.evaluation.metrics import label_separation, pearson_per_feature

Tables = dict[str, pd.DataFrame]  # latents by what is given, predictions by "source->target"; rows named by samples
Row = tuple[str, str, float]  # quantity, tool, value
ALL = "all"
MOST_VARIABLE = 200
COMPONENTS = 20


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
        return self.predictions(counts, modality)

    def predictions(self, rates: Any, modality: str) -> Any:
        """Return expected counts or probabilities, known up to a factor of each sample, on the scale."""
        return TRANSFORMS[self.transforms[modality]].apply(rates, modality)


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

    Over the samples and features that every tool predicts which predicts there. A feature that a tool predicts by its
    mean counts as 0; one whose values do not vary counts for nobody.

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
        leading = np.argsort(-truth.var(axis=0), kind="stable")[:MOST_VARIABLE]
        for tool, table in found.items():
            r = pearson_per_feature(truth, scale.predictions(table.loc[samples, features].to_numpy(), target))
            yield f"Pearson, {source} → {target}, all features", tool, float(np.nanmedian(r))
            yield (
                f"Pearson, {source} → {target}, the {MOST_VARIABLE} most variable",
                tool,
                float(np.nanmedian(r[leading])),
            )


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
