"""``history.csv`` of a run folder: the losses and held-out scores of every epoch."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmvae_cli.training.fit import EpochReport

HISTORY_FILE = "history.csv"


def write_history(history: Sequence[EpochReport], folder: Path) -> None:
    """Write the losses of a training into its run folder, one line per epoch and replicate."""
    names = list(history[0].log_likelihood) if history else []
    with (folder / HISTORY_FILE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["epoch", "replicate", "beta", "loss", "kl", *(f"log_likelihood_{name}" for name in names),
             "validation_score", "validation_r2", "seconds"]
        )  # fmt: skip
        for report in history:
            for local, replicate in enumerate(report.replicates):
                held_out = [report.validation[local], report.r2[local]] if report.validation else ["", ""]
                likelihoods = [report.log_likelihood[name][local] for name in names]
                row = [report.loss[local], report.kl[local], *likelihoods, *held_out, report.seconds]
                writer.writerow([report.epoch, replicate, f"{report.beta:.6g}", *(_short(value) for value in row)])


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


def load_history(folder: str | Path) -> dict[str, np.ndarray]:
    """Curves of a training by the columns of ``history.csv``: (n_replicates, n_epochs), nan where there is no value."""
    with (Path(folder) / HISTORY_FILE).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return {}
    shape = (1 + max(int(row["replicate"]) for row in rows), max(int(row["epoch"]) for row in rows))
    found = {name: np.full(shape, np.nan) for name in rows[0] if name not in ("epoch", "replicate")}
    for row in rows:
        for name, curves in found.items():
            curves[int(row["replicate"]), int(row["epoch"]) - 1] = float(row[name] or "nan")
    return found
