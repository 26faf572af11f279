"""The run folder: everything needed to use a trained model again. No code is stored in it.

``model.safetensors`` holds the weights, and the numbers of the preparation (scaling, columns, sets) that would be long
and inexact as text; ``run.json`` everything else; ``history.csv`` the losses.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmvae_cli.data.covariates import Covariate
from mmvae_cli.errors import DataError, InputNotFoundError
from mmvae_cli.model.latents import LatentLayout
from mmvae_cli.model.spec import LabelSpec, ModalitySpec, ModelSpec
from mmvae_cli.model.vae import MultimodalVAE
from mmvae_cli.training.damage import damage
from mmvae_cli.training.fit import EpochReport
from mmvae_cli.training.history import write_history
from mmvae_cli.training.identity import CONFIG_FILE, WEIGHTS_FILE

FORMAT = 2  # 1: the full decoder of a shared path stood alone
TRAIN_AGAIN = "train again with --force"
WEIGHTS, PREPARATION, COVARIATES = "model/", "preparation/", "covariates/"


@dataclass(frozen=True)
class ModalityRecord:
    """How one modality was prepared, arrays with the replicate axis first (1 where all replicates agree).

    Attributes
    ----------
    features
        Names of the features any replicate uses, in the order of the file.
    columns
        (1 or replicates, n_features of the model) positions in ``features``.
    shared_set, other_set
        Same shape: True where the selection by label put a feature in that set; both None without a selection.
    role_shared
        Same shape: True where screening gave a feature the role ``shared``; None without screening.
    mean, sd
        Same shape, of the transformed values; ``sd`` None where nothing was standardised.
    spread
        Same shape: sd of the values where nothing was standardised; None elsewhere.
    weights
        Same shape: what the transform fitted, see ``data.transforms.Transform.fit``; None where it fits nothing.
    median_size
        (1 or replicates,) median library size of the training samples; None where library sizes are not known.
    marks
        (1, n_samples) of the samples of the training, see ``data.marks``; nan where one lacks the modality.
    transform, layer, likelihood
        As chosen; ``layer`` None for ``X``.
    value_kind
        Kind of the values as they were read, see ``data.kinds``.
    """

    name: str
    features: tuple[str, ...]
    columns: np.ndarray
    mean: np.ndarray
    transform: str
    likelihood: str
    layer: str | None = None
    value_kind: str | None = None
    shared_set: np.ndarray | None = None
    other_set: np.ndarray | None = None
    role_shared: np.ndarray | None = None
    sd: np.ndarray | None = None
    spread: np.ndarray | None = None
    weights: np.ndarray | None = None
    median_size: np.ndarray | None = None
    marks: np.ndarray | None = None

    def view(self, array: np.ndarray, replicate: int) -> np.ndarray:
        """Row of a replicate in one of the arrays."""
        return array[replicate if len(array) > 1 else 0]

    def training_moments(self, replicate: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of each feature in the training samples, in the model's unit; nan where not recorded."""
        mean = self.view(self.mean, replicate)
        if self.sd is not None:
            return np.zeros_like(mean), np.ones_like(mean)
        spread = np.full_like(mean, np.nan) if self.spread is None else self.view(self.spread, replicate)
        return mean, np.square(spread)

    def feature_names(self, replicate: int) -> np.ndarray:
        """Names of the features a replicate uses, in the model's order."""
        return np.array(self.features, dtype=object)[self.view(self.columns, replicate)]


ARRAYS = (
    "columns",
    "shared_set",
    "other_set",
    "role_shared",
    "mean",
    "sd",
    "spread",
    "weights",
    "median_size",
    "marks",
)
CODING = ("trained", "mean", "sd")  # arrays of a covariate


def roles_of(modalities: Sequence[ModalityRecord]) -> list[torch.Tensor] | None:
    """Roles of the features, as ``MultimodalVAE`` takes them."""
    found = [record.role_shared for record in modalities]
    return None if any(roles is None for roles in found) else [torch.from_numpy(roles) for roles in found]


@dataclass(frozen=True)
class Run:
    """A trained model and how it came about.

    Attributes
    ----------
    modalities
        In the model's order, by name.
    samples
        Sorted names of all samples of the training data.
    splits
        (replicates, n_samples) ``train``/``validation``/``test``, empty where a sample took no part.
    replicate
        Index of the one that is written into the data.
    record
        Everything else, as it stands in ``run.json``.
    design
        How covariates are coded; empty where there are none.
    """

    spec: ModelSpec
    model: MultimodalVAE
    modalities: tuple[ModalityRecord, ...]
    samples: np.ndarray
    splits: np.ndarray
    replicate: int
    record: Mapping[str, Any]
    design: tuple[Covariate, ...] = ()

    @property
    def n_replicates(self) -> int:
        """How many replicates were trained."""
        return len(self.splits)

    def n_shared(self, replicate: int) -> int:
        """Shared latents that a replicate uses."""
        sizes: Sequence[int] | None = self.record.get("n_shared")
        return self.spec.n_shared if sizes is None else sizes[replicate]

    def layout(self, replicate: int) -> LatentLayout:
        """The latent blocks of a replicate; latents that only others use, at the end of the shared block, left out."""
        return LatentLayout(self.spec.layout.private, self.n_shared(replicate))

    def part(self, replicate: int, *parts: str) -> np.ndarray:
        """Names of the samples in some parts of a replicate's split."""
        return self.samples[np.isin(self.splits[replicate], parts)]

    def index(self, name: str) -> int:
        """Return the place of a modality in the model's order."""
        return [record.name for record in self.modalities].index(name)

    def modality(self, name: str) -> ModalityRecord:
        """Return the record of a modality by its name."""
        return next(record for record in self.modalities if record.name == name)


def _codes(splits: np.ndarray, samples: np.ndarray) -> list[dict[str, list[str]]]:
    """Splits as lists of names, one dict per replicate."""
    return [{str(part): samples[row == part].tolist() for part in np.unique(row) if part} for row in splits]


def _splits(coded: Sequence[Mapping[str, Sequence[str]]], samples: np.ndarray) -> np.ndarray:
    place = {name: index for index, name in enumerate(samples)}
    splits = np.full((len(coded), len(samples)), "", dtype="U10")
    for row, parts in zip(splits, coded, strict=True):
        for part, names in parts.items():
            row[[place[name] for name in names]] = part
    return splits


def save_run(run: Run, history: Sequence[EpochReport], folder: Path) -> None:
    """Write a run into an empty folder (see ``data.folders.fresh_folder`` for one that is there whole or not)."""
    from safetensors.torch import save

    tensors = {WEIGHTS + name: value.detach().cpu().contiguous() for name, value in run.model.state_dict().items()}
    modalities = []
    for index, modality in enumerate(run.modalities):
        fields = {key: value for key, value in vars(modality).items() if key not in ARRAYS}
        modalities.append({**fields, "features": list(modality.features)})
        for key in ARRAYS:
            array = getattr(modality, key)
            if array is not None:
                tensors[f"{PREPARATION}{index}/{key}"] = torch.from_numpy(np.ascontiguousarray(array))
    for index, covariate in enumerate(run.design):
        for key in CODING:
            tensors[f"{COVARIATES}{index}/{key}"] = torch.from_numpy(np.ascontiguousarray(getattr(covariate, key)))
    content = {
        "format": FORMAT,
        "model": asdict(run.spec),
        "modalities": modalities,
        "covariates": [{"name": one.name, "categories": list(one.categories)} for one in run.design],
        "replicate": run.replicate,
        "samples": run.samples.tolist(),
        "splits": _codes(run.splits, run.samples),
        "trust": run.model.trust.tolist(),
        **run.record,
    }
    (folder / WEIGHTS_FILE).write_bytes(save(tensors))  # not save_file: its error at a full disk is no OSError
    write_history(history, folder)
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
    (folder / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")


def load_run(folder: str | Path) -> Run:
    """Read a run folder.

    Raises
    ------
    InputNotFoundError
        If there is no run folder.
    DataError
        If it is damaged, or was written by a newer version.
    """
    from safetensors import SafetensorError

    folder = Path(folder)
    if not (folder / CONFIG_FILE).is_file():
        raise InputNotFoundError(
            f"no trained model in {folder}", hint="train one with mmvae train, or name its folder with --run"
        )
    if not (folder / WEIGHTS_FILE).is_file():
        raise DataError(f"the run folder {folder} is damaged: it lacks {WEIGHTS_FILE}", hint=TRAIN_AGAIN)
    try:
        content = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        if content["format"] > FORMAT:
            raise DataError(f"{folder} was written by a newer version of mmvae", hint="update mmvae")
        if content["format"] < 2 and content["model"].get("shared_path"):
            raise DataError(f"{folder} was written by an earlier version of mmvae", hint=TRAIN_AGAIN)
        return _run(content, folder)
    except (OSError, ValueError, LookupError, TypeError, RuntimeError, SafetensorError) as error:
        raise DataError(f"the run folder {folder} is damaged: {damage(error)}", hint=TRAIN_AGAIN) from error


def _run(content: dict[str, Any], folder: Path) -> Run:
    from safetensors.torch import load_file

    tensors = load_file(str(folder / WEIGHTS_FILE))
    spec_fields = dict(content["model"])
    spec_fields["modalities"] = tuple(ModalitySpec(**modality) for modality in spec_fields["modalities"])
    spec_fields["label"] = LabelSpec(**spec_fields["label"]) if spec_fields["label"] else None
    spec = ModelSpec(**spec_fields)
    modalities = []
    for index, fields in enumerate(content["modalities"]):
        stored = {key: tensors.get(f"{PREPARATION}{index}/{key}") for key in ARRAYS}
        if stored["columns"] is None or stored["mean"] is None:
            raise KeyError(f"preparation of {fields['name']}")
        arrays: dict[str, Any] = {key: None if value is None else value.numpy() for key, value in stored.items()}
        modalities.append(ModalityRecord(**{**fields, "features": tuple(fields["features"])}, **arrays))
    model = MultimodalVAE(spec, range(len(content["splits"])), roles_of(modalities), content.get("n_shared"))
    model.load_state_dict({name[len(WEIGHTS) :]: value for name, value in tensors.items() if name.startswith(WEIGHTS)})
    if "trust" in content:
        model.trust = torch.tensor(content["trust"])
    samples = np.array(content["samples"], dtype=object)
    design = []
    for index, fields in enumerate(content.get("covariates", ())):
        coding = {key: tensors[f"{COVARIATES}{index}/{key}"].numpy() for key in CODING}
        design.append(Covariate(fields["name"], tuple(fields["categories"]), **coding))
    keys = ("format", "model", "modalities", "covariates", "replicate", "samples", "splits", "trust")
    record = {key: value for key, value in content.items() if key not in keys}
    splits = _splits(content["splits"], samples)
    return Run(spec, model, tuple(modalities), samples, splits, content["replicate"], record, tuple(design))
