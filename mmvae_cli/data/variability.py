"""How variable features are, beyond what their mean makes them: the ranking of ``--var-filter highly_variable:N``."""

from __future__ import annotations

import warnings

import numpy as np

from mmvae_cli.data.columns import column_moments
from mmvae_cli.data.count_transforms import COUNTS_PER_SAMPLE
from mmvae_cli.data.dataset import Matrix
from mmvae_cli.data.depth import log_at_library_size

TIE_DECIMALS = 9  # so that ties are ties on every machine, and broken by the order of the features


def variance(values: Matrix, rows: np.ndarray) -> np.ndarray:
    """Variance of features over some samples, missing entries aside; (n_features,) float64."""
    moments = column_moments(values, rows)
    return np.asarray(np.where(moments.constant, 0.0, moments.scatter / np.maximum(moments.count, 1)))


def normalised_dispersion(counts: Matrix, rows: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Dispersion of counts at 10,000 per sample, compared with features of like mean, as scanpy has it.

    Parameters
    ----------
    counts
        (n_samples, n_features), without missing entries.
    rows
        Indices of the samples that are looked at.
    usable
        (n_features,) True for the features that are compared with each other.

    Returns
    -------
    (n_features,) float64; -inf for features that are not usable, or whose dispersion is not known.

    Source: Satija et al., Spatial reconstruction of single-cell gene expression data, 2015, in the form of
    ``scanpy.pp.highly_variable_genes(flavor="seurat")``.
    """
    import anndata
    import scanpy

    holder = anndata.AnnData(log_at_library_size(counts, COUNTS_PER_SAMPLE)[rows][:, np.flatnonzero(usable)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of bins with a single feature, and of pandas to come
        table = scanpy.pp.highly_variable_genes(holder, flavor="seurat", n_top_genes=int(usable.sum()), inplace=False)
    found = np.full(len(usable), -np.inf)
    found[usable] = np.nan_to_num(table["dispersions_norm"].to_numpy(np.float64), nan=-np.inf)
    return found


def highest(strength: np.ndarray, usable: np.ndarray, n_features: int) -> np.ndarray:
    """(n_features,) True for the n usable features with the highest strength; for all, where there are no more."""
    order = np.argsort(np.where(usable, -np.round(strength, TIE_DECIMALS), np.inf), kind="stable")
    chosen = np.zeros(len(usable), dtype=bool)
    chosen[order[:n_features]] = True
    return np.asarray(chosen & usable)
