"""Trainings in the logs of TensorBoard, read by TensorBoard, and of MLflow, whose client alone is stood in for."""

from __future__ import annotations

import csv
import sys
import types
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import mmvae_cli
from mmvae_cli.errors import CannotCreateError, UsageError
from mmvae_cli.training.fit import EpochReport
from tests.pipeline.helpers import QUICK, study


class MlflowError(Exception):
    """What the client raises."""


class Client:
    """The methods of MLflow's client that are used, with its arguments."""

    runs: dict[str, dict[str, Any]] = {}  # noqa: RUF012 - what a server would keep
    fails_at: int | None = None

    def __init__(self, tracking_uri: str | None = None) -> None:
        self.address = tracking_uri

    def get_experiment_by_name(self, name: str) -> None:
        return None

    def create_experiment(self, name: str, artifact_location: str | None = None) -> str:
        return f"experiment {name}"

    def create_run(self, experiment_id: str, run_name: str | None = None) -> types.SimpleNamespace:
        self.runs[run_name] = {"experiment": experiment_id, "address": self.address, "params": {},
                               "metrics": defaultdict(list), "status": "RUNNING"}  # fmt: skip
        return types.SimpleNamespace(info=types.SimpleNamespace(run_id=run_name))

    def log_batch(self, run_id: str, metrics: Any = (), params: Any = ()) -> None:
        if self.fails_at is not None and any(metric.step == self.fails_at for metric in metrics):
            raise MlflowError("the server is gone\nmore")
        self.runs[run_id]["params"].update({one.key: one.value for one in params})
        for one in metrics:
            self.runs[run_id]["metrics"][one.key].append((one.step, one.value))

    def set_terminated(self, run_id: str, status: str) -> None:
        self.runs[run_id]["status"] = status


def entity(*fields: str) -> type:
    return lambda *values: types.SimpleNamespace(**dict(zip(fields, values, strict=True)))


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> type[Client]:
    """MLflow with a client that only remembers."""
    modules = {
        "mlflow": {"MlflowClient": Client},
        "mlflow.entities": {
            "Param": entity("key", "value"),
            "Metric": entity("key", "value", "timestamp", "step"),
        },
        "mlflow.exceptions": {"MlflowException": MlflowError},
    }
    for name, content in modules.items():
        monkeypatch.setitem(sys.modules, name, types.SimpleNamespace(**content))
    monkeypatch.setattr(Client, "runs", {})
    return Client


def history(run: Path, column: str) -> list[float]:
    with (run / "history.csv").open() as file:
        return [float(row[column]) for row in csv.DictReader(file) if row["replicate"] == "0"]


def test_tensorboard_reads_the_curves_and_the_options_of_each_replicate(tmp_path: Path, monkeypatch: Any) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", exc_type=ImportError)
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        mmvae_cli.train(study(), run="model", replicates=2, label="label", log_to="tensorboard", force=True, **QUICK)
    folders = sorted(Path("runs").iterdir())
    assert len(folders) == 2  # trainings of one name are apart
    events = reader.EventAccumulator(str(folders[1]))
    events.Reload()
    losses = events.Scalars("loss/replicate_1")
    assert [event.step for event in losses] == [1, 2, 3]
    assert [event.value for event in losses] == pytest.approx(history(Path("model"), "loss"), rel=1e-5)
    names = set(events.Tags()["scalars"])
    assert {"beta", "kl/replicate_2", "log_likelihood_rna/replicate_1", "validation_r2/replicate_2"} <= names
    assert events.Scalars("final/epochs")[0].value == 3
    assert '"label": "label"' in events.Tensors("options/text_summary")[0].tensor_proto.string_val[0].decode()


def test_mlflow_gets_parameters_metrics_and_the_end(client: type[Client], tmp_path: Path) -> None:
    seen: list[EpochReport] = []
    mdata = study(modalities=("rna", "µ+x"))
    place = tmp_path / "ml"
    mmvae_cli.train(mdata, run=str(tmp_path / "model"), log_to=f"mlflow:{place}", on_epoch=seen.append, **QUICK)
    found = client.runs["model"]
    assert (found["experiment"], found["status"]) == ("experiment mmvae", "FINISHED")
    assert found["address"] == f"sqlite:///{place}/mlflow.db"
    assert (found["params"]["model"], found["params"]["epochs"]) == ("mmvaex", "3")
    assert found["metrics"]["loss/replicate_1"] == [(report.epoch, report.loss[0]) for report in seen]
    assert len(seen) == 3  # whoever else listens still hears
    assert len(found["metrics"]["log_likelihood___x/replicate_1"]) == 3  # of its name what MLflow takes
    assert found["metrics"]["final/best_epoch/replicate_1"][0][1] in (1, 2, 3)


@pytest.mark.parametrize(("log_to", "address"), [("mlflow", None), ("mlflow:http://host:5000", "http://host:5000")])
def test_mlflow_keeps_its_own_place_or_gets_an_address(
    log_to: str, address: str | None, client: type[Client], tmp_path: Path
) -> None:
    mmvae_cli.train(study(), run=str(tmp_path / "model"), log_to=log_to, **{**QUICK, "epochs": 1})
    assert client.runs["model"]["address"] == address


def test_a_training_that_fails_is_logged_as_failed(client: type[Client], tmp_path: Path) -> None:
    def stop(report: EpochReport) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mmvae_cli.train(study(), run=str(tmp_path / "model"), log_to="mlflow", on_epoch=stop, **QUICK)
    assert client.runs["model"]["status"] == "FAILED"


def test_a_log_that_fails_on_the_way_is_given_up_and_the_model_is_not(
    client: type[Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(client, "fails_at", 2)
    mdata = mmvae_cli.train(study(), run=str(tmp_path / "model"), log_to="mlflow", **QUICK)
    assert "X_mmvae" in mdata.obsm
    assert [text for text in caplog.messages if "ends here" in text] == [
        "the log in MLflow, run model ends here: the server is gone"
    ]


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(
    name: str, client: type[Client], tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    with pytest.raises(CannotCreateError, match="taken"):
        mmvae_cli.train(study(), run=str(tmp_path / "model"), log_to=f"{name}:{taken}", on_epoch=pytest.fail, **QUICK)
    assert list(tmp_path.iterdir()) == [taken]


def test_a_server_that_does_not_answer_is_said(
    client: type[Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise MlflowError("no answer")

    monkeypatch.setattr(client, "create_run", away)
    with pytest.raises(CannotCreateError, match="no answer"):
        mmvae_cli.train(study(), run=str(tmp_path / "model"), log_to="mlflow", **QUICK)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(("name", "module"), [("tensorboard", "torch.utils.tensorboard"), ("mlflow", "mlflow")])
def test_a_package_that_is_missing_is_named_with_its_remedy(
    name: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    with pytest.raises(UsageError, match=rf"needs the package {name}\npip install 'mmvae-cli\[{name}\]'"):
        mmvae_cli.train(study(), run=str(tmp_path / "model"), log_to=name, on_epoch=pytest.fail, **QUICK)
    mmvae_cli.train(study(), run=str(tmp_path / "model"), **QUICK)  # and nobody misses it


@pytest.mark.parametrize("value", ["wandb", "tensorboard:", "", "mlflow: "])
def test_what_is_no_log_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="--log-to"):
        mmvae_cli.train(study(), log_to=value)
