"""Options that say which data are used and how: values, splits, selection, screening. Parts of ``config``."""

from __future__ import annotations

from dataclasses import dataclass

from mmvae_cli import values
from mmvae_cli.options import Options, option

LIKELIHOOD_NAMES = ("gaussian", "bernoulli", "poisson", "nb", "zinb")
TRANSFORM_NAMES = ("zscore", "lognorm", "clr", "mvalue", "tfidf", "binarize", "none")
FILTER_NAMES = ("highly_variable",)
SCREEN_FDR, SCREEN_BY = 0.05, "pearson"
FEWEST_FALSE = 0.001  # as a false discovery rate: 2,000 permutations, whose scores must find room in memory


@dataclass(frozen=True, kw_only=True)
class InputOptions(Options):
    """What the files do not say about themselves."""

    transpose: tuple[str, ...] = option(
        (), values.all_names, "Tables with samples in columns, features in rows.", metavar="A[,B]", repeat=True
    )


@dataclass(frozen=True, kw_only=True)
class MemoryOptions(Options):
    """Where values are while they are used."""

    on_disk: bool | None = option(
        None,
        values.flag,
        "Leave the values on disk and read them in blocks (default: where they would not fit into memory).",
    )


@dataclass(frozen=True, kw_only=True)
class DataOptions(InputOptions):
    """Which values are modelled, and how."""

    modalities: tuple[str, ...] = option(
        (), values.names, "Modalities to use, in this order (default: all, in the file's order).", metavar="A,B"
    )
    label: str | None = option(None, values.text, "Label: a column of obs, or rna:column.", metavar="COLUMN")
    layer: dict[str, str] = option(
        {}, values.per_modality(values.text), "Take the values from a layer.", metavar="[M=]NAME", repeat=True
    )
    transform: dict[str, str] = option(
        {},
        values.per_modality(values.choice(*TRANSFORM_NAMES)),
        f"Transform of the values: {', '.join(TRANSFORM_NAMES)} (default: by the likelihood).",
        metavar="[M=]NAME",
        repeat=True,
    )
    likelihood: dict[str, str] = option(
        {},
        values.per_modality(values.choice("auto", *LIKELIHOOD_NAMES)),
        f"Likelihood: auto (default: by the values) or {', '.join(LIKELIHOOD_NAMES)}.",
        metavar="[M=]NAME",
        repeat=True,
    )
    missing_values: str = option(
        "mask", values.choice("mask", "error"), "Missing entries (NaN): mask them, or refuse them.", metavar="HOW"
    )
    key: str = option("mmvae", values.key, "Prefix of every key that is written.", metavar="NAME")


@dataclass(frozen=True, kw_only=True)
class UnseenOptions(Options):
    """What the model is told of samples whose covariates it does not know."""

    # None: as the training was told, which refuses them unless told otherwise
    unseen_covariate: str | None = option(
        None,
        values.choice("error", "average"),
        "Samples without a covariate, or with a category that no training sample has: error, or average of what was "
        "seen (default: error; with a trained model, as in its training).",
        metavar="HOW",
    )


@dataclass(frozen=True, kw_only=True)
class CovariateOptions(UnseenOptions):
    """What the latents need not carry, because the model is told."""

    covariate: tuple[str, ...] = option(
        (),
        values.all_names,
        "Covariates such as a batch: columns of obs, or rna:column; the model is told, so that latents need not be.",
        metavar="A[,B]",
        repeat=True,
    )


@dataclass(frozen=True, kw_only=True)
class SplitOptions(Options):
    """Which samples train, and which are held out."""

    test_fraction: float = option(0.2, values.fraction, "Fraction of the samples held out for metrics.", metavar="F")
    validation_fraction: float = option(
        0.1, values.fraction, "Fraction of the samples held out to stop training.", metavar="F"
    )
    split: str | None = option(
        None, values.text, "Use this column of obs (train/validation/test) as the split.", metavar="COLUMN"
    )
    group: str | None = option(
        None, values.text, "Keep samples with the same value of this column together.", metavar="COLUMN"
    )
    seed: int = option(0, values.whole(0), "Seed of the split, the weights, the order and the noise.", metavar="N")
    complete_only: bool = option(False, values.flag, "Train and evaluate only on samples that have every modality.")
    labelled_only: bool = option(False, values.flag, "Train and evaluate only on samples that have a label.")


@dataclass(frozen=True, kw_only=True)
class SelectionOptions(Options):
    """Which features enter: a column of their own, by their variability, by correlation with the label."""

    use_var: dict[str, str] = option(
        {},
        values.per_modality(values.text),
        "Use only the features for which this column of var is True.",
        metavar="[M=]COLUMN",
        repeat=True,
    )
    var_filter: dict[str, str] = option(
        {},
        values.per_modality(values.ranked_filter(*FILTER_NAMES)),
        "Use only the most variable features of the training samples: highly_variable:N.",
        metavar="[M=]NAME:N",
        repeat=True,
    )
    shared: dict[str, int] = option(
        {},
        values.per_modality(values.whole(0)),
        "Select the features most correlated with the label.",
        metavar="[M=]N",
        repeat=True,
    )
    other: dict[str, int] = option(
        {},
        values.per_modality(values.whole(0)),
        "Select the features least correlated with the label.",
        metavar="[M=]N",
        repeat=True,
    )
    select_on: str = option(
        "train", values.choice("train", "all"), "Samples the ranking is fitted on: train or all.", metavar="WHICH"
    )
    keep_label_features: bool = option(False, values.flag, "Keep features that give the label away.")


@dataclass(frozen=True, kw_only=True)
class ScreenOptions(Options):
    """How features are screened for signal that modalities share."""

    # None: not asked for, so that roles screened before may be used
    screen_fdr: float | None = option(
        None,
        values.number(FEWEST_FALSE, 1.0),
        f"False discovery rate of the screening, for each modality (default: {SCREEN_FDR}).",
        metavar="F",
    )
    screen_by: str | None = option(
        None,
        values.choice("pearson", "spearman"),
        f"Correlation of the screening: pearson, or spearman for ranks (default: {SCREEN_BY}).",
        metavar="NAME",
    )
