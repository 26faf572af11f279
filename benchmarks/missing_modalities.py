"""What samples that lack a modality are worth: the same held-out samples, trained with and without them.

    python benchmarks/missing_modalities.py [--study cll] [--replicates 5]

Held out are complete samples, a quarter of them for testing and a tenth for validation, drawn anew for each replicate.
One model trains on all other samples, one on the complete ones among them. Of both stand here, for the same held-out
samples: AUC of the label from the shared latents, and the R² of each modality from all others (median over features
that either of the two predicts).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmvae_cli.config import TrainConfig
from mmvae_cli.data.aligned import align
from mmvae_cli.data.annotations import find_column
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.formats import parse_source
from mmvae_cli.data.split import make_split
from mmvae_cli.pipeline.evaluate import evaluate_run
from mmvae_cli.pipeline.load import load
from mmvae_cli.pipeline.train import fit_run
from mmvae_cli.training.hardware import threads_restored

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("MMVAE_DATA", REPOSITORY.parent / "shared")) / "data"
PART = "part"  # column of the split
TEST, VALIDATION = 0.25, 0.1  # of the complete samples


@dataclass(frozen=True)
class Setting:
    """A data set and the options of its trainings; everything else is the default."""

    file: str
    label: str
    options: Mapping[str, Any] = field(default_factory=dict)


STUDIES = {
    "cll": Setting("cll.h5mu", "IGHV", {"modalities": "rna,methylation,drugs"}),
    "pbmc": Setting("pbmc_cite_mosaic.h5mu", "celltype"),
    "acc": Setting("acc_mini.h5mu", "C1A.C1B", {"modalities": "rna,cnv,mirna,mutations"}),
}


def divided(dataset: Dataset, label: str, seed: int) -> tuple[Dataset, np.ndarray]:
    """The data with a split in ``obs``, and which samples are complete, both in the order of the file."""
    aligned = align(dataset)
    complete = aligned.to_file(aligned.observed.all(1))
    names, strata = dataset.sample_names[complete].astype(str), find_column(dataset, label, "label")[complete]
    parts = make_split(
        names, strata.astype(str).to_numpy(), test_fraction=TEST, validation_fraction=VALIDATION, seed=seed
    )
    column = np.full(len(dataset.obs), "train", dtype=object)
    column[complete] = parts
    return replace(dataset, obs=dataset.obs.assign(**{PART: column})), complete


def scores(dataset: Dataset, setting: Setting, seed: int) -> tuple[float, dict[str, np.ndarray], list[str]]:
    """AUC, and by modality the R² of every feature from the others; and the modalities' order."""
    options = {"label": setting.label, "split": PART, "seed": seed, "threads": 1, **setting.options}
    run = fit_run(dataset, TrainConfig(**options)).run
    (found,) = evaluate_run(run, dataset)
    r2 = {}
    for name, values in found.r2["cross"].items():
        record = run.modality(name)
        predicted = values.copy()
        if record.role_shared is not None:
            predicted[~record.view(record.role_shared, 0)] = np.nan  # by their mean: no prediction
        r2[name] = dict(zip(record.feature_names(0), zip(values, predicted, strict=True), strict=True))
    return found.metrics["label"]["auc"]["shared"], r2, run.record["modality_order"]


def compared(setting: Setting, dataset: Dataset, seed: int) -> dict[str, tuple[float, float]]:
    """Each metric with all samples, and with complete ones only."""
    whole, complete = divided(dataset, setting.label, seed)
    only = replace(whole, obs=whole.obs.assign(**{PART: whole.obs[PART].where(complete, None)}))
    (auc, r2, order), (auc_only, r2_only, _) = scores(whole, setting, seed), scores(only, setting, seed)
    found = {"AUC": (auc, auc_only)}
    for name in order:
        both = [feature for feature in r2[name] if feature in r2_only[name]]
        pairs = np.array([[r2[name][f], r2_only[name][f]] for f in both])  # (features, with and without, any and own)
        predicted = ~np.isnan(pairs[..., 1]).all(1)
        if predicted.any():
            found[f"R² {name}"] = tuple(np.nanmedian(pairs[predicted, :, 0], axis=0))
    return found


@threads_restored()
def parser() -> argparse.ArgumentParser:
    """The words that the script takes."""
    found = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    found.add_argument("--study", choices=tuple(STUDIES), help="one of the data sets (default: all)")
    found.add_argument("--replicates", type=int, default=5)
    return found


def main(arguments: Sequence[str] | None = None, show: Callable[[str], None] = print) -> int:
    given = parser().parse_args(arguments)
    show("| | samples, complete | metric | all samples | complete only | difference |\n|---|---|---|---|---|---|")
    for study in [given.study] if given.study else STUDIES:
        setting = STUDIES[study]
        if not (DATA / setting.file).is_file():
            show(f"skipped: no {DATA / setting.file} (name the folder above data/ in MMVAE_DATA)")
            continue
        dataset = load(parse_source([str(DATA / setting.file)]), TrainConfig(**setting.options))
        found = [compared(setting, dataset, seed) for seed in range(given.replicates)]
        complete = int(align(dataset).observed.all(1).sum())
        for metric in found[0]:
            values = np.array([one.get(metric, (np.nan, np.nan)) for one in found], dtype=float)
            cells = [_cell(values[:, 0]), _cell(values[:, 1]), _cell(values[:, 0] - values[:, 1], "+")]
            show(f"| {study} | {len(dataset.obs)}, {complete} | {metric} | {' | '.join(cells)} |")
    return 0


def _cell(values: np.ndarray, sign: str = "") -> str:
    spread = f" ± {np.nanstd(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.nanmedian(values):{sign}.3f}{spread}"


if __name__ == "__main__":
    sys.exit(main())
