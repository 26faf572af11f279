"""``mmvae evaluate --figures``: what an evaluation gives, drawn without the object or file it is written into."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from mmvae_cli.data.atomic import check_folder, write_file, writing_errors
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.updates import REMOVE
from mmvae_cli.data.writeback import apply
from mmvae_cli.errors import CannotCreateError
from mmvae_cli.pipeline.apply import Applied
from mmvae_cli.pipeline.embed import embedding_updates
from mmvae_cli.pipeline.held_out import feature_sets
from mmvae_cli.pipeline.loadings import loading_updates
from mmvae_cli.pipeline.one_model import split_of
from mmvae_cli.pipeline.outcome import as_json
from mmvae_cli.plots.pictures import PICTURES, drawn
from mmvae_cli.plots.saving import save

log = logging.getLogger("mmvae_cli")

LIST = "mmvae_figures.json"  # of the figures in the folder that are ours, so that they may be replaced


@dataclass(frozen=True)
class FigureFolder:
    """Where figures go, and in which formats; checked before work starts."""

    path: Path
    formats: Sequence[str]

    def check(self) -> None:
        """Refuse a place where figures cannot be put, or where they would replace what is not ours."""
        if self.path.exists() and not self.path.is_dir():
            raise CannotCreateError(f"{self.path} is not a folder", hint="name another with --figures")
        check_folder(self.path if self.path.exists() else self.path.absolute().parent)
        names = [f"{picture.name}.{format}" for picture in PICTURES for format in self.formats]
        others = [name for name in names if (self.path / name).exists() and name not in self._earlier()]
        if others:
            raise CannotCreateError(
                f"{self.path / others[0]} exists, and is no figure of mmvae's",
                hint="name another folder with --figures",
            )

    def write(self, results: Any, key: str) -> dict[str, Any]:
        """Draw all figures, then write them, and remove earlier ones that there are no more; returns the summary."""
        log.info("drawing figures into %s", self.path)
        contents, left_out = _contents(results, key, self.formats)
        earlier, is_new = self._earlier(), not self.path.exists()
        with writing_errors(self.path):
            self.path.mkdir(exist_ok=True)
            try:
                self._list([*contents, *earlier])
                for name, content in contents.items():
                    write_file(self.path / name, content)
            except BaseException:
                self._take_back([*contents.keys() - set(earlier), *([] if earlier else [LIST])], is_new)
                raise
            self._take_back([*set(earlier) - contents.keys()], False)
            self._list(contents)
        for name, reason in left_out.items():
            log.info("figure %s is left out: %s", name, reason)
        return {"folder": str(self.path), "files": list(contents), "left_out": left_out}

    def _take_back(self, names: Sequence[str], folder: bool) -> None:
        for name in names:
            (self.path / name).unlink(missing_ok=True)
        if folder:
            self.path.rmdir()

    def _list(self, names: Any) -> None:
        write_file(self.path / LIST, f"{json.dumps({'figures': list(dict.fromkeys(names))}, indent=1)}\n".encode())

    def _earlier(self) -> list[str]:
        """Names of the figures that are ours; only plain names, since anybody may have edited the list."""
        try:
            found = json.loads((self.path / LIST).read_text(encoding="utf-8"))["figures"]
        except (OSError, ValueError, KeyError, TypeError):
            return []
        known = {picture.name for picture in PICTURES}
        return [str(name) for name in found if Path(str(name)).name == str(name) and Path(str(name)).stem in known]


def _contents(results: Any, key: str, formats: Sequence[str]) -> tuple[dict[str, bytes], dict[str, str]]:
    """Content of every file by its name, and by the name of a figure why it cannot be drawn."""
    contents: dict[str, bytes] = {}
    left_out: dict[str, str] = {}
    for picture, found in drawn(results, key):
        if isinstance(found, Exception):
            left_out[picture.name] = str(found.args[0])
            continue
        for format in formats:
            buffer = io.BytesIO()
            save(found, buffer, format=format)
            contents[f"{picture.name}.{format}"] = buffer.getvalue()
    return contents, left_out


@dataclass(frozen=True)
class Results:
    """What of a MuData figures look at, also where samples have none of the modalities that were read."""

    whole: AnnData
    mod: Mapping[str, AnnData]

    @property
    def obs(self) -> pd.DataFrame:
        """Annotations of all samples."""
        return self.whole.obs

    @property
    def obs_names(self) -> pd.Index:
        """Names of all samples."""
        return self.whole.obs_names

    @property
    def n_obs(self) -> int:
        """How many samples there are."""
        return int(self.whole.n_obs)

    @property
    def obsm(self) -> Any:
        """Arrays of all samples."""
        return self.whole.obsm

    @property
    def uns(self) -> Any:
        """What is not of samples or features."""
        return self.whole.uns


def results_of(applied: Applied, updates: Mapping[str, object], key: str) -> Results:
    """Put together what training and evaluation write into the data; the data are left as they are."""
    run, dataset = applied.run, applied.aligned.dataset
    results = Results(
        AnnData(obs=dataset.obs.copy()),
        {name: AnnData(obs=one.obs.copy(), var=one.var.copy()) for name, one in dataset.modalities.items()},
    )
    training = as_json(run.record["summary"])
    earlier = _record(dataset, key)
    of_run = {name: value for name, value in earlier.items() if earlier.get("training") == training}
    results.uns[key] = {**of_run, "training": training}
    trained: dict[str, object] = {
        **embedding_updates(applied, applied.embed(np.arange(len(applied.aligned.names))), key),
        **loading_updates(applied, key),
        f"obs/{key}_split": split_of(run, applied.aligned),
    }
    for name, one in dataset.modalities.items():
        sets = feature_sets(applied, run.modality(name))
        if sets is not None:
            named = pd.Series(sets, index=run.modality(name).feature_names(run.replicate))
            trained[f"mod/{name}/var/{key}_set"] = named.reindex(one.var.index).fillna("unused").to_numpy(dtype=object)
    apply(results, {**trained, **{path: value for path, value in updates.items() if value is not REMOVE}})
    mod = {name: _with_all_samples(adata, dataset.annotations[name]) for name, adata in results.mod.items()}
    return Results(results.whole, mod)


def _with_all_samples(adata: AnnData, obs: pd.DataFrame) -> AnnData:
    """A modality of which some samples were read, with all of them: what was not computed is nan."""
    if len(obs) == adata.n_obs:
        return adata
    place = adata.obs_names.get_indexer(obs.index)
    whole = AnnData(obs=obs.copy(), var=adata.var, varm=dict(adata.varm))
    for name, values in adata.obsm.items():
        whole.obsm[name] = np.where(place[:, None] >= 0, values[place], np.nan)
    return whole


def _record(dataset: Dataset, key: str) -> dict[str, Any]:
    found = dataset.uns.get(key, {})
    return dict(found) if isinstance(found, Mapping) else {}
