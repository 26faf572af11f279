"""From a study to what the model is trained on: transforms, features, scaling, fitted on training samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mmvae_cli.data.aligned import Aligned
from mmvae_cli.data.depth import warn_about_empty
from mmvae_cli.data.on_disk import is_on_disk
from mmvae_cli.data.transforms import TRANSFORMS
from mmvae_cli.data_options import DataOptions, SelectionOptions
from mmvae_cli.pipeline.choices import Choice, choose
from mmvae_cli.pipeline.features import numbers_wanted, reuse_selection, select_by_label, usable_features
from mmvae_cli.pipeline.per_modality import per_modality
from mmvae_cli.pipeline.prepared import Prepared, at_one_depth
from mmvae_cli.pipeline.records import fitted_weights, modality_record
from mmvae_cli.pipeline.sampling import fitting_sample
from mmvae_cli.pipeline.study import Study
from mmvae_cli.pipeline.var_filters import entering_features


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
        ``train`` or ``all``: the samples that weights, mean and sd are fitted on.
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
    columns = per_modality(selection.use_var, names, "--use-var")
    filters = per_modality(selection.var_filter, names, "--var-filter")
    as_read = study.aligned
    values, chosen = {}, {}
    for name, modality in study.aligned.modalities.items():
        chosen[name] = choose(modality, likelihoods[name], transforms[name])
        values[name] = TRANSFORMS[chosen[name].transform].applied(modality.values, name)
        if chosen[name].sized:
            warn_about_empty(name, values[name])
    study = replace(study, aligned=study.aligned.with_values(values))
    study = replace(study, weights=fitted_weights(study, chosen, scale_on))
    wanted = numbers_wanted(study, selection)
    in_memory = (
        study if all(each is None for each in wanted.values()) else fitting_sample(study, "--shared and --other")
    )
    ranked = at_one_depth(
        in_memory, {name: one.likelihood for name, one in chosen.items() if one.sized and wanted[name] is not None}
    )
    records, selections, left_out = [], {}, {}
    for name in study.aligned.modalities:
        left_out[name], usable = usable_features(study, name, selection, columns[name])
        entering, unlike = _filtered(study, as_read, name, chosen[name], usable, filters[name])
        left_out[name].update(unlike)
        sets = select_by_label(ranked, name, selection, wanted[name], entering)
        if sets is None and name in earlier:
            sets = [reuse_selection(earlier[name], row, name) for row in entering]
        if sets is not None:
            selections[name] = sets
        records.append(modality_record(study, name, chosen[name], sets, entering, scale_on))
    return Prepared(study, tuple(records), selections, left_out)


def _filtered(
    study: Study, as_read: Aligned, name: str, choice: Choice, usable: np.ndarray, asked: str | None
) -> tuple[np.ndarray, dict[str, str]]:
    """As ``entering_features``, on some samples where values are on disk."""
    counts = as_read.modalities[name].values
    if asked is not None and is_on_disk(counts):
        counts = fitting_sample(replace(study, aligned=as_read)).aligned.modalities[name].values
        study = fitting_sample(study, "--var-filter")
    return entering_features(study, name, choice, counts, usable, asked)
