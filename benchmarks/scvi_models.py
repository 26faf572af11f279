"""TOTALVI and MULTIVI on the samples that ``scvi_tools.py`` chose, run by an interpreter that has scvi-tools.

    python benchmarks/scvi_models.py FOLDER

reads ``task.json``, ``data.h5mu`` and for each modality M ``held_M.h5mu`` (held-out samples, this modality alone), and
writes ``tables.npz`` (latents and predictions) and ``found.json``. Training samples train, validation samples stop the
training, as the task names them; whatever else can be set is the package's default.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

STARTED = time.perf_counter()  # CPU seconds need no beginning
RNA = "rna"
Task = dict[str, Any]
Tables = dict[str, pd.DataFrame]


def joint(held: Any, names: Sequence[str], like: Any, task: Task) -> Any:
    """A MuData of both modalities for these samples; what ``held`` lacks is all zeros, which both models read so."""
    import anndata
    import mudata

    names = pd.Index(names)
    obs = pd.DataFrame(index=names)
    if task["batch"] is not None:
        obs[task["batch"]] = held.obs.loc[names, task["batch"]].astype(str)
    parts = {}
    for modality in (RNA, task["other"]):
        var = pd.DataFrame(index=like.mod[modality].var_names)
        values = sparse.csr_matrix((len(names), len(var)), dtype=np.float32)
        if modality in held.mod:
            values = rows_of(held.mod[modality], names)
        if modality in task["dense"]:
            values = values.toarray()
        parts[modality] = anndata.AnnData(values, obs=obs.copy(), var=var)
    found = mudata.MuData(parts)
    found.obs["_indices"] = np.arange(len(names))  # MULTIVI asks new data for it, too
    return found


def rows_of(adata: Any, names: pd.Index) -> sparse.csr_matrix:
    """(n_names, n_features), zeros for a sample that is not there."""
    places = adata.obs_names.get_indexer(names)
    there = np.flatnonzero(places >= 0)
    choose = sparse.csr_matrix((np.ones(len(there)), (there, places[there])), shape=(len(names), adata.n_obs))
    return sparse.csr_matrix(choose @ sparse.csr_matrix(adata.X), dtype=np.float32)


def options(task: Task) -> dict[str, Any]:
    """Of either model's ``train``: nothing that decides what is learned, but for a first look at fewer epochs."""
    return {"accelerator": "cpu"} | ({} if task["epochs"] is None else {"max_epochs": task["epochs"]})


def indices(train: Any, task: Task) -> list[np.ndarray]:
    """Rows that train, and rows that stop the training."""
    return [np.flatnonzero(train.obs_names.isin(task["samples"][part])) for part in ("train", "validation")]


def totalvi(data: Any, task: Task) -> tuple[Any, Tables]:
    """Train TOTALVI and embed; samples without RNA cannot take part, as it normalises by their RNA counts."""
    from scvi.model import TOTALVI

    known = data.mod[RNA].obs_names
    train = joint(data, known[known.isin(task["samples"]["train"] + task["samples"]["validation"])], data, task)
    layers = {"rna_layer": RNA, "protein_layer": task["other"], "batch_key": RNA}
    TOTALVI.setup_mudata(train, batch_key=task["batch"], modalities=layers)
    model = TOTALVI(train)
    model.train(external_indexing=indices(train, task), **options(task))
    return model, latents(model, data, known, task)


def totalvi_held(model: Any, data: Any, held: Any, modality: str, task: Task) -> Tables:
    """Latents and proteins of samples of which the RNA alone is given.

    They stand in a batch that never had proteins, since for such a batch TOTALVI has learned what zeros mean, and are
    decoded in the batch that is theirs, as in the package's tutorial: 25 draws, with the background.
    """
    if modality != RNA:
        return {}
    names, other, batch = held.obs_names, task["other"], task["batch"]
    own = np.zeros(len(names), dtype=object) if batch is None else held.obs[batch].astype(str).to_numpy()
    given = joint(held, names, data, task)
    if batch is not None:
        with_other = set(data.obs.loc[data.mod[other].obs_names, batch].astype(str))
        without = [name for name in sorted(set(data.obs[batch].astype(str))) if name not in with_other]
        if without:
            given.mod[RNA].obs[batch] = without[0]
    found = np.zeros((len(names), data.mod[other].n_vars), dtype=np.float32)
    for name in np.unique(own):
        _, proteins = model.get_normalized_expression(
            given, transform_batch=None if batch is None else [name], n_samples=25, include_protein_background=True,
            return_numpy=True,
        )  # fmt: skip
        found[own == name] = proteins[own == name]
    embedded = model.get_latent_representation(given)
    return {
        RNA: pd.DataFrame(embedded, names),
        f"{RNA}->{other}": pd.DataFrame(found, names, data.mod[other].var_names),
    }


def multivi(data: Any, task: Task) -> tuple[Any, Tables]:
    """Train MULTIVI and embed."""
    from scvi.model import MULTIVI

    known = data.obs_names
    train = joint(data, known[known.isin(task["samples"]["train"] + task["samples"]["validation"])], data, task)
    layers = {"rna_layer": RNA, "atac_layer": task["other"], "batch_key": RNA}
    MULTIVI.setup_mudata(train, batch_key=task["batch"], modalities=layers)
    model = MULTIVI(train)
    model.train(datasplitter_kwargs={"external_indexing": indices(train, task)}, **options(task))
    return model, latents(model, data, known, task)


def multivi_held(model: Any, data: Any, held: Any, modality: str, task: Task) -> Tables:
    """Latents and the other modality of samples of which one is given; MULTIVI takes all zeros as not measured."""
    names = held.obs_names
    given = joint(held, names, data, task)
    target = task["other"] if modality == RNA else RNA
    predict = model.get_normalized_accessibility if modality == RNA else model.get_normalized_expression
    return {
        modality: pd.DataFrame(model.get_latent_representation(given), names),
        f"{modality}->{target}": pd.DataFrame(predict(given, return_numpy=True), names, data.mod[target].var_names),
    }


MODELS = {"TOTALVI": (totalvi, totalvi_held), "MULTIVI": (multivi, multivi_held)}


def latents(model: Any, data: Any, names: pd.Index, task: Task) -> Tables:
    """Of all samples, held-out ones too, with whatever they have."""
    return {"all": pd.DataFrame(model.get_latent_representation(joint(data, names, data, task)), names)}


def write(tables: Tables, path: Path) -> None:
    """Values and names of each table as arrays."""
    arrays = {}
    for name, table in tables.items():
        arrays[f"{name}:values"] = table.to_numpy(dtype=np.float32)
        arrays[f"{name}:rows"] = table.index.to_numpy(dtype=str)
        arrays[f"{name}:columns"] = table.columns.astype(str).to_numpy(dtype=str)
    np.savez(path, **arrays)


def main(folder: Path) -> None:
    import mudata
    import scvi
    import torch

    task = json.loads((folder / "task.json").read_text())
    task["dense"] = [task["other"]] if task["model"] == "TOTALVI" else []  # its mask of lacking proteins needs it so
    torch.set_num_threads(1)
    scvi.settings.seed = task["seed"]
    train, predict = MODELS[task["model"]]
    data = mudata.read_h5mu(folder / "data.h5mu")
    model, tables = train(data, task)
    wall, trained = time.perf_counter() - STARTED, time.process_time()
    for modality in (RNA, task["other"]):
        held = mudata.read_h5mu(folder / f"held_{modality}.h5mu")
        tables |= predict(model, data, held, modality, task)
    seconds = {
        "training": wall,
        "training, of CPU": trained,
        "predicting, of CPU": time.process_time() - trained,
    }
    write(tables, folder / "tables.npz")
    found = {"seconds": seconds, "epochs": len(model.history["elbo_train"]), "version": scvi.__version__}
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
