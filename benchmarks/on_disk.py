"""Memory and speed of training on values that stay on disk, beside values in memory.

    python benchmarks/on_disk.py [--samples 200000] [--features 2000,20000] [--training N] [--in-memory 20000]

Writes sparse counts of two modalities, sorted by label, block by block, and trains on them with ``--on-disk`` in a
process of its own; then on the first samples, as many as ``--in-memory`` says, on disk and in memory. Prints a table.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anndata
import h5py
import mudata
import numpy as np
import pandas as pd
import torch
from scipy import sparse

from mmvae_cli.data.aligned import align
from mmvae_cli.data.formats import Source, read
from mmvae_cli.data.quiet import quiet_mudata
from mmvae_cli.pipeline.streamed import any_data
from mmvae_cli.training.run import load_run

STATES, CLASSES = 64, 8  # kinds of cells, each with its own profile in both modalities; labels are groups of them
COUNTS = {"rna": 300, "atac": 1000}  # mean total of a cell
BLOCK = 2000  # cells written together
READ = 40_000  # rows that the loader alone is timed on


@dataclass(frozen=True)
class Measured:
    """A row of the table."""

    what: str
    seconds: float
    cpu_seconds: float
    rows_per_second: float
    reading_per_second: float
    peak_gb: float


def write_data(path: Path, n_samples: int, features: dict[str, int], n_training: int, seed: int = 0) -> None:
    """Write counts, sorted by label, with never more than a block of them in memory; ``obs["part"]`` is a split."""
    random = np.random.default_rng(seed)
    state = np.sort(random.integers(0, STATES, n_samples))
    factors = random.normal(size=(STATES, 6))
    names = [f"cell{number}" for number in range(n_samples)]
    empty = {
        name: anndata.AnnData(
            sparse.csr_matrix((n_samples, width), dtype=np.float32),
            obs=pd.DataFrame(index=names),
            var=pd.DataFrame(index=[f"{name}{number}" for number in range(width)]),
        )
        for name, width in features.items()
    }
    with quiet_mudata():
        mdata = mudata.MuData(empty)
        mdata.obs["label"] = pd.Categorical([f"type{one * CLASSES // STATES}" for one in state])
        mdata.obs["part"] = _split(n_samples, n_training, random)
        mdata.write_h5mu(path)
    with h5py.File(path, "r+") as file:
        for name, width in features.items():
            loadings = random.normal(size=(6, width)) * (random.random(width) < 0.2)  # a fifth of them vary
            profile = np.exp(random.normal(size=width) + 0.7 * factors @ loadings)
            ends = np.cumsum(profile / profile.sum(1, keepdims=True), axis=1)
            _write_counts(file[f"mod/{name}/X"], ends, state, COUNTS[name], random)


def _split(n_samples: int, n_training: int, random: np.random.Generator) -> pd.Categorical:
    """As many training samples as asked for, a tenth as many for validation and test; others take no part."""
    n_held = max(1, min(n_training // 10, n_samples // 20))
    n_training = min(n_training, n_samples - 2 * n_held)
    codes = np.repeat([0, 1, 2, -1], [n_training, n_held, n_held, n_samples - n_training - 2 * n_held])
    return pd.Categorical.from_codes(random.permutation(codes), ["train", "validation", "test"])


def _write_counts(
    group: h5py.Group, ends: np.ndarray, state: np.ndarray, mean: int, random: np.random.Generator
) -> None:
    for part, dtype in (("data", np.float32), ("indices", np.int32)):
        attributes = dict(group[part].attrs)
        del group[part]
        group.create_dataset(part, (0,), dtype, maxshape=(None,), chunks=(1 << 14,)).attrs.update(attributes)
    starts = [np.zeros(1, np.int64)]
    for start in range(0, len(state), BLOCK):
        block = _counts(ends, state[start : start + BLOCK], mean, random)
        for part, values in (("data", block.data), ("indices", block.indices)):
            group[part].resize(len(group[part]) + len(values), axis=0)
            group[part][-len(values) :] = values
        starts.append(starts[-1][-1] + block.indptr[1:].astype(np.int64))
    group["indptr"][...] = np.concatenate(starts)


def _counts(ends: np.ndarray, state: np.ndarray, mean: int, random: np.random.Generator) -> sparse.csr_matrix:
    """Counts of some cells: each draws its features from the profile of its state."""
    totals = random.poisson(mean * random.lognormal(0.0, 0.3, len(state)))
    cells, features = np.repeat(np.arange(len(state)), totals), np.empty(totals.sum(), np.int64)
    for one in np.unique(state):
        drawn = state[cells] == one
        features[drawn] = np.searchsorted(ends[one], random.random(drawn.sum()))
    shape = (len(state), ends.shape[1])
    found = sparse.csr_matrix((np.ones(len(cells), np.float32), (cells, np.minimum(features, shape[1] - 1))), shape)
    found.sum_duplicates()
    return found


def in_a_process(words: list[str], folder: Path) -> tuple[float, resource.struct_rusage]:
    """Run ``mmvae`` in a process of its own; its seconds, and what it used."""
    started = time.perf_counter()
    command = [sys.executable, "-c", "from mmvae_cli.cli.main import main; main()", *words]
    child = subprocess.Popen(command, cwd=folder)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"mmvae {' '.join(words)} ended with {child.returncode}")
    return time.perf_counter() - started, usage


def measure(what: str, path: Path, epochs: int, how: str, batch_size: int) -> Measured:
    """Train in a process of its own, then time the loader alone on the same data."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        run, output = Path(folder) / "run", Path(folder) / "out.h5mu"
        options = f"--label label --threads 1 --batch-size {batch_size} --split part"
        command = f"train {path} --run {run} -o {output} --epochs {epochs} {how} {options}"
        seconds, usage = in_a_process(command.split(), path.parent)
        with (run / "history.csv").open() as file:
            ends = [float(row["seconds"]) for row in csv.DictReader(file)]
        n_train = int((load_run(run).splits == "train").sum())
        reading = rows_read_per_second(path, run, lazily=how == "--on-disk")
        rows = n_train * len(ends) / ends[-1]
        cpu = usage.ru_utime + usage.ru_stime
        return Measured(what, seconds, cpu, rows, reading, usage.ru_maxrss * 1024 / 1e9)


def rows_read_per_second(path: Path, run: Path, *, lazily: bool) -> float:
    """Rows per second of both modalities, shuffled and dense, without a model."""
    aligned, records = align(read(Source(path), lazily=lazily)), load_run(run).modalities
    totals = {record.name: np.ones(len(aligned.names)) for record in records}

    def values(record: object, samples: np.ndarray | None) -> object:
        places = aligned.modalities[record.name].var.index.get_indexer(pd.Index(record.features))
        return aligned.taken(record.name, places, samples)

    data = any_data(values, aligned, aligned.observed, records, torch.device("cpu"), None, totals)
    order = data.shuffled(torch.arange(len(aligned.names)), torch.Generator().manual_seed(0))[None, :READ]
    started = time.perf_counter()
    for _ in data.batches(order, 128):
        pass
    return order.shape[1] / (time.perf_counter() - started)


def table(rows: list[Measured]) -> str:
    """Markdown."""
    lines = [
        "| | seconds in all | of which CPU | rows/s, training | rows/s, reading alone | peak memory, GB |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.what} | {one.seconds:.0f} | {one.cpu_seconds:.0f} | {one.rows_per_second:.0f} "
        f"| {one.reading_per_second:.0f} | {one.peak_gb:.2f} |"
        for one in rows
    ]
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The words that the script takes."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--samples", type=int, default=200_000)
    found.add_argument("--features", default="2000,20000", help="of rna and atac")
    found.add_argument("--epochs", type=int, default=1)
    found.add_argument("--training", type=int, default=10**9, help="samples that train (default: all but a tenth)")
    found.add_argument("--batch-size", type=int, default=128)
    found.add_argument("--in-memory", type=int, default=20_000, help="samples of the comparison; 0 leaves it out")
    found.add_argument("--folder", help="where the data are written (default: a temporary folder)")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Write, train, print."""
    given = parser().parse_args(arguments)
    widths = dict(zip(COUNTS, map(int, given.features.split(",")), strict=True))
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        rows = []
        for n_samples, ways in ((given.samples, ["--on-disk"]), (given.in_memory, ["--on-disk", "--no-on-disk"])):
            path = Path(folder) / f"{n_samples}.h5mu"
            if n_samples:
                write_data(path, n_samples, widths, given.training)
            for how in ways if n_samples else []:
                where = "on disk" if how == "--on-disk" else "in memory"
                what = f"{n_samples:,} × ({' + '.join(f'{width:,}' for width in widths.values())}), {where}"
                rows.append(measure(what, path, given.epochs, how, given.batch_size))
                print(table(rows[-1:]), flush=True)
        print(table(rows))


if __name__ == "__main__":
    main()
