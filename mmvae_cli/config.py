"""The options of every command: defaults, meanings, allowed values, presets. See ``options`` for how they are read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from mmvae_cli import values
from mmvae_cli.data_options import (
    CovariateOptions,
    DataOptions,
    InputOptions,
    MemoryOptions,
    ScreenOptions,
    SelectionOptions,
    SplitOptions,
    UnseenOptions,
)
from mmvae_cli.model.objectives import ALIASES, OBJECTIVES, by_objective
from mmvae_cli.options import Options, option

RUN = "mmvae_run"  # folder of the trained model

PRESETS: dict[str, dict[str, Any]] = {
    # Märtens and Yau 2023: nothing held out for validation, last weights, everything ranked and scaled on all samples
    "paper": {
        "model": "mmvaepp",
        "epochs": 500,
        "lr": 1e-4,
        "batch_size": 128,
        "warmup": 1.0,
        "beta": 1.0,
        "patience": 0,
        "test_fraction": 0.2,
        "validation_fraction": 0.0,
        "splits": "own",
        "labelled_only": True,
        "select_on": "all",
        "scale_on": "all",
        "joint": "mean",
    }
}


@dataclass(frozen=True, kw_only=True)
class CheckConfig(DataOptions, CovariateOptions, SplitOptions, SelectionOptions):
    """Options of ``mmvae check``: what training would be given."""


@dataclass(frozen=True, kw_only=True)
class SelectConfig(DataOptions, CovariateOptions, SplitOptions, SelectionOptions, ScreenOptions):
    """Options of ``mmvae select``."""

    by: str = option(
        "label",
        values.choice("label", "screening"),
        "Select by correlation with the label, or screen without a label for shared signal.",
        metavar="HOW",
    )


@dataclass(frozen=True, kw_only=True)
class RecipeOptions(Options):
    """How a model is trained, whichever it is."""

    label_weight: float | None = option(
        None,
        values.number(0.0),
        "Weight of the label's log-likelihood (default: features of the widest modality).",
        metavar="W",
    )
    modality_weight: dict[str, float] = option(
        {},
        values.per_modality(values.number(0.0), everywhere=False),
        "Weight of a modality's log-likelihood (default: 1).",
        metavar="M=W",
        repeat=True,
    )
    epochs: int | None = option(
        None, values.whole(1), "Epochs at most (default: 500, fewer for many samples).", metavar="N"
    )
    batch_size: int = option(128, values.whole(1), "Samples in a batch.", metavar="N")
    lr: float | None = option(
        None, values.number(0.0, above=True), f"Learning rate (default: {by_objective('lr')}).", metavar="LR"
    )
    beta: float = option(1.0, values.number(0.0), "Weight of the KL after the warm-up.", metavar="B")
    warmup: float = option(
        0.2, values.number(0.0, 1.0), "Fraction of the epochs over which beta rises to its value.", metavar="F"
    )
    patience: int | None = option(
        None,
        values.whole(0),
        "Epochs without a better validation score before training stops; 0: never, last weights "
        "(default: a tenth of the epochs, at least 10).",
        metavar="N",
    )
    dropout: float = option(
        0.5, values.number(0.0, 0.9), "Fraction of inputs dropped where features have roles; falls to 0.", metavar="F"
    )
    condition_encoders: bool = option(False, values.flag, "Tell the encoders the covariates, too.")
    replicates: int = option(1, values.whole(1), "Train this many seeds at once.", metavar="R")
    splits: str = option(
        "same", values.choice("same", "own"), "One split for all replicates, or each its own.", metavar="WHICH"
    )
    scale_on: str = option(
        "train", values.choice("train", "all"), "Samples the scaling is fitted on: train or all.", metavar="WHICH"
    )
    joint: str = option(
        "calibrated",
        values.choice("calibrated", "precision", "mean"),
        "How the joint embedding of a mixture pools the modalities: by precision, calibrated on validation samples; by "
        "precision as the encoders say it; or mean.",
        metavar="HOW",
    )
    device: str = option("auto", values.choice("auto", "cpu", "cuda", "mps"), "auto, cpu, cuda or mps.", metavar="NAME")
    precision: str = option(
        "auto", values.choice("auto", "float32", "bf16"), "auto, float32 or bf16 (mixed).", metavar="NAME"
    )
    threads: int | None = option(
        None, values.whole(1), "CPU threads (default: the faster of 1 and all, timed).", metavar="N"
    )


@dataclass(frozen=True, kw_only=True)
class TrainConfig(
    RecipeOptions, DataOptions, CovariateOptions, SplitOptions, SelectionOptions, ScreenOptions, MemoryOptions
):
    """Options of ``mmvae train``."""

    model: str = option(
        "mmvaex",
        values.model_name(OBJECTIVES, ALIASES),
        f"Objective: {', '.join(OBJECTIVES)} (mmvae++ is mmvaepp).",
        metavar="NAME",
    )
    screen: bool | None = option(
        None,
        values.flag,
        "Screen the features: only those with shared signal reach the shared latents (default: mmvaex does).",
    )
    supervised: bool = option(False, values.flag, "Let the shared latents also predict the label.")
    latent: Any = option(
        None,
        values.latent,
        "Latent sizes: 2+2+2 (private+shared+private), or shared=4,rna=3,... (default: 4; shared by evidence).",
        metavar="SIZES",
    )
    run: str = option(RUN, values.path, "Folder of the trained model.", metavar="DIR")
    log_to: str | None = option(
        None,
        values.with_place("tensorboard", "mlflow"),
        "Log every epoch to tensorboard or mlflow, into a folder or at an address if one is named.",
        metavar="NAME[:DIR]",
    )


def resolved(config: TrainConfig) -> TrainConfig:
    """Fill in what the objective decides where no option does."""
    lr = OBJECTIVES[config.model].lr if config.lr is None else config.lr
    return replace(config, lr=lr)


@dataclass(frozen=True, kw_only=True)
class RunOptions(InputOptions, UnseenOptions, MemoryOptions):
    """Which trained model is used."""

    run: str = option(RUN, values.path, "Folder of the trained model.", metavar="DIR")
    min_features: float = option(
        0.8, values.number(0.0, 1.0), "Refuse new data that lack more of the model's features.", metavar="F"
    )


@dataclass(frozen=True, kw_only=True)
class EmbedConfig(RunOptions):
    """Options of ``mmvae embed``."""


@dataclass(frozen=True, kw_only=True)
class PredictConfig(RunOptions):
    """Options of ``mmvae predict``."""

    source: tuple[str, ...] = option((), values.names, "Modalities to predict from.", metavar="A[,B]")
    target: tuple[str, ...] = option((), values.names, "Modalities to predict.", metavar="A[,B]")
    features: tuple[str, ...] = option((), values.names, "Predict only these features.", metavar="A,B")
    intervals: float | None = option(
        None,
        values.number(0.0, 0.999, above=True),
        "Also write the ends of intervals that hold this share of the values, such as 0.9.",
        metavar="LEVEL",
    )
    yes: bool = option(False, values.flag, "Write predictions of more than 1 GB.")


@dataclass(frozen=True, kw_only=True)
class MeasureOptions(RunOptions):
    """What is measured on held-out samples."""

    label: str | None = option(None, values.text, "Label to separate (default: that of the run).", metavar="COLUMN")
    batch: tuple[str, ...] = option(
        (),
        values.all_names,
        "Columns that latents should not separate, such as a batch (default: covariates of the run).",
        metavar="A[,B]",
        repeat=True,
    )
    baselines: bool = option(
        True, values.flag, "Compare with ridge regression and other simple predictions (default: on)."
    )
    associations: bool = option(True, values.flag, "Test every latent against every column of obs (default: on).")


@dataclass(frozen=True, kw_only=True)
class TopFeaturesConfig(Options):
    """Options of ``mmvae top-features``."""

    run: str | None = option(
        None, values.path, f"Folder of the trained model (default: {RUN}, where no data are given).", metavar="DIR"
    )
    key: str | None = option(
        None, values.key, "Prefix of the keys to read (default: that of the run, else mmvae).", metavar="NAME"
    )
    modality: tuple[str, ...] = option(
        (), values.all_names, "Modalities to show (default: all).", metavar="A[,B]", repeat=True
    )
    latent: tuple[str, ...] = option(
        (),
        values.all_names,
        "Latents to show, as shared_1, or all of a block, as shared (default: all).",
        metavar="A[,B]",
        repeat=True,
    )
    n: int = option(20, values.whole(1), "Features of each latent and modality.", metavar="N")
    by: str = option(
        "loading",
        values.choice("loading", "share"),
        "Largest by size of the loading, or by share of the feature's own variance.",
        metavar="WHAT",
    )
    names: str | None = option(
        None, values.text, "Column of var with names to show beside the features, as symbol.", metavar="COLUMN"
    )


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(MeasureOptions):
    """Options of ``mmvae evaluate``."""

    figures: str | None = option(None, values.path, "Also draw figures into this folder.", metavar="DIR")
    figures_format: tuple[str, ...] = option(
        ("png",),
        values.several(values.choice("png", "svg", "pdf")),
        "Formats of the figures: png, svg, pdf.",
        metavar="A[,B]",
    )
    html: str | None = option(None, values.path, "Also write a page for the browser, as report does.", metavar="FILE")


@dataclass(frozen=True, kw_only=True)
class ReportConfig(MeasureOptions):
    """Options of ``mmvae report``."""

    out: str = option("report.html", values.path, "The page.", metavar="FILE")


@dataclass(frozen=True, kw_only=True)
class SimulateConfig(Options):
    """Options of ``mmvae simulate``."""

    samples: int = option(1000, values.whole(10), "Number of samples.", metavar="N")
    modalities: tuple[str, ...] = option(
        ("rna", "methylation"), values.names, "Names of the modalities.", metavar="A,B"
    )
    shared: dict[str, int] = option(
        {}, values.per_modality(values.whole(0)), "Shared features (default: 10).", metavar="[M=]N", repeat=True
    )
    other: dict[str, int] = option(
        {}, values.per_modality(values.whole(0)), "Private features (default: 100).", metavar="[M=]N", repeat=True
    )
    latent: Any = option(None, values.latent, "True latent sizes (default: 2 each).", metavar="SIZES")
    noise: float = option(0.15, values.number(0.0), "Sd of the noise on standardised features.", metavar="SD")
    sparsity: float = option(0.0, values.fraction, "Fraction of each feature's entries that are 0.", metavar="F")
    seed: int = option(0, values.whole(0), "Seed.", metavar="N")
