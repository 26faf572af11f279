"""The pages of the commands are those of the options that exist, and no page names others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from mmvae_cli.cli.main import COMMANDS, app
from mmvae_cli.errors import MmvaeError
from tests.scripts import load_script
from tests.test_docs import ALL_PAGES, relative

FLAG = re.compile(r"(?<!\S)--[a-z][\w-]*\w")
OF_OTHERS = set(  # of docker, snakemake, mlflow, scripts of ours; and `--no-…`
    "--tag --configfile --keep-going --set-threads --backend-store-uri --data --factors --no".split()
)
OF_MMVAE = {"--help", "--version", "--install-completion", "--show-completion"}

docs, examples = load_script("scripts/docs.py"), load_script("scripts/examples.py")
NAMES = [docs.name_of(command) for command in COMMANDS]


def test_a_stale_page_is_found_and_the_remedy_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.run(["--check"], tmp_path) == 1
    assert "python scripts/docs.py" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert docs.run([], tmp_path) == 0
    assert docs.run(["--check"], tmp_path) == 0
    page = tmp_path / "commands" / "train.md"
    page.write_text(page.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert docs.run(["--check"], tmp_path) == 1
    assert "commands/train.md" in capsys.readouterr().err


def test_the_page_of_a_command_that_is_no_more_is_removed(tmp_path: Path) -> None:
    docs.run([], tmp_path)
    (tmp_path / "commands" / "old.md").write_text("# mmvae old\n", encoding="utf-8")
    assert docs.run(["--check"], tmp_path) == 1
    docs.run([], tmp_path)
    assert sorted(path.stem for path in (tmp_path / "commands").iterdir()) == sorted(NAMES)


def test_the_pages_of_commands_are_up_to_date() -> None:
    assert docs.run(["--check"]) == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_option_of_a_command_is_on_its_page(name: str) -> None:
    page = docs.pages()[f"commands/{name}.md"]
    for option in docs.CONFIGS[name].__dataclass_fields__:
        assert f"`{docs.flag_name(option)}" in page, option


@pytest.mark.parametrize(
    ("help_text", "expected"),
    [
        ("Seed.", ("Seed.", "")),
        ("Sizes: 2+2+2 (a+b+c), or c=4,... (default: 4 each).", ("Sizes: 2+2+2 (a+b+c), or c=4,...", "4 each")),
        ("Stops; 0: never (default: a tenth).", ("Stops; 0: never.", "a tenth")),
    ],
)
def test_a_default_in_the_help_has_its_own_column(help_text: str, expected: tuple[str, str]) -> None:
    assert docs.described(help_text) == expected


def test_every_error_has_its_exit_code_on_the_page() -> None:
    codes = {kind.exit_code for kind in (MmvaeError, *MmvaeError.__subclasses__())}
    assert codes <= docs.EXIT_CODES.keys()


@pytest.mark.parametrize("page", ALL_PAGES, ids=relative)
def test_every_command_that_a_page_shows_exists_with_its_options_and_values(page: Path) -> None:
    for command in examples.command_lines(page.read_text(encoding="utf-8")):
        examples.parse(command)


@pytest.mark.parametrize("page", ALL_PAGES, ids=relative)
def test_every_flag_that_a_page_names_exists(page: Path) -> None:
    commands = get_command(app).commands.values()
    known = {flag for command in commands for one in command.params for flag in (*one.opts, *one.secondary_opts)}
    named = {flag for code in examples.inline(page.read_text(encoding="utf-8")) for flag in FLAG.findall(code)}
    assert named - known - OF_MMVAE - OF_OTHERS == set()


@pytest.mark.parametrize(
    "command",
    [
        "mmvae trian cll.h5mu",
        "mmvae train --lable IGHV",
        "mmvae train --epochs many",
        "mmvae train --preset figure1b",
        "mmvae evaluate --preset paper",
        "mmvae --versions",
        "mmvae simulate input.h5mu",
    ],
)
def test_a_command_that_does_not_exist_is_found(command: str) -> None:
    page = (
        f"# Page\n\n```bash\n{command}  # a comment\n```\n\n    $ {command} \\\n        -o x.h5mu\n\nor `{command}`.\n"
    )
    found = list(examples.command_lines(page))
    assert len(found) == 3
    for one in found:
        with pytest.raises(Exception, match=r"(?i)no such|cannot use|unknown|known:|unexpected"):
            examples.parse(one)
