"""From a study to what the model is trained on: transforms, features, scaling, fitted on training samples."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mmvae_cli.data.depth import at_library_size, library_sizes, log_at_library_size, warn_about_empty
from mmvae_cli.data.features import Selection, label_correlation, leaking_features, select_features
from mmvae_cli.data.kinds import constant_features
from mmvae_cli.data.transforms import TRANSFORMS, Scaling, fit_scaling
from mmvae_cli.data_options import DataOptions, SelectionOptions
from mmvae_cli.errors import DataError, UsageError, counted, listed, pick
from mmvae_cli.model.likelihoods import LIKELIHOODS
from mmvae_cli.pipeline.choices import Choice, choose
from mmvae_cli.pipeline.screen import Screenings
from mmvae_cli.pipeline.study import Study
from mmvae_cli.training.run import ModalityRecord
from mmvae_cli.values import EVERY

log = logging.getLogger("mmvae_cli")


@dataclass(frozen=True)
class Prepared:
    """A study with transformed values, and what each replicate's model sees of them.

    Attributes
    ----------
    records
        One per modality, in the internal order.
    selections
        Per modality one Selection per replicate (a single one where all agree); only where features were selected.
    left_out
        Per modality, features left out and why.
    screenings
        Roles of the features; None where they were not screened. See ``with_roles``.
    roles_read
        Whether they stood in the data, and stay there as they are.
    """

    study: Study
    records: tuple[ModalityRecord, ...]
    selections: Mapping[str, list[Selection]]
    left_out: Mapping[str, dict[str, str]]
    screenings: Screenings | None = None
    roles_read: bool = False

    @property
    def depth_free(self) -> Study:
        """The study with log counts at the median library size, where the likelihood knows library sizes.

        Screening has to be blind to depth; what normalisation leaves of it, ``depth`` takes out.
        """
        return _at_one_depth(self.study, self._sized)

    @property
    def depth(self) -> dict[str, np.ndarray]:
        """By modality whose likelihood knows library sizes: their logarithm and its square, (n_own_samples, 2)."""
        logs = {name: np.log(library_sizes(self.study.aligned.modalities[name].values)) for name in self._sized}
        return {name: np.stack([log, np.square(log - log.mean())], axis=1) for name, log in logs.items()}

    @property
    def _sized(self) -> list[str]:
        return [record.name for record in self.records if record.median_size is not None]

    def places(self, record: ModalityRecord) -> np.ndarray:
        """Where the features of a record stand in the file."""
        return self.study.aligned.modalities[record.name].var.index.get_indexer(pd.Index(record.features))

    def values(self) -> dict[str, np.ndarray]:
        """By modality (n_samples, features of the record), transformed."""
        return {record.name: self.study.aligned.dense(record.name, self.places(record)) for record in self.records}

    def entering(self) -> dict[str, np.ndarray]:
        """By modality (1 or replicates, n_features of the file) True for the features that the models see."""
        found = {}
        for record in self.records:
            places, n_features = self.places(record), len(self.study.aligned.modalities[record.name].var)
            found[record.name] = np.zeros((len(record.columns), n_features), bool)
            for row, columns in zip(found[record.name], record.columns, strict=True):
                row[places[columns]] = True
        return found


def with_roles(prepared: Prepared, screenings: Screenings, *, roles_read: bool = False) -> Prepared:
    """Give the features their roles."""
    records = []
    for record in prepared.records:
        places = prepared.places(record)
        n_rows = max(len(screenings), len(record.columns))
        roles = [
            screenings[row if len(screenings) > 1 else 0][record.name].role[places[record.view(record.columns, row)]]
            for row in range(n_rows)
        ]
        records.append(replace(record, role_shared=np.stack(roles) == "shared"))
    return replace(prepared, records=tuple(records), screenings=screenings, roles_read=roles_read)


def per_modality(given: Mapping[str, object], names: list[str], what: str) -> dict[str, object]:
    """Resolve an option given per modality, or for all under ``EVERY``, to the modalities there are."""
    for name in given:
        if name != EVERY:
            pick(name, names, "modality", where=what)
    return {name: given.get(name, given.get(EVERY)) for name in names}


def prepare(
    study: Study,
    options: DataOptions,
    selection: SelectionOptions,
    scale_on: str = "train",
    earlier: Mapping[str, np.ndarray] | None = None,
) -> Prepared:
    """Transform, leave out what cannot be used, select and scale.

    Parameters
    ----------
    scale_on
        ``train`` or ``all``: the samples that mean and sd are fitted on.
    earlier
        Sets (n_features,) selected before, for modalities for which no selection is asked.

    Raises
    ------
    DataError
        If values, transforms and likelihoods do not go together, or fewer features are left than asked for.
    """
    names, earlier = study.aligned.file_order, earlier or {}
    likelihoods = per_modality(options.likelihood, names, "--likelihood")
    transforms = per_modality(options.transform, names, "--transform")
    values, chosen = {}, {}
    for name, modality in study.aligned.modalities.items():
        asked = (None if given[name] is None else str(given[name]) for given in (likelihoods, transforms))
        chosen[name] = choose(modality, *asked)
        values[name] = TRANSFORMS[chosen[name].transform].apply(modality.values, name)
        if LIKELIHOODS[chosen[name].likelihood].sized:
            warn_about_empty(name, values[name])
    study = replace(study, aligned=study.aligned.with_values(values))
    wanted = _wanted(study, selection)
    sized = [name for name, choice in chosen.items() if LIKELIHOODS[choice.likelihood].sized]
    ranked = _at_one_depth(study, [name for name in sized if wanted[name] is not None])
    records, selections, left_out = [], {}, {}
    for name in study.aligned.modalities:
        left_out[name], usable = _usable(study, name, selection)
        sets = _select(ranked, name, selection, wanted[name], usable)
        if sets is None and name in earlier:
            sets = [_reused(earlier[name], usable, name)]
        if sets is not None:
            selections[name] = sets
        records.append(_record(study, name, chosen[name], sets, usable, scale_on))
    return Prepared(study, tuple(records), selections, left_out)


def _at_one_depth(study: Study, names: list[str]) -> Study:
    """Log counts at one library size in some modalities; depth is what they share first of all.

    The size is the median over all samples, which sets a scale and nothing else.
    """
    values = {}
    for name in names:
        counts = study.aligned.modalities[name].values
        values[name] = log_at_library_size(counts, float(np.median(library_sizes(counts))))
    return replace(study, aligned=study.aligned.with_values(values))


def _wanted(study: Study, selection: SelectionOptions) -> dict[str, tuple[int, int] | None]:
    """Numbers of shared and other features asked for, per modality; None where all are used."""
    names = study.aligned.file_order
    shared = per_modality(selection.shared, names, "--shared")
    other = per_modality(selection.other, names, "--other")
    if (selection.shared or selection.other) and study.label is None:
        raise UsageError("--shared and --other rank features by a label", hint="name it with --label")
    return {
        name: None if shared[name] is None and other[name] is None else (int(shared[name] or 0), int(other[name] or 0))  # type: ignore[call-overload]
        for name in names
    }


def _usable(study: Study, name: str, selection: SelectionOptions) -> tuple[dict[str, str], np.ndarray]:
    """Features left out and why, and (n_features,) True for those that remain."""
    modality = study.aligned.modalities[name]
    reasons: dict[int, str] = {}
    if study.label is not None and not selection.keep_label_features:
        target = study.aligned.to_own(name, study.label.values)
        found = leaking_features(
            modality.values, list(modality.var.index), target, study.label.classes, study.label.name
        )
        reasons = dict(found)
        if found:
            log.warning(
                "modality %r: left out %s, which %s (--keep-label-features keeps such features)",
                name, listed([str(modality.var.index[index]) for index, _ in found]), found[0][1],
            )  # fmt: skip
    for replicate in range(len(study.splits)):
        rows = study.aligned.own_rows(name, study.part("train", replicate))
        if len(rows) == 0:
            raise DataError(
                f"no training sample has the modality {name!r}", hint="leave it out with --modalities, or split anew"
            )
        for index in np.flatnonzero(constant_features(modality.values, rows)):
            reasons.setdefault(int(index), "is constant in the training samples")
    constant = [index for index, reason in reasons.items() if reason.startswith("is constant")]
    if constant:
        log.warning(
            "modality %r: left out %s, constant in the training samples: %s",
            name, counted(len(constant), "feature"),
            listed([str(modality.var.index[index]) for index in constant], most=5),
        )  # fmt: skip
    usable = np.ones(modality.n_features, dtype=bool)
    usable[list(reasons)] = False
    if not usable.any():
        raise DataError(f"modality {name!r} has no feature left", hint="see mmvae check")
    return {str(modality.var.index[index]): reason for index, reason in sorted(reasons.items())}, usable


def _select(
    study: Study, name: str, selection: SelectionOptions, wanted: tuple[int, int] | None, usable: np.ndarray
) -> list[Selection] | None:
    """Selection of each replicate, one where all agree; None where all features are used."""
    if wanted is None or study.label is None:
        return None
    modality = study.aligned.modalities[name]
    target = study.aligned.to_own(name, study.label.values)
    alike = selection.select_on == "all" or len(study.splits) == 1
    found = []
    for replicate in range(1 if alike else len(study.splits)):
        looked_at = study.taking_part if selection.select_on == "all" else study.part("train", replicate)
        among = np.where(study.aligned.to_own(name, looked_at), target, np.nan)
        correlation = label_correlation(modality.values, among, study.label.classes)
        found.append(select_features(np.where(usable, correlation, np.nan), *wanted, name))
    return found


def _reused(sets: np.ndarray, usable: np.ndarray, name: str) -> Selection:
    """Selection made before, without features that cannot be used now; ranks are not known here."""
    sets = np.where(usable & np.isin(sets, ("shared", "other")), sets, "unused")
    if (sets == "unused").all():
        raise DataError(f"modality {name!r}: no feature is selected", hint="select anew with --shared and --other")
    return Selection(sets, np.zeros(len(sets), dtype=np.int64))


def _record(
    study: Study,
    name: str,
    choice: Choice,
    selections: list[Selection] | None,
    usable: np.ndarray,
    scale_on: str,
) -> ModalityRecord:
    modality = study.aligned.modalities[name]
    if selections is None:
        columns = np.flatnonzero(usable)[None]
    else:
        columns = np.stack([np.flatnonzero(one.sets != "unused") for one in selections])
    kept = np.unique(columns)  # positions in the modality of all features that any replicate uses, in file order
    sized = LIKELIHOODS[choice.likelihood].sized
    scaling = _scaling(study, name, columns, scale_on, sized)
    record = ModalityRecord(
        name=name,
        features=tuple(modality.var.index[kept].astype(str)),
        columns=np.searchsorted(kept, columns).astype(np.int64),
        mean=np.stack([one.mean for one, _ in scaling]),
        sd=np.stack([one.sd for one, _ in scaling]) if TRANSFORMS[choice.transform].standardise else None,
        transform=choice.transform,
        likelihood=choice.likelihood,
        value_kind=choice.kind,
        layer=modality.layer,
        median_size=np.array([library for _, library in scaling]) if sized else None,
    )
    if selections is None:
        return record
    sets = np.stack([one.sets[row] for one, row in zip(selections, columns, strict=True)])
    return replace(record, shared_set=sets == "shared", other_set=sets == "other")


def _scaling(study: Study, name: str, columns: np.ndarray, scale_on: str, sized: bool) -> list[tuple[Scaling, float]]:
    """Mean and sd of each replicate's features, and the median library size, once where all agree.

    Where the likelihood knows library sizes the moments are those of counts at the median one.
    """
    alike = len(columns) == 1 and (scale_on == "all" or len(study.splits) == 1)
    values, fitted = study.aligned.modalities[name].values, []
    sizes = library_sizes(values) if sized else np.ones(values.shape[0])
    values = at_library_size(values, 1.0) if sized else values
    for replicate in range(1 if alike else len(study.splits)):
        samples = study.taking_part if scale_on == "all" else study.part("train", replicate)
        rows = study.aligned.own_rows(name, samples)
        chosen = columns[replicate if len(columns) > 1 else 0]
        library = float(np.median(sizes[rows]))
        found = fit_scaling(values, rows, chosen)
        fitted.append((Scaling(found.mean * library, found.sd * library), library))
    return fitted
