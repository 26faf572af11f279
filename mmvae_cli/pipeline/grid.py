"""The cells of a benchmark: every combination of what is compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import product
from typing import Any

from mmvae_cli._version import __version__
from mmvae_cli.config import SimulateConfig, TrainConfig, resolved
from mmvae_cli.errors import UsageError, pick
from mmvae_cli.pipeline.benchmark_options import BenchmarkConfig
from mmvae_cli.pipeline.input import ONE_CLASS
from mmvae_cli.pipeline.latent_sizes import latent_sizes
from mmvae_cli.pipeline.variants import variant
from mmvae_cli.values import EVERY

PASSED = {item.name for item in fields(TrainConfig)} & {item.name for item in fields(BenchmarkConfig)}
DRAWN_LABEL = "label"  # column of simulated data
NO_RESULT = ("run", "threads")  # options that say where and how fast, not what

Numbers = Mapping[str, int]


@dataclass(frozen=True)
class Cell:
    """One training of a benchmark, with all its replicates.

    Attributes
    ----------
    factors
        What is compared, by column of the results: ``model``, ``other_<modality>`` (``other``: the same
        number in all) and ``latent``; and ``seed``
        where the data are drawn anew for each.
    config
        What is trained.
    draw
        What is drawn; None for data from files.
    label
        The label that was named, and the class that it is reduced to.
    baseline
        Evaluated instead of a model, on what would be trained on.
    """

    factors: Mapping[str, str | int]
    config: TrainConfig
    draw: SimulateConfig | None = None
    label: tuple[str | None, str | None] = (None, None)
    baseline: str | None = None

    @property
    def title(self) -> str:
        """For messages."""
        return ", ".join(f"{value}" if name == "model" else f"{name} {value}" for name, value in self.factors.items())

    def key(self, data_hash: str) -> str:
        """Name of the cell's file: it changes with everything its result depends on."""
        config = {name: value for name, value in self.config.as_dict().items() if name not in NO_RESULT}
        draw = None if self.draw is None else self.draw.as_dict()
        what = [config, draw, self.label, data_hash, __version__, *filter(None, [self.baseline])]
        digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
        words = "-".join(str(value) for value in self.factors.values())
        plain = "".join(letter if letter.isalnum() or letter in "-+" else "_" for letter in words)
        return f"{plain[:80]}-{digest[:16]}"


def cells(config: BenchmarkConfig, names: Sequence[str]) -> list[Cell]:
    """Every combination of models, numbers of other features and latent sizes, in this order from the inside out.

    Parameters
    ----------
    names
        The modalities, in the order of the file.

    Raises
    ------
    UsageError, DataError
        If a number is for a modality that is not there, or latent sizes do not fit.
    """
    if (
        config.label is None
        and not config.simulate
        and any(variant(name).options.get("supervised") for name in config.models)
    ):
        raise UsageError("supervised models need a label", hint="name its column with --label")
    sizes = [*_latents(config, names)]
    combinations = product(sizes, _others(config, names), config.models)
    seeds = range(config.seed, config.seed + config.replicates) if config.simulate else [None]
    return [_cell(config, names, model, other, latent, seed) for latent, other, model in combinations for seed in seeds]


def _latents(config: BenchmarkConfig, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Each latent size, in the words of the results: ``2+2+2`` in the order of the modalities, shared in between."""
    for given in config.latent or (None,):
        private, shared = latent_sizes(given, names)
        if given is None:
            text = "default"  # which is not one size for all models
        elif len(names) == 2:
            text = "+".join(map(str, (private[names[0]], shared, private[names[1]])))
        else:
            text = ",".join(f"{name}={size}" for name, size in [("shared", shared), *private.items()])
        yield text, given


def _others(config: BenchmarkConfig, names: Sequence[str]) -> list[tuple[Numbers, Numbers]]:
    """Each combination of numbers of other features: by column of the results, and by modality."""
    axes: list[list[tuple[Numbers, Numbers]]] = []
    for name, numbers in config.other.items():
        column, members = "other", [one for one in names if one not in config.other]
        if name != EVERY:
            column, members = f"other_{name}", [pick(name, names, "modality", where="--other", error=UsageError)]
        axes.append([({column: number}, dict.fromkeys(members, number)) for number in numbers])
    return [
        (
            {column: number for factors, _ in parts for column, number in factors.items()},
            {name: number for _, by_modality in parts for name, number in by_modality.items()},
        )
        for parts in product(*axes)
    ]


def _cell(
    config: BenchmarkConfig,
    names: Sequence[str],
    model: str,
    others: tuple[Numbers, Numbers],
    latent: tuple[str, Any],
    seed: int | None,
) -> Cell:
    columns, other = others
    factors: dict[str, str | int] = {"model": model, **columns, "latent": latent[0]}
    passed = {name: getattr(config, name) for name in PASSED}
    compared = variant(model)
    passed |= {"other": other, "latent": latent[1], **compared.options}
    if seed is None:
        passed["label"] = config.label if config.label_class is None else ONE_CLASS
        label = (config.label, config.label_class)
        return Cell(factors, resolved(TrainConfig(**passed)), label=label, baseline=compared.baseline)
    draw = SimulateConfig(
        samples=config.samples,
        modalities=tuple(names),
        shared=config.shared,
        other=dict(other),
        latent=config.true_latent,
        noise=config.noise,
        seed=seed,
    )
    # the drawn data have the features asked for: nothing is selected from them
    passed |= {"shared": {}, "other": {}, "label": DRAWN_LABEL, "seed": seed, "replicates": 1, "modalities": ()}
    return Cell({**factors, "seed": seed}, resolved(TrainConfig(**passed)), draw, baseline=compared.baseline)
