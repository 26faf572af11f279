"""The documentation is up to date, complete, and its examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mmvae_cli.cli.main import COMMANDS
from mmvae_cli.errors import MmvaeError
from tests.scripts import load_script

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
ALL_PAGES = [
    *PAGES,
    *(
        REPOSITORY / name
        for name in ("CONTRIBUTING.md", "example_data/README.md", "workflow/README.md", "nextflow/README.md")
    ),
]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# behind commands of the documentation: what makes them quick
QUICK = {"train": ("--epochs", "5", "--threads", "1"), "benchmark": ("--jobs", "1")}


docs, examples = load_script("scripts/docs.py"), load_script("scripts/examples.py")


def relative(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_the_page_of_commands_is_up_to_date() -> None:
    assert docs.PAGE.read_text(encoding="utf-8") == docs.page(), "run python scripts/docs.py"


def test_a_stale_page_is_found_and_the_remedy_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "commands.md"
    assert docs.run(["--check"], page) == 1
    assert "python scripts/docs.py" in capsys.readouterr().err
    assert not page.exists()
    assert docs.run([], page) == 0
    assert docs.run(["--check"], page) == 0
    page.write_text(page.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert docs.run(["--check"], page) == 1


def test_every_option_of_every_command_is_on_the_page() -> None:
    page = docs.page()
    for command in COMMANDS:
        section = page.partition(f"\n## {docs.name_of(command)}\n")[2].partition("\n## ")[0]
        for option in docs.CONFIGS[docs.name_of(command)].__dataclass_fields__:
            assert f"`{docs.flag_name(option)}" in section, (command, option)


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


@pytest.mark.parametrize("command", [docs.name_of(command) for command in COMMANDS])
def test_every_command_has_an_example_that_runs(command: str) -> None:
    ran = [
        line
        for page in PAGES
        for block in examples.blocks(page.read_text(encoding="utf-8"))
        if block.language != "python"
        for line, _ in examples.commands(block)
    ]
    assert [line for line in ran if line.startswith(f"mmvae {command}")]


@pytest.mark.parametrize("page", ALL_PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{relative(page)} links to {target}"
        if anchor:
            assert anchor in anchors(file), f"{relative(page)} links to {target}"


def test_every_page_is_linked_from_the_readme() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert [relative(page) for page in PAGES[1:] if f"({relative(page)}" not in readme] == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if examples.blocks(page.read_text(encoding="utf-8"))], ids=relative
)
def test_examples_run_and_show_what_is_printed(page: Path, tmp_path: Path) -> None:
    for block, command, shown, real in examples.run_page(page, tmp_path, QUICK):
        if block.language == "console" and shown.strip():
            assert examples.without_numbers(shown) == examples.without_numbers(real), (
                f"{relative(page)}: the output of '{command}' changed; run python scripts/examples.py {relative(page)}"
            )


def test_an_example_that_fails_is_named(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Text.\n\n```sh\nmmvae check nothing.h5mu\n```\n", encoding="utf-8")
    with pytest.raises(examples.ExampleError, match=r"page.md, line 4: .*\n.*66"):
        list(examples.run_page(page, tmp_path))


def test_output_is_put_below_its_command(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo one; echo two\none\n\n$ echo \\\n    one\nolder\n```\n", encoding="utf-8")
    expected = "```console\n$ echo one; echo two\none\ntwo\n\n$ echo \\\n    one\none\n```\n"
    assert examples.rewritten(page, tmp_path) == expected


def test_numbers_and_their_padding_do_not_count_in_output() -> None:
    assert examples.without_numbers("auc   0.9 ± 0.10\nr2     –") == examples.without_numbers("auc  -1.25 ± 3\nr2 0.1")
    assert examples.without_numbers("auc 0.9") != examples.without_numbers("AUC 0.9")
    verdict = "ridge predicts rna better than the model does (shared features)"
    assert examples.without_numbers(f"auc 0.9\n{verdict}\nr2 1") == examples.without_numbers("auc 0.9\nr2 1")


def test_associations_do_not_count_in_output_what_follows_does() -> None:
    row, end = "latent column\nshared_1 IGHV\n", "tested: 3 columns\n"
    title = "auc\nassociations of the latents (q < 0.05)\n"
    assert examples.without_numbers(title + row + end) == examples.without_numbers(title + end)
    assert examples.without_numbers(title + end) != examples.without_numbers(title + end + "IGHV: held out")
