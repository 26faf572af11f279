"""What each part of mmvaex is worth: the same data and splits without it; see ``docs/benchmarks.md``.

    python benchmarks/ablation.py [--data cll] [--replicates 10] [--seeds 3] [--only TEXT]

Some parts are options of ``mmvae train``, others are rows of the table of objectives, which are exchanged here.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmvae_cli.config import SimulateConfig, TrainConfig
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.formats import parse_source, read
from mmvae_cli.model.objectives import OBJECTIVES, Term
from mmvae_cli.pipeline.evaluate import evaluate_run
from mmvae_cli.pipeline.simulate import simulate
from mmvae_cli.pipeline.train import fit_run
from mmvae_cli.training.hardware import threads_restored

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("MMVAE_DATA", REPOSITORY.parent / "shared")) / "data"
OTHER = {"rna": 1000, "methylation": 100}
MODEL = "mmvaex"
WHOLE = OBJECTIVES[MODEL]
CLL = {
    "label": "IGHV", "complete_only": True, "labelled_only": True, "splits": "own", "select_on": "all",
    "shared": {"rna": 10, "methylation": 10}, "other": OTHER,
}  # fmt: skip


def cross_pairs_only(n_modalities: int, generator: random.Random) -> tuple[Term, ...]:
    """Return the terms without shared decoders of the modality that encoded."""
    terms = WHOLE.build(n_modalities, generator)
    return tuple(
        replace(t, decodes=tuple(d for d in t.decodes if not (d.shared_decoder and d.modality in t.encode)))
        for t in terms
    )


@dataclass(frozen=True)
class Part:
    """A part that is left out: options of the training, or fields of the objective's row."""

    title: str
    options: Mapping[str, Any] = field(default_factory=dict)
    row: Mapping[str, Any] = field(default_factory=dict)


PARTS = (
    Part("mmvaex"),
    Part("no screening", {"screen": False}),
    Part("no shared path: MMVAE++ with screening", {"model": "mmvaepp", "screen": True}),
    Part("neither: MMVAE++", {"model": "mmvaepp"}),
    Part("no pairs of a modality with itself", row={"build": cross_pairs_only}),
    Part("no dropout", {"dropout": 0.0}),
    Part("wide layers not slower", row={"wide_layer": None}),
    Part("lr 1e-3", {"lr": 1e-3}),
    Part("warm-up over all epochs", {"warmup": 1.0}),
    Part("no early stopping", {"patience": 0}),
    Part("screening by ranks", {"screen_by": "spearman"}),
    Part("2 shared latents", {"latent": "4+2+4"}),
    Part("8 shared latents", {"latent": "4+8+4"}),
)


def studies(data: str, n_replicates: int, n_seeds: int) -> Iterator[tuple[Dataset, dict[str, Any]]]:
    """Data sets, each with the options of its trainings."""
    if data == "cll":
        source = parse_source([str(DATA / "cll.h5mu")])
        yield read(source, ("rna", "methylation"), {}), {**CLL, "replicates": n_replicates}
        return
    for seed in range(n_seeds):
        drawn = simulate(SimulateConfig(modalities=tuple(OTHER), other=OTHER, seed=seed))[0]
        yield read(drawn, None, {}), {"label": "label", "seed": seed}


def measured(part: Part, data: str, n_replicates: int, n_seeds: int) -> np.ndarray:
    """AUC and mean R² of the shared features of each modality, (trainings, 3)."""
    rows = []
    OBJECTIVES[MODEL] = replace(WHOLE, **part.row)
    try:
        for dataset, options in studies(data, n_replicates, n_seeds):
            run = fit_run(dataset, TrainConfig(**{"model": MODEL, "threads": 1, **options, **part.options})).run
            for one in evaluate_run(run, dataset):
                r2 = [one.metrics["r2"][name]["cross"]["shared"]["median"] for name in OTHER]
                rows.append([one.metrics["label"]["auc"]["shared"], *r2])
    finally:
        OBJECTIVES[MODEL] = WHOLE
    return np.array(rows, dtype=float)


@threads_restored()
def parser() -> argparse.ArgumentParser:
    """The words that the script takes."""
    found = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    found.add_argument("--data", choices=("cll", "simulated"), default="cll")
    found.add_argument("--replicates", type=int, default=10, help="splits of the CLL data")
    found.add_argument("--seeds", type=int, default=3, help="simulated data sets")
    found.add_argument("--only", default="", help="parts whose title holds this")
    return found


def main(arguments: Sequence[str] | None = None, show: Callable[[str], None] = print) -> int:
    given = parser().parse_args(arguments)
    if given.data == "cll" and not (DATA / "cll.h5mu").is_file():
        show(f"skipped: no {DATA / 'cll.h5mu'} (name the folder above data/ in MMVAE_DATA)")
        return 0
    show("| | AUC | R² rna | R² methylation |\n|---|---|---|---|")
    for part in PARTS:
        if given.only in part.title:
            found = measured(part, given.data, given.replicates, given.seeds)
            centre, spread = np.nanmedian(found, axis=0), np.nanstd(found, axis=0, ddof=1)
            cells = [f"{value:.2f} ± {sd:.2f}" for value, sd in zip(centre, spread, strict=True)]
            show(f"| {part.title} | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
