"""What fixes the shapes of a model, and where its initial weights come from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from mmvae_cli.model.latents import LatentLayout


@dataclass(frozen=True)
class ModalitySpec:
    """What the model needs to know of a modality."""

    name: str
    n_features: int
    n_private: int
    likelihood: str = "gaussian"


@dataclass(frozen=True)
class LabelSpec:
    """What the model needs to know of a label it learns: the likelihood and the number of classes (0: a number)."""

    likelihood: str
    n_classes: int = 0

    @property
    def n_outputs(self) -> int:
        """Outputs of the label decoder: one per class, one logit for two classes, one for a number."""
        return self.n_classes if self.n_classes > 2 else 1


@dataclass(frozen=True)
class ModelSpec:
    """Everything that fixes the networks' shapes; modalities in the internal order, by name.

    ``shared_path``: the shared latents have encoders and decoders of their own, see ``objectives``.
    ``n_covariates``: columns of the covariates that decoders are given, and encoders with ``condition_encoders``.
    """

    modalities: tuple[ModalitySpec, ...]
    n_shared: int
    posterior: str
    joint: str = "precision"
    label: LabelSpec | None = None
    n_hidden: int = 128
    shared_path: bool = False
    n_covariates: int = 0
    condition_encoders: bool = False

    @property
    def layout(self) -> LatentLayout:
        """The latent blocks."""
        return LatentLayout(tuple(modality.n_private for modality in self.modalities), self.n_shared)


def keyed_torch_generator(seed: int, *names: object) -> torch.Generator:
    """Return a CPU generator that depends on the seed and the names alone, never on an order of drawing."""
    text = "\x1f".join([str(seed), *map(str, names)])
    digest = hashlib.sha256(text.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def replicate_generators(seeds: Sequence[int], *names: str) -> list[torch.Generator]:
    """One generator of initial weights for each replicate, by its seed and the names."""
    return [keyed_torch_generator(seed, "weights", *names) for seed in seeds]
