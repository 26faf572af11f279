from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import mudata
import pytest
from rich.console import Console

from mmvae_cli.cli import console, show, show_associations, show_evaluate, show_top_features, tables
from tests.cli.commands import QUICK, done, mmvae

COMMANDS = {
    "check": "check two.h5mu --label label",
    "select": "select two.h5mu --label label --shared 5 --other 5",
    "train": f"train two.h5mu --label label --force {QUICK}",
    "embed": "embed",
    "predict": "predict --from rna --to methylation",
    "evaluate": "evaluate",
    "top-features": "top-features",
    "simulate": "simulate --samples 20 --shared 2 --other 3",
}
Change = Callable[[str, Callable[[mudata.MuData], object]], Path]


@pytest.mark.parametrize("command", COMMANDS)
def test_json_is_one_object_on_stdout_and_the_log_is_on_stderr(command: str, trained: Path) -> None:
    result = done(f"{COMMANDS[command]} --json")
    assert result.json["command"] == command
    assert result.json["warnings"] == []
    assert "error" not in result.err


@pytest.mark.parametrize("command", COMMANDS)
def test_quiet_prints_nothing(command: str, trained: Path) -> None:
    result = done(f"{COMMANDS[command]} --quiet")
    assert (result.out, result.err) == ("", "")


def test_quiet_json_is_json_alone(trained: Path) -> None:
    result = done("evaluate --quiet --json")
    assert result.json["n_test"] == 16
    assert result.err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_terminal_there_are_no_codes_and_no_bars(command: str, trained: Path) -> None:
    result = done(COMMANDS[command])
    assert result.out.strip()
    for text in (result.out, result.err):
        assert "\x1b" not in text
        assert "\r" not in text
        assert "━" not in text


def test_training_reports_plain_lines_with_loss_and_held_out_r2(two: Path) -> None:
    lines = [line for line in done(f"train two.h5mu {QUICK}").err.splitlines() if line.startswith("epoch ")]
    assert [line.split()[1] for line in lines] == ["1/3", "3/3"]
    assert all("loss" in line and "R²" in line for line in lines)


def test_warnings_are_in_the_json(two: Path, changed: Change) -> None:
    changed("constant.h5mu", lambda mdata: mdata.mod["rna"].X.__setitem__((slice(None), 3), 1.0))
    result = done(f"train constant.h5mu --json {QUICK}")
    assert any("constant" in warning and "rna_shared_4" in warning for warning in result.json["warnings"])
    assert "warning: " in result.err


def check_metrics(found: dict[str, object]) -> None:
    """The structure that programs rely on."""
    assert isinstance(found["n_test"], int)
    assert list(found["r2"]) == ["rna", "methylation"]
    for kinds in found["r2"].values():
        assert list(kinds) == ["cross", "self", "joint"]
        for kind in kinds.values():
            for part in ("shared", "other", "all"):
                assert {"median", "mean"} <= set(kind[part])
            assert isinstance(kind["baseline_mean"], float)
    label = found["label"]
    assert label["column"] == "label"
    for metric in ("auc", "accuracy"):
        assert set(label[metric]) == {"shared", "private", "all"}
        assert list(label[metric]["private"]) == ["rna", "methylation"]


def test_metrics_as_json_have_the_agreed_structure_for_every_replicate(two: Path) -> None:
    done(f"train two.h5mu --label label --replicates 3 {QUICK}")
    found = done("evaluate --json").json
    check_metrics(found)
    assert len(found["replicates"]) == 3
    for one in found["replicates"]:
        check_metrics(one)
    assert found["r2"] == found["replicates"][found["replicate"]]["r2"]
    assert json.loads(mudata.read_h5mu(two).uns["mmvae"]["metrics"])["r2"] == found["r2"]


def test_table_of_replicates_shows_median_and_sd_and_says_which_is_written(two: Path) -> None:
    trained = done(f"train two.h5mu --label label --replicates 3 {QUICK}").out
    shown = done("evaluate").out
    found = done("evaluate --json").json
    assert f"written is replicate {found['replicate'] + 1} of 3" in trained
    assert f"written is replicate {found['replicate'] + 1} of 3" in shown
    over = found["over_replicates"]["r2"]["rna"]["cross"]["all"]["median"]
    assert f"{over['median'] + 0.0:.2f} ± {over['sd']:.2f}" in shown.replace("-0.00", "0.00")
    assert "AUC" in shown


def test_table_has_columns_for_selected_features_only_where_some_were_selected(tables: Path) -> None:
    inputs = "rna=rna.csv methylation=methylation.csv --obs labels.csv --label label"
    for options, columns in (("", ["all"]), ("--shared 5 --force", ["shared", "all"])):
        done(f"train {inputs} {options} --no-screen {QUICK}")
        headers = [line for line in done("evaluate").out.splitlines() if line.startswith("modality")]
        headers = [header for header in headers if "from rna" not in header and "private" not in header]
        assert [header.split()[2:][: len(columns)] for header in headers] == [columns] * 3
        assert len(headers[0].split()) == 2 + len(columns) + 2


def test_modalities_stand_in_the_order_of_the_file(trained: Path) -> None:
    for command in ("check", "select", "train", "evaluate"):
        shown = done(COMMANDS[command]).out.splitlines()
        rows = [line.split()[0] for line in shown if line.split() and line.split()[0] in ("rna", "methylation")]
        assert rows[0] == "rna", command
        assert rows[-1] == "methylation", command


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal of 80 columns in place of stdout."""
    screen = io.StringIO()
    console_80 = Console(file=screen, width=80, highlight=False, emoji=False)
    for module in (show, show_associations, show_evaluate, show_top_features, tables):
        monkeypatch.setattr(module, "out", console_80)
    return screen


@pytest.mark.parametrize("command", COMMANDS)
def test_tables_fit_80_columns_unbroken(command: str, trained: Path, terminal: io.StringIO) -> None:
    done(f"train two.h5mu --label label --replicates 2 --force {QUICK}")
    terminal.seek(terminal.truncate(0))
    done(COMMANDS[command])
    shown = terminal.getvalue()
    assert "…" not in shown
    assert "±\n" not in shown
    for line in shown.splitlines():
        assert len(line.rstrip()) <= 80
        assert not line.startswith(" ")  # every row begins with its name: nothing went over to a second line


NASTY = "[red]x[bold] :smile: \\"


def test_names_from_the_data_are_printed_as_they_are(two: Path) -> None:
    mdata = mudata.read_h5mu(two)
    renamed = mudata.MuData({NASTY: mdata.mod["rna"], "[b]": mdata.mod["methylation"]})
    renamed.obs["[bold]label"] = mdata.obs["label"].to_numpy()
    renamed.write_h5mu("nasty.h5mu")
    for command in ("check", f"train {QUICK}"):
        result = done(f"{command} nasty.h5mu --label '[bold]label'")
        assert NASTY in result.out
        assert "[bold]label" in result.out + result.err
    assert NASTY in done("evaluate").out
    assert NASTY in done(f"predict --from [b] --to '{NASTY}'").out
    assert NASTY in mmvae("predict --from nope --to [b]").err
    assert "[/nope]" in mmvae("train nasty.h5mu --force --label [/nope]").err


def test_nothing_from_outside_moves_the_cursor() -> None:
    screen = io.StringIO()
    Console(file=screen).print(console.literal("a\x1b[31mb\rc\nd"))
    assert screen.getvalue() == "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}d\n"


def test_training_says_where_its_log_is(two: Path) -> None:
    pytest.importorskip("tensorboard")
    shown = done(f"train two.h5mu {QUICK} --log-to tensorboard:logs").out
    (folder,) = Path("logs").iterdir()
    assert f"logged: {folder}" in shown
    assert folder.name.startswith("mmvae_run-")
