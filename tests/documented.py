"""What the commands that pages show need to run in a test: data of the names they use, and what makes them quick.

Their words are run as they stand; what makes them quick, or whole, is put behind. A new command on a page fails until
its data are in `STAND_INS`, or it is among the `EXCEPTED` with the reason.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import mudata
import numpy as np

from mmvae_cli.data.quiet import quiet_mudata
from tests.data.tenx_files import write_folder
from tests.pipeline.helpers import rebuilt, study

REPOSITORY = Path(__file__).resolve().parents[1]
KINDS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "continuous": lambda x: x,
    "beta": lambda x: 1 / (1 + np.exp(-x)),
    "counts": lambda x: np.floor(2 * np.exp(x)),
}


@dataclass(frozen=True)
class StandIn:
    """Small simulated data in place of real ones: the kind of values of each modality; the classes of each column.

    With ``missing`` the first samples lack the last modality and the last samples the first one.
    """

    modalities: Mapping[str, str]
    columns: Mapping[str, tuple[str, ...]]
    missing: bool = False

    def write(self, path: Path) -> None:
        """Draw the data and write them."""
        drawn = study(60, tuple(self.modalities), shared=6, other=24)
        for name, kind in self.modalities.items():
            drawn.mod[name].X = KINDS[kind](drawn.mod[name].X).astype(np.float32)
        obs = drawn.obs[["label"]].copy()
        for column, classes in self.columns.items():
            obs[column] = np.resize(classes, len(obs))
        parts = dict(drawn.mod.items())
        if self.missing:
            first, *_, last = parts
            parts |= {first: parts[first][:50], last: parts[last][10:]}
        rebuilt(parts, obs).write(path)


STAND_INS: Mapping[str, StandIn] = {
    "data.h5mu": StandIn(
        {"rna": "continuous", "protein": "continuous"}, {"celltype": ("a", "b"), "batch": ("x", "y", "z")}
    ),
    "DATA.h5mu": StandIn({"rna": "continuous", "methylation": "continuous"}, {"COLUMN": ("a", "b")}),
    "brca.h5mu": StandIn(
        {"rna": "continuous", "methylation": "beta", "mirna": "continuous"}, {"ER_status": ("Positive", "Negative")}
    ),
    "pbmc.h5mu": StandIn({"rna": "counts", "adt": "counts"}, {"celltype": ("B", "NK", "T")}, missing=True),
    "snareseq.h5mu": StandIn({"rna": "counts", "atac": "counts"}, {"cell_type": ("L2/3", "L4", "Oligo")}),
}
# other files, each from what is there already; DATA is a 10x folder, which has no suffix
MADE: Mapping[str, Callable[[Path], object]] = {
    "new.h5mu": lambda path: _example(path)[:20].copy().write(path),
    "new.csv": lambda path: _example(path)["rna"][:20].to_df().to_csv(path),
    "DATA": lambda path: write_folder(path, cells=[f"cell{number}" for number in range(60)]),
}
TRAINED = "mmvae train cll.h5mu --label IGHV --shared 10 --other 100 --latent 2+2+2"
# what has been done before the first command of a page
BEFORE: Mapping[str, tuple[str, ...]] = {
    "docs/commands/predict.md": (TRAINED,),
    "docs/faq.md": (TRAINED,),
    "docs/models.md": ("mmvae train DATA.h5mu --label COLUMN",),
    "docs/python.md": (TRAINED,),
    "docs/report.md": (TRAINED,),
}
# behind every call of a command
QUICK: Mapping[str, tuple[str, ...]] = {
    "train": ("--epochs", "1", "--threads", "1", "--force"),
    "benchmark": ("--epochs", "1", "--replicates", "2", "--jobs", "1"),
}
FEWER = "--other rna=20 --other methylation=20"
ONE = "--models mmvaepp"
# behind commands with these words, the first that fit: studies of fewer sizes, fewer simulated samples
SMALLER: Mapping[str, str] = {
    "*--preset figure1b*": f"--samples 60 --replicates 1 {FEWER}",
    "*--preset figure2*": f"--samples 60 --replicates 1 {FEWER}",
    "*--preset figure3*": FEWER,
    "*--preset table1*": f"--replicates 1 {FEWER}",
    "*--preset table2*": FEWER,
    "*--preset table3*": "--other rna=20 --other atac=20",
    "mmvae benchmark --simulate*": f"--samples 60 {FEWER}",
}
# inside the text a command may leave out its input, and presets stand for studies that run elsewhere with all models
WHOLE: Mapping[str, str] = {
    "mmvae train --preset paper": "cll.h5mu --label IGHV",
    "mmvae benchmark --preset paper": f"cll.h5mu --label IGHV --shared 10 {FEWER} {ONE}",
    "mmvae benchmark --preset figure1b": f"--out figure1b {ONE}",
    "mmvae benchmark --preset figure2": f"--out figure2 {ONE}",
    "mmvae benchmark --preset figure2-latents": f"--out figure2 {ONE}",
    "mmvae benchmark --preset figure3": f"cll.h5mu --out figure3 {ONE}",
    "mmvae benchmark --preset table1": f"cll.h5mu --out table1 {ONE}",
    "mmvae benchmark --preset table1-latents": f"cll.h5mu --out table1 {ONE}",
    "mmvae benchmark --preset table2": f"brca.h5mu {ONE}",
    "mmvae benchmark --preset table3": f"snareseq.h5mu {ONE}",
    "mmvae benchmark --models mmvaex,ridge,pls2": "DATA.h5mu --label COLUMN",
    "mmvae select --by screening": "DATA.h5mu",
    "mmvae train --screen": "DATA.h5mu",
    "mmvae simulate --other rna=1000 --other methylation=100": "-o simulated.h5mu",
}
EXCEPTED: Mapping[str, str] = {
    "pip install *": "needs a network; tests/test_packaging.py compares what is installed with pyproject.toml",
    "python3* -m venv *": "needs a network",
    "docker *": "needs Docker; tests/test_packaging.py looks at the Dockerfile",
    "apptainer *": "needs Apptainer",
    "apt-get install *": "changes the machine",
    "pre-commit install": "changes the repository",
    "tensorboard *": "serves until it is stopped; tests/pipeline/test_tracking.py reads the log",
    "mlflow ui *": "serves until it is stopped; tests/pipeline/test_tracking.py reads the log",
    "multiqc multiqc": "is a program of an environment of its own; tests/cli/test_multiqc.py runs it",
    "snakemake *": "is a program of an environment of its own; tests/test_snakemake.py runs it",
    "PYTHON=* sh scripts/check_mudata4.sh": "makes an environment, which needs a network",
    "mmvae --*-completion": "needs a shell; tests/cli/test_completion.py runs it in one",
    "mmvae COMMAND --help": "COMMAND is any of them; tests/cli/test_help.py runs all",
}


def _example(path: Path) -> mudata.MuData:
    with quiet_mudata():
        return mudata.read_h5mu(path.parent / "cll.h5mu")


def stage(folder: Path, page: str) -> None:
    """Put the files that a page names into a folder, beside a copy of the example data."""
    shutil.copytree(REPOSITORY / "example_data", folder / "example_data")
    shutil.copy(REPOSITORY / "example_data" / "cll.h5mu", folder)
    used = page + " ".join(words for command, words in WHOLE.items() if command in page)
    used = re.sub(r"(?:-o|--out) \S+", "", used)  # what a command makes
    for name in (name for name in STAND_INS if name in used):
        STAND_INS[name].write(folder / name)
    for name in (name for name in MADE if name in used):
        MADE[name](folder / name)


def behind(command: str) -> tuple[str, ...]:
    """What is put behind a call of ``mmvae``."""
    smaller = next((words for pattern, words in SMALLER.items() if fnmatch(command, pattern)), "")
    return (*WHOLE.get(command, "").split(), *QUICK.get(command.split()[1], ()), *smaller.split())


def excepted(command: str) -> str | None:
    """The pattern that excepts a command, if one does."""
    return next((pattern for pattern in EXCEPTED if fnmatch(command, pattern)), None)
