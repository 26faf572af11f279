"""Synthetic modalities with known shared and private latents, and which feature depends on which.

Source: Märtens & Yau, Disentangling shared and private latent factors in multimodal variational autoencoders,
2023, section 4.1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from mmvae_cli.data.assemble import assemble
from mmvae_cli.data.random import keyed_generator
from mmvae_cli.errors import DataError, listed, pick

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

MOST_SAMPLES = 10_000  # the kernel is (samples, samples) in float64: 0.8 GB, and as much for its root
JITTER = 1e-6  # added to the kernel's diagonal: noise of sd 0.001, far below that of the data


def simulate_mudata(
    *,
    n_samples: int = 1000,
    modalities: Sequence[str] = ("modality1", "modality2"),
    shared: Mapping[str, int] | int = 10,
    other: Mapping[str, int] | int = 100,
    n_shared_latents: int = 2,
    n_private_latents: Mapping[str, int] | int = 2,
    noise: float = 0.15,
    length_scale: float = 1.0,
    sparsity: float = 0.0,
    seed: int = 0,
) -> MuData:
    """Draw modalities that share some latents.

    Latents are uniform in [−2, 2]. Every feature is a function of latents drawn from a Gaussian process with the
    kernel ``exp(−|z−z'|² / 2ℓ²)``: of the shared ones ("shared" features, which come first), or of the modality's
    private ones ("other"). Features are standardised, then noise is added. What is drawn for a modality depends on
    the seed and on its name alone. Sparse data are the same draws, cut off from below: like counts or their logarithms,
    they are 0 in most samples and positive in the others.

    Parameters
    ----------
    n_samples
        From 2 to 10,000.
    modalities
        Names of the modalities, two or more.
    shared, other, n_private_latents
        Numbers of features and of private latents, for each modality or one for all.
    n_shared_latents
        At least 1: the label is "positive" where the first one is above 0.
    noise
        Its standard deviation; the features' is 1.
    length_scale
        ℓ, in the unit of the latents.
    sparsity
        Fraction of the entries of every feature that are 0, from 0 to below 1.
    seed
        Same seed, same data.

    Returns
    -------
    float32 values, CSR where they are sparse; ``obs["label"]``, ``obsm["true_shared"]``, for each modality
    ``obsm["true_private"]`` and ``var["true_set"]`` (``"shared"`` or ``"other"``), and the arguments in
    ``uns["simulation"]``.

    Raises
    ------
    DataError
        If the numbers are out of range or do not fit each other.
    """
    sizes = {
        "shared": _by_modality(shared, modalities, "shared features"),
        "other": _by_modality(other, modalities, "other features"),
        "n_private_latents": _by_modality(n_private_latents, modalities, "private latents"),
    }
    _check(n_samples, modalities, sizes, n_shared_latents, noise, length_scale)
    if not 0 <= sparsity < 1:
        raise DataError(f"sparsity {sparsity:g} cannot be simulated", hint="needed: a fraction of 0 or more, below 1")
    names = pd.Index([f"s{number:04d}" for number in range(1, n_samples + 1)])
    true_shared = keyed_generator(seed, "shared latents").uniform(-2, 2, (n_samples, n_shared_latents))
    root = _kernel_root(true_shared, length_scale)
    members = {
        name: _modality(
            name, names, root, {kind: size[name] for kind, size in sizes.items()}, noise, length_scale, seed
        )
        for name in modalities
    }
    for member in members.values():
        if sparsity:
            member.X = _cut_off(member.X, sparsity)
    mdata = _assemble(members, true_shared)
    mdata.uns["simulation"] = {
        "n_samples": n_samples,
        "modalities": json.dumps(list(modalities)),
        **{kind: json.dumps(size) for kind, size in sizes.items()},
        "n_shared_latents": n_shared_latents,
        "noise": noise,
        "length_scale": length_scale,
        **({"sparsity": sparsity} if sparsity else {}),
        "seed": seed,
    }
    return mdata


def _by_modality(numbers: Mapping[str, int] | int, modalities: Sequence[str], what: str) -> dict[str, int]:
    """Return one number for each modality."""
    if isinstance(numbers, int):
        return dict.fromkeys(modalities, numbers)
    for name in numbers:
        pick(name, modalities, "modality")
    missing = [name for name in modalities if name not in numbers]
    if missing:
        raise DataError(f"no number of {what} for {listed(missing)}", hint="give one for each modality, or one for all")
    return {name: numbers[name] for name in modalities}


def _check(
    n_samples: int,
    modalities: Sequence[str],
    sizes: Mapping[str, Mapping[str, int]],
    n_shared_latents: int,
    noise: float,
    length_scale: float,
) -> None:
    if not 2 <= n_samples <= MOST_SAMPLES:
        raise DataError(
            f"cannot simulate {n_samples} samples",
            hint=f"from 2 to {MOST_SAMPLES:,}: the kernel of n samples takes 16·n² bytes",
        )
    if len(modalities) < 2 or len(set(modalities)) < len(modalities) or any(not n or "/" in n for n in modalities):
        raise DataError(
            f"cannot simulate the modalities {listed(modalities) or '(none)'}",
            hint="name two or more, each once, without '/' (h5mu files cannot hold it)",
        )
    if n_shared_latents < 1 or noise < 0 or length_scale <= 0:
        raise DataError(
            f"{n_shared_latents} shared latents, noise {noise:g}, length scale {length_scale:g} cannot be simulated",
            hint="needed: at least one shared latent (the label comes from it), noise of 0 or more, length above 0",
        )
    for name in modalities:
        size = {kind: numbers[name] for kind, numbers in sizes.items()}
        if min(size.values()) < 0 or size["shared"] + size["other"] == 0:
            raise DataError(
                f"modality {name!r} cannot have {size['shared']} shared and {size['other']} other features and "
                f"{size['n_private_latents']} private latents",
                hint="each must be 0 or more, with at least one feature",
            )
        if size["other"] and not size["n_private_latents"]:
            raise DataError(
                f"modality {name!r} has {size['other']} other features and no private latent to depend on",
                hint="give it private latents, or no other features",
            )


def _kernel_root(latents: np.ndarray, length_scale: float) -> np.ndarray:
    """Lower Cholesky factor of the kernel matrix, (n_samples, n_samples)."""
    from scipy.linalg import cholesky
    from scipy.spatial.distance import cdist

    kernel = cdist(latents, latents, "sqeuclidean")
    kernel *= -0.5 / length_scale**2
    np.exp(kernel, out=kernel)
    kernel[np.diag_indices_from(kernel)] += JITTER
    return np.asarray(cholesky(kernel, lower=True, overwrite_a=True, check_finite=False))


def _features(root: np.ndarray, n_features: int, noise: float, generator: np.random.Generator) -> np.ndarray:
    """Standardised draws of the process and noise, (n_samples, n_features)."""
    # features first, so that asking for more leaves those before as they are
    draws = generator.standard_normal((n_features, 2, len(root)))
    functions = root @ draws[:, 0].T
    functions -= functions.mean(axis=0)
    functions /= functions.std(axis=0)
    return np.asarray(functions + noise * draws[:, 1].T)


def _modality(
    name: str,
    samples: pd.Index,
    shared_root: np.ndarray,
    size: Mapping[str, int],
    noise: float,
    length_scale: float,
    seed: int,
) -> AnnData:
    from anndata import AnnData

    generators = {part: keyed_generator(seed, name, part) for part in ("private latents", "shared", "other")}
    private = generators["private latents"].uniform(-2, 2, (len(samples), size["n_private_latents"]))
    parts = [_features(shared_root, size["shared"], noise, generators["shared"])]
    if size["other"]:
        parts.append(_features(_kernel_root(private, length_scale), size["other"], noise, generators["other"]))
    true_set = [kind for kind in ("shared", "other") for _ in range(size[kind])]
    # the modality's name in front: mudata warns of every file in which two modalities have a feature of the same name
    features = [f"{name}_{kind}_{number}" for kind in ("shared", "other") for number in range(1, size[kind] + 1)]
    return AnnData(
        np.concatenate(parts, axis=1).astype(np.float32),
        obs=pd.DataFrame(index=samples),
        var=pd.DataFrame({"true_set": true_set}, index=features),
        obsm={"true_private": private},
    )


def _cut_off(values: np.ndarray, sparsity: float) -> sparse.csr_matrix:
    """Subtract from each feature its quantile and set what is negative to 0, so that this fraction is 0."""
    n_zero = int(np.clip(round(sparsity * len(values)), 1, len(values) - 1))
    highest_zero = np.partition(values, n_zero - 1, axis=0)[n_zero - 1]
    return sparse.csr_matrix(np.maximum(values - highest_zero, 0))


def _assemble(members: dict[str, AnnData], true_shared: np.ndarray) -> MuData:
    """Return the modalities with label and truth."""
    mdata = assemble(members)
    label = np.where(true_shared[:, 0] > 0, "positive", "negative")
    mdata.obs["label"] = pd.Categorical(label, categories=["negative", "positive"])
    mdata.obsm["true_shared"] = true_shared
    return mdata
