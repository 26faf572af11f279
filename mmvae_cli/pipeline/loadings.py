"""What each latent does to each feature, and latents in an order and with signs that say something."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mmvae_cli.data.random import keyed_generator
from mmvae_cli.model.networks import Decoder, Encoder
from mmvae_cli.pipeline.apply import Applied, Matched, prediction_unit
from mmvae_cli.pipeline.decoding import LatentDecoder
from mmvae_cli.pipeline.embed import block_order
from mmvae_cli.pipeline.variance import latent_shares
from mmvae_cli.training.run import Run


def loadings(applied: Applied, target: int, rows: np.ndarray) -> np.ndarray:
    """How much a feature changes on average when a latent rises by a standard deviation, half below to half above.

    Parameters
    ----------
    target, rows
        As for ``LatentDecoder``.

    Returns
    -------
    (n_latents of the replicate, n_features) in the unit of predictions; 0 for latents of other modalities.
    """
    record, layout = applied.run.modalities[target], applied.run.layout(applied.replicate)
    decoder = LatentDecoder(applied, target, rows, keyed_generator(0, "loadings", record.name))
    found = np.zeros((layout.size, record.columns.shape[1]))
    if not len(decoder.rows):
        return found
    halves = decoder.latents.std(0, correction=0) / 2
    for latent in decoder.owned:
        step = torch.zeros_like(halves)
        step[latent] = halves[latent]
        above, below = (decoder.decoded(decoder.latents + way, decoder.covariates) for way in (step, -step))
        found[latent] = (above - below).mean(0)
    return found


def loading_updates(applied: Applied, key: str) -> dict[str, object]:
    """Return ``varm`` of each modality: loadings, and of each feature's variance the share that each latent explains.

    Both are over the training samples, nan for features left out. Columns are those of ``uns[key]["latents"]``.
    The unit of the loadings is in ``uns``.
    """
    run, rows, updates = applied.run, _training_rows(applied), dict[str, object]()
    for name in run.record["modality_order"]:
        if name not in applied.aligned.modalities:
            continue
        target, names = run.index(name), run.modality(name).feature_names(applied.replicate)
        found = {"loadings": loadings(applied, target, rows)}
        explained = latent_shares(applied, target, rows)
        if explained is not None:
            found["variance"] = explained[0]
        for kind, values in found.items():
            ordered = np.concatenate([values[block] for _, block in block_order(run)])
            updates[f"mod/{name}/varm/{key}_{kind}"] = applied.aligned.by_feature(name, names, ordered.T)
        updates[f"uns/{key}/unit_{name}"] = prediction_unit(run.modality(name))
    return updates


def arrange(matched: Matched, replicate: int) -> None:
    """Order a replicate's latents by what they explain, most first in each block, and give each a sign.

    The sign is that of the sum of the cubes of the loadings, in units of the features' sd. The weights in the run
    change places and signs, the model stays the same. Both are fitted on the training samples, as the weights are.
    """
    run, applied = matched.run, matched.replicate(replicate)
    layout, rows = run.layout(replicate), _training_rows(applied)
    share, cubes = np.zeros((2, layout.size))
    for target, record in enumerate(run.modalities):
        found = latent_shares(applied, target, rows) if record.name in applied.aligned.modalities else None
        if found is not None:
            shares, total = found
            share += np.nan_to_num(shares).mean(1)
            sd = np.sqrt(np.where(np.isnan(total), np.inf, total))
            cubes += ((loadings(applied, target, rows) / sd) ** 3).mean(1)
    order, n_latents = np.arange(run.spec.layout.size), run.spec.layout.size
    blocks = [layout.private_block(index) for index in range(layout.n_modalities)] + [layout.shared_block]
    for block in blocks:
        order[block] = block.start + np.argsort(-share[block], kind="stable")
    signs = np.ones(n_latents)
    signs[: layout.size] = np.where(cubes < 0, -1.0, 1.0)
    _rearrange(run, replicate, torch.from_numpy(order), torch.from_numpy(signs).float())


def _training_rows(applied: Applied) -> np.ndarray:
    return applied.aligned.places_of(applied.run.part(applied.replicate, "train"))


@torch.no_grad()
def _rearrange(run: Run, replicate: int, order: Tensor, signs: Tensor) -> None:
    """Put latent ``order[i]`` of a replicate in place i, times its sign."""
    signs, n_latents = signs[order], len(order)
    for module in run.model.modules():
        if isinstance(module, Encoder):
            columns = torch.cat([order, order + n_latents])
            factors = torch.cat([signs, torch.ones_like(signs)])
            for parameter in (module.output.weight, module.output.bias):
                parameter[replicate] = parameter[replicate][:, columns] * factors.to(parameter)
        elif isinstance(module, Decoder):
            _rows(module.hidden.weight, replicate, order, signs)
    if run.spec.label is not None:
        _rows(run.model.label_decoder.head.weight, replicate, order, signs)


def _rows(weight: Tensor, replicate: int, order: Tensor, signs: Tensor) -> None:
    weight[replicate] = weight[replicate][order] * signs.to(weight)[:, None]
