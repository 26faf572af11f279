"""What a model is trained on, and the roles of its features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mmvae_cli.data.dataset import Matrix
from mmvae_cli.data.depth import library_sizes, log_at_library_size, presence_at_library_size
from mmvae_cli.data.features import Selection
from mmvae_cli.model.likelihoods import LIKELIHOODS
from mmvae_cli.pipeline.screen import Screenings
from mmvae_cli.pipeline.study import Study
from mmvae_cli.training.run import ModalityRecord


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
        """The study at the median library size, where library sizes are known to the model.

        Screening has to be blind to depth; what normalisation leaves of it, ``nuisance`` takes out.
        """
        return at_one_depth(self.study, self._sized)

    @property
    def nuisance(self) -> dict[str, np.ndarray]:
        """By modality (n_own_samples, k) what it shares with others for no reason of interest, where there is such.

        Depth, which is the logarithm of library sizes and its square, where the likelihood knows them; and covariates.
        """
        found: dict[str, list[np.ndarray]] = {name: [] for name in self.study.aligned.modalities}
        for name in self._sized:
            logs = np.log(library_sizes(self.study.aligned.modalities[name].values))
            found[name].append(np.stack([logs, np.square(logs - logs.mean())], axis=1))
        if self.study.covariates is not None:
            told = self.study.covariates.plain()
            for name, parts in found.items():
                parts.append(np.nan_to_num(self.study.aligned.to_own(name, told)))
        return {name: np.concatenate(parts, axis=1) for name, parts in found.items() if parts}

    @property
    def _sized(self) -> dict[str, str]:
        """By modality whose library sizes are known, its likelihood."""
        return {record.name: record.likelihood for record in self.records if record.median_size is not None}

    def places(self, record: ModalityRecord) -> np.ndarray:
        """Where the features of a record stand in the file."""
        return self.study.aligned.modalities[record.name].var.index.get_indexer(pd.Index(record.features))

    def values(self, record: ModalityRecord, samples: np.ndarray | None = None) -> Matrix:
        """(n_samples, features of the record) transformed values of some samples (default: all), a copy."""
        return self.study.aligned.taken(record.name, self.places(record), samples)

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


def at_one_depth(study: Study, likelihoods: Mapping[str, str]) -> Study:
    """Some modalities, given with their likelihoods, at one library size; depth is what they share first of all.

    Of counts the logarithms, of 0/1 values what varies as much whatever the depth.
    The size is the median over all samples, which sets a scale and nothing else.
    """
    values = {}
    for name, likelihood in likelihoods.items():
        at_size = log_at_library_size if LIKELIHOODS[likelihood].sized else presence_at_library_size
        own = study.aligned.modalities[name].values
        values[name] = at_size(own, float(np.median(library_sizes(own))))
    return replace(study, aligned=study.aligned.with_values(values))
