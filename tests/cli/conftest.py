"""Data for the tests of the command line: drawn once, copied into a folder of its own for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import mudata
import pytest

from tests.cli.commands import QUICK, done


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with data of two and of three modalities, and the first as tables."""
    folder = tmp_path_factory.mktemp("drawn")
    done(f"simulate --samples 80 --other 20 -o {folder}/two.h5mu")
    done(f"simulate --samples 60 --other 6 --shared 4 --modalities a,b,c -o {folder}/three.h5mu")
    mdata = mudata.read_h5mu(folder / "two.h5mu")
    for name, modality in mdata.mod.items():
        modality.to_df().to_csv(folder / f"{name}.csv")
    mdata.obs[["label"]].to_csv(folder / "labels.csv")
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder the commands run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def two(here: Path, drawn: Path) -> Path:
    """80 samples with rna and methylation, and a label."""
    return Path(shutil.copy(drawn / "two.h5mu", here / "two.h5mu"))


@pytest.fixture
def three(here: Path, drawn: Path) -> Path:
    """60 samples with a, b and c."""
    return Path(shutil.copy(drawn / "three.h5mu", here / "three.h5mu"))


@pytest.fixture
def tables(here: Path, drawn: Path) -> Path:
    """rna.csv, methylation.csv and labels.csv."""
    for name in ("rna.csv", "methylation.csv", "labels.csv"):
        shutil.copy(drawn / name, here)
    return here


@pytest.fixture
def trained(two: Path) -> Path:
    """Data with a trained model beside it, in mmvae_run."""
    done(f"train two.h5mu {QUICK} --label label")
    return two


@pytest.fixture
def changed(two: Path) -> Callable[[str, Callable[[mudata.MuData], object]], Path]:
    """Write a copy of the data in which something is changed."""

    def change(name: str, how: Callable[[mudata.MuData], object]) -> Path:
        mdata = mudata.read_h5mu(two)
        how(mdata)
        mdata.write_h5mu(name)
        return Path(name)

    return change
