"""From a study to what the model is trained on: transforms, features, scaling, fitted on training samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mmvae_cli.data.depth import warn_about_empty
from mmvae_cli.data.transforms import TRANSFORMS
from mmvae_cli.data_options import DataOptions, SelectionOptions
from mmvae_cli.pipeline.choices import choose
from mmvae_cli.pipeline.features import numbers_wanted, reuse_selection, select_by_label, usable_features
from mmvae_cli.pipeline.per_modality import per_modality
from mmvae_cli.pipeline.prepared import Prepared, at_one_depth
from mmvae_cli.pipeline.records import fitted_weights, modality_record
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
        values[name] = TRANSFORMS[chosen[name].transform].apply(modality.values, name)
        if chosen[name].sized:
            warn_about_empty(name, values[name])
    study = replace(study, aligned=study.aligned.with_values(values))
    study = replace(study, weights=fitted_weights(study, chosen, scale_on))
    wanted = numbers_wanted(study, selection)
    ranked = at_one_depth(
        study, {name: one.likelihood for name, one in chosen.items() if one.sized and wanted[name] is not None}
    )
    records, selections, left_out = [], {}, {}
    for name in study.aligned.modalities:
        left_out[name], usable = usable_features(study, name, selection, columns[name])
        counts = as_read.modalities[name].values
        entering, unlike = entering_features(study, name, chosen[name], counts, usable, filters[name])
        left_out[name].update(unlike)
        sets = select_by_label(ranked, name, selection, wanted[name], entering)
        if sets is None and name in earlier:
            sets = [reuse_selection(earlier[name], row, name) for row in entering]
        if sets is not None:
            selections[name] = sets
        records.append(modality_record(study, name, chosen[name], sets, entering, scale_on))
    return Prepared(study, tuple(records), selections, left_out)
