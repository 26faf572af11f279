"""Every command that a page shows runs: those in blocks that run in tests/test_docs.py, all others here."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from mmvae_cli.evaluation import figures
from tests.documented import BEFORE, EXCEPTED, MADE, STAND_INS, WHOLE, behind, excepted, stage
from tests.scripts import REPOSITORY, load_script
from tests.test_docs import ALL_PAGES, examples, relative

SCRIPT = re.compile(r"(?:[A-Z_]+=\S+ )*python ((?:benchmarks|scripts)/\w+\.py)(.*)")
IN_A_SHELL = re.compile(r"(cp|head|python -m mmvae_cli\S*)( |$)")
REMEDY = "stage its data in tests/documented.py (STAND_INS, MADE, BEFORE, WHOLE), or name it there in EXCEPTED"


def shown(page: Path) -> list[examples.Shown]:
    """Commands of a page that are to be run here: no bare names of commands in the text, none that are abbreviated."""
    return [
        one
        for one in examples.shown(page.read_text(encoding="utf-8"))
        if not (one.inline and (re.fullmatch(r"mmvae [a-z-]+", one.command) and "--" not in one.command))
        and "…" not in one.command
        and not excepted(one.command)
    ]


def of_mmvae(page: Path) -> list[examples.Shown]:
    return [one for one in shown(page) if one.command.startswith("mmvae ") or IN_A_SHELL.match(one.command)]


def run_shown(page: str, commands: list[examples.Shown], folder: Path) -> None:
    """Run commands one after the other in a folder."""
    with contextlib.chdir(folder):
        for command in BEFORE.get(page, ()):
            examples.run_command(command, {command.split()[1]: behind(command)})
        for one in commands:
            name = one.command.split()[1]
            try:
                examples.run_command(one.command, {name: behind(one.command)})
            except examples.ExampleError as error:
                raise examples.ExampleError(f"{page}, line {one.line}: {error}\n{REMEDY}") from None


@pytest.mark.parametrize("page", [page for page in ALL_PAGES if of_mmvae(page)], ids=relative)
def test_commands_of_mmvae_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if relative(page) != "docs/benchmarks.md":  # there benchmarks draw; half of their time, as small as they are here
        monkeypatch.setattr(figures, "lines", lambda *_: None)
        monkeypatch.setattr(figures, "boxes", lambda *_: None)
    stage(tmp_path, page.read_text(encoding="utf-8"))
    run_shown(relative(page), of_mmvae(page), tmp_path)


SCRIPTS = [
    (found[1], found[2]) for page in ALL_PAGES for one in shown(page) if (found := SCRIPT.fullmatch(one.command))
]


@pytest.fixture(scope="module")
def loaded() -> dict[str, ModuleType]:
    """Scripts by their path; those that others import come first."""
    paths = dict.fromkeys(["benchmarks/on_disk.py", "benchmarks/tool_metrics.py", *(path for path, _ in SCRIPTS)])
    return {path: load_script(path) for path in paths}


@pytest.mark.parametrize(("path", "words"), SCRIPTS, ids=[path for path, _ in SCRIPTS])
def test_a_script_takes_the_words_and_is_run_by_a_test(path: str, words: str, loaded: dict[str, ModuleType]) -> None:
    given = re.sub(r"\|\w+", "", re.sub(r"[][]", "", words)).replace(" N", " 1")
    loaded[path].parser().parse_args(shlex.split(given))
    testing = [test.read_text(encoding="utf-8") for test in (REPOSITORY / "tests").rglob("test_*.py")]
    assert any(f'load_script("{path}"' in text for text in testing), f"no test runs {path}"


@pytest.mark.parametrize("page", ALL_PAGES, ids=relative)
def test_targets_of_make_exist(page: Path) -> None:
    for one in shown(page):
        if one.command.startswith("make "):
            subprocess.run([*shlex.split(one.command), "-n"], cwd=REPOSITORY, check=True, capture_output=True)


def test_no_command_of_a_page_is_left_out() -> None:
    for page in ALL_PAGES:
        ran = of_mmvae(page)
        for one in shown(page):
            known = one in ran or SCRIPT.fullmatch(one.command) or one.command.startswith("make ")
            assert known, f"{relative(page)}, line {one.line}: no test runs '{one.command}'; {REMEDY}"


@pytest.mark.parametrize("page", ALL_PAGES, ids=relative)
def test_commands_stand_in_blocks_or_between_backticks(page: Path) -> None:
    text = re.sub(r"`[^`]+`", "", examples.ANY_BLOCK.sub("", page.read_text(encoding="utf-8")))
    assert re.findall(r"mmvae [a-z-]+ (?:-{1,2}[a-z]|\S+\.(?:h5mu|csv|zarr)).*", text) == []


def test_what_is_staged_or_excepted_is_on_a_page_and_named_tests_exist() -> None:
    pages = [page.read_text(encoding="utf-8") for page in ALL_PAGES]
    all_shown = [one.command for page in pages for one in examples.shown(page)]
    assert {excepted(command) for command in all_shown} - {None} == EXCEPTED.keys()
    assert WHOLE.keys() <= {*all_shown}
    for name in [*STAND_INS, *MADE]:
        assert any(name in text for text in [*pages, *WHOLE.values()]), name
    for reason in EXCEPTED.values():
        assert all((REPOSITORY / test).is_file() for test in re.findall(r"tests/\S+\.py", reason)), reason


def test_a_command_without_data_fails_and_the_remedy_is_named(tmp_path: Path) -> None:
    text = "Text `mmvae check` and\n`mmvae check nothing.h5mu`.\n"
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    (one,) = of_mmvae(page)
    with pytest.raises(examples.ExampleError, match=r"page.md, line 2: (?s:.*)66(?s:.*)tests/documented.py"):
        run_shown("page.md", [one], tmp_path)


def test_commands_are_found_in_blocks_that_do_not_run_and_in_the_text() -> None:
    page = (
        "Text `mmvae train x.h5mu`.\n\n```sh\nmmvae check runs.h5mu\n```\n\n```bash\nls  # comment\n"
        "mmvae a \\\n    --b\n```\n\n    MMVAE_DATA=x python benchmarks/y.py\n    text\n"
        "\n- list\n\n  ```sh\n  make demo\n  ```\n"
    )
    assert [(one.line, " ".join(one.command.split()), one.inline) for one in examples.shown(page)] == [
        (1, "mmvae train x.h5mu", True),
        (8, "ls", False),
        (9, "mmvae a --b", False),
        (13, "MMVAE_DATA=x python benchmarks/y.py", False),
        (19, "make demo", False),
    ]
