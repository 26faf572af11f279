"""How much of each feature's variance the shared latents, the private ones and neither explain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from mmvae_cli.data.columns import column_moments
from mmvae_cli.data.random import keyed_generator
from mmvae_cli.data.split import PARTS
from mmvae_cli.evaluation.metrics import members_of
from mmvae_cli.pipeline.apply import Applied
from mmvae_cli.pipeline.decoding import LatentDecoder
from mmvae_cli.pipeline.embed import block_order
from mmvae_cli.pipeline.held_out import feature_sets, observed_values
from mmvae_cli.training.run import Run

PAIRS = 8  # of permutations over which an expectation is taken
FEWEST = 3  # samples, for a variance to mean anything


@dataclass(frozen=True)
class Explained:
    """Shares of the variance of each feature of a modality, (n_features of the replicate,); nan where it is constant.

    Attributes
    ----------
    shared
        ``Var E[x̂ | shared latents] / Var x``.
    covariates
        ``Var E[x̂ | covariates] / Var x``, 0 without any.
    private
        The rest of ``Var x̂ / Var x``.
    latents
        (n_latents of the replicate, n_features) ``Var E[x̂ | latent] / Var x``; 0 for latents of other modalities.
    total
        ``Var x``, in the unit of the predictions, squared.
    """

    shared: np.ndarray
    covariates: np.ndarray
    private: np.ndarray
    latents: np.ndarray
    total: np.ndarray

    @property
    def noise(self) -> np.ndarray:
        """What is left: not explained."""
        return 1.0 - self.shared - self.covariates - self.private


@dataclass(frozen=True)
class Variance:
    """Of a replicate: shares for the user, and by kind and modality the values of every feature."""

    metrics: dict[str, Any]
    by_feature: dict[str, dict[str, np.ndarray]]


def variance_of(applied: Applied) -> Variance:
    """Divide the variance of every modality over all samples that took part in the training.

    ``metrics`` has by modality ``sets`` (see ``by_set``) and ``latents``, the mean share of each latent by its name.
    """
    run, metrics = applied.run, {}
    rows = applied.aligned.places_of(run.part(applied.replicate, *PARTS))
    by_feature: dict[str, dict[str, np.ndarray]] = {"variance_shared": {}, "variance_private": {}}
    for name in run.record["modality_order"]:
        found = explained(applied, run.index(name), rows) if name in applied.aligned.modalities else None
        if found is None:
            continue
        sets = feature_sets(applied, run.modality(name))
        metrics[name] = {"sets": by_set(found, sets), "latents": _by_latent(run, found)}
        by_feature["variance_shared"][name] = found.shared
        by_feature["variance_private"][name] = found.private
    return Variance(metrics, by_feature)


def explained(applied: Applied, target: int, rows: np.ndarray, *, seed: int = 0) -> Explained | None:
    """Divide the variance of a modality's features.

    ``Var E[x̂ | z_A]`` is the covariance of two decodings that have the latents A in common and all others from two
    other samples, each chosen at random: unbiased, without an inner mean.

    Parameters
    ----------
    target, rows
        As for ``LatentDecoder``.

    Returns
    -------
    None with fewer than three samples.

    Source: Saltelli et al., Variance based sensitivity analysis of model output, 2010 (first-order indices).
    """
    drawn = _Drawn.of(applied, target, rows, PAIRS, seed)
    if drawn is None:
        return None
    decoder, whole, total = drawn.decoder, drawn.whole, drawn.total
    is_shared = np.zeros(decoder.latents.shape[1], bool)
    is_shared[applied.run.layout(applied.replicate).shared_block] = True
    shared = np.clip(_in_common(decoder, is_shared, drawn.orders), 0.0, whole)
    covariates = np.zeros_like(whole)
    if decoder.covariates is not None:
        of_covariates = _in_common(decoder, np.zeros_like(is_shared), drawn.orders, covariates=True)
        covariates = np.clip(of_covariates, 0.0, whole - shared)
    private = whole - shared - covariates
    return Explained(shared / total, covariates / total, private / total, drawn.latent_shares(), total)


def latent_shares(
    applied: Applied, target: int, rows: np.ndarray, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray] | None:
    """``latents`` and ``total`` of ``explained``, without the rest of the work."""
    drawn = _Drawn.of(applied, target, rows, 1, seed)
    return None if drawn is None else (drawn.latent_shares(), drawn.total)


@dataclass(frozen=True)
class _Drawn:
    """Samples to decode, their decodings, orders in which they exchange latents, and Var x, nan for 0."""

    decoder: LatentDecoder
    decoded: np.ndarray
    orders: list[torch.Tensor]
    total: np.ndarray

    @staticmethod
    def of(applied: Applied, target: int, rows: np.ndarray, n_pairs: int, seed: int) -> _Drawn | None:
        """None with too few samples."""
        record = applied.run.modalities[target]
        generator = keyed_generator(seed, "variance", record.name)
        decoder = LatentDecoder(applied, target, rows, generator)
        if len(decoder.rows) < FEWEST:
            return None
        moments = column_moments(observed_values(applied, record, decoder.rows))
        total = np.where(moments.scatter > 0, moments.scatter / np.maximum(moments.count, 1), np.nan)
        orders = [torch.from_numpy(generator.permutation(len(decoder.rows))) for _ in range(2 * n_pairs)]
        return _Drawn(decoder, decoder.decoded(decoder.latents, decoder.covariates), orders, total)

    @property
    def whole(self) -> np.ndarray:
        """(n_features,) Var x̂."""
        return np.asarray(self.decoded.var(axis=0))

    def latent_shares(self) -> np.ndarray:
        """``Explained.latents``; 0, not almost 0, for a latent that changes nothing.

        Source: Owen, Better estimation of small Sobol' sensitivity indices, 2013 (what the other latents do, is taken
        out of both sides of the covariance; here by regression, so that large shares do not suffer).
        """
        applied, size = self.decoder.applied, self.decoder.latents.shape[1]
        found, whole = np.zeros((applied.run.layout(applied.replicate).size, len(self.total))), self.whole
        for latent in self.decoder.owned:
            one, other = (self._due_to(np.arange(size) == latent, order) for order in self.orders[:2])
            found[latent] = np.clip((one * other).mean(0), 0.0, whole)
        return found / self.total

    def _due_to(self, kept: np.ndarray, order: torch.Tensor) -> np.ndarray:
        """(n_samples, n_features) decodings with all but ``kept`` exchanged, less their fit by those with all."""
        exchanged, all_exchanged = self.decoder(kept, order, covariates=False), self.decoded[order.numpy()]
        exchanged, all_exchanged = exchanged - exchanged.mean(0), all_exchanged - all_exchanged.mean(0)
        variance = (all_exchanged**2).mean(0)
        slope = (exchanged * all_exchanged).mean(0) / np.where(variance > 0, variance, 1.0)
        return exchanged - slope * all_exchanged


def by_set(found: Explained, sets: np.ndarray | None) -> dict[str, dict[str, float | None]]:
    """Mean shares over the features of each set: ``shared``, ``private`` and ``noise``; None where there are none."""
    shares = {"shared": found.shared, "private": found.private, "noise": found.noise}
    if (found.covariates > 0).any():
        shares["covariates"] = found.covariates
    chosen = members_of(sets, len(found.shared)).items()
    return {name: {share: _mean(values[of_set]) for share, values in shares.items()} for name, of_set in chosen}


def _by_latent(run: Run, found: Explained) -> dict[str, float | None]:
    """Mean share of each latent, by the name it is written under."""
    return {
        f"{name}_{index + 1}": _mean(share)
        for name, block in block_order(run)
        for index, share in enumerate(found.latents[block])
    }


def _mean(values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _in_common(
    decoder: LatentDecoder, kept: np.ndarray, orders: list[torch.Tensor], *, covariates: bool = False
) -> np.ndarray:
    """(n_features,) covariance of decodings that have some latents in common, mean over pairs of permutations."""
    found = []
    for pair in zip(orders[::2], orders[1::2], strict=True):
        one, other = (decoder(kept, order, covariates=covariates) for order in pair)
        found.append(((one - one.mean(0)) * (other - other.mean(0))).mean(0))
    return np.asarray(np.mean(found, axis=0))
