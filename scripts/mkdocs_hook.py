"""A hook of mkdocs (``mkdocs.yml``): links mean the same on the repository's pages and in the site.

Files outside docs/ that a page links to, and those that these link to, come into the site below ``repository/``, and
links to them are changed. A notebook becomes a page, as it stands, outputs included.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS = REPOSITORY / "docs"
OUTSIDE = "repository"
LINK = re.compile(r"(?<=\]\()([^)\s#:]+)(?=[)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what pages link to, and a page for each notebook."""
    for notebook in [file for file in files if file.src_uri.endswith(".ipynb")]:
        files.append(File.generated(config, uri_of(source(notebook)), content=as_markdown(source(notebook))))
    waiting = list(files.documentation_pages())
    while waiting:
        file = waiting.pop()
        if file.abs_src_path is None:
            continue
        for path in linked(file):
            if files.get_file_from_path(uri_of(path)) is None:
                files.append(added := File.generated(config, uri_of(path), abs_src_path=str(path)))
                waiting += [added] if added.is_documentation_page() else []
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links to where files are in the site."""
    if page.file.abs_src_path is None:  # of a notebook
        return markdown
    folder = source(page.file).parent

    def moved(found: re.Match[str]) -> str:
        path = (folder / found[1]).resolve()
        here = Path(page.file.src_uri).parent
        return quote(os.path.relpath(uri_of(path), here)) if path.is_file() else found[1]

    return LINK.sub(moved, markdown)


def source(file: File) -> Path:
    """Where a file of the site comes from."""
    return Path(str(file.abs_src_path)).resolve()


def linked(file: File) -> Iterator[Path]:
    """Files of the repository, outside docs/, that a page links to."""
    folder = source(file).parent
    for target in LINK.findall(file.content_string):
        path = (folder / target).resolve()
        if path.is_file() and path.is_relative_to(REPOSITORY) and not path.is_relative_to(DOCS):
            yield path


def uri_of(path: Path) -> str:
    """Place in the site of a file of the repository."""
    if not path.is_relative_to(DOCS):
        inside = path.relative_to(REPOSITORY)
        if path.name == "README.md":  # for mkdocs the index of a section, which the menu does not show
            inside = Path(f"{inside.parent}.md") if inside.parent.name else Path("overview.md")
        return f"{OUTSIDE}/{inside.as_posix()}"
    inside = path.relative_to(DOCS)
    return inside.with_suffix(".md").as_posix() if path.suffix == ".ipynb" else inside.as_posix()


def as_markdown(notebook: Path) -> str:
    """A notebook as a page."""
    parts = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
        parts += map(shown, cell.get("outputs", []))
    heading, *rest = parts
    return "\n\n".join([heading, f"[This page as a notebook]({notebook.name})", *rest]) + "\n"


def shown(output: dict[str, Any]) -> str:
    """An output of a cell: its picture, else its table, else its text."""
    data = {kind: "".join(text) for kind, text in output.get("data", {"text/plain": output.get("text", "")}).items()}
    if "image/png" in data:
        return f'<img alt="figure" src="data:image/png;base64,{data["image/png"].strip()}">'
    if "text/html" in data:
        table = re.sub(r"<style.*?</style>\s*", "", data["text/html"], flags=re.DOTALL)
        return re.sub(r"\s*\n\s*", "", table).replace('border="1" class="dataframe"', "")
    return f"```text\n{data['text/plain'].rstrip()}\n```"
