"""Run a notebook as Jupyter would, without Jupyter, and put the outputs of its cells into it.

    python scripts/notebook.py docs/notebook.ipynb

Its cells of code run in order, in one namespace, in the folder of the notebook. What a cell prints is kept, and the
value of its last line: as picture and table where it has them, and as text.
"""

from __future__ import annotations

import argparse
import ast
import base64
import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Output = dict[str, Any]
Cell = dict[str, Any]


class NotebookError(Exception):
    """A cell fails."""


def read(path: Path) -> dict[str, Any]:
    """The notebook, as JSON has it."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def code_cells(notebook: dict[str, Any]) -> list[Cell]:
    """Its cells of code, in order."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(cells: list[Cell], folder: Path) -> Iterator[list[Output]]:
    """Run cells of code in a folder, and yield the outputs of each.

    Raises
    ------
    NotebookError
        If a cell fails; the error it raised is the cause.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.chdir(folder):
        for number, cell in enumerate(cells, 1):
            source = "".join(cell["source"])
            try:
                yield outputs(source, namespace, number)
            except Exception as error:
                raise NotebookError(f"cell {number} fails: {error!r}\n{source}") from error


def outputs(source: str, namespace: dict[str, Any], number: int) -> list[Output]:
    """Run one cell: what it printed, and its last value."""
    name, printed = f"<cell {number}>", io.StringIO()
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, name, "exec"), namespace)
        value = eval(compile(ast.Expression(last.value), name, "eval"), namespace) if last else None
    found: list[Output] = []
    if printed.getvalue():
        found.append({"name": "stdout", "output_type": "stream", "text": lines(printed.getvalue())})
    if value is not None:
        result = {"data": displayed(value), "execution_count": number, "metadata": {}}
        found.append({**result, "output_type": "execute_result"})
    return found


def displayed(value: Any) -> dict[str, Any]:
    """A value in every form that a notebook shows."""
    data: dict[str, Any] = {}
    if hasattr(value, "_repr_png_"):
        data["image/png"] = base64.b64encode(value._repr_png_()).decode() + "\n"
    if hasattr(value, "_repr_html_"):
        data["text/html"] = lines(value._repr_html_())
    return {**data, "text/plain": lines(repr(value))}


def lines(text: str) -> list[str]:
    """Text as a notebook keeps it."""
    return text.splitlines(keepends=True)


def refresh(path: Path) -> None:
    """Run a notebook and write its outputs into it; where a cell fails it stays as it is."""
    notebook = read(path)
    cells = code_cells(notebook)
    for number, (cell, found) in enumerate(zip(cells, run(cells, path.parent), strict=True), 1):
        cell |= {"execution_count": number, "outputs": found}
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def parser() -> argparse.ArgumentParser:
    """The words that the script takes."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("notebooks", nargs="+", type=Path, help="notebooks to run")
    return found


if __name__ == "__main__":
    for notebook in parser().parse_args().notebooks:
        refresh(notebook)
