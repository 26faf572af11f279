"""Metrics of an evaluation as custom content of MultiQC, which collects the files ``*_mqc.json`` of many runs.

MultiQC joins files of the same ``id``: rows by the name of the run, while columns are those of the file read last. So a
file has either columns that every run has, or one modality's, under an ``id`` of this modality.
It shows text as HTML, unescapes some of it once more, and takes of a name what stands behind its last ``/``: so no
text has a character that HTML reads.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmvae_cli.data.atomic import check_folder, write_file, writing_errors
from mmvae_cli.errors import CannotCreateError, UsageError

ENDING = "_mqc.json"
NAMESPACE = "mmvae"
R2 = {"min": -1, "max": 1, "scale": "RdYlGn", "format": "{:,.2f}"}
COUNT = {"scale": False, "format": "{:,.0f}"}

# columns that every run has: title, what it is, how it looks
COLUMNS: dict[str, tuple[str, str, Mapping[str, Any]]] = {
    "auc_shared": ("AUC", "AUC of the label from the shared latents, held-out samples", {**R2, "min": 0}),
    "label_r2_shared": ("Label R²", "R² of a numeric label from the shared latents, held-out samples", R2),
    "n_samples": ("Samples", "Samples of the training data, held-out ones included", COUNT),
    "n_held_out": ("Held out", "Samples the metrics were measured on", COUNT),
    "n_shared_features": ("Shared features", "Features screening found to share signal across modalities", COUNT),
    "n_shared_latents": ("Shared latents", "Latents that all modalities share", COUNT),
    "n_epochs": ("Epochs", "Epochs of training", COUNT),
    "n_replicates": ("Replicates", "Seeds trained; metrics are medians over them", {**COUNT, "hidden": True}),
}
FROM = {"cross": "from others", "self": "from itself", "joint": "from all"}
SUFFIX = {"shared": " (shared)", "all": ""}
TABLE_COLUMNS = [f"{title} ({part})" for title in FROM.values() for part in SUFFIX] + ["by mean (all)"]
SECTION = {
    "parent_id": NAMESPACE,
    "parent_name": NAMESPACE,
    "parent_description": "measures how well modalities are predicted on held-out samples: median over features of R², "
    "from the other modalities, from the modality itself, from all, and by the training mean. Shared: features with "
    "signal that modalities share.",
    "plot_type": "table",
}


@dataclass(frozen=True)
class Report:
    """Where the files of a run go, and what it is called in them."""

    folder: Path
    name: str
    trained: Mapping[str, Any]

    def write(self, evaluated: Mapping[str, Any]) -> list[str]:
        """Write the files, all or none of them; returns their paths."""
        contents = custom_content(self.name, evaluated, self.trained)
        with writing_errors(self.folder):
            self.folder.mkdir(exist_ok=True)
        written: list[Path] = []
        try:
            for part, content in contents.items():
                path = self.folder / f"{self.name}_{part}{ENDING}"
                text = json.dumps(content, allow_nan=False, ensure_ascii=False, indent=1)
                write_file(path, f"{text}\n".encode())
                written.append(path)
        except BaseException:
            for path in written:
                path.unlink()
            raise
        return [str(path) for path in written]


def multiqc_report(folder: str, name: str | None, run: str, trained: Mapping[str, Any], *, force: bool) -> Report:
    """Say what will be written and refuse now what could not be written later.

    Parameters
    ----------
    folder
        Created if it is not there; what else is in it stays.
    name
        Name of the run in MultiQC; None for that of the run folder. What is neither letter, digit, ``_``, ``-`` nor
        ``.`` becomes ``_``.
    run, trained
        The run folder, and the summary of its training.

    Raises
    ------
    UsageError
        If the name says nothing.
    CannotCreateError
        If the folder cannot be written into, or the files are there and ``force`` is not given.
    """
    asked = Path(run).resolve().name if name is None else name
    safe = re.sub(r"[^\w.-]+", "_", asked).strip("_.")
    if not safe:
        raise UsageError(f"--name: cannot use {asked!r}", hint="letters, digits, _, - and . make a name")
    place = Path(folder)
    check_folder(place if place.exists() else Path(place.absolute()).parent)
    report = Report(place, safe, trained)
    there = sorted(place.glob(f"{safe}_general{ENDING}"))
    if there and not force:
        raise CannotCreateError(f"{there[0]} exists", hint="name the run with --name, or replace it with --force")
    return report


def custom_content(name: str, evaluated: Mapping[str, Any], trained: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of the files: statistics of the run, and of each modality one more and a table.

    Parameters
    ----------
    name
        Name of the row.
    evaluated, trained
        Summaries of ``evaluate`` and ``train``.
    """
    several = len(evaluated["replicates"]) > 1
    metrics = medians(evaluated["over_replicates"]) if several else evaluated
    general = {
        "id": "mmvae_general",
        "plot_type": "generalstats",
        "namespace": NAMESPACE,
        "headers": [
            {key: {"title": title, "description": what, **look}} for key, (title, what, look) in COLUMNS.items()
        ],
        "data": {name: _known(_statistics(metrics, evaluated, trained))},
    }
    found: dict[str, Any] = {"general": general}
    for index, (modality, kinds) in enumerate(metrics["r2"].items(), start=1):
        found.update(_of_modality(name, modality, kinds, index))
    return found


def medians(tree: Any) -> Any:
    """Metrics over replicates, with the median in the place of median and sd."""
    if not isinstance(tree, Mapping):
        return tree
    return tree["median"] if tree.keys() == {"median", "sd"} else {key: medians(value) for key, value in tree.items()}


def _statistics(
    metrics: Mapping[str, Any], evaluated: Mapping[str, Any], trained: Mapping[str, Any]
) -> dict[str, float | None]:
    label = metrics["label"] or {}
    return {
        "auc_shared": label.get("auc", {}).get("shared"),
        "label_r2_shared": label.get("r2", {}).get("shared"),
        "n_samples": trained["samples"]["all"],
        "n_held_out": evaluated["n_test"],
        "n_shared_features": trained["n_shared_features"],
        "n_shared_latents": trained["shared_latents"],
        "n_epochs": trained["epochs"],
        "n_replicates": len(evaluated["replicates"]),
    }


def _of_modality(
    name: str, modality: str, kinds: Mapping[str, Any], index: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Its R² from the others, of its shared features where it has such a set, else of all; and a table of all R²."""
    r2 = {f"{title} ({part})": _median(kinds[kind], part) for kind, title in FROM.items() for part in SUFFIX}
    row = _known({**r2, "by mean (all)": kinds["cross"]["baseline_mean"]})
    shown, identifier = re.sub("[<>&\"']", "_", modality), _identifier(modality)
    part = "shared" if f"{FROM['cross']} (shared)" in row else "all"
    value = row.get(f"{FROM['cross']} ({part})")
    if value is not None:
        key = f"cross_r2_{part}_{identifier}"
        what = f"R² of {shown} from the other modalities, median of {part} features, held-out samples"
        yield (
            f"cross_r2_{index}",
            {
                "id": f"mmvae_{key}",
                "plot_type": "generalstats",
                "namespace": NAMESPACE,
                "headers": [{key: {"title": f"R² {shown}{SUFFIX[part]}", "description": what, **R2}}],
                "data": {name: {key: value}},
            },
        )
    if row:
        table = f"mmvae_r2_{identifier}"
        yield (
            f"r2_{index}",
            {
                "id": table,
                **SECTION,
                "section_name": f"R² of {shown}",
                "pconfig": {"id": f"{table}_table", "title": f"mmvae: R² of {shown}", "col1_header": "Run"},
                "headers": {column: {"title": column, "namespace": NAMESPACE, **R2} for column in TABLE_COLUMNS},
                "data": {name: row},
            },
        )


def _identifier(modality: str) -> str:
    """A modality's name as part of an identifier: itself where it can be, else made unlike any other."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", modality)
    return plain if plain == modality else f"{plain}_{zlib.crc32(modality.encode()):08x}"


def _median(scores: Mapping[str, Any], part: str) -> float | None:
    return (scores.get(part) or {}).get("median")


def _known(row: Mapping[str, float | None]) -> dict[str, float]:
    return {key: value for key, value in row.items() if value is not None}
