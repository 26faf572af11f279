from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np
import pytest

import mmvae_cli
from mmvae_cli.config import TrainConfig
from mmvae_cli.errors import OutOfMemoryError
from mmvae_cli.pipeline import memory
from mmvae_cli.pipeline.memory import Size, training_need
from tests.pipeline.helpers import QUICK, study


def test_too_little_memory_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 100_000)
    with pytest.raises(OutOfMemoryError, match=r"needs about 0\.0 GB more memory, 0\.0 GB are free") as error:
        mmvae_cli.train(study(), run=str(tmp_path / "run"), **QUICK)
    assert error.value.exit_code == 137
    assert "--shared" in error.value.hint
    assert not (tmp_path / "run").exists()


def test_the_estimate_is_said_where_it_is_not_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    mmvae_cli.train(study(), run=str(tmp_path / "first"), **QUICK)
    assert "memory: about" not in caplog.text
    monkeypatch.setattr(memory, "WORTH_SAYING", 0)
    mmvae_cli.train(study(), run=str(tmp_path / "second"), **QUICK)
    assert re.search(r"memory: about \d+\.\d GB at most", caplog.text)  # of the process: as much as the tests took


def test_what_is_sparse_needs_less() -> None:
    config = TrainConfig(run="run")
    dense, sparse = (training_need([Size(10_000, 20_000, n), Size(10_000, 500)], config) for n in (None, 2_000_000))
    assert dense.machine - sparse.machine > 0.9 * 4 * 10_000 * 20_000


@pytest.mark.parametrize(("change", "at_least"), [({"replicates": 10}, 5), ({"batch_size": 4096}, 3)])
def test_replicates_and_batches_need_memory(change: dict[str, int], at_least: float) -> None:
    sizes = [Size(2_000, 20_000, 100_000)] * 2
    few, many = (training_need(sizes, TrainConfig(run="run", **asked)).machine for asked in ({}, change))  # type: ignore[arg-type]
    assert many > at_least * few


def test_sizes_are_read_off_values() -> None:
    assert Size.of(np.zeros((3, 4), np.float32)).stored == 3 * 4 * 4
