"""From what the user wrote about latent sizes to the size of each block."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from mmvae_cli.errors import DataError, listed, pick
from mmvae_cli.values import EVERY

log = logging.getLogger("mmvae_cli")

DEFAULT_SIZE = 4
SHARED = "shared"


def asks_for_shared(given: Mapping[str, int] | tuple[int, ...] | None) -> bool:
    """Whether the user said how many shared latents there are to be."""
    return isinstance(given, tuple) or bool({EVERY, SHARED} & set(given or {}))


def latent_sizes(
    given: Mapping[str, int] | tuple[int, ...] | None, names: Sequence[str], default: int = DEFAULT_SIZE
) -> tuple[dict[str, int], int]:
    """Return the size of each private block, by modality, and of the shared block.

    Parameters
    ----------
    given
        ``(private 1, shared, private 2)``, or sizes by modality and under ``shared``; None for the default.
    names
        The modalities in the order of the file.

    Raises
    ------
    DataError
        If the sizes do not fit the modalities, or there is no latent at all.
    """
    if isinstance(given, tuple):
        if len(names) != 2:
            raise DataError(
                f"latent sizes {'+'.join(map(str, given))} are for two modalities, there are {len(names)}",
                hint="write --latent shared=4," + ",".join(f"{name}=4" for name in names),
            )
        private, shared = {names[0]: given[0], names[1]: given[2]}, given[1]
    else:
        sizes = dict(given or {})
        everywhere = sizes.pop(EVERY, default)
        shared = sizes.pop(SHARED, everywhere)
        for name in sizes:
            pick(name, [*names, SHARED], "modality", where="--latent")
        private = {name: sizes.get(name, everywhere) for name in names}
    if shared + sum(private.values()) == 0:
        raise DataError("there is no latent at all", hint="give at least one block a size above 0")
    return private, shared


def warn_of_many(sizes: Mapping[str, int], n_training: int) -> None:
    """Say which blocks have more latents than there are training samples."""
    many = [f"{name}={size}" for name, size in sizes.items() if size > n_training]
    if many:
        log.warning(
            "--latent %s: more latents than the %d training samples can tell apart; a few are enough, see --latent",
            listed(many), n_training,
        )  # fmt: skip
