"""Where a loss that is not finite comes from."""

from __future__ import annotations

import torch
from torch import Tensor

from mmvae_cli.errors import DataError
from mmvae_cli.model.batch import Batch
from mmvae_cli.model.vae import MultimodalVAE, at_library_size

HINT = "use a --transform that scales the values, lower --lr, or look at them with mmvae check"


class NonFiniteLossError(DataError):
    """The loss is not finite.

    Attributes
    ----------
    modality
        Index of the modality it comes from; where it comes from the KL, of that with the largest values.
    replicate, column
        Where in (replicates, samples, features) of that modality.
    epoch
        Counted from 1.
    """

    def __init__(self, message: str, epoch: int, modality: int, replicate: int, column: int):
        super().__init__(message, hint=HINT)
        self.epoch, self.modality, self.replicate, self.column = epoch, modality, replicate, column


@torch.no_grad()
def explain_non_finite(model: MultimodalVAE, batch: Batch, epoch: int) -> NonFiniteLossError:
    """Find which modality and feature made the loss non-finite in an epoch, counted from 0."""
    latents, modalities = torch.nan_to_num(model.embed(batch)), range(len(model.names))
    bad = [~torch.isfinite(_per_value(model, batch, modality, latents)).all(1) for modality in modalities]
    where = ": modality"
    if not any(bool(one.any()) for one in bad):
        bad, where = [torch.ones_like(one) for one in bad], ", in the KL of the latents; the largest values: modality"
    suspects = [
        (*_worst(_seen(model, batch, modality), bad[modality]), modality)
        for modality in modalities
        if bool(bad[modality].any())
    ]
    _, replicate, column, modality = max(suspects)
    message = f"the loss is not finite in epoch {epoch + 1}{where} {model.names[modality]!r}"
    return NonFiniteLossError(message, epoch + 1, modality, replicate, column)


def _seen(model: MultimodalVAE, batch: Batch, modality: int) -> Tensor:
    """What the encoder sees of the values, (replicates, samples, features)."""
    return model.networks(modality).likelihood.encoder_input(batch.clean(modality), batch.log_size(modality))


def _per_value(model: MultimodalVAE, batch: Batch, modality: int, latents: Tensor) -> Tensor:
    """Log-density of every value, (replicates, samples, features)."""
    networks, scorer = model.networks(modality), model.scorer(modality, batch)
    head = at_library_size(scorer.head, batch.log_size(modality), 1)
    outputs = head(scorer.hidden(model.as_owned(modality, latents)))
    x = batch.clean(modality).unsqueeze(1)
    return networks.likelihood.per_value(x, outputs.unsqueeze(1), dict(networks.feature)).squeeze(1)


def _worst(x: Tensor, bad: Tensor) -> tuple[float, int, int]:
    """The affected feature with the largest value: where all are affected, the cause and not its victims."""
    largest = torch.where(bad, torch.nan_to_num(x.abs().amax(1), nan=torch.inf), -1.0)
    replicate, column = divmod(int(largest.argmax()), largest.shape[1])
    return float(largest[replicate, column]), replicate, column
