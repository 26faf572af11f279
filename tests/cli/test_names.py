"""Names the user writes: unknown ones suggest the nearest, and options may come from a file or a preset."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.commands import QUICK, done, refused


@pytest.mark.parametrize(
    ("command_line", "code", "nearest"),
    [
        ("train two.h5mu --epoch 3", 2, "--epochs"),
        ("tran two.h5mu", 2, "'train'"),
        ("train two.h5mu --model mmvapp", 2, "'mmvaepp'"),
        ("train two.h5mu --preset papr", 2, "'paper'"),
        ("train two.h5mu --device cudda", 2, "'cuda'"),
        ("train two.h5mu --transform zscor", 2, "'zscore'"),
        ("train two.h5mu --transform rna=zscor", 2, "'zscore'"),
        ("train two.h5mu --likelihood bernoul", 2, "'bernoulli'"),
        ("train two.h5mu --label LABLE", 65, "'label'"),
        ("train two.h5mu --label rna:lable", 65, "'label'"),
        ("train two.h5mu --modalities rna,methylaton", 65, "'methylation'"),
        ("train two.h5mu --latent shared=2,rma=2", 65, "'rna'"),
        ("train two.h5mu --shared rma=2 --label label", 65, "'rna'"),
        ("train two.h5mu --transform rma=none", 65, "'rna'"),
        ("train two.h5mu --modality-weight rma=2", 65, "'rna'"),
        ("train two.h5m", 66, "'two.h5mu'"),
    ],
)
def test_unknown_name_suggests_the_nearest(command_line: str, code: int, nearest: str, two: Path) -> None:
    refused(command_line, code, f"did you mean {nearest}?")


def test_unknown_modality_of_a_run_suggests_the_nearest(trained: Path) -> None:
    refused("predict --from rna --to methylaton", 65, "'methylation'", "--to", "allowed: rna, methylation")
    refused("predict --from rma --to methylation", 65, "'rna'", "--from")
    refused("predict --from rna --to methylation --features methylation_shared_01", 65, "did you mean")
    refused("evaluate --label lable", 65, "'label'")


def test_what_mmvae_wrote_is_no_label(trained: Path) -> None:
    refused(f"train two.h5mu --label mmvae_split --run other {QUICK}", 65, "written by mmvae")
    assert "mmvae_split" not in refused(f"train two.h5mu --label lable --run other {QUICK}", 65).err


def test_values_for_several_modalities_may_be_joined_by_commas(two: Path) -> None:
    done(f"train two.h5mu --label label --shared rna=3,methylation=4 --run commas {QUICK}")
    done(f"train two.h5mu --label label --shared rna=3 --shared methylation=4 --run twice {QUICK}")
    assert settings_of("commas")["shared"] == settings_of("twice")["shared"] == {"rna": 3, "methylation": 4}


def settings_of(run: str) -> dict[str, object]:
    return json.loads(Path(run, "run.json").read_text())["config"]


@pytest.mark.parametrize("flag", ["--batch-size", "--batch_size"])
def test_flags_may_have_underscores(flag: str, two: Path) -> None:
    done(f"train two.h5mu {flag} 16 {QUICK}")
    assert settings_of("mmvae_run")["batch_size"] == 16


def test_flags_win_over_the_file_and_the_file_over_the_preset(two: Path) -> None:
    Path("options.yaml").write_text("lr: 0.01\nbatch-size: 16\nepochs: 2\nthreads: 1\nlabel: label\n")
    done("train two.h5mu --preset paper --config options.yaml --batch-size 8")
    found = settings_of("mmvae_run")
    assert found["batch_size"] == 8  # of the three, the flag
    assert found["lr"] == 0.01  # of file and preset, the file
    assert found["warmup"] == 1.0  # the preset alone
    assert found["select_on"] == "all"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("epoch: 3", 2, "did you mean 'epochs'?"),
        ("epochs: many", 2, "--epochs"),
        ("- epochs", 2, "no options"),
        ("a: [", 2, "YAML"),
        ("label: lable", 65, "did you mean 'label'?"),
    ],
)
def test_wrong_file_of_options_is_refused(text: str, code: int, words: str, two: Path) -> None:
    Path("options.yaml").write_text(text)
    refused("train two.h5mu --config options.yaml", code, words)


def test_missing_file_of_options_is_refused(two: Path) -> None:
    refused("train two.h5mu --config options.yaml", 66, "options.yaml")
    refused("train two.h5mu --config .", 2, "cannot read .")
