"""Whether data hold the kind of values that a model was trained on: another kind gives numbers without a meaning."""

from __future__ import annotations

import logging

from mmvae_cli.data.dataset import Modality
from mmvae_cli.data.kinds import SAID, value_kind
from mmvae_cli.data.odd_values import odd_values
from mmvae_cli.data.transforms import TRANSFORMS
from mmvae_cli.errors import DataError
from mmvae_cli.model.likelihoods import LIKELIHOODS
from mmvae_cli.training.run import ModalityRecord

log = logging.getLogger("mmvae_cli")

# by kind of the training: kinds that a part of such data, or sparser data of the sort, may have
ALIKE = {
    "binary": ("binary",),
    "counts": ("counts", "binary"),
    "fractions": ("fractions", "binary"),
    "continuous": ("continuous", "binary"),
}


def check_kind(record: ModalityRecord, modality: Modality) -> None:
    """Refuse, or warn of, values (as they were read) whose kind is not that of the training.

    Raises
    ------
    DataError
        If transform or likelihood of the model have no meaning for them; names the first value and its place.
    """
    trained, kind = record.value_kind, value_kind(modality.values)
    if trained is None or kind in ALIKE[trained]:
        return
    if trained != "continuous" and _is_strict(record):
        where = "" if record.layer is None else f", in the layer {record.layer!r}"
        raise DataError(
            f"modality {record.name!r}: the model was trained on {SAID[trained]}, and here are values that are not: "
            f"{odd_values(modality, trained)}",
            hint=f"give them as in training, neither normalised nor transformed{where}",
        )
    log.warning(
        "modality %r holds %s, the model was trained on %s: results mean something only if both are in one unit",
        record.name, SAID[kind], SAID[trained],
    )  # fmt: skip


def _is_strict(record: ModalityRecord) -> bool:
    """Whether only values of its own kind have a meaning for the model."""
    takes_all = "continuous" in LIKELIHOODS[record.likelihood].value_kinds and not TRANSFORMS[record.transform].changes
    return record.value_kind == "counts" or not takes_all
