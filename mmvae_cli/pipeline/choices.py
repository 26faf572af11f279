"""Which likelihood and transform a modality gets, where the user leaves that open."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from mmvae_cli.data.dataset import Modality
from mmvae_cli.data.far_values import warn_of_far_values
from mmvae_cli.data.kinds import SAID, repeated_share, single_value, value_kind
from mmvae_cli.data.odd_samples import warn_of_odd_samples
from mmvae_cli.data.odd_values import exceptions, odd_values
from mmvae_cli.data.transforms import TRANSFORMS, warn_about_values
from mmvae_cli.errors import DataError
from mmvae_cli.model.likelihoods import LIKELIHOODS

log = logging.getLogger("mmvae_cli")

AUTO = "auto"
LEAST_REPEATED = 0.1  # share of counts on top of a first one; below, they say hardly more than 0/1
PRESENCE = "presence"

# by kind of values: likelihood, transform, and what the user is told
CHOSEN: dict[str, tuple[str, str, str]] = {
    "continuous": ("gaussian", "zscore", "continuous values"),
    "fractions": ("gaussian", "mvalue", "all values lie between 0 and 1, as beta values of methylation do"),
    "counts": ("nb", "none", "all values are whole and none is negative: counts"),
    "binary": ("bernoulli", "none", "all values are 0 or 1"),
    PRESENCE: (
        "bernoulli",
        "binarize",
        f"all values are counts that hardly say more than 0 or 1: less than {LEAST_REPEATED:.0%} of all counts come on "
        "top of a first one",
    ),
}


@dataclass(frozen=True)
class Choice:
    """Transform and likelihood of a modality, and the kind of values they were chosen for, see ``value_kind``."""

    kind: str
    transform: str
    likelihood: str

    @property
    def sized(self) -> bool:
        """Whether totals of the samples are depth, which is known to the model and no signal."""
        return LIKELIHOODS[self.likelihood].sized or TRANSFORMS[self.transform].sized


def choose(modality: Modality, likelihood: str | None = None, transform: str | None = None) -> Choice:
    """Transform and likelihood of a modality.

    Parameters
    ----------
    modality
        With its values as they were read.
    likelihood, transform
        As asked for; None or ``auto`` where they were not.

    Raises
    ------
    DataError
        If values, transform and likelihood do not go together, or all values are the same.
    """
    _require_several_values(modality)
    name, kind = modality.name, value_kind(modality.values)
    said = False
    asked = None if likelihood in (None, AUTO) else likelihood
    suited, its_transform, reason = CHOSEN[row_for(modality, kind, transform)]
    if asked is None and transform in (None, "none"):
        likelihood, transform = suited, transform or its_transform
        if kind != "continuous":
            log.info(
                "modality %r: %s likelihood, transform %s, as %s (--likelihood and --transform decide otherwise)",
                name, likelihood, transform, reason,
            )  # fmt: skip
        said = _warn_of_exceptions(modality, Choice(kind, transform, likelihood))
    elif asked is None:
        likelihood = TRANSFORMS[str(transform)].likelihood
    else:
        likelihood = asked
        transform = transform or _transform_for(name, asked, kind)
    choice = Choice(kind, str(transform), str(likelihood))
    _require_fitting(modality, choice)
    _warn_of_damage(modality, choice, said)
    return choice


def _require_several_values(modality: Modality) -> None:
    only = single_value(modality.values)
    if only is not None:
        raise DataError(
            f"modality {modality.name!r} has the same value everywhere, {only:g}: there is nothing to learn",
            hint="leave it out with --modalities, or name other values with --layer",
        )


def row_for(modality: Modality, kind: str, transform: str | None = None) -> str:
    """Row of ``CHOSEN`` for values of a kind; ``transform`` as asked for."""
    says_presence = kind == "counts" and transform is None and repeated_share(modality.values) < LEAST_REPEATED
    return PRESENCE if says_presence else kind


def _transform_for(name: str, likelihood: str, kind: str) -> str:
    """Return the transform that a likelihood which was asked for needs."""
    if likelihood == "bernoulli" and kind == "counts":
        log.info("modality %r: transform binarize, as a bernoulli likelihood is of 0 and 1, and these are counts", name)
        return "binarize"
    return "zscore" if likelihood == "gaussian" else "none"


def _warn_of_exceptions(modality: Modality, choice: Choice) -> bool:
    """Say where a few values decide for all others; return whether any do."""
    odd = exceptions(modality) if choice.kind in ("continuous", "fractions") else None
    if odd is not None:
        log.warning(
            "modality %r would be %s but for %s. It is taken as %s (%s likelihood, transform %s): mend these values, "
            "take another --layer, or choose --likelihood and --transform",
            modality.name, SAID[odd.kind], odd, SAID[choice.kind], choice.likelihood, choice.transform,
        )  # fmt: skip
    return odd is not None


def _warn_of_damage(modality: Modality, choice: Choice, said: bool) -> None:
    """Say which values and samples look damaged; ``said``: odd values were named already."""
    if choice.kind != "binary" and not said:
        warn_of_far_values(modality)
    if choice.kind in ("continuous", "fractions"):
        warn_of_odd_samples(modality)


def require_kind(modality: Modality, kind: str, likelihood: str) -> None:
    """Raise DataError, which names the first value that does not fit, where a likelihood cannot have the values."""
    allowed = LIKELIHOODS[likelihood].value_kinds
    if kind in allowed:
        return
    odd = odd_values(modality, allowed[0])
    found = "no value at all" if odd is None else f"values that are not {SAID[odd.kind]}: {odd}"
    raise DataError(
        f"modality {modality.name!r} has {found}; a {likelihood} likelihood cannot describe them",
        hint=f"mend them, name other values with --layer {modality.name}=LAYER, or use another --likelihood",
    )


def _require_fitting(modality: Modality, choice: Choice) -> None:
    name, transform, likelihood = modality.name, choice.transform, choice.likelihood
    warn_about_values(name, choice.kind, transform, likelihood)
    if choice.kind == "fractions" and TRANSFORMS[transform].needs_all:
        log.warning(
            "modality %r holds %s, and %s is for counts: for beta values of methylation use --transform %s=mvalue",
            name, SAID[choice.kind], transform, name,
        )  # fmt: skip
    described_by = TRANSFORMS[transform].likelihood
    if described_by is None:
        require_kind(modality, choice.kind, likelihood)
    elif described_by != likelihood:
        raise DataError(
            f"modality {name!r}: --transform {transform} leaves no values for a {likelihood} likelihood",
            hint=f"use --transform {name}=none",
        )
