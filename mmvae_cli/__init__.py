"""Shared and private latent factors of multi-omics data with multimodal variational autoencoders."""

from mmvae_cli._version import __version__

__all__ = ["__version__"]
