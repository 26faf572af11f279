from __future__ import annotations

import json
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import pytest

from mmvae_cli import __version__, versions
from mmvae_cli.cli.main import main
from mmvae_cli.versions import LIBRARIES


def test_version_names_this_package_first_then_what_results_depend_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    first, *rest = capsys.readouterr().out.splitlines()
    assert ended.value.code == 0
    assert first == f"mmvae {__version__}"
    assert rest == [f"python {platform.python_version()}", *(f"{name} {version(name)}" for name in LIBRARIES)]


def test_version_loads_none_of_the_packages_it_names() -> None:
    script = (
        "import json, sys\n"
        "from mmvae_cli.cli.main import main\n"
        "try: main(['--version'])\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {*LIBRARIES, "pandas", "scanpy"} & set(json.loads(done.stderr))


def test_a_package_without_metadata_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(versions, "version", missing)
    assert {name: versions.versions()[name] for name in LIBRARIES} == dict.fromkeys(LIBRARIES, "unknown")
