"""Real data of many kinds with the defaults: what is chosen, what comes out, what it costs; see ``docs/data-guide.md``.

    python benchmarks/data_sets.py [--only snareseq]

Each data set is trained and evaluated from the command line, in processes of their own whose CPU time and peak memory
are measured. Beside the AUC of the label stands that of 20 principal components of each modality, fitted on the
training samples, with the same classifier.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from mmvae_cli.data.annotations import find_column
from mmvae_cli.data.dataset import Dataset, Matrix
from mmvae_cli.data.formats import parse_source, read
from mmvae_cli.data.kinds import value_kind
from mmvae_cli.data.labels import make_label
from mmvae_cli.data.transforms import TRANSFORMS, fit_scaling
from mmvae_cli.evaluation.metrics import label_separation

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("MMVAE_DATA", REPOSITORY.parent / "shared")) / "data"
COMPONENTS = 20
PCA_TRANSFORMS = {"counts": "lognorm", "binary": "none", "fractions": "mvalue", "continuous": "none"}


@dataclass(frozen=True)
class Case:
    """A file, its label, and options besides the defaults."""

    file: str
    label: str
    options: str = ""


CASES = {
    "cll": Case("cll.h5mu", "IGHV"),
    "brca": Case("brca_jive.h5mu", "ER_status"),
    "acc": Case("acc_mini.h5mu", "C1A.C1B"),
    "pbmc": Case("pbmc_cite_mosaic.h5mu", "celltype"),
    "snareseq": Case("snareseq_mouse_cortex.h5mu", "cell_type"),
}


def measured(arguments: Sequence[str], folder: Path) -> tuple[dict[str, Any], float, float]:
    """What ``mmvae … --json`` prints, its seconds of CPU, on one thread, and its peak memory in GB."""
    usage = folder / "usage"
    code = (
        "import resource, sys; from mmvae_cli.cli.main import main; status = 0\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    status = stop.code\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        f"open({str(usage)!r}, 'w').write(f'{{used.ru_utime + used.ru_stime}} {{used.ru_maxrss}}')\nsys.exit(status)"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *arguments, "--json", "--quiet"]
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    seconds, memory = map(float, usage.read_text().split())
    return json.loads(done.stdout), seconds, memory / 1024**2


def components(values: Matrix, train: np.ndarray) -> np.ndarray:
    """(n_samples, 20) principal components, fitted on training rows; missing entries are at the mean."""
    from sklearn.decomposition import PCA

    kind = value_kind(values)
    values = TRANSFORMS[PCA_TRANSFORMS[kind]].apply(values, "pca")
    if not sparse.issparse(values):
        values = np.nan_to_num(fit_scaling(values, train).apply(values))
    fitted = PCA(COMPONENTS, svd_solver="arpack", random_state=0).fit(values[train])
    return np.asarray(fitted.transform(values))


def separation_by_components(dataset: Dataset, label: str, split: np.ndarray) -> dict[str, float | None]:
    """AUC of the label from the components of each modality, over the held-out samples that have it."""
    target = make_label(find_column(dataset, label, "label"), label)
    found = {}
    for name, modality in dataset.modalities.items():
        rows = dataset.rows(name)
        own = {part: np.flatnonzero((split == part) & (rows >= 0)) for part in ("train", "test")}
        z = components(modality.values, rows[own["train"]])
        sides = ((z[rows[own[part]]], target.values[own[part]]) for part in ("train", "test"))
        (train, y_train), (test, y_test) = sides
        found[name] = label_separation(train, y_train, test, y_test, target.classes)["auc"]
    return found


def row(name: str, case: Case, folder: Path) -> tuple[str, str]:
    """Train, evaluate and compare one data set: its row of the table, and its table of pairs of modalities."""
    command = f"train {DATA / case.file} -o out.h5mu --label {case.label} {case.options}".split()
    trained, seconds, memory = measured(command, folder)
    found, _, _ = measured(["evaluate", "--no-baselines"], folder)
    dataset = read(parse_source([str(folder / "out.h5mu")]), None, {})
    by_pca = separation_by_components(dataset, case.label, dataset.obs["mmvae_split"].astype(str).to_numpy())
    chosen = ", ".join(f"{m} {one['likelihood']}" for m, one in trained["modalities"].items())
    auc = found["label"]["auc"]
    pca = ", ".join(f"{m} {_number(value)}" for m, value in by_pca.items())
    cells = [name, chosen, _number(auc["shared"]), _number(auc["all"]), pca, f"{seconds:.0f}", f"{memory:.1f}"]
    return f"| {' | '.join(cells)} |", pairs(name, found["pairs"])


def pairs(name: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    """How well each modality predicts each other one, as a table: R² / r of what is predicted, in columns."""
    lines = [f"| {name}, from | " + " | ".join(found) + " |", "|---" * (len(found) + 1) + "|"]
    for source in found:
        cells = [_pair(sources[source]) if source in sources else "–" for sources in found.values()]
        lines.append(f"| {source} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _pair(one: dict[str, Any]) -> str:
    part = "shared" if one["r2"].get("shared", {}).get("median") is not None else "all"
    return f"{_number(one['r2'][part]['median'])} / {_number(one['pearson'][part]['median'])}"


def _number(value: float | None) -> str:
    return "–" if value is None else re.sub(r"^-(0\.0+)$", r"\1", f"{value:.2f}")


def parser() -> argparse.ArgumentParser:
    """The words that the script takes."""
    found = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    found.add_argument("--only", choices=tuple(CASES), help="one of the data sets (default: all)")
    return found


def main(arguments: Sequence[str] | None = None, show: Callable[[str], None] = print) -> int:
    given = parser().parse_args(arguments)
    show("| data | likelihoods | AUC, shared latents | all latents | 20 components | seconds of CPU | GB |")
    show("|---|---|---|---|---|---|---|")
    tables = []
    for name in [given.only] if given.only else CASES:
        if not (DATA / CASES[name].file).is_file():
            show(f"skipped: no {DATA / CASES[name].file} (name the folder above data/ in MMVAE_DATA)")
            continue
        with tempfile.TemporaryDirectory() as folder:
            line, table = row(name, CASES[name], Path(folder))
        show(line)
        tables.append(table)
    for table in tables:
        show(f"\n{table}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
