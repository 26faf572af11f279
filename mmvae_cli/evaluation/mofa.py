"""MOFA, a linear factor model, beside which the models are compared; and its factors of samples it never saw."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmvae_cli.errors import DataError, UsageError


@dataclass(frozen=True)
class FactorModel:
    """A Gaussian factor model of several modalities, ``x_m = centre_m + z W_mᵀ + noise``, ``z ~ N(0, I)``.

    Attributes
    ----------
    weights
        Of each modality, (n_features, n_factors).
    precisions
        Of each modality, (n_features,) 1/variance of the noise.
    centres
        Of each modality, (n_features,) mean over the training samples.
    """

    weights: tuple[np.ndarray, ...]
    precisions: tuple[np.ndarray, ...]
    centres: tuple[np.ndarray, ...]

    def factors(self, values: Mapping[int, np.ndarray]) -> np.ndarray:
        """Posterior mean of the factors given some modalities, ``(I + WᵀTW)⁻¹ WᵀT(x − centre)``.

        Parameters
        ----------
        values
            By place of the modality, (n_samples, n_features); nan where missing.

        Returns
        -------
        (n_samples, n_factors); nan for samples without any value.
        """
        n_samples, n_factors = len(next(iter(values.values()))), self.weights[0].shape[1]
        precision = np.tile(np.eye(n_factors), (n_samples, 1, 1))  # (samples, factors, factors)
        projection = np.zeros((n_samples, n_factors))
        known = np.zeros(n_samples, dtype=bool)
        for place, x in values.items():
            w, seen = self.weights[place], ~np.isnan(x)
            tau = seen * self.precisions[place]  # (samples, features)
            pairs = (w[:, :, None] * w[:, None, :]).reshape(len(w), -1)  # (features, factors²)
            precision += (tau @ pairs).reshape(precision.shape)
            projection += (tau * np.where(seen, x - self.centres[place], 0.0)) @ w
            known |= seen.any(axis=1)
        found = np.linalg.solve(precision, projection[:, :, None])[:, :, 0]
        return np.where(known[:, None], found, np.nan)

    def predict(self, values: Mapping[int, np.ndarray], target: int) -> np.ndarray:
        """(n_samples, n_features) mean of a modality given others, by the factors that these give alone."""
        return self.factors(values) @ self.weights[target].T + self.centres[target]


def fit_mofa(values: Sequence[np.ndarray], n_factors: int, seed: int) -> FactorModel:
    """Train MOFA with the defaults of ``mofapy2``: spike-and-slab and ARD priors on the weights.

    Parameters
    ----------
    values
        Of each modality, (n_samples, n_features) on a scale that is common to all features; nan where missing.
    n_factors
        Most factors; the priors may empty some.

    Raises
    ------
    UsageError
        If ``mofapy2`` is not installed.
    DataError
        If it gives up.

    Source: Argelaguet, Arnol, Bredikhin et al., "MOFA+: a statistical framework for comprehensive integration of
    multi-modal single-cell data", 2020.
    """
    entry_point = _entry_point()
    state, said = np.random.get_state(), io.StringIO()  # mofapy2 prints, and seeds numpy's global generator
    try:
        # mofapy2 computes 0·log 0 as nan first, and puts 0 in its place
        with contextlib.redirect_stdout(said), np.errstate(divide="ignore", invalid="ignore"):
            model = entry_point()
            model.set_data_options()
            model.set_data_matrix([[x.astype(np.float64)] for x in values], likelihoods=["gaussian"] * len(values))
            model.set_model_options(factors=n_factors)
            model.set_train_options(seed=seed, quiet=True)
            model.build()
            model.run()
    except SystemExit as end:  # its way to say that something is wrong, or that it was interrupted
        if isinstance(end.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        last = [line for line in said.getvalue().splitlines() if line.strip()][-1:]
        raise DataError(f"mofapy2 gave up: {''.join(last)}", hint="see its documentation") from None
    finally:
        np.random.set_state(state)
    nodes = model.model.nodes
    return FactorModel(
        tuple(np.asarray(w) for w in nodes["W"].getExpectation()),
        tuple(np.asarray(tau)[0] for tau in nodes["Tau"].getExpectation()),  # the same for all samples of its group
        tuple(np.nanmean(x.astype(np.float64), axis=0) for x in values),
    )


def _entry_point() -> type:
    try:
        from mofapy2.run.entry_point import entry_point
    except ImportError:
        raise UsageError("MOFA needs mofapy2", hint="pip install 'mmvae-cli[benchmark]'") from None
    found: type = entry_point
    return found
