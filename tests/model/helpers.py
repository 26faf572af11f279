"""Small models and batches for the tests of the maths, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from mmvae_cli.model.batch import Batch
from mmvae_cli.model.objectives import OBJECTIVES
from mmvae_cli.model.spec import LabelSpec, ModalitySpec, ModelSpec
from mmvae_cli.model.vae import MultimodalVAE

SIZES = (7, 5, 6, 4, 3, 5)
PRIVATE = (2, 1, 3, 2, 1, 2)
LABELS = {
    "no label": None,
    "two classes": LabelSpec("bernoulli", 2),
    "three classes": LabelSpec("categorical", 3),
    "number": LabelSpec("gaussian"),
}
WEIGHTS = {"m0": 0.7, "m1": 1.9, "m2": 1.3, "m3": 0.4, "label": 2.5}

# Values a kind of data may take, (rows, columns), from a generator.
VALUES: dict[str, Callable[[tuple[int, ...], torch.Generator], Tensor]] = {
    "continuous": lambda shape, generator: torch.randn(shape, generator=generator, dtype=torch.float64),
    "fractions": lambda shape, generator: torch.rand(shape, generator=generator, dtype=torch.float64),
    "counts": lambda shape, generator: torch.randint(0, 9, shape, generator=generator).double(),
    "binary": lambda shape, generator: torch.randint(0, 2, shape, generator=generator).double(),
}


def small_model(
    objective: str,
    n_modalities: int = 2,
    *,
    label: LabelSpec | None = None,
    seeds: Sequence[int] = (0,),
    likelihoods: Sequence[str] = ("gaussian",),
    n_hidden: int = 8,
    roles: Sequence[Tensor] | None = None,
    n_shared: Sequence[int] | None = None,
    **spec: object,
) -> MultimodalVAE:
    modalities = tuple(
        ModalitySpec(f"m{k}", SIZES[k], PRIVATE[k], likelihoods[k % len(likelihoods)]) for k in range(n_modalities)
    )
    row = OBJECTIVES[objective]
    model = MultimodalVAE(
        ModelSpec(
            modalities,
            2,
            row.posterior,
            n_hidden=n_hidden,
            label=label,
            shared_path=row.shared_path,
            **spec,  # type: ignore[arg-type]
        ),
        seeds,
        roles,
        n_shared,
    )
    return model.double()


def with_effects(model: MultimodalVAE, seed: int = 0) -> MultimodalVAE:
    """The model with some effect of covariates, which is 0 at the start."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if name.endswith("effect.weight"):
            parameter.data = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
    return model


def some_roles(n_modalities: int, n_replicates: int) -> list[Tensor]:
    """Roles of the features, (replicates, features), differing in number; the last replicate's first modality has none.

    A single replicate has a shared feature in every modality.
    """
    generator = torch.Generator().manual_seed(1)
    roles = [torch.rand((n_replicates, SIZES[m]), generator=generator) < 0.5 for m in range(n_modalities)]
    for of_modality in roles:
        of_modality[:, 0], of_modality[0, 1] = False, True
    if n_replicates > 1:
        roles[0][-1] = False
    return roles


def small_batch(
    n_modalities: int = 2,
    n_samples: int = 6,
    *,
    n_replicates: int = 1,
    missing: dict[int, Sequence[int]] | None = None,
    label: bool = False,
    seed: int = 0,
) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    x = tuple(
        torch.randn(1, n_samples, SIZES[k], generator=generator, dtype=torch.float64).expand(n_replicates, -1, -1)
        for k in range(n_modalities)
    )
    observed: list[torch.Tensor | None] = [None] * n_modalities
    for modality, rows in (missing or {}).items():
        mask = torch.ones(n_replicates, n_samples, dtype=torch.bool)
        mask[:, list(rows)] = False
        observed[modality] = mask
    y = (torch.arange(n_samples) % 2).double().view(1, -1, 1).expand(n_replicates, -1, -1) if label else None
    return Batch(x, tuple(observed), n_samples, y)


def ragged_batch(model: MultimodalVAE, n_samples: int = 7, *, seed: int = 0) -> Batch:
    """A batch that has everything: values that fit the likelihoods, modalities and labels missing here and there.

    Every replicate has its own samples, and covariates where the model knows any. Sample 0 is complete, sample 1 has
    only the first modality, sample 2 only the last, sample 3 none at all but a label; unobserved rows
    and unknown labels are nan.
    """
    generator = torch.Generator().manual_seed(seed)
    n_modalities, n_replicates = len(model.names), model.n_replicates
    flags = torch.rand((n_modalities, n_replicates, n_samples), generator=generator) < 0.6
    flags[..., :4] = False
    flags[:, :, 0] = flags[0, :, 1] = flags[-1, :, 2] = True
    x = []
    for m, modality in enumerate(model.spec.modalities):
        kind = model.networks(m).likelihood.value_kinds[0]
        values = VALUES[kind]((n_replicates, n_samples, modality.n_features), generator)
        x.append(values.masked_fill(~flags[m].unsqueeze(-1), torch.nan))
    covariates = ()
    if n_columns := model.spec.n_covariates:
        covariates = tuple(
            torch.randn((n_modalities, n_replicates, n_samples, n_columns), generator=generator, dtype=torch.float64)
        )
    batch = Batch(tuple(x), tuple(flags), n_samples, covariates=covariates)
    if model.spec.label is None:
        return batch
    labelled = torch.rand((n_replicates, n_samples), generator=generator) < 0.6
    labelled[:, [0, 1, 3]], labelled[:, 2] = True, False
    label = VALUES["continuous" if model.spec.label.n_classes == 0 else "binary"](
        (n_replicates, n_samples, 1), generator
    )
    if model.spec.label.n_classes > 2:
        label[:, 0] = 2.0
    return replace(batch, label=label.masked_fill(~labelled.unsqueeze(-1), torch.nan), labelled=labelled)


def fixed_noise(seed: int = 0, n_replicates: int = 1):
    def noise(n_terms: int, n_samples: int, n_latents: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        shape = (n_terms, 1, n_samples, n_latents)
        return torch.randn(shape, generator=generator, dtype=torch.float64).expand(-1, n_replicates, -1, -1)

    return noise


def gradients(model: MultimodalVAE) -> dict[str, torch.Tensor]:
    return {
        name: torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        for name, parameter in model.named_parameters()
    }


def gradients_of(model: MultimodalVAE, loss: Tensor) -> dict[str, torch.Tensor]:
    """Gradients of a loss alone, whatever was there before."""
    model.zero_grad()
    loss.sum().backward()
    return gradients(model)


def with_modalities(model: MultimodalVAE, order: Sequence[int]) -> MultimodalVAE:
    """Return a model of these modalities, in this order, with the networks and the latent blocks they had."""
    old, spec = model.spec.layout, model.spec
    new = MultimodalVAE(replace(spec, modalities=tuple(spec.modalities[m] for m in order)), [0] * model.n_replicates)
    columns = [j for m in order for j in range(old.size)[old.private_block(m)]] + [*range(old.size)[old.shared_block]]
    both = [*columns, *(old.size + j for j in columns)]
    state = {name: value for name, value in model.state_dict().items() if name.startswith("label")}
    for place, m in enumerate(order):
        prefix = f"modalities.{m}."
        for name, value in model.state_dict().items():
            if name.startswith(prefix):
                state[f"modalities.{place}.{name.removeprefix(prefix)}"] = value
        for name in ("weight", "bias"):
            state[f"modalities.{place}.encoder.output.{name}"] = model.state_dict()[f"{prefix}encoder.output.{name}"][
                ..., both
            ]
        state[f"modalities.{place}.decoder.hidden.weight"] = model.state_dict()[f"{prefix}decoder.hidden.weight"][
            :, columns
        ]
    if spec.label is not None:
        state["label_decoder.head.weight"] = model.state_dict()["label_decoder.head.weight"][:, columns]
    new.double().load_state_dict(state)
    return new


def batch_of(batch: Batch, order: Sequence[int]) -> Batch:
    """The same samples with these modalities, in this order."""
    return replace(batch, x=tuple(batch.x[m] for m in order), observed=tuple(batch.observed[m] for m in order))
