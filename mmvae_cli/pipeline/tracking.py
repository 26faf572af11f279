"""Epochs of a training in a log that other programs show. Those are imported where they are asked for."""

from __future__ import annotations

import importlib
import json
import logging
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from mmvae_cli.config import TrainConfig
from mmvae_cli.data.atomic import check_folder
from mmvae_cli.errors import CannotCreateError, UsageError
from mmvae_cli.pipeline.outcome import Outcome
from mmvae_cli.training.fit import EpochReport

log = logging.getLogger("mmvae_cli")

FOLDER = "runs"  # where TensorBoard looks by custom
EXPERIMENT = "mmvae"
OnEpoch = Callable[[EpochReport], None]


class Tracker(Protocol):
    """A log of one training: made without a trace, opened at its first epoch."""

    errors: tuple[type[Exception], ...]  # what goes wrong while writing

    def open(self, options: Mapping[str, Any]) -> str:
        """Start the log; returns where it is."""

    def scalars(self, values: Mapping[str, float], epoch: int) -> None:
        """Write numbers of an epoch, by name."""

    def close(self, options: Mapping[str, Any], metrics: Mapping[str, float] | None) -> None:
        """End the log; ``metrics`` is None where training failed."""


class TensorBoard:
    """An event file in a folder of its own below ``folder``."""

    errors: tuple[type[Exception], ...] = (OSError,)

    def __init__(self, folder: str | None, name: str) -> None:
        self._writer: Callable[..., Any] = _imported("torch.utils.tensorboard", "tensorboard").SummaryWriter
        self.place = Path(folder or FOLDER) / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        _check_place(self.place)

    def open(self, options: Mapping[str, Any]) -> str:
        """Make the folder and its event file; options stand in it as text."""
        while self.place.exists():  # another training of this second
            self.place = self.place.with_name(f"{self.place.name}+")
        self.writer = self._writer(str(self.place))
        text = json.dumps(options, indent=1, ensure_ascii=False)
        self.writer.add_text("options", "\n".join(f"    {line}" for line in text.splitlines()))  # a block of code
        return str(self.place)

    def scalars(self, values: Mapping[str, float], epoch: int) -> None:
        """One point of each curve."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, epoch)

    def close(self, options: Mapping[str, Any], metrics: Mapping[str, float] | None) -> None:
        """Options beside metrics, for the comparison of runs."""
        if metrics is not None:
            plain = {name: _plain(value) for name, value in options.items() if value is not None}
            self.writer.add_hparams(plain, dict(metrics), run_name=".")
        self.writer.close()


class MLflow:
    """A run of the experiment ``mmvae``: in a database in a folder, at an address, or where MLflow keeps its runs."""

    def __init__(self, place: str | None, name: str) -> None:
        mlflow, self._entities = _imported("mlflow", "mlflow"), _imported("mlflow.entities", "mlflow")
        self.folder = Path(place).absolute() if place is not None and "://" not in place else None
        self.address = place if self.folder is None else f"sqlite:///{self.folder / 'mlflow.db'}"
        self.name = name
        if self.folder is not None:
            _check_place(self.folder)
        self.errors: tuple[type[Exception], ...] = (OSError, _imported("mlflow.exceptions", "mlflow").MlflowException)
        self._client: Callable[..., Any] = mlflow.MlflowClient

    def open(self, options: Mapping[str, Any]) -> str:
        """Make a run; options are its parameters."""
        artifacts = None
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            artifacts = (self.folder / "artifacts").as_uri()
        self.client = self._client(tracking_uri=self.address)
        known = self.client.get_experiment_by_name(EXPERIMENT)
        experiment = known.experiment_id if known else self.client.create_experiment(EXPERIMENT, artifacts)
        self.run = self.client.create_run(experiment, run_name=self.name).info.run_id
        given = {key: value for key, value in options.items() if value is not None}
        params = [self._entities.Param(key, str(_plain(value))[:500]) for key, value in given.items()]
        self.client.log_batch(self.run, params=params)
        return f"{self.address or 'MLflow'}, run {self.run}"

    def scalars(self, values: Mapping[str, float], epoch: int) -> None:
        """Metrics at a step, in one request."""
        now = int(1000 * time.time())
        names = {name: re.sub(r"[^\w. :/-]", "_", name, flags=re.ASCII) for name in values}  # no others are allowed
        metrics = [self._entities.Metric(names[name], value, now, epoch) for name, value in values.items()]
        self.client.log_batch(self.run, metrics=metrics)

    def close(self, options: Mapping[str, Any], metrics: Mapping[str, float] | None) -> None:
        """Say how the run ended."""
        if metrics is not None:
            self.scalars(metrics, 0)
        self.client.set_terminated(self.run, "FAILED" if metrics is None else "FINISHED")


TRACKERS: dict[str, Callable[[str | None, str], Tracker]] = {"tensorboard": TensorBoard, "mlflow": MLflow}


@contextmanager
def tracked(
    config: TrainConfig, on_epoch: OnEpoch | None
) -> Iterator[tuple[OnEpoch | None, Callable[[Outcome], Outcome]]]:
    """Yield what to call after each epoch, and with the outcome of the training, which gets the place of the log.

    Raises
    ------
    UsageError
        If the package of the log is not installed.
    CannotCreateError
        If the log cannot be where it was asked for.
    """
    if config.log_to is None:
        yield on_epoch, lambda outcome: outcome
        return
    kind, _, place = config.log_to.partition(":")
    tracking = _Tracking(TRACKERS[kind](place or None, Path(config.run).absolute().name), config, on_epoch)
    try:
        yield tracking.epoch, tracking.outcome
    finally:
        tracking.end()


class _Tracking:
    """Opens the log at the first epoch; a log that fails later is given up with a warning, and training goes on."""

    def __init__(self, tracker: Tracker, config: TrainConfig, on_epoch: OnEpoch | None) -> None:
        self.tracker, self.options, self.on_epoch = tracker, config.as_dict(), on_epoch
        self.place: str | None = None
        self.works = False
        self.r2: dict[tuple[int, int], float] = {}
        self.metrics: dict[str, float] | None = None

    def epoch(self, report: EpochReport) -> None:
        if self.place is None:
            try:
                self.place, self.works = self.tracker.open(self.options), True
            except self.tracker.errors as error:
                hint = "leave --log-to out, or name another place behind a colon"
                raise CannotCreateError(f"cannot log there: {_first_line(error)}", hint=hint) from error
        self.r2.update({(r, report.epoch): r2 for r, r2 in zip(report.replicates, report.r2, strict=False)})
        self._try(lambda: self.tracker.scalars(scalars(report), report.epoch))
        if self.on_epoch is not None:
            self.on_epoch(report)

    def outcome(self, outcome: Outcome) -> Outcome:
        found: dict[str, float] = {"final/epochs": outcome.summary["epochs"]}
        for index, one in enumerate(outcome.summary["replicates"]):
            numbers = {**one, "r2": self.r2.get((index, one["best_epoch"]))}
            for name in ("score", "r2", "best_epoch", "shared_latents"):
                found[f"final/{name}/replicate_{index + 1}"] = math.nan if numbers[name] is None else numbers[name]
        self.metrics = _finite(found)
        return replace(outcome, summary={**outcome.summary, "logged": self.place})

    def end(self) -> None:
        self._try(lambda: self.tracker.close(self.options, self.metrics))

    def _try(self, write: Callable[[], None]) -> None:
        if not self.works:
            return
        try:
            write()
        except self.tracker.errors as error:
            self.works = False
            log.warning("the log in %s ends here: %s", self.place, _first_line(error))


def scalars(report: EpochReport) -> dict[str, float]:
    """Numbers of an epoch by name, those of each replicate apart; what is not finite is left out."""
    found = {"beta": report.beta}
    by_name: dict[str, list[float]] = {"loss": report.loss, "kl": report.kl}
    by_name |= {f"log_likelihood_{name}": values for name, values in report.log_likelihood.items()}
    by_name |= {"validation_score": report.validation, "validation_r2": report.r2}
    for name, values in by_name.items():
        found |= {f"{name}/replicate_{r + 1}": value for r, value in zip(report.replicates, values, strict=False)}
    return _finite(found)


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if math.isfinite(value)}


def _plain(value: Any) -> Any:
    """A value that such logs take as it is; others as JSON."""
    return value if isinstance(value, (bool, int, float, str)) else json.dumps(value, ensure_ascii=False)


def _check_place(folder: Path) -> None:
    """Refuse a folder that could not be made or written into."""
    check_folder(next(path for path in (folder, *folder.absolute().parents) if path.exists()))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _imported(module: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UsageError(f"--log-to {name} needs the package {name}", hint=f"pip install 'mmvae-cli[{name}]'") from None
