"""From an evaluation to what a page shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd

from mmvae_cli.data.annotations import find_column
from mmvae_cli.data.confounding import NEARLY, determination
from mmvae_cli.data.dataset import Dataset, Modality
from mmvae_cli.data.on_disk import blocks
from mmvae_cli.data.split import PARTS
from mmvae_cli.errors import DataError
from mmvae_cli.pipeline.apply import Applied, prediction_unit
from mmvae_cli.pipeline.embed import block_order, latent_names
from mmvae_cli.pipeline.evaluate import Evaluation
from mmvae_cli.pipeline.figures import Results
from mmvae_cli.pipeline.report_pairs import features_of
from mmvae_cli.pipeline.separation import batches_of, label_of
from mmvae_cli.reporting.content import Block, Content, ModalityData, Samples
from mmvae_cli.reporting.samples import chosen_columns
from mmvae_cli.training.run import Run

MOST_LOOKED_AT = 60  # annotations


def content_of(found: Evaluation, results: Results, facts: Mapping[str, str]) -> Content:
    """Collect everything that a page shows.

    Parameters
    ----------
    results
        What training and evaluation write into the data.
    facts
        Command lines by what they did.
    """
    run, dataset, applied = found.run, found.dataset, found.written
    aligned, rows = applied.aligned, np.flatnonzero(applied.observed.any(axis=1))
    latents = aligned.from_file(np.asarray(results.obsm[f"X_{run.record['key']}"]))
    names = [name for name in run.record["modality_order"] if name in aligned.modalities]
    row_of = np.full(len(aligned.names), -1)
    row_of[rows] = np.arange(len(rows))
    part_of = dict(zip(run.samples, run.splits[run.replicate], strict=True))
    parts = pd.Series([part_of.get(name, "") for name in aligned.names[rows]]).replace("", "unused")
    return Content(
        summary=found.summary,
        record=run.record,
        mdata=results,
        key=run.record["key"],
        overlap=_overlap(applied, rows, names),
        modalities={name: _modality(run, dataset.modalities[name], applied) for name in names},
        features=features_of(found, row_of),
        samples=_samples(found, aligned.names[rows], parts.to_numpy()),
        blocks=_blocks(run, latents[rows]),
        splits={part: int((parts == part).sum()) for part in (*PARTS, "unused") if (parts == part).any()},
        associations=found.associations,
        provenance=_provenance(run, facts),
        warnings=_warnings(found),
    )


def _overlap(applied: Applied, rows: np.ndarray, names: list[str]) -> dict[str, int]:
    observed = applied.observed[rows][:, [applied.run.index(name) for name in names]]
    patterns = Counter(map(tuple, observed.tolist()))
    return {
        " + ".join(name for name, has in zip(names, pattern, strict=True) if has): count
        for pattern, count in patterns.most_common()
    }


def _modality(run: Run, modality: Modality, applied: Applied) -> ModalityData:
    record = run.modality(modality.name)
    n_missing = sum(
        int(np.isnan(block.data if hasattr(block, "indptr") else block).sum()) for block in blocks(modality.values)
    )
    return ModalityData(
        n_samples=int(applied.observed[:, run.index(modality.name)].sum()),
        n_features=record.columns.shape[1],
        n_all_features=modality.n_features,
        missing=n_missing / max(modality.values.shape[0] * modality.n_features, 1),
        likelihood=record.likelihood,
        transform=record.transform,
        layer=record.layer,
        unit=prediction_unit(record),
    )


def _blocks(run: Run, latents: np.ndarray) -> tuple[Block, ...]:
    """Blocks of latents (n_samples, n_latents) as they are written, the shared one first."""
    names, found, start = latent_names(run), [], 0
    for name, block in block_order(run):
        size = block.stop - block.start
        found.append(Block(name, latents[:, start : start + size], tuple(names[start : start + size])))
        start += size
    return (found[-1], *found[:-1])


def _samples(found: Evaluation, names: np.ndarray, parts: np.ndarray) -> Samples:
    """Annotations by which samples can be coloured: the label first, then batches, the split, all others."""
    run, dataset = found.run, found.dataset
    label = (found.summary["label"] or {}).get("column")
    first = [*([label] if label else []), *found.summary["mixing"]]
    candidates = [*first, *_candidates(dataset, run.record["key"])]
    columns: dict[str, pd.Series] = {}
    for name in dict.fromkeys(candidates[:MOST_LOOKED_AT]):
        try:
            columns[name] = find_column(dataset, name).reindex(names)
        except DataError:  # modalities contradict each other
            continue
    has = _modalities_of(found, names)
    table = pd.DataFrame({**columns, "part of the split": parts, "modalities": has}, index=pd.Index(names))
    chosen = chosen_columns(table, [*first, "part of the split", "modalities"])
    left_out = tuple(name for name in (*chosen.left_out, *candidates[MOST_LOOKED_AT:]) if name not in ("modalities",))
    return Samples(chosen.columns, left_out)


def _candidates(dataset: Dataset, key: str) -> list[str]:
    """Columns of the whole, then those of modalities; copies that mudata made, and our own, are none."""
    own = {f"{one}_split" for one in (key, *dataset.uns)}
    copies = {f"{holder}:{name}" for holder, obs in dataset.annotations.items() for name in obs}
    of_whole = [str(name) for name in dataset.obs if str(name) not in copies]
    of_parts = [str(name) for obs in dataset.annotations.values() for name in obs]
    return [name for name in dict.fromkeys([*of_whole, *of_parts]) if name not in own]


def _modalities_of(found: Evaluation, names: np.ndarray) -> np.ndarray:
    written = found.written
    place = pd.Index(written.aligned.names).get_indexer(pd.Index(names))
    known = [record.name for record in found.run.modalities]
    return np.array(
        [" + ".join(name for name, has in zip(known, row, strict=True) if has) for row in written.observed[place]],
        dtype=object,
    )


def _provenance(run: Run, facts: Mapping[str, str]) -> dict[str, str]:
    return {**facts, "run folder": str(run.record["summary"]["run"])}


def _warnings(found: Evaluation) -> tuple[str, ...]:
    """What is confounded with what."""
    run, dataset, said = found.run, found.dataset, []
    asked = (found.summary["label"] or {}).get("column")
    label = None if asked is None else label_of(run, dataset, asked)
    for batch in batches_of(run, dataset, list(found.summary["mixing"])) if found.summary["mixing"] else []:
        if label is not None and max(determination(batch, label), determination(label, batch)) >= NEARLY:
            said.append(
                f"{batch.name} and {label.name} go together almost perfectly: what the latents show of the one may be "
                "the other."
            )
    return tuple(said)
