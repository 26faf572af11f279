"""Figures of a trained and evaluated MuData, as ``mmvae_cli.pl``; each needs the MuData alone.

Functions return the matplotlib ``Axes`` they drew on (several panels: the ``Figure``) and open no window: a cell of a
notebook that ends in ``pl.r2(mdata)`` shows the figure, ``pl.save(axes, "r2.pdf")`` writes it.
"""

from mmvae_cli.plots.associations import associations
from mmvae_cli.plots.baselines import baselines
from mmvae_cli.plots.history import history
from mmvae_cli.plots.latents import latents
from mmvae_cli.plots.loadings import loadings
from mmvae_cli.plots.overlap import overlap
from mmvae_cli.plots.pairs import pairs
from mmvae_cli.plots.r2 import r2
from mmvae_cli.plots.r2_ranked import r2_ranked
from mmvae_cli.plots.roc import roc
from mmvae_cli.plots.saving import save
from mmvae_cli.plots.stability import stability
from mmvae_cli.plots.variance_explained import variance_explained
from mmvae_cli.plots.variance_per_latent import variance_per_latent

__all__ = [
    "associations",
    "baselines",
    "history",
    "latents",
    "loadings",
    "overlap",
    "pairs",
    "r2",
    "r2_ranked",
    "roc",
    "save",
    "stability",
    "variance_explained",
    "variance_per_latent",
]
