"""Commands on files: what is read, where results go, and that both are known to be possible before work starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from mmvae_cli.config import RUN, EvaluateConfig, PredictConfig, RunOptions, TopFeaturesConfig, TrainConfig
from mmvae_cli.data.atomic import write_file
from mmvae_cli.data.delimited import plain_suffix
from mmvae_cli.data.formats import MUDATA, Source, parse_source
from mmvae_cli.data.updates import REMOVE
from mmvae_cli.data.writeback import write_anndata, write_mudata
from mmvae_cli.data_options import InputOptions
from mmvae_cli.errors import CannotCreateError, CannotWriteError, UsageError, listed
from mmvae_cli.pipeline.destination import Destination, check_new, destination
from mmvae_cli.pipeline.multiqc import multiqc_report
from mmvae_cli.pipeline.outcome import Outcome
from mmvae_cli.pipeline.predict import prediction_table
from mmvae_cli.pipeline.reuse import source_of
from mmvae_cli.pipeline.top_features import feature_table
from mmvae_cli.training.run import load_run

Step = Callable[..., Any]

RESULT = "result.h5mu"  # in the run folder, where the input is no MuData
TABLES = {".csv": ",", ".tsv": "\t"}


def run(
    command: str,
    step: Step,
    inputs: Sequence[str],
    options: Any,
    *,
    obs: str | None = None,
    output: str | None = None,
    force: bool = False,
    command_line: str = "",
    **more: Any,
) -> dict[str, Any]:
    """Run a command on files; see ``api.on_files``."""
    special: dict[str, Callable[..., dict[str, Any]]] = {
        "check": _check,
        "simulate": _simulate,
        "train": _train,
        "predict": _predict,
        "evaluate": _evaluate,
        "benchmark": _benchmark,
        "top-features": _top_features,
        "report": _report,
    }
    if command in special:
        return special[command](step, inputs, options, obs, output, force, command_line=command_line, **more)
    needs_input = command == "select"
    source = _source(inputs, obs, options) if needs_input else _source_or_run(inputs, obs, options)
    place = destination(source, output, None, force=force)
    return _written(step(source, options, command_line=command_line, **more), place)


def _source(inputs: Sequence[str], obs: str | None, options: InputOptions) -> Source:
    return parse_source(inputs, obs, options.transpose)


def _source_or_run(inputs: Sequence[str], obs: str | None, options: RunOptions) -> Source:
    """What is given, or else the data of the run."""
    if inputs:
        return _source(inputs, obs, options)
    if options.transpose:
        raise UsageError("--transpose is for tables, and none is given", hint="leave it out, or name=table.csv")
    return source_of(load_run(options.run))


def _written(outcome: Outcome, place: Destination) -> dict[str, Any]:
    place.write(outcome)
    outcome.write_pages()
    written = [path for path, value in outcome.updates.items() if value is not REMOVE]
    return {**outcome.summary, "output": str(place.path), "written": written}


def _check(step: Step, inputs: Sequence[str], options: Any, obs: str | None, *_: Any, **__: Any) -> dict[str, Any]:
    outcome: Outcome = step(_source(inputs, obs, options), options)
    return outcome.summary


def _benchmark(
    step: Step, inputs: Sequence[str], options: Any, obs: str | None, _output: Any, _force: Any, **more: Any
) -> dict[str, Any]:
    outcome: Outcome = step(inputs, options, obs=obs, **more)
    return outcome.summary


def _report(
    step: Step, inputs: Sequence[str], options: Any, obs: str | None, output: str | None, force: bool, **more: Any
) -> dict[str, Any]:
    """Write the page; the data stay as they are."""
    outcome: Outcome = step(_source_or_run(inputs, obs, options), options, force=force, **more)
    outcome.write_pages()
    return outcome.summary


def _simulate(
    step: Step, _inputs: Any, options: Any, _obs: Any, output: str | None, force: bool, **_: Any
) -> dict[str, Any]:
    path = Path(output or "simulated.h5mu")
    if plain_suffix(path) not in MUDATA:
        raise UsageError(f"-o {path}: simulated data go into {listed(MUDATA)}", hint="name -o simulated.h5mu")
    check_new(path, force=force)
    mdata, summary = step(options)
    write_mudata(mdata, path)
    return {**summary, "output": str(path)}


def _train(
    step: Step,
    inputs: Sequence[str],
    options: TrainConfig,
    obs: str | None,
    output: str | None,
    force: bool,
    **more: Any,
) -> dict[str, Any]:
    source = _source(inputs, obs, options)
    folder = Path(options.run).absolute()
    inside = [str(file) for file in source.paths() if file.resolve().is_relative_to(folder.resolve())]
    if inside:
        raise CannotCreateError(
            f"the run folder {folder} holds the input {listed(inside)}", hint="name another folder with --run"
        )
    place = destination(source, output, folder / RESULT, force=force)
    outcome: Outcome = step(source, options, force=force, data_path=place.path.resolve(), **more)
    try:
        return _written(outcome, place)
    except (CannotWriteError, CannotCreateError) as error:
        later = f"mmvae embed {' '.join(inputs)} --run {options.run} -o {place.path}"
        raise type(error)(
            str(error.args[0]), hint=f"the data are as they were, the model is complete; later: {later}"
        ) from error


def _predict(
    step: Step,
    inputs: Sequence[str],
    options: PredictConfig,
    obs: str | None,
    output: str | None,
    force: bool,
    **more: Any,
) -> dict[str, Any]:
    inputs = list(inputs)
    for name in inputs:
        if not (Path(name).suffix or "=" in name or Path(name).exists()):
            raise UsageError(f"{name} is no file", hint=f"several modalities are joined by a comma: --from rna,{name}")
    if (
        len(inputs) == 1
        and "=" not in inputs[0]
        and plain_suffix(Path(inputs[0])) not in MUDATA
        and len(options.source) == 1
    ):
        inputs = [f"{options.source[0]}={inputs[0]}"]  # a bare table can only be the one source
    source = _source_or_run(inputs, obs, options)
    suffix = Path(output).suffix if output is not None else ""
    if suffix in TABLES or suffix == ".h5ad":
        return _table(source, options, Path(str(output)), force)
    place = destination(source, output, None, force=force)
    return _written(step(source, options, **more), place)


def _evaluate(
    step: Step,
    inputs: Sequence[str],
    options: EvaluateConfig,
    obs: str | None,
    output: str | None,
    force: bool,
    *,
    multiqc: str | None = None,
    name: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    if name is not None and multiqc is None:
        raise UsageError("--name is for MultiQC", hint="say where its files go: --multiqc DIR")
    source = _source_or_run(inputs, obs, options)
    place = destination(source, output, None, force=force)
    report = None
    if multiqc is not None:
        trained = load_run(options.run).record["summary"]
        report = multiqc_report(multiqc, name, options.run, trained, force=force)
    summary = _written(step(source, options, force=force, **more), place)
    if report is not None:
        summary["multiqc"] = {"name": report.name, "files": report.write(summary)}
    return summary


def _table(source: Source, options: PredictConfig, path: Path, force: bool) -> dict[str, Any]:
    """Write the prediction alone, samples × features."""
    check_new(path, force=force)
    table, unit = prediction_table(source, options)
    if path.suffix in TABLES:
        _write_table(table, path)
    else:
        write_file(path, lambda temporary: write_anndata(table, {"unit": unit}, temporary))
    target = {"samples": len(table), "features": table.shape[1], "unit": unit}
    return {
        "command": "predict",
        "run": options.run,
        "from": list(options.source),
        "targets": {options.target[0]: target},
        "output": str(path),
    }


def _write_table(table: pd.DataFrame, path: Path, *, index: bool = True) -> None:
    separator = TABLES[path.suffix]
    write_file(path, lambda file: table.to_csv(file, sep=separator, float_format="%.7g", index=index))


def _top_features(
    step: Step,
    inputs: Sequence[str],
    options: TopFeaturesConfig,
    _obs: Any,
    output: str | None,
    force: bool,
    **_: Any,
) -> dict[str, Any]:
    """Read loadings out of the data given, or else out of those of the run; nothing is written into them."""
    path = None if output is None else Path(output)
    if path is not None:
        if path.suffix not in TABLES:
            raise UsageError(f"-o {path}: the table goes into {listed(TABLES)}", hint="name -o features.csv")
        check_new(path, force=force)
    source = _source(inputs, None, InputOptions()) if inputs else None
    if source is None or options.run is not None:
        run = load_run(options.run or RUN)
        source = source or source_of(run)
        options = replace(options, key=options.key or run.record["key"])
    if source.mudata_file is None:
        raise UsageError("tables hold no loadings", hint="give the .h5mu or .zarr that mmvae train wrote into")
    outcome: Outcome = step(source.mudata_file, options)
    summary = {**outcome.summary, "data": str(source.mudata_file)}
    if path is None:
        return summary
    _write_table(feature_table(summary), path, index=False)
    return {**summary, "output": str(path)}
