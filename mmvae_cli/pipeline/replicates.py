"""Which replicate is written into the data, and how to use one alone."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from mmvae_cli.model.vae import MultimodalVAE
from mmvae_cli.training.run import Run


def select_replicate(scores: Sequence[float], *, best: bool) -> int:
    """Index of the best replicate where all have the same held-out samples, else of the one of median score."""
    order = np.argsort(np.nan_to_num(np.asarray(scores, dtype=float), nan=-np.inf), kind="stable")
    return int(order[-1] if best else order[(len(order) - 1) // 2])


def single_model(run: Run, replicate: int) -> MultimodalVAE:
    """Return the model of one replicate alone."""
    model = copy.deepcopy(run.model)
    model.keep([replicate])
    return model.eval()
