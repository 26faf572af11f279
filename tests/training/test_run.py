from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import mmvae_cli
from mmvae_cli.errors import DataError, InputNotFoundError
from mmvae_cli.training.run import load_run, save_run
from tests.pipeline.helpers import assert_same_run, study, train

REPLICATES = 3


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple:
    folder = tmp_path_factory.mktemp("run") / "run"
    mdata = study()
    run = train(
        mdata, folder, replicates=REPLICATES, splits="own", label="label", shared=3, other=4, supervised=True,
        epochs=30, patience=2, warmup=0.1, lr=3e-2, validation_fraction=0.2,
    )  # fmt: skip
    mmvae_cli.predict(mdata, run=str(folder), source="rna", target="meth")
    return mdata, run, folder


def test_the_folder_holds_three_files_and_no_code(finished: tuple) -> None:
    folder = finished[2]
    assert sorted(path.name for path in folder.iterdir()) == ["history.csv", "model.safetensors", "run.json"]
    content = (folder / "model.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert all({"dtype", "shape", "data_offsets"} == set(one) for name, one in header.items() if name != "__metadata__")


def test_run_json_says_what_was_done(finished: tuple) -> None:
    mdata, _, folder = finished
    content = json.loads((folder / "run.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert [one["name"] for one in content["modalities"]] == ["meth", "rna"]
    assert content["modality_order"] == ["rna", "meth"]
    assert content["config"]["shared"] == {"*": 3}
    assert content["label"] == {"name": "label", "kind": "categorical", "classes": ["negative", "positive"]}
    assert {"mmvae", "torch", "python", "mudata", "anndata", "numpy"} <= set(content["versions"])
    assert sorted(content["samples"]) == content["samples"] == sorted(mdata.obs_names)
    assert len(content["splits"]) == REPLICATES
    for parts in content["splits"]:
        assert sorted(name for names in parts.values() for name in names) == content["samples"]
    for modality in content["modalities"]:
        assert set(modality["features"]) <= set(mdata.mod[modality["name"]].var_names)
    assert content["data"]["hash"] == mdata.uns["mmvae"]["input_hash"]


def test_history_has_a_row_for_each_epoch_and_replicate_in_training(finished: tuple) -> None:
    _, run, folder = finished
    with (folder / "history.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    epochs = {r: [int(row["epoch"]) for row in rows if int(row["replicate"]) == r] for r in range(REPLICATES)}
    assert all(found == list(range(1, len(found) + 1)) for found in epochs.values())
    assert len({len(found) for found in epochs.values()}) > 1, "all stop at once: the test would say little"
    for replicate, one in enumerate(run.record["summary"]["replicates"]):
        assert one["best_epoch"] + 2 == len(epochs[replicate]) or len(epochs[replicate]) == 30
        scores = {
            int(row["epoch"]): float(row["validation_score"]) for row in rows if int(row["replicate"]) == replicate
        }
        assert scores[one["best_epoch"]] == pytest.approx(one["score"], rel=1e-5)
    numbers = {"loss", "kl", "log_likelihood_rna", "log_likelihood_meth", "log_likelihood_label", "validation_r2"}
    assert all(np.isfinite(float(row[name])) for row in rows for name in numbers)


def test_a_loaded_run_gives_the_same_numbers_bit_for_bit(finished: tuple) -> None:
    mdata, run, folder = finished
    again = study()
    mmvae_cli.embed(again, run=str(folder))
    mmvae_cli.predict(again, run=str(folder), source="rna", target="meth")
    for key in ("X_mmvae", "X_mmvae_shared"):
        np.testing.assert_array_equal(mdata.obsm[key], again.obsm[key])
    layers = [one.mod["meth"].layers["mmvae_from_rna"] for one in (mdata, again)]
    np.testing.assert_array_equal(*layers)
    assert_same_run(run, load_run(folder))


def test_a_run_that_is_saved_again_is_the_same(finished: tuple, tmp_path: Path) -> None:
    _, run, folder = finished
    save_run(run, [], tmp_path)
    again = load_run(tmp_path)
    assert_same_run(run, again)
    np.testing.assert_array_equal(run.splits, again.splits)
    assert run.record == again.record
    assert run.spec == again.spec
    assert run.replicate == again.replicate
    assert (tmp_path / "run.json").read_text() == (folder / "run.json").read_text()


def damaged(folder: Path, target: Path, name: str, change: object) -> Path:
    target.mkdir()
    for path in folder.iterdir():
        content = path.read_bytes()
        (target / path.name).write_bytes(change(content) if path.name == name else content)  # type: ignore[operator]
    return target


CUT = "is cut off or overwritten"
OTHER = "the weights in model.safetensors are not those that run.json describes"


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("run.json", lambda content: content[: len(content) // 2], f"run.json {CUT}"),
        ("run.json", lambda content: b"\x00\xff" * 40, f"run.json {CUT}"),
        ("run.json", lambda content: b"[]", "run.json was changed"),
        ("run.json", lambda content: content.replace(b'"n_shared": 2', b'"n_shared": 3'), OTHER),
        ("run.json", lambda content: content.replace(b'"samples"', b'"sample"'), "'samples' is missing in it"),
        ("model.safetensors", lambda content: content[: len(content) // 2], f"model.safetensors {CUT}"),
        ("model.safetensors", lambda content: b"", f"model.safetensors {CUT}"),
        ("model.safetensors", lambda content: content.replace(b"encoder", b"encodex"), OTHER),
        ("model.safetensors", lambda content: content.replace(b"/0/mean", b"/0/maan"), "is missing in it"),
    ],
)
def test_a_damaged_run_is_said_in_one_line_of_plain_words(
    finished: tuple, tmp_path: Path, name: str, change: object, said: str
) -> None:
    folder = damaged(finished[2], tmp_path / "run", name, change)
    with pytest.raises(DataError, match="is damaged: ") as error:
        load_run(folder)
    assert error.value.args[0].endswith(said)
    assert "Error" not in error.value.args[0]


def _of_format_1(content: bytes) -> bytes:
    content = content.replace(b'"format": 2', b'"format": 1')
    return content.replace(b'"shared_path": false', b'"shared_path": true')


def test_no_run_and_a_run_of_a_newer_version_are_told_apart(finished: tuple, tmp_path: Path) -> None:
    with pytest.raises(InputNotFoundError, match="no trained model"):
        load_run(tmp_path)
    newer = damaged(
        finished[2], tmp_path / "run", "run.json", lambda content: content.replace(b'"format": 2', b'"format": 9')
    )
    with pytest.raises(DataError, match="newer version"):
        load_run(newer)
    earlier = damaged(finished[2], tmp_path / "earlier", "run.json", lambda content: _of_format_1(content))
    with pytest.raises(DataError, match="earlier version"):
        load_run(earlier)
    missing = damaged(finished[2], tmp_path / "part", "run.json", lambda content: content)
    (missing / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"is damaged: it lacks model\.safetensors"):
        load_run(missing)


def test_the_model_of_one_replicate_is_its_share_of_all(finished: tuple) -> None:
    from mmvae_cli.pipeline.replicates import single_model

    run = finished[1]
    for replicate in range(REPLICATES):
        alone = single_model(run, replicate).state_dict()
        for name, value in run.model.state_dict().items():
            assert torch.equal(alone[name], value[replicate : replicate + 1])


def test_factors_of_the_joint_embedding_survive_saving(finished: tuple, tmp_path: Path) -> None:
    run = load_run(finished[2])
    run.model.trust[0] = torch.tensor([0.25, 1.0, 0.5])
    save_run(run, [], tmp_path)
    assert load_run(tmp_path).model.trust.tolist() == [[0.25, 1.0, 0.5], [1.0] * 3]
