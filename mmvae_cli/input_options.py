"""How input is read, whichever command reads it."""

from __future__ import annotations

from dataclasses import dataclass

from mmvae_cli import values
from mmvae_cli.options import Options, option


@dataclass(frozen=True, kw_only=True)
class InputOptions(Options):
    """What the files do not say about themselves."""

    transpose: tuple[str, ...] = option(
        (), values.all_names, "Tables with samples in columns, features in rows.", metavar="A[,B]", repeat=True
    )
