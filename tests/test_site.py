"""The site of the documentation: complete, without warnings, and nothing in it is loaded from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("material", reason="mkdocs-material is not installed: pip install 'mmvae-cli[docs]'")

REPOSITORY = Path(__file__).resolve().parents[1]
LOADED = re.compile(
    r"""<(?:script|img|iframe)[^>]*\ssrc="?(?:https?:)?//|<link[^>]*\shref="?(?:https?:)?//[^>]*stylesheet"""
)


def build(folder: Path, repository: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "true"}
    return subprocess.run(command, cwd=repository, env=quiet, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return folder


def test_every_page_is_in_the_site_and_in_its_menu(site: Path) -> None:
    menu = (REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    pages = [
        path.relative_to(REPOSITORY / "docs").with_suffix("")
        for path in (REPOSITORY / "docs").rglob("*")
        if path.suffix in (".md", ".ipynb")
    ]
    assert [page for page in pages if f" {page.as_posix()}.md" not in menu] == []
    assert [page for page in pages if not (site / f"{page}.html").exists()] == []


def test_what_pages_link_to_outside_of_the_docs_is_in_the_site(site: Path) -> None:
    assert 'href="repository/CONTRIBUTING.html"' in (site / "index.html").read_text(encoding="utf-8")
    assert (site / "repository" / "benchmarks.html").exists()
    assert (site / "repository" / "recipe" / "meta.yaml").read_bytes() == (REPOSITORY / "recipe/meta.yaml").read_bytes()
    assert 'href="../models.html"' in (site / "repository" / "overview.html").read_text(encoding="utf-8")


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert LOADED.findall(page.read_text(encoding="utf-8")) == [], page
    for style in site.rglob("*.css"):
        assert "url(http" not in style.read_text(encoding="utf-8")
