from __future__ import annotations

import inspect
import json
from dataclasses import Field, fields
from typing import Any

import pytest

from mmvae_cli import config
from mmvae_cli.config import PRESETS, EvaluateConfig, TopFeaturesConfig, TrainConfig
from mmvae_cli.data.transforms import TRANSFORMS
from mmvae_cli.data_options import LIKELIHOOD_NAMES, TRANSFORM_NAMES
from mmvae_cli.errors import UsageError
from mmvae_cli.model.experts import POSTERIORS
from mmvae_cli.model.likelihoods import LIKELIHOODS
from mmvae_cli.model.objectives import OBJECTIVES
from mmvae_cli.options import Options, default_of, flag_name, from_options

CONFIGS = [
    kind
    for _, kind in inspect.getmembers(config, inspect.isclass)
    if issubclass(kind, Options) and kind.__name__.endswith("Config")
]
FIELDS = [pytest.param(item, id=f"{kind.__name__}.{item.name}") for kind in CONFIGS for item in fields(kind)]


def test_every_command_has_its_options() -> None:
    commands = {kind.__name__.removesuffix("Config").lower() for kind in CONFIGS}
    assert {"check", "select", "train", "embed", "predict", "evaluate", "simulate"} <= commands


@pytest.mark.parametrize("item", FIELDS)
def test_every_option_has_a_help_text_and_a_default_that_is_allowed(item: Field[Any]) -> None:
    assert item.metadata["help"].endswith(".")
    assert item.metadata["metavar"]
    default = default_of(item)
    if default is not None and default != ():
        assert item.metadata["parse"](default) == default


@pytest.mark.parametrize("kind", CONFIGS)
def test_flags_of_a_command_are_distinct(kind: type[Options]) -> None:
    flags = [flag_name(item.name) for item in fields(kind)]
    assert len(set(flags)) == len(flags)


@pytest.mark.parametrize("kind", CONFIGS)
def test_an_option_means_the_same_in_every_command_but_few(kind: type[Options]) -> None:
    of_train = {item.name: item for item in fields(TrainConfig)}
    # these name what is made, what is measured and what is read
    if kind not in (config.SimulateConfig, EvaluateConfig, config.ReportConfig, TopFeaturesConfig):
        for item in fields(kind):
            same = of_train.get(item.name, item)
            assert (item.metadata["help"], default_of(item)) == (same.metadata["help"], default_of(same))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_hold_options_of_training(name: str) -> None:
    made = from_options(TrainConfig, {}, presets=PRESETS, preset=name)
    assert {option: getattr(made, option) for option in PRESETS[name]} == PRESETS[name]


def test_names_that_are_allowed_are_the_rows_of_their_tables() -> None:
    assert set(LIKELIHOOD_NAMES) == set(LIKELIHOODS)
    assert set(TRANSFORM_NAMES) == set(TRANSFORMS)
    for posterior in POSTERIORS.values():
        for pooling in posterior.joint:
            assert TrainConfig(joint=pooling).joint == pooling


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_can_be_asked_for(name: str) -> None:
    assert TrainConfig(model=name).model == TrainConfig(model=name.upper()).model == name


def test_options_of_a_run_survive_json() -> None:
    made = from_options(
        TrainConfig,
        {
            "model": "mopoe",
            "modalities": "rna,methylation",
            "label": "IGHV",
            "shared": "10",
            "other": ["rna=250", "methylation=100"],
            "latent": "2+2+2",
            "modality_weight": "rna=0.5",
            "transform": "methylation=mvalue",
            "likelihood": {"rna": "poisson"},
            "layer": "rna=counts",
        },
        presets=PRESETS,
        preset="paper",
    )
    assert TrainConfig(**made.as_dict()) == made
    assert from_options(TrainConfig, json.loads(json.dumps(made.as_dict()))) == made


@pytest.mark.parametrize(
    ("option", "raw", "said"),
    [
        ("model", "mmvea", "did you mean 'mmvae'"),
        ("transform", "rna=lognrom", "did you mean 'lognorm'"),
        ("likelihood", "poison", "did you mean 'poisson'"),
        ("device", "gpu", "allowed: auto, cpu, cuda, mps"),
        ("precision", "fp16", "allowed: auto, float32, bf16"),
        ("splits", "sane", "did you mean 'same'"),
        ("select_on", "test", "allowed: train, all"),
        ("joint", "median", "allowed: calibrated, precision, mean"),
        ("latent", "2+2", "shared=4,rna=3,atac=3"),
        ("epochs", 0, "at least 1"),
        ("patience", -1, "at least 0"),
        ("batch_size", "0", "at least 1"),
        ("lr", 0, "above 0"),
        ("beta", -1, "at least 0"),
        ("warmup", 1.1, "at most 1"),
        ("replicates", 0, "at least 1"),
        ("seed", "first", "a whole number"),
        ("test_fraction", 1, "below 1"),
        ("validation_fraction", "-0.1", "at least 0"),
        ("modality_weight", "2", "name=value"),
        ("modality_weight", "rna=-1", "at least 0"),
        ("label_weight", "nan", "at least 0"),
        ("threads", 0, "at least 1"),
        ("key", "a/b", "letters, digits"),
        ("supervised", "yes", "true or false"),
    ],
)
def test_wrong_value_of_a_training_option_says_what_is_allowed(option: str, raw: object, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_options(TrainConfig, {option: raw})
    assert caught.value.exit_code == 2
    assert said in caught.value.hint
    assert f"{flag_name(option)}: cannot use {raw!r}" in str(caught.value)
