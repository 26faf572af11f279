"""Where decoders start: at the training means of their features, where values are not standardised."""

from __future__ import annotations

import torch

from mmvae_cli.model.networks import Decoder
from mmvae_cli.model.vae import MultimodalVAE
from mmvae_cli.training.run import ModalityRecord


@torch.no_grad()
def start_at_means(model: MultimodalVAE, records: tuple[ModalityRecord, ...]) -> None:
    """Set the biases of the decoders' heads to the outputs that give the training means, in the model's own order.

    Rare features would take many epochs to get there from an output of 0, which is a mean of 1 count.
    """
    for index, record in enumerate(records):
        networks = model.networks(index)
        if networks.likelihood.base is None:
            continue
        means = torch.from_numpy(record.mean).expand(model.n_replicates, -1).unsqueeze(1)  # (replicates, 1, features)
        start = networks.likelihood.base(means).float()
        features = networks.shared_features if model.spec.shared_path else None
        if features is not None:
            _set_bias(networks.shared_decoder, features.take(start))
            start = start - features.spread(features.take(start), 0.0)  # the full decoder's outputs are added to these
        _set_bias(networks.decoder, start)


def _set_bias(decoder: Decoder, start: torch.Tensor) -> None:
    decoder.head.bias.copy_(start.to(decoder.head.bias))
