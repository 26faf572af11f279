"""Roles of the features: screened on each replicate's training samples, or read back from the data."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from mmvae_cli.config import ScreenOptions
from mmvae_cli.data.screening import Screening, screen
from mmvae_cli.errors import counted
from mmvae_cli.pipeline.outcome import earlier_record, written_paths
from mmvae_cli.pipeline.study import Study

log = logging.getLogger("mmvae_cli")

Screenings = list[dict[str, Screening]]  # one per replicate, or a single one where all agree; by modality
ROLES = ("shared", "other")


def screen_study(study: Study, usable: Mapping[str, np.ndarray], options: ScreenOptions, seed: int) -> Screenings:
    """Screen the features on the training samples of each replicate.

    Parameters
    ----------
    study
        Its values transformed.
    usable
        By modality (1 or replicates, n_features) True for the features that enter the model.
    """
    values = {name: modality.values for name, modality in study.aligned.modalities.items()}
    n_selections = max(len(chosen) for chosen in usable.values())
    found: Screenings = []
    for replicate in range(max(len(study.splits), n_selections)):
        train = study.part("train", replicate if len(study.splits) > 1 else 0)
        rows = {name: study.aligned.rows[name][train] for name in values}
        entering = {name: chosen[replicate if len(chosen) > 1 else 0] for name, chosen in usable.items()}
        screened = screen(
            values, rows, entering, fdr=options.screen_fdr, association=options.screen_by, seed=seed
        )  # fmt: skip
        found.append(screened)
    say_screened(found, usable, options.screen_fdr)
    return found


def say_screened(screenings: Screenings, usable: Mapping[str, np.ndarray], fdr: float) -> None:
    """Report how many features carry shared signal, of the first replicate, and what to do where none does."""
    for name, screening in screenings[0].items():
        of = counted(int(usable[name][0].sum()), "feature")
        log.info("modality %r: %d of %s carry signal that another modality shares", name, screening.n_shared, of)
    without = sum(not any(one.n_shared for one in by_name.values()) for by_name in screenings)
    if without:
        which = "" if len(screenings) == 1 else f" in {without} of {len(screenings)} replicates"
        log.warning(
            "no shared signal was found%s at a false discovery rate of %g, so there are no shared latents there; "
            "a higher --screen-fdr looks again, --no-screen trains shared latents on all features",
            which, fdr,
        )  # fmt: skip


def earlier_roles(study: Study, key: str) -> Screenings | None:
    """Roles that stand in the data: written by ``mmvae select``, or by the user; None where there are none to use."""
    column = f"{key}_role"
    with_roles = [name for name, modality in study.aligned.modalities.items() if column in modality.var]
    written = written_paths(earlier_record(study.aligned, key))
    if not with_roles or any(written.get(f"mod/{name}/var/{column}") == "train" for name in with_roles):
        return None  # those of a training are made anew: its features and options may have been others
    lacking = [name for name in study.aligned.modalities if name not in with_roles]
    if lacking or not study.split_reused:
        why = f"modality {lacking[0]!r} has none" if lacking else "its features were screened on another split"
        log.warning("var[%r] is not used: %s", column, why)
        return None
    log.info("roles of the features: read from var[%r] (mmvae select --by screening makes new ones)", column)
    return [{name: _read_back(study, name, key) for name in with_roles}]


def _read_back(study: Study, name: str, key: str) -> Screening:
    var = study.aligned.modalities[name].var
    unknown = np.full(len(var), np.nan)
    role = np.where(var[f"{key}_role"].astype(str).to_numpy() == "shared", "shared", "other")
    numbers = [
        var[column].to_numpy(dtype=np.float64) if (column := f"{key}_{part}") in var else unknown
        for part in ("score", "q")
    ]
    return Screening(role.astype(object), *numbers)


def role_updates(screenings: Screenings, key: str, replicate: int) -> dict[str, object]:
    """Return role, score and q-value of the features of a replicate, as they are written into the data."""
    updates: dict[str, object] = {}
    if not screenings:
        return updates
    for name, one in screenings[replicate if len(screenings) > 1 else 0].items():
        updates[f"mod/{name}/var/{key}_role"] = one.role.astype(object)
        updates[f"mod/{name}/var/{key}_score"] = one.score
        updates[f"mod/{name}/var/{key}_q"] = one.q
    return updates
