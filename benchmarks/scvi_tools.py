"""TOTALVI and MULTIVI of scvi-tools on the same cells; see ``docs/benchmarks.md``.

    python benchmarks/scvi_tools.py --scvi-python PATH [--data pbmc] [--replicates N] [--cells N] [--share F]

PATH is the Python of an environment of its own that has scvi-tools and mudata. Each tool trains on the same training
cells, stops by the same validation cells, and is then given the held-out cells: with all they have, and with one
modality alone. Latents and predictions are written down, and measured here by the same code on the same scale. Each
tool runs in processes of its own, on one thread; peak memory is that of the largest.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import mudata
import numpy as np
import pandas as pd
from tool_metrics import ALL, COMPONENTS, Scale, Tables, components, correlations, separations

from mmvae_cli.data.split import make_split

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("MMVAE_DATA", REPOSITORY.parent / "shared")) / "data"
PART = "part"  # column of the split
TEST, VALIDATION = 0.2, 0.1
OURS, SHARED, BASELINE = "mmvae", "mmvae, shared latents", f"PCA-{COMPONENTS}"
DIGITS = {"seconds": 0, "epochs": 0, "peak": 2, "features": 0}  # of a quantity by its first word; others have 3
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
# A small process between: the peak of a process counts what its parent held when it was started.
LAUNCHER = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.call(sys.argv[1:], stdout=sys.stderr)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
cpu = used.ru_utime + used.ru_stime
print(json.dumps({"code": code, "seconds": time.perf_counter() - began, "cpu": cpu, "bytes": peak}))
"""


@dataclass(frozen=True)
class Setting:
    """A data set and who is compared on it.

    Attributes
    ----------
    model
        Of scvi-tools.
    scale
        Its first modality is the RNA; it has two.
    batch
        Column that both tools are told of; None for neither.
    options
        Of ``mmvae train``, besides.
    """

    file: str
    label: str
    model: str
    scale: Scale
    batch: str | None = None
    options: str = ""

    @property
    def modalities(self) -> tuple[str, ...]:
        """The RNA and the one beside it."""
        return tuple(self.scale.transforms)


SETTINGS = {
    "pbmc": Setting("pbmc_cite_mosaic.h5mu", "celltype", "TOTALVI", Scale({"rna": "lognorm", "adt": "clr"}), "batch"),
    "snareseq": Setting(
        "snareseq_mouse_cortex.h5mu", "cell_type", "MULTIVI", Scale({"rna": "lognorm", "atac": "lognorm"}, ("atac",))
    ),
}


@dataclass
class Outcome:
    """What a tool wrote, and what it took; memory in bytes."""

    tables: Tables
    seconds: dict[str, float] = field(default_factory=dict)
    memory: float = np.nan
    epochs: float = np.nan


class ToolError(Exception):
    """A process that did not end well."""


def measured(command: Sequence[str], log: Path) -> dict[str, float]:
    """Run a command on one thread; its seconds, those of CPU, and the peak of its resident memory in bytes.

    What ended well before, in an interrupted comparison, is not run again.
    """
    kept = log.with_suffix(".json")
    if kept.is_file():
        return json.loads(kept.read_text())
    with log.open("w") as stream:
        launch = [sys.executable, "-c", LAUNCHER, *command]
        done = subprocess.run(
            launch, stdout=subprocess.PIPE, stderr=stream, env={**os.environ, **ONE_THREAD}, text=True, check=False
        )
    found = json.loads(done.stdout) if done.stdout else {"code": done.returncode}
    if found["code"] != 0:
        last = next(reversed(log.read_text().splitlines()), "")
        raise ToolError(f"exit code {found['code']}: {last} (all of it: {log})")
    kept.write_text(json.dumps(found))
    return found


def prepare(data: mudata.MuData, setting: Setting, folder: Path, seed: int, epochs: int | None) -> None:
    """Write the data with their split, the held-out cells with one modality alone, and the other tool's task.

    A folder that holds the same task is left as it is.
    """
    observed = [data.obs_names.isin(adata.obs_names).astype(str) for adata in data.mod.values()]
    strata = [" ".join(found) for found in zip(data.obs[setting.label].astype(str), *observed, strict=True)]
    names = data.obs_names.to_numpy(str)
    parts = make_split(names, strata, test_fraction=TEST, validation_fraction=VALIDATION, seed=seed)
    data.obs[PART] = parts
    samples = {part: names[parts == part].tolist() for part in ("train", "validation", "test")}
    task = {"model": setting.model, "other": setting.modalities[1], "batch": setting.batch, "options": setting.options}
    features = {name: adata.n_vars for name, adata in data.mod.items()}
    text = json.dumps({**task, "seed": seed, "epochs": epochs, "features": features, "samples": samples})
    kept = folder / "task.json"
    if kept.is_file():
        if kept.read_text() != text:
            raise ToolError(f"{folder} holds a comparison of other cells, or with other options: name another --out")
        return
    data.write_h5mu(folder / "data.h5mu")
    for name in setting.modalities:
        adata = data.mod[name]
        alone = mudata.MuData({name: adata[adata.obs_names.isin(names[parts == "test"])].copy()})
        alone.obs = data.obs.loc[alone.obs_names].copy()
        alone.write_h5mu(folder / f"held_{name}.h5mu")
    kept.write_text(text)


def run_ours(setting: Setting, folder: Path, seed: int, epochs: int | None) -> dict[str, Outcome]:
    """Train, embed and predict with the commands and their defaults; the label is for the metrics alone."""
    options = ["--label", setting.label, "--split", PART, "--seed", str(seed), "--threads", "1"]
    options += [] if epochs is None else ["--epochs", str(epochs)]
    options += [] if setting.batch is None else ["--covariate", setting.batch]
    options += setting.options.split()
    steps = {ALL: ["train", "data.h5mu", *options]}
    for name, target in zip(setting.modalities, reversed(setting.modalities), strict=True):
        steps[name] = ["embed", f"held_{name}.h5mu"]
        steps[f"{name}->{target}"] = ["predict", f"held_{name}.h5mu", "--from", name, "--to", target, "--yes"]
    took, whole, shared = [], {}, {}
    for given, (step, file, *more) in steps.items():
        out = folder / f"{step}_{given.partition('->')[0]}.h5mu"
        entry = [sys.executable, "-c", "from mmvae_cli.cli.main import main; main()", step, str(folder / file)]
        command = [*entry, *more, "--run", str(folder / "run"), "--output", str(out), "--force"]
        took.append(measured(command, out.with_suffix(".log")))
        if step == "predict":
            whole[given] = prediction(mudata.read_h5mu(out), *given.split("->"))
        else:
            found = mudata.read_h5mu(out)
            whole[given], shared[given] = (
                pd.DataFrame(np.asarray(found.obsm[key]), found.obs_names) for key in ("X_mmvae", "X_mmvae_shared")
            )
    seconds = {
        "training": took[0]["seconds"],
        "training, of CPU": took[0]["cpu"],
        "predicting, of CPU": sum(one["cpu"] for one in took[1:]),
    }
    epochs = int(pd.read_csv(folder / "run/history.csv")["epoch"].max())
    return {SHARED: Outcome(shared), OURS: Outcome(whole, seconds, max(one["bytes"] for one in took), epochs)}


def prediction(found: mudata.MuData, source: str, target: str) -> pd.DataFrame:
    """What ``mmvae predict`` wrote for samples that lack the target."""
    columns = found.uns["mmvae"][f"features_{target}"].astype(str)
    return pd.DataFrame(found.mod[source].obsm[f"mmvae_{target}"], found.mod[source].obs_names, columns)


def run_scvi(setting: Setting, folder: Path, python: str) -> dict[str, Outcome]:
    """Run the other tool on the task in the folder."""
    took = measured([python, str(Path(__file__).with_name("scvi_models.py")), str(folder)], folder / "scvi.log")
    found = json.loads((folder / "found.json").read_text())
    with np.load(folder / "tables.npz") as arrays:
        names = [name.removesuffix(":values") for name in arrays if name.endswith(":values")]
        tables = {
            name: pd.DataFrame(*(arrays[f"{name}:{part}"] for part in ("values", "rows", "columns"))) for name in names
        }
    return {setting.model: Outcome(tables, found["seconds"], took["bytes"], found["epochs"])}


def compared(
    data: mudata.MuData, setting: Setting, folder: Path, python: str, seed: int = 0, epochs: int | None = None
) -> pd.DataFrame:
    """Every number of one split: quantity, tool, value."""
    folder.mkdir(parents=True, exist_ok=True)
    prepare(data, setting, folder, seed, epochs)
    outcomes = {**run_ours(setting, folder, seed, epochs), **run_scvi(setting, folder, python)}
    tables = {tool: outcome.tables for tool, outcome in outcomes.items()}
    embedded = {**tables, BASELINE: components(data.mod, data.obs[PART], setting.scale)}
    rows = [*separations(embedded, setting.modalities, data.obs[setting.label], data.obs[PART])]
    rows += correlations(tables, data.mod, setting.scale)
    for tool, outcome in outcomes.items():
        rows += [(f"seconds, {step}", tool, seconds) for step, seconds in outcome.seconds.items()]
        rows += [("epochs", tool, outcome.epochs), ("peak memory, GB", tool, outcome.memory / 1e9)]
    return pd.DataFrame(rows, columns=["quantity", "tool", "value"]).dropna()


def subset(data: mudata.MuData, label: str, n_cells: int | None, share: float) -> mudata.MuData:
    """As many cells, the classes in proportion, and the features that this share of them has; the same every time."""
    if n_cells is not None and n_cells < data.n_obs:
        names, classes = data.obs_names.to_numpy(str), data.obs[label].astype(str)
        parts = make_split(names, classes, test_fraction=n_cells / len(names), validation_fraction=0, seed=0)
        data = data[parts == "test"].copy()
    seen = {name: np.asarray((adata.X > 0).mean(axis=0)).ravel() >= share for name, adata in data.mod.items()}
    found = mudata.MuData({name: adata[:, seen[name]].copy() for name, adata in data.mod.items()})
    found.obs = data.obs.loc[found.obs_names].copy()
    return found


def table(results: pd.DataFrame, tools: Sequence[str]) -> str:
    """A line for each quantity, a column for each tool, as Markdown; median ± sd over the splits."""
    lines = ["| | " + " | ".join(tools) + " |", "|---" * (len(tools) + 1) + "|"]
    for quantity, rows in results.groupby("quantity", sort=False):
        digits = DIGITS.get(quantity.replace(",", " ").split()[0], 3)
        cells = []
        for tool in tools:
            values = rows.loc[rows["tool"] == tool, "value"]
            spread = f" ± {values.std():.{digits}f}" if len(values) > 1 else ""
            cells.append(f"{values.median():.{digits}f}{spread}" if len(values) else "–")
        lines.append(f"| {quantity} | {' | '.join(cells)} |")
    return "\n".join(lines)


def lacking(setting: Setting, python: str | None) -> str | None:
    """Why there is nothing to compare, if so."""
    if not (DATA / setting.file).is_file():
        return f"no {DATA / setting.file} (name the folder above data/ in MMVAE_DATA)"
    if python is None:
        return "no --scvi-python: the Python of an environment with scvi-tools and mudata"
    try:
        done = subprocess.run([python, "-c", "import scvi, mudata"], capture_output=True, text=True, check=False)
    except OSError as error:
        return f"{python} does not start: {error.strerror}"
    return None if done.returncode == 0 else f"{python}: {next(reversed(done.stderr.splitlines()), 'no scvi-tools')}"


def parser() -> argparse.ArgumentParser:
    """The words that the script takes."""
    found = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    found.add_argument("--scvi-python", metavar="PATH", help="Python of an environment with scvi-tools and mudata")
    found.add_argument("--data", choices=tuple(SETTINGS), help="one of the data sets (default: all)")
    found.add_argument("--replicates", type=int, default=1, help="splits, each with a seed of its own")
    found.add_argument("--cells", type=int, help="use only so many")
    found.add_argument("--share", type=float, default=0.0, help="use only features that this share of the cells has")
    found.add_argument("--options", default="", metavar="'--A B'", help="of mmvae train, besides the defaults")
    found.add_argument("--epochs", type=int, help="of all tools, for a first look (default: each tool's own)")
    found.add_argument("--out", type=Path, default=Path("scvi_tools"), help="folder; what is in it is not run again")
    return found


def main(arguments: Sequence[str] | None = None, show: Callable[[str], None] = print) -> int:
    given = parser().parse_args(arguments)
    logging.getLogger("mmvae_cli").setLevel(logging.ERROR)  # predicted rates are no whole counts
    warnings.simplefilter("ignore", FutureWarning)  # mudata announces its next version
    for name in [given.data] if given.data else SETTINGS:
        setting = replace(SETTINGS[name], options=given.options)
        if reason := lacking(setting, given.scvi_python):
            show(f"{name}: skipped: {reason}")
            continue
        data = subset(mudata.read_h5mu(DATA / setting.file), setting.label, given.cells, given.share)
        try:
            found = [
                compared(data, setting, given.out / f"{name}_{seed}", given.scvi_python, seed, given.epochs)
                for seed in range(given.replicates)
            ]
        except ToolError as error:
            show(f"{name}: {error}")
            return 1
        results = pd.concat(found, ignore_index=True)
        results.to_csv(given.out / f"{name}.csv", index=False)
        size = " + ".join(f"{adata.n_vars:,}" for adata in data.mod.values())
        show(f"\n{name}, {data.n_obs:,} × ({size})\n\n{table(results, [SHARED, OURS, setting.model, BASELINE])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
