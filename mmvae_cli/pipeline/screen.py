"""Roles of the features: screened on each replicate's training samples, or read back from the data."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from mmvae_cli.data.screening import Screening, screen
from mmvae_cli.data_options import SCREEN_BY, SCREEN_FDR, ScreenOptions
from mmvae_cli.errors import counted, counted_of
from mmvae_cli.options import flag_name
from mmvae_cli.pipeline.outcome import earlier_record, written_paths
from mmvae_cli.pipeline.study import Study

log = logging.getLogger("mmvae_cli")

Screenings = list[dict[str, Screening]]  # one per replicate, or a single one where all agree; by modality
OnScreening = Callable[[float], None]  # called with the share of the work that is done, from 0 to 1
CRITERIA = ("screen_fdr", "screen_by")  # options, and where their values stand in uns
TAKEN_OUT = "screen_without"  # in uns: covariates that were taken out
SPREAD = "screen_spread"  # in uns: whether features are called beyond the false discovery rate


def criteria(options: ScreenOptions) -> tuple[float, str]:
    """False discovery rate and correlation as asked for, or their defaults."""
    return SCREEN_FDR if options.screen_fdr is None else options.screen_fdr, options.screen_by or SCREEN_BY


def screen_study(
    study: Study,
    usable: Mapping[str, np.ndarray],
    options: ScreenOptions,
    seed: int,
    on_screening: OnScreening | None = None,
    nuisance: Mapping[str, np.ndarray] | None = None,
) -> Screenings:
    """Screen the features on the training samples of each replicate.

    Parameters
    ----------
    study
        Its values transformed.
    usable
        By modality (1 or replicates, n_features) True for the features that enter the model.
    nuisance
        By modality (n_own_samples, k), see ``data.screening``.
    """
    names = list(study.aligned.modalities)
    fdr, association = criteria(options)
    n_screenings = max(len(study.splits), *(len(chosen) for chosen in usable.values()))
    found: Screenings = []
    for replicate in range(n_screenings):
        train = study.part("train", replicate if len(study.splits) > 1 else 0)
        rows = {name: study.aligned.rows[name][train] for name in names}
        seen = study.seen_by(replicate).aligned.modalities
        entering = {name: chosen[replicate if len(chosen) > 1 else 0] for name, chosen in usable.items()}
        tick = None if on_screening is None else partial(_tick, on_screening, replicate, n_screenings)
        found.append(
            screen(
                {name: modality.values for name, modality in seen.items()},
                rows,
                entering,
                fdr=fdr,
                association=association,
                spread=options.screen_fdr is None,
                seed=seed,
                nuisance=nuisance,
                progress=tick,
            )
        )
    return found


def _tick(on_screening: OnScreening, replicate: int, n_screenings: int, done: float) -> None:
    on_screening((replicate + done) / n_screenings)


def earlier_roles(
    study: Study, usable: Mapping[str, np.ndarray], key: str, options: ScreenOptions
) -> dict[str, Screening] | None:
    """Roles that stand in the data: written by ``mmvae select``, or by the user; None where there are none to use.

    ``usable`` is that of ``screen_study``.
    """
    column = f"{key}_role"
    with_roles = [name for name, modality in study.aligned.modalities.items() if column in modality.var]
    record = earlier_record(study.aligned, key)
    written = written_paths(record)
    if not with_roles or any(written.get(f"mod/{name}/var/{column}") == "train" for name in with_roles):
        return None  # those of a training are made anew: its features and options may have been others
    lacking = [name for name in study.aligned.modalities if name not in with_roles]
    if lacking or not study.split_reused:
        why = f"modality {lacking[0]!r} has none" if lacking else "its features were screened on another split"
        log.warning("var[%r] is not used: %s", column, why)
        return None
    if (asked := _other_criteria(options, record, covariate_names(study))) is not None:
        log.info("var[%r] is not used: %s asks for another screening", column, asked)
        return None
    found = {name: _read_back(study, name, key) for name in with_roles}
    for name, screening in found.items():
        n_unknown = int((usable[name].any(axis=0) & (screening.role == "unused")).sum())
        if n_unknown:
            log.warning(
                "var[%r] is not used: %s of modality %r had no part in it", column, counted(n_unknown, "feature"), name
            )
            return None
    log.info("roles of the features: read from var[%r] (mmvae select --by screening makes new ones)", column)
    return found


def covariate_names(study: Study) -> str:
    """Names of the covariates, separated by commas."""
    return "" if study.covariates is None else ",".join(sorted(one.name for one in study.covariates.design))


def _other_criteria(options: ScreenOptions, record: Mapping[str, object], covariates: str) -> str | None:
    """Flag of a criterion that was asked for and with which the recorded screening was not made; None without one."""
    if record.get(TAKEN_OUT, covariates) != covariates:  # roles of the user's own say nothing of it
        return flag_name("covariate")
    if options.screen_fdr is not None and record.get(SPREAD, False):
        return flag_name("screen_fdr")
    for name in CRITERIA:
        asked = getattr(options, name)
        if asked is not None and asked != record.get(name):
            return flag_name(name)
    return None


def _read_back(study: Study, name: str, key: str) -> Screening:
    var = study.aligned.modalities[name].var
    unknown = np.full(len(var), np.nan)
    role = var[f"{key}_role"].astype(str).to_numpy(dtype=object)
    role[~np.isin(role, ("shared", "unused"))] = "other"
    score, q = (
        var[column].to_numpy(dtype=np.float64) if (column := f"{key}_{part}") in var else unknown
        for part in ("score", "q")
    )
    return Screening(role, score, q)


def say_screened(screenings: Screenings, usable: Mapping[str, np.ndarray]) -> None:
    """Report how many features carry shared signal, of the first replicate, and what to do where none does."""
    for name, screening in screenings[0].items():
        entering = usable[name][0]
        n_shared = int((screening.role[entering] == "shared").sum())
        log.info(
            "modality %r: %s carry signal that another modality shares",
            name,
            counted_of(n_shared, int(entering.sum()), "feature"),
        )
        if screening.spread:
            alone, fdr = f"{(screening.q[entering] <= SCREEN_FDR).sum():,}", flag_name("screen_fdr")
            log.info(
                "  %s of them show it alone, the others together; %s %g keeps to the %s", alone, fdr, SCREEN_FDR, alone
            )
    without = sum(not any(one.n_shared for one in by_name.values()) for by_name in screenings)
    if without:
        which = "" if len(screenings) == 1 else f" in {without} of {len(screenings)} replicates"
        log.warning(
            "no shared signal was found%s, so a model has no shared latents there; a higher --screen-fdr looks again, "
            "mmvae train --no-screen trains shared latents on all features",
            which,
        )  # fmt: skip


def find_roles(
    study: Study,
    usable: Mapping[str, np.ndarray],
    key: str,
    options: ScreenOptions,
    seed: int,
    on_screening: OnScreening | None = None,
    nuisance: Mapping[str, np.ndarray] | None = None,
) -> tuple[Screenings, bool]:
    """Roles that stand in the data, else those of a screening; and whether they were read. See ``screen_study``."""
    earlier = earlier_roles(study, usable, key, options)
    found = [earlier] if earlier is not None else screen_study(study, usable, options, seed, on_screening, nuisance)
    say_screened(found, usable)
    return found, earlier is not None


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
