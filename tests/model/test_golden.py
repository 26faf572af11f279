"""Parity with reference losses and gradients that were computed independently, in float64."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmvae_cli.model.batch import Batch
from mmvae_cli.model.elbo import LABEL, evaluate
from mmvae_cli.model.objectives import OBJECTIVES
from mmvae_cli.model.spec import LabelSpec, ModalitySpec, ModelSpec
from mmvae_cli.model.vae import MultimodalVAE

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
KEYS = {"mvae": "MVAE", "mopoe": "MoPoE-VAE", "mmvae": "MMVAE", "mmvaepp": "MMVAE++"}
# The reference lets samples without the encoding modality train decoders in MoPoE's cross terms; the rules forbid it.
MOPOE_WITH_MISSING = 206.22990958993722


def _latent_order(n_latents: int) -> list[int]:
    """The reference has [private 1, shared, private 2]; ours is [private 1, private 2, shared]."""
    third = n_latents // 3
    return [*range(third), *range(2 * third, n_latents), *range(third, 2 * third)]


def _reference_parameters(case: dict[str, np.ndarray], prefix: str) -> dict[str, torch.Tensor]:
    """Reference arrays under our names, shapes and latent order."""
    n_latents = case["param.decoder.0.0.weight"].shape[1]
    order = _latent_order(n_latents)
    double = [*order, *(n_latents + np.array(order))]
    ours = {}
    for k in (0, 1):

        def get(name: str) -> np.ndarray:
            return case[f"{prefix}.{name}"]

        arrays = {
            f"modalities.{k}.encoder.hidden.weight": get(f"encoder.{k}.0.weight").T,
            f"modalities.{k}.encoder.hidden.bias": get(f"encoder.{k}.0.bias")[None],
            f"modalities.{k}.encoder.output.weight": get(f"encoder.{k}.2.weight")[double].T,
            f"modalities.{k}.encoder.output.bias": get(f"encoder.{k}.2.bias")[double][None],
            f"modalities.{k}.decoder.hidden.weight": get(f"decoder.{k}.0.weight")[:, order].T,
            f"modalities.{k}.decoder.hidden.bias": get(f"decoder.{k}.0.bias")[None],
            f"modalities.{k}.decoder.head.weight": get(f"decoder.{k}.2.weight").T,
            f"modalities.{k}.decoder.head.bias": get(f"decoder.{k}.2.bias")[None],
            f"modalities.{k}.feature.noise": get(f"noise.{k}")[0],
        }
        ours |= {name: torch.from_numpy(array.copy())[None] for name, array in arrays.items()}
    if f"{prefix}.label.0.weight" in case:
        ours["label_decoder.head.weight"] = torch.from_numpy(case[f"{prefix}.label.0.weight"][:, order].T.copy())[None]
        ours["label_decoder.head.bias"] = torch.from_numpy(case[f"{prefix}.label.0.bias"][None].copy())[None]
    return ours


def _model_and_batch(case: dict[str, np.ndarray], objective: str, supervised: bool) -> tuple[MultimodalVAE, Batch]:
    third = case["param.decoder.0.0.weight"].shape[1] // 3
    modalities = tuple(ModalitySpec(f"m{k}", case[f"x.{k}"].shape[1], third) for k in (0, 1))
    spec = ModelSpec(
        modalities,
        third,
        OBJECTIVES[objective].posterior,
        n_hidden=case["param.encoder.0.0.weight"].shape[0],
        label=LabelSpec("bernoulli", 2) if supervised else None,
    )
    model = MultimodalVAE(spec, [0]).double()
    state = {name: value for name, value in _reference_parameters(case, "param").items() if name in model.state_dict()}
    model.load_state_dict(state)
    x = tuple(torch.from_numpy(case[f"x.{k}"])[None] for k in (0, 1))
    observed = tuple(torch.from_numpy(~case[f"missing.{k}"])[None] for k in (0, 1))
    label = torch.from_numpy(case["y"])[None] if supervised else None
    return model, Batch(x, observed, len(case["y"]), label)


@pytest.mark.parametrize("objective", KEYS)
@pytest.mark.parametrize("name", ["plain", "sup", "missing"])
def test_loss_and_gradients_equal_the_reference(name: str, objective: str) -> None:
    case = dict(np.load(GOLDEN / f"{name}.npz"))
    key, supervised = KEYS[objective], name == "sup"
    model, batch = _model_and_batch(case, objective, supervised)
    weights = {"m0": case["weights"][0], "m1": case["weights"][1], LABEL: case["weights"][2]}
    loss = evaluate(model, OBJECTIVES[objective].terms(2), batch, beta=float(case["beta"]), weights=weights).loss
    if (name, objective) == ("missing", "mopoe"):
        assert loss.item() == pytest.approx(MOPOE_WITH_MISSING, abs=1e-8)
        return
    assert loss.item() == pytest.approx(float(case[f"loss.{key}"]), abs=1e-8)
    loss.sum().backward()
    expected = _reference_parameters(case, f"grad.{key}")
    compared = 0
    for parameter_name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[parameter_name], atol=1e-8, rtol=0, msg=parameter_name)
        compared += 1
    assert compared == 18 + 2 * supervised
