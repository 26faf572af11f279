"""What a benchmark compares, in one word: ``mmvaepp``, ``sup-mvae``, ``mmvaex+dropout=0+no-screen``, ``ridge``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from mmvae_cli.config import RecipeOptions, TrainConfig
from mmvae_cli.data_options import ScreenOptions
from mmvae_cli.errors import UsageError, pick
from mmvae_cli.model.objectives import ALIASES, OBJECTIVES
from mmvae_cli.options import parsed

SUPERVISED = "sup-"
FIELDS = {item.name: item for item in fields(TrainConfig)}
OPTIONS = {item.name for table in (RecipeOptions, ScreenOptions) for item in fields(table)} | {"screen", "supervised"}
GRID = {"replicates", "splits"}  # the same for all that is compared


@dataclass(frozen=True)
class Variant:
    """A model and the options in which it differs from the others, or a baseline.

    Attributes
    ----------
    name
        As it is written; the same variant always in the same words.
    title
        For tables and figures.
    options
        By name, of ``TrainConfig``.
    baseline
        Its name; None for a model.
    """

    name: str
    title: str
    options: Mapping[str, Any]
    baseline: str | None = None


def variant(text: str) -> Variant:
    """Read ``[sup-]MODEL[+OPTION[=VALUE]]...``, options named as the flags of ``mmvae train``, or a baseline's name.

    Raises
    ------
    UsageError
        For an unknown model, option or value.
    """
    if (baseline := _baseline(text)) is not None:
        return baseline
    named = text.strip().removeprefix(SUPERVISED)
    model, rest = _model(named)
    given = dict(_option(part) for part in rest)
    if named != text.strip():
        given["supervised"] = True
    supervised = SUPERVISED if given.get("supervised") else ""
    shown = sorted(name for name in given if name != "supervised")
    words = [_words(name, given[name]) for name in shown]
    name = "+".join([f"{supervised}{model}", *words])
    title = ", ".join([f"{supervised}{OBJECTIVES[model].title}", *words])
    return Variant(name, title, {"model": model, **given})


def _baseline(text: str) -> Variant | None:
    from mmvae_cli.evaluation.baselines import BASELINES  # numpy, which the command line has no need of at its start

    given = text.strip().lower()
    name = given.removeprefix(SUPERVISED).partition("+")[0]
    if name not in BASELINES:
        return None
    if given != name:
        raise UsageError(f"--models: cannot use {text!r}", hint=f"the baseline {name} takes no options")
    return Variant(name, BASELINES[name].title, {}, name)


def _model(text: str) -> tuple[str, list[str]]:
    """The objective's name, and what stands behind it; an alias may hold a ``+`` itself."""
    starts = [alias for alias in ALIASES if f"{text.lower()}+".startswith(f"{alias}+")]
    end = len(max(starts, key=len)) if starts else len(text.partition("+")[0])
    return parsed(FIELDS["model"], text[:end]), [part for part in text[end:].split("+") if part]


def _option(part: str) -> tuple[str, Any]:
    name, equals, value = part.partition("=")
    name = name.strip().replace("-", "_")
    off = name.startswith("no_") and name.removeprefix("no_") in OPTIONS
    name = pick(name.removeprefix("no_") if off else name, OPTIONS - GRID, "option", where="--models", error=UsageError)
    return name, parsed(FIELDS[name], value if equals else not off)


def _words(name: str, value: Any) -> str:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return flag if value else f"no-{flag}"
    if isinstance(value, Mapping):
        value = ",".join(f"{key}={one:g}" for key, one in value.items())
    # 1e30, not 1e+30: + parts the options
    return f"{flag}={value:g}".replace("e+", "e") if isinstance(value, float) else f"{flag}={value}"
