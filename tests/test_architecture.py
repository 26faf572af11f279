"""How the code hangs together, read from its source; ``docs/architecture.md`` gives the reasons."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = "mmvae_cli"

# Bottom first. A module may import from layers below its own, and from its own folder.
LAYERS = (
    {"errors", "_version"},
    {"values", "versions"},
    {"options"},
    {"data_options"},
    {"config"},
    {"data", "model"},
    {"training", "evaluation"},
    {"plots"},
    {"reporting"},
    {"pipeline"},
    {"api", "pl"},
    {"__init__"},
    {"cli", "__main__"},
)
RANKS = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
# The table of objectives imports nothing, so options can be checked against its names from below.
EXCEPTIONS = {("config", f"{PACKAGE}.model.objectives")}

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
OBJECTIVE_NAMES = {"mvae", "mopoe", "mmvae", "mmvaepp", "mmvae++", "mmvaex"}
MODALITY_NAMES = {"rna", "atac", "methylation", "protein", "adt", "cnv", "mirna", "drugs", "mutations", "meth"}
WORKPLACE_NAMES = ("/".join(["", "work", ""]), ".".join(["", "library"]))


@dataclass(frozen=True)
class Import:
    """One imported module or name, as a dotted path from the top."""

    target: str
    line: int
    at_import: bool  # runs when the importing module is imported


@dataclass(frozen=True)
class Module:
    """One source file of the package."""

    path: str  # from the repository
    source: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @property
    def parts(self) -> tuple[str, ...]:
        """Below the package: ("model", "elbo"); the package's own __init__ is ("__init__",)."""
        return Path(self.path).with_suffix("").parts[1:]


def package_modules() -> list[Module]:
    paths = sorted((REPOSITORY / PACKAGE).rglob("*.py"))
    return [Module(path.relative_to(REPOSITORY).as_posix(), path.read_text()) for path in paths]


def imports(module: Module) -> Iterator[Import]:
    yield from _imports(module, module.tree, at_import=True)


def _imports(module: Module, node: ast.AST, at_import: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, at_import) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = _absolute(module, child)
            yield from (Import(f"{base}.{alias.name}", child.lineno, at_import) for alias in child.names)
        is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        never_runs = isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
        yield from _imports(module, child, at_import and not is_function and not never_runs)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return str(node.module)
    folder = (PACKAGE, *module.parts[:-1])
    kept = folder[: len(folder) - node.level + 1]
    return ".".join([*kept, *filter(None, [node.module])])


def uses(module: Module, *libraries: str, only_at_import: bool = False) -> list[str]:
    return [
        f"{module.path}:{found.line} imports {found.target}"
        for found in imports(module)
        if found.target.split(".")[0] in libraries and (found.at_import or not only_at_import)
    ]


def upward_imports(module: Module) -> Iterator[str]:
    own = module.parts[0]
    for found in imports(module):
        parts = found.target.split(".")
        if parts[0] != PACKAGE:
            continue
        other = parts[1] if len(parts) > 1 and parts[1] in RANKS else "__init__"
        allowed = RANKS[other] < RANKS[own] or (other == own and len(module.parts) > 1)
        if not allowed and not any(own == who and found.target.startswith(what) for who, what in EXCEPTIONS):
            yield f"{module.path}:{found.line} imports {found.target}"


def long_functions(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        n_lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        if n_lines > MAX_FUNCTION_LINES:
            yield f"{module.path}:{node.lineno} {node.name} has {n_lines} lines"


def _texts(nodes: list[ast.expr]) -> set[str]:
    return {
        part.value
        for node in nodes
        for part in (node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node])
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


def names_in_decisions(module: Module) -> Iterator[str]:
    """Places where code depends on the name of an objective or a modality."""
    for node in ast.walk(module.tree):
        found: set[str] = set()
        if isinstance(node, ast.Compare):
            found = _texts([node.left, *node.comparators]) & (OBJECTIVE_NAMES | MODALITY_NAMES)
        elif isinstance(node, ast.MatchValue):
            found = _texts([node.value]) & (OBJECTIVE_NAMES | MODALITY_NAMES)
        elif isinstance(node, ast.Subscript):
            found = _texts([node.slice]) & MODALITY_NAMES
        if found:
            yield f"{module.path}:{node.lineno} depends on {sorted(found)}"


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git checkout, so there is no list of the project's files")
    return [REPOSITORY / name for name in listing.stdout.decode().split("\0") if name]


def test_every_top_level_module_has_its_layer() -> None:
    unknown = {module.parts[0] for module in package_modules()} - RANKS.keys()
    assert not unknown, f"say in LAYERS, and in docs/architecture.md, who may import {sorted(unknown)}"


def test_imports_point_down() -> None:
    assert [line for module in package_modules() for line in upward_imports(module)] == []


def test_typer_and_rich_stay_in_cli() -> None:
    elsewhere = [module for module in package_modules() if module.parts[0] != "cli"]
    assert [line for module in elsewhere for line in uses(module, "typer", "click", "rich")] == []


def test_cli_never_imports_torch() -> None:
    inside = [module for module in package_modules() if module.parts[0] == "cli"]
    assert [line for module in inside for line in uses(module, "torch")] == []


def test_data_imports_torch_in_tensors_only() -> None:
    inside = [m for m in package_modules() if m.parts[0] == "data" and m.parts != ("data", "tensors")]
    assert [line for module in inside for line in uses(module, "torch", only_at_import=True)] == []


def test_the_table_of_objectives_is_data_without_torch() -> None:
    tables = [module for module in package_modules() if module.parts == ("model", "objectives")]
    assert [line for module in tables for line in uses(module, "torch", "numpy", PACKAGE)] == []


def test_importing_the_command_line_loads_neither_torch_nor_scanpy() -> None:
    if not (REPOSITORY / PACKAGE / "cli" / "main.py").exists():
        pytest.skip("there is no command line yet")
    code = "import mmvae_cli.cli.main, sys; print(*{'torch', 'scanpy'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_files_are_short() -> None:
    lengths = {module.path: len(module.source.splitlines()) for module in package_modules()}
    assert {path: n_lines for path, n_lines in lengths.items() if n_lines > MAX_FILE_LINES} == {}


def test_functions_are_short() -> None:
    assert [line for module in package_modules() for line in long_functions(module)] == []


def test_no_code_depends_on_the_name_of_an_objective_or_a_modality() -> None:
    assert [line for module in package_modules() for line in names_in_decisions(module)] == []


def test_no_file_names_the_place_it_was_written_in() -> None:
    named = []
    for path in tracked_files():
        content = path.read_bytes() if path.is_file() else b""
        if b"\0" not in content:
            named += [f"{path.name}: {name}" for name in WORKPLACE_NAMES if name.encode() in content]
    assert named == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("mmvae_cli/errors.py", "import mmvae_cli.data"),
        ("mmvae_cli/config.py", "from mmvae_cli.model import elbo"),
        ("mmvae_cli/model/elbo.py", "from mmvae_cli.data.dataset import Dataset"),
        ("mmvae_cli/model/elbo.py", "def f():\n    from ..training import fit"),
        ("mmvae_cli/pipeline/train.py", "from mmvae_cli import __version__"),
        ("mmvae_cli/api.py", "from . import cli"),
    ],
)
def test_an_import_that_points_up_is_found(path: str, source: str) -> None:
    assert len(list(upward_imports(Module(path, source)))) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("mmvae_cli/config.py", "from mmvae_cli.model.objectives import OBJECTIVES"),
        ("mmvae_cli/model/elbo.py", "from . import experts\nfrom .experts import kl\nfrom ..errors import DataError"),
        ("mmvae_cli/cli/train.py", "from mmvae_cli import api, errors\nimport numpy"),
    ],
)
def test_an_import_that_points_down_is_allowed(path: str, source: str) -> None:
    assert list(upward_imports(Module(path, source))) == []


def test_an_import_inside_a_function_does_not_run_at_import() -> None:
    module = Module("mmvae_cli/data/a.py", "def f():\n    import torch\nif True:\n    import torch.nn")
    assert len(uses(module, "torch")) == 2
    assert uses(module, "torch", only_at_import=True) == ["mmvae_cli/data/a.py:4 imports torch.nn"]


@pytest.mark.parametrize(
    "source",
    ["name == 'mmvae'", "name in ('mvae', other)", "'rna' not in names", "x['atac']", "match n:\n case 'mopoe': pass"],
)
def test_a_decision_by_name_is_found(source: str) -> None:
    assert len(list(names_in_decisions(Module("mmvae_cli/a.py", source)))) == 1


def test_a_docstring_and_a_signature_do_not_count_as_lines_of_a_function() -> None:
    signature, docstring = "def f(\n" + "    a,\n" * 50 + "):\n", '    """One.\n' + "\n" * 50 + '    """\n'
    assert list(long_functions(Module("a.py", signature + docstring + "    pass\n" * MAX_FUNCTION_LINES))) == []
    too_long = signature + docstring + "    pass\n" * (MAX_FUNCTION_LINES + 1)
    assert list(long_functions(Module("a.py", too_long))) == ["a.py:1 f has 41 lines"]
