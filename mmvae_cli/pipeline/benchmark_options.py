"""Options of ``mmvae benchmark``, and the paper's studies as presets of them. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mmvae_cli import values
from mmvae_cli.config import PRESETS, RecipeOptions
from mmvae_cli.data_options import CovariateOptions, DataOptions, ScreenOptions, SelectionOptions, SplitOptions
from mmvae_cli.model.objectives import OBJECTIVES
from mmvae_cli.options import option
from mmvae_cli.pipeline.variants import SUPERVISED, variant


def variant_names(raw: Any) -> tuple[str, ...]:
    """Names of what is compared, each in its one spelling."""
    return values.several(lambda part: variant(values.text(part)).name)(raw)


def numbers(raw: Any) -> dict[str, tuple[int, ...]]:
    """Numbers of features to compare, by modality; ``[50, 250]`` is for all."""
    if isinstance(raw, (list, tuple)) and all(isinstance(part, int) for part in raw):
        raw = {values.EVERY: raw}
    found: dict[str, tuple[int, ...]] = values.per_modality(values.several(values.whole(0)))(raw)
    return found


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig(RecipeOptions, DataOptions, CovariateOptions, SplitOptions, SelectionOptions, ScreenOptions):
    """Options of ``mmvae benchmark``."""

    models: tuple[str, ...] = option(
        tuple(OBJECTIVES),
        variant_names,
        "Models, each as [sup-]MODEL[+OPTION[=VALUE]]...: sup-mvae, mmvaepp+screen, mmvaex+dropout=0; and baselines: "
        "mean, ridge, knn, pls2, pls, trees.",
        metavar="A,B",
    )
    other: dict[str, tuple[int, ...]] = option(  # type: ignore[assignment]
        {},
        numbers,
        "Select the features least correlated with the label; several numbers are compared.",
        metavar="[M=]N,N",
        repeat=True,
    )
    latent: tuple[Any, ...] = option(
        (), values.latents, "Latent sizes, as for train; several are compared.", metavar="SIZES", repeat=True
    )
    replicates: int = option(10, values.whole(1), "Seeds of every cell.", metavar="R")
    splits: str = option(
        "own", values.choice("same", "own"), "One split for all replicates, or each its own.", metavar="WHICH"
    )
    label_class: str | None = option(
        None, values.text, "Take the label as this class against all others.", metavar="CLASS"
    )
    simulate: bool = option(
        False, values.flag, "Draw data with known truth, new for each replicate; --shared and --other are drawn, too."
    )
    samples: int = option(1000, values.whole(10), "With --simulate: number of samples.", metavar="N")
    true_latent: Any = option(
        None, values.latent, "With --simulate: true latent sizes (default: 2 each).", metavar="SIZES"
    )
    noise: float = option(
        0.15, values.number(0.0), "With --simulate: sd of the noise on standardised features.", metavar="SD"
    )
    out: str = option(
        "mmvae_benchmark", values.path, "Folder of the results; cells in it are not run again.", metavar="DIR"
    )
    threads: int | None = option(1, values.whole(1), "CPU threads of each job.", metavar="N")
    jobs: int | None = option(None, values.whole(1), "Cells run at once (default: CPU cores).", metavar="N")


_UNSUPERVISED = ("mvae", "mopoe", "mmvae", "mmvaepp")
_ALL = (*_UNSUPERVISED, *(f"{SUPERVISED}{name}" for name in _UNSUPERVISED))
_PAPER = {name: value for name, value in PRESETS["paper"].items() if name != "model"}  # it compares several
_WIDER = ("3+3+3", "4+4+4")  # than the 2+2+2 of the main text

# lr: the paper's 1e-4 leaves 500 epochs of one step each far from done; 1e-3 gives its numbers
_REAL = {**_PAPER, "lr": 1e-3, "shared": 10, "replicates": 10, "latent": "2+2+2", "models": _ALL}
_CLL = {
    **_REAL,
    "modalities": "rna,methylation",
    "complete_only": True,
    "label": "IGHV",
    "other": {"rna": (50, 250, 500, 1000), "methylation": 100},
}
_SIMULATED = {
    **_PAPER,
    "lr": 1e-3,
    "epochs": 100,
    "simulate": True,
    "shared": 10,
    "other": 100,
    "replicates": 10,
    "latent": "2+2+2",
    "models": _UNSUPERVISED,
}
_PRIVATE = {"rna": (50, 100, 250, 500, 1000), "methylation": 100}

BENCHMARK_PRESETS: dict[str, dict[str, Any]] = {
    "paper": _PAPER,
    "figure1b": _SIMULATED,
    "figure2": {**_SIMULATED, "other": _PRIVATE},
    "figure2-latents": {**_SIMULATED, "other": _PRIVATE, "latent": _WIDER},  # S2: more latents than there are
    "figure3": {**_CLL, "models": _UNSUPERVISED},
    "table1": _CLL,
    "table1-latents": {**_CLL, "latent": _WIDER},  # S2, S6
    "table2": {  # S1
        **_REAL,
        "modalities": "rna,methylation",
        "complete_only": True,
        "transform": {"methylation": "mvalue"},
        "label": "ER_status",
        "other": {"rna": (50, 250, 500), "methylation": 100},
    },
    "table3": {
        **_REAL,
        "modalities": "rna,atac",
        "complete_only": True,
        "transform": "lognorm",
        "label": "cell_type",
        "label_class": "L2/3",
        "other": {"rna": (10, 100, 1000), "atac": 5000},
        "epochs": 100,
        "replicates": 5,
        "models": _UNSUPERVISED,
    },
}
