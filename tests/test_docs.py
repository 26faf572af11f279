"""The documentation is up to date, complete, and its examples run."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from mmvae_cli.cli.main import COMMANDS
from tests.scripts import load_script

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / "README.md", *sorted(DOCS.rglob("*.md"))]
OUTSIDE = (
    "CONTRIBUTING.md",
    "benchmarks/README.md",
    "example_data/README.md",
    "workflow/README.md",
    "nextflow/README.md",
)
ALL_PAGES = [*PAGES, *(REPOSITORY / name for name in OUTSIDE)]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# behind commands of the documentation: what makes them quick
QUICK = {"train": ("--epochs", "5", "--threads", "1"), "benchmark": ("--jobs", "1")}


docs, examples = load_script("scripts/docs.py"), load_script("scripts/examples.py")
CHAIN = [DOCS / name for name in docs.pages()]  # the page of the commands, and theirs in the order of use


def relative(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


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


def test_every_page_is_linked_from_the_readme_or_the_page_of_commands() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in (REPOSITORY / "README.md", DOCS / "commands.md")
        for target in LINK.findall(page.read_text(encoding="utf-8"))
    }
    assert {*PAGES[1:]} - linked == {DOCS / "index.md"}  # the home of the site, as the README is of the repository


def test_every_extra_for_users_is_on_the_page_of_installation() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (DOCS / "install.md").read_text(encoding="utf-8")
    assert [name for name in project["optional-dependencies"] if f".[{name}]'" not in page] == ["test", "dev"]


def run_and_compare(page: Path, folder: Path) -> None:
    for block, command, shown, real in examples.run_page(page, folder, QUICK):
        if block.language == "console" and shown.strip():
            assert examples.without_numbers(shown) == examples.without_numbers(real), (
                f"{relative(page)}: the output of '{command}' changed; run python scripts/examples.py {relative(page)}"
            )


@pytest.mark.parametrize(
    "page",
    [page for page in ALL_PAGES if page not in CHAIN and examples.blocks(page.read_text(encoding="utf-8"))],
    ids=relative,
)
def test_examples_run_and_show_what_is_printed(page: Path, tmp_path: Path) -> None:
    run_and_compare(page, tmp_path)


def test_examples_of_the_commands_run_one_after_the_other(tmp_path: Path) -> None:
    for page in CHAIN:
        run_and_compare(page, tmp_path)


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
