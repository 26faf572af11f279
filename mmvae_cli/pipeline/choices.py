"""Which likelihood and transform a modality gets, where the user leaves that open."""

from __future__ import annotations

import logging

from mmvae_cli.data.transforms import warn_about_values
from mmvae_cli.errors import DataError
from mmvae_cli.model.likelihoods import LIKELIHOODS

log = logging.getLogger("mmvae_cli")

AUTO = "auto"

# by kind of values: likelihood, transform, and what the user is told
CHOSEN: dict[str, tuple[str, str, str]] = {
    "continuous": ("gaussian", "zscore", "continuous values"),
    "fractions": ("gaussian", "mvalue", "all values lie between 0 and 1, as beta values of methylation do"),
    "counts": ("nb", "none", "all values are whole and none is negative: counts"),
    "binary": ("bernoulli", "none", "all values are 0 or 1"),
}


def choose(name: str, kind: str, likelihood: str | None, transform: str | None) -> tuple[str, str]:
    """Transform and likelihood of a modality.

    Parameters
    ----------
    name
        The modality's.
    kind
        Of its values, see ``value_kind``.
    likelihood, transform
        As asked for; None or ``auto`` where they were not.

    Returns
    -------
    The transform's and the likelihood's name.

    Raises
    ------
    DataError
        If values, transform and likelihood do not go together.
    """
    asked = None if likelihood in (None, AUTO) else likelihood
    suited, its_transform, reason = CHOSEN[kind]
    if asked is None and transform in (None, "none"):
        likelihood, transform = suited, transform or its_transform
        if kind != "continuous":
            log.info(
                "modality %r: %s likelihood, transform %s, as %s (--likelihood and --transform decide otherwise)",
                name, likelihood, transform, reason,
            )  # fmt: skip
    elif asked is None:
        likelihood = "gaussian"
    else:
        likelihood = asked
        transform = transform or ("zscore" if asked == "gaussian" else "none")
    _require_fitting(name, kind, str(transform), str(likelihood))
    return str(transform), str(likelihood)


def _require_fitting(name: str, kind: str, transform: str, likelihood: str) -> None:
    warn_about_values(name, kind, transform, likelihood)
    allowed = LIKELIHOODS[likelihood].value_kinds
    if kind not in allowed:
        raise DataError(
            f"modality {name!r} holds {kind} values, which a {likelihood} likelihood cannot describe",
            hint=f"it needs {' or '.join(allowed)} values; choose another --likelihood or --layer",
        )
    if transform != "none" and "continuous" not in allowed:
        raise DataError(
            f"modality {name!r}: --transform {transform} leaves no values for a {likelihood} likelihood",
            hint=f"use --transform {name}=none",
        )
