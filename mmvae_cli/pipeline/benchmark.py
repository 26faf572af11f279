"""``mmvae benchmark``: run the cells of a grid that are not there yet, then tables and figures of all of them."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from mudata import MuData

from mmvae_cli.config import SimulateConfig
from mmvae_cli.data.atomic import check_folder, write_file, writing_errors
from mmvae_cli.data.writeback import write_mudata
from mmvae_cli.errors import CannotCreateError, MmvaeError, UsageError, counted
from mmvae_cli.evaluation import figures
from mmvae_cli.evaluation.bootstrap import summarised
from mmvae_cli.evaluation.tables import Table, markdown, tables
from mmvae_cli.pipeline.benchmark_options import BenchmarkConfig
from mmvae_cli.pipeline.cell import FEATURE_COLUMNS, run_cell
from mmvae_cli.pipeline.grid import Cell, cells
from mmvae_cli.pipeline.input import Input, input_of, read_input
from mmvae_cli.pipeline.jobs import run_jobs
from mmvae_cli.pipeline.outcome import Outcome
from mmvae_cli.pipeline.simulate import simulate
from mmvae_cli.pipeline.variants import SUPERVISED, variant
from mmvae_cli.training.hardware import available_threads
from mmvae_cli.versions import versions

log = logging.getLogger("mmvae_cli")

MARK = "benchmark.json"  # only a folder that holds it, or nothing, is written into
CELLS = "cells"
FEWEST_SAMPLES = 10  # of simulated data: enough to see whether they can be drawn


@dataclass(frozen=True)
class CellReport:
    """One cell is done; the first report comes before any is, with ``done`` 0.

    Attributes
    ----------
    done, total
        Cells done now, of those that were to be run.
    found
        Cells of earlier calls, which were not run.
    seconds
        Of this cell; None where it failed.
    error
        Why it failed; None where it did not.
    """

    title: str
    done: int
    total: int
    found: int
    seconds: float | None
    error: MmvaeError | None = None


OnCell = Callable[[CellReport], None]


def benchmark(
    source: Sequence[str] | MuData | None,
    config: BenchmarkConfig,
    *,
    obs: str | None = None,
    command_line: str = "",
    on_cell: OnCell | None = None,
) -> Outcome:
    """Run the grid; what is finished stays finished, whatever happens to the rest.

    Parameters
    ----------
    source
        Files as the command line takes them, or an object; none with ``simulate``.
    obs
        A table of labels.

    Raises
    ------
    MmvaeError
        If the request or the data are wrong, or no cell at all could be run. Errors of some cells are in the summary.
    """
    if source is not None and not isinstance(source, Sequence):
        with tempfile.TemporaryDirectory(prefix="mmvae-") as temporary:  # other processes read the data from a file
            write_mudata(source, path := Path(temporary) / "data.h5mu")
            return benchmark([str(path)], config, command_line=command_line, on_cell=on_cell)
    given = _input(source or (), obs, config)
    names = [*read_input(given).modalities] if given else [*(config.modalities or SimulateConfig().modalities)]
    grid = cells(config, names)
    _require_drawable(grid)
    folder = _folder(Path(config.out))
    record: dict[str, Any] = {"command_line": command_line, "config": config.as_dict(), "versions": versions()}
    write_file(folder / MARK, json.dumps(record, indent=1, default=str).encode())
    digest = given.digest if given else ""
    paths = [folder / CELLS / f"{cell.key(digest)}.json" for cell in grid]
    _warn_of_another(folder, paths)
    failed = _run([*zip(grid, paths, strict=True)], given, config.jobs or available_threads(), on_cell)
    finished = [path for path in paths if path.exists()]
    record["failed"] = [
        {"cell": cell.title, "message": str(error.args[0]), "hint": error.hint, "exit_code": error.exit_code}
        for cell, error in failed
    ]
    write_file(folder / MARK, json.dumps(record, indent=1, default=str).encode())
    results, features = _collect(finished, config)
    made = tables(results, _factors(grid), _titles(config))
    _write(folder, results, features, made, config, grid)
    return Outcome(_summary(folder, made, grid, finished, record["failed"]))


def _input(inputs: Sequence[str], obs: str | None, config: BenchmarkConfig) -> Input | None:
    if config.simulate:
        if inputs:
            raise UsageError("--simulate draws the data, so there is no input", hint="leave out one of them")
        return None
    if not inputs:
        raise UsageError("no data are given", hint="name a file.h5mu, or draw data with --simulate")
    return input_of(inputs, obs, config, config.label_class)


def _require_drawable(grid: Sequence[Cell]) -> None:
    """Refuse numbers that nothing can be drawn with, before every cell fails for itself."""
    for draw in {str(cell.draw.other): cell.draw for cell in grid if cell.draw is not None}.values():
        simulate(replace(draw, samples=FEWEST_SAMPLES))


def _folder(folder: Path) -> Path:
    """Make the folder of the results, or take one that an earlier benchmark made."""
    if folder.exists() and not folder.is_dir():
        raise CannotCreateError(f"{folder} exists and is not a folder", hint="name another with --out")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise CannotCreateError(
            f"the folder {folder} holds no {MARK}: it is no benchmark's", hint="name another with --out"
        )
    check_folder(folder.resolve().parent)
    with writing_errors(folder):
        (folder / CELLS).mkdir(parents=True, exist_ok=True)
    return folder


def _warn_of_another(folder: Path, paths: Sequence[Path]) -> None:
    """Tables and figures are of the cells of this call: those of a study without any of them are lost."""
    if any((folder / CELLS).glob("*.json")) and not any(path.exists() for path in paths):
        log.warning("%s holds another benchmark: its tables and figures are replaced (or name another --out)", folder)


def _run(
    tasks: Sequence[tuple[Cell, Path]], given: Input | None, n_jobs: int, on_cell: OnCell | None
) -> list[tuple[Cell, MmvaeError]]:
    """Run the cells that have no file yet; returns those that failed."""
    todo = [task for task in tasks if not task[1].exists()]
    found = len(tasks) - len(todo)
    log.info("%s: %d to run, %d found finished", counted(len(tasks), "cell"), len(todo), found)
    failed: list[tuple[Cell, MmvaeError]] = []
    if on_cell is not None:
        on_cell(CellReport("", 0, len(todo), found, None))
    for done, ((cell, _), result) in enumerate(run_jobs(partial(_run_task, given), todo, n_jobs), start=1):
        error = result if isinstance(result, MmvaeError) else None
        if error is not None:
            failed.append((cell, error))
        if on_cell is not None:
            seconds = None if isinstance(result, MmvaeError) else result
            on_cell(CellReport(cell.title, done, len(todo), found, seconds, error))
    if len(failed) == len(tasks):
        raise failed[0][1]
    return failed


def _run_task(given: Input | None, task: tuple[Cell, Path]) -> float:
    return run_cell(task[0], given, task[1])


def _collect(paths: Sequence[Path], config: BenchmarkConfig) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the results of all cells, and the R² of their features, in the order of the grid."""
    results: list[pd.DataFrame] = []
    features: list[pd.DataFrame] = []
    for path in paths:
        content = json.loads(path.read_bytes())
        factors = {name: value for name, value in content["factors"].items() if name != "seed"}
        for frame, into in (
            (pd.DataFrame(content["rows"]), results),
            (pd.DataFrame(content["features"], columns=list(FEATURE_COLUMNS)), features),
        ):
            frame["replicate"] = frame["seed"] - config.seed  # data drawn anew are each a cell of their own
            into.append(pd.concat([pd.DataFrame(factors, index=frame.index), frame], axis=1))
    return pd.concat(results, ignore_index=True), pd.concat(features, ignore_index=True)


def _factors(grid: Sequence[Cell]) -> list[str]:
    return [name for name in grid[0].factors if name not in ("model", "seed")]


def _titles(config: BenchmarkConfig) -> dict[str, str]:
    return {name: variant(name).title for name in config.models}


def _write(
    folder: Path,
    results: pd.DataFrame,
    features: pd.DataFrame,
    made: Sequence[Table],
    config: BenchmarkConfig,
    grid: Sequence[Cell],
) -> None:
    count = counted(config.replicates, "replicate")
    note = f"Median ± sd over {count}, on held-out samples. R²: of each feature, then the median over the features."
    write_file(folder / "results.csv", results.to_csv(index=False).encode())
    write_file(folder / "summary.csv", summarised(results, _factors(grid)).to_csv(index=False).encode())
    write_file(folder / "features.csv.gz", lambda path: features.to_csv(path, index=False, compression="gzip"))
    write_file(folder / "table.md", markdown(made, note).encode())
    layout = figures.panels(results, _factors(grid))
    series = [
        figures.Series(name, title, name.removeprefix(SUPERVISED), name.startswith(SUPERVISED))
        for name, title in _titles(config).items()
    ]
    drawn = {
        "label.png": figures.lines(results, ("auc", "r2"), layout, series),
        "cross_r2.png": figures.lines(results, ("r2_cross_median",), layout, series),
        "features.png": figures.boxes(features, layout, series),
    }
    for name, figure in drawn.items():
        if figure is not None:
            write_file(folder / name, partial(figures.save, figure))


def _summary(
    folder: Path,
    made: Sequence[Table],
    grid: Sequence[Cell],
    finished: Sequence[Path],
    failed: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "command": "benchmark",
        "cells": len(grid),
        "finished": len(finished),
        "seconds": round(sum(json.loads(path.read_bytes())["seconds"] for path in finished), 1),
        "failed": failed,
        "tables": [
            {"title": table.title, "columns": list(table.shown), "rows": table.shown.astype(str).to_numpy().tolist()}
            for table in made
        ],
        "out": str(folder),
    }
