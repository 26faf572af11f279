"""Options given per modality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from mmvae_cli.errors import pick
from mmvae_cli.values import EVERY

T = TypeVar("T")


def per_modality(given: Mapping[str, T], names: list[str], what: str) -> dict[str, T | None]:
    """Resolve an option given per modality, or for all under ``EVERY``, to the modalities there are."""
    for name in given:
        if name != EVERY:
            pick(name, names, "modality", where=what)
    return {name: given.get(name, given.get(EVERY)) for name in names}
