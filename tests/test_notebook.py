"""The notebook of the documentation runs, and its outputs are those that are committed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.scripts import load_script

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS = REPOSITORY / "docs"
NOTEBOOK = DOCS / "notebook.ipynb"
LARGEST = 400_000  # bytes
BEFORE_TRAINING = 2  # cells that import and read

notebook = load_script("scripts/notebook.py")
CELLS = notebook.code_cells(notebook.read(NOTEBOOK))


def kinds(outputs: list[dict]) -> list[list[str]]:
    """How each output of a cell is shown."""
    return [sorted(output.get("data", ["printed"])) for output in outputs]


def written(folder: Path, *sources: str) -> Path:
    path = folder / "some.ipynb"
    cells = [{"cell_type": "code", "source": [source], "outputs": [], "execution_count": None} for source in sources]
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return path


def test_every_cell_runs_and_shows_what_is_committed() -> None:
    for cell, found in zip(CELLS, notebook.run(CELLS, DOCS), strict=True):
        assert kinds(found) == kinds(cell["outputs"]), "".join(cell["source"])


def test_the_data_are_found_from_the_repository_too() -> None:
    found = list(notebook.run(CELLS[:BEFORE_TRAINING], REPOSITORY))
    assert kinds(found[-1]) == kinds(CELLS[BEFORE_TRAINING - 1]["outputs"])


def test_the_notebook_has_pictures_and_is_small() -> None:
    assert len([cell for cell in CELLS if "image/png" in str(kinds(cell["outputs"]))]) >= 4
    assert NOTEBOOK.stat().st_size < LARGEST


def test_links_of_the_notebook_lead_somewhere() -> None:
    texts = ["".join(cell["source"]) for cell in notebook.read(NOTEBOOK)["cells"] if cell["cell_type"] == "markdown"]
    targets = re.findall(r"\]\(([^)#\s]+)", "\n".join(texts))
    assert targets
    assert [target for target in targets if not (DOCS / target).exists()] == []


def test_outputs_are_written_and_names_last_from_cell_to_cell(tmp_path: Path) -> None:
    path = written(tmp_path, "a = 1\nprint('one')\na + 1", "b = a", "a, b\n")
    notebook.refresh(path)
    first, second, third = notebook.code_cells(notebook.read(path))
    assert [output.get("text") or output["data"]["text/plain"] for output in first["outputs"]] == [["one\n"], ["2"]]
    assert second["outputs"] == []
    assert third["outputs"][0]["data"] == {"text/plain": ["(1, 1)"]}
    assert [cell["execution_count"] for cell in (first, second, third)] == [1, 2, 3]


def test_a_cell_that_fails_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    path = written(tmp_path, "a = 1\na", "a / 0")
    before = path.read_bytes()
    with pytest.raises(notebook.NotebookError, match=r"cell 2 fails: ZeroDivisionError.*\na / 0"):
        notebook.refresh(path)
    assert path.read_bytes() == before
