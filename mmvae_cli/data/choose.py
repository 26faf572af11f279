"""Which modalities and layers of a source are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mmvae_cli.errors import DataError, UsageError, pick


def choose_modalities(asked: Sequence[str] | None, available: Sequence[str]) -> list[str]:
    """Names of the modalities to read: those asked for, in that order, or all.

    Raises
    ------
    DataError
        If one is not there, or has a name that no file can hold.
    UsageError
        If one is named twice.
    """
    chosen = list(available) if asked is None else [pick(name, available, "modality") for name in asked]
    for name in chosen:
        require_plain_name(name)
        if chosen.count(name) > 1:
            raise UsageError(f"modality {name!r} is named twice", hint="name each modality once")
    return chosen


def require_plain_name(name: str) -> None:
    """Raise DataError for a name with a slash, which in a file is the place of something else."""
    if "/" in name:
        raise DataError(
            f"modality {name!r} has a / in its name: mudata writes such a file, and can't read it",
            hint=f"give it another name, such as {name.replace('/', '_')!r}, and write the file again",
        )


def check_layers(layers: Mapping[str, str] | None, available: Sequence[str]) -> dict[str, str]:
    """The layer of each modality that is not read from ``X``; DataError if a modality is not there."""
    return {pick(modality, available, "modality"): layer for modality, layer in (layers or {}).items()}


def choose_layer(modality: str, layer: str, available: Iterable[str]) -> str:
    """The layer, if the modality has it; DataError if not."""
    available = list(available)
    if not available:
        raise DataError(
            f"modality {modality!r} has no layers, so there is no {layer!r}",
            hint="name no layer for it: X is read then",
        )
    return pick(layer, available, "layer", where=f"modality {modality!r}")


def no_values(modality: str, layers: Iterable[str]) -> DataError:
    """The error for a modality whose ``X`` is empty."""
    layers = list(layers)
    hint = (
        f"name one of its layers: --layer {modality}={layers[0]} (it has: {', '.join(layers)})"
        if layers
        else "it has no layers either: choose other modalities"
    )
    return DataError(f"modality {modality!r} has no X", hint=hint)
