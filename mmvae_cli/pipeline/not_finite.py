"""The name of the feature that made a loss non-finite, which the model does not know, and what helps there."""

from __future__ import annotations

from collections.abc import Sequence

from mmvae_cli.errors import DataError
from mmvae_cli.training.diagnose import NonFiniteLossError
from mmvae_cli.training.run import ModalityRecord


def named(error: NonFiniteLossError, records: Sequence[ModalityRecord]) -> DataError:
    """Return the error with the name of the feature."""
    record = records[error.modality]
    feature, hint = record.feature_names(error.replicate)[error.column], error.hint
    if record.value_kind == "counts" and record.sd is None and record.median_size is None:
        hint = (
            f"raw counts: leave out --likelihood and --transform, or use --transform {record.name}=lognorm "
            "(clr for proteins)"
        )
    return DataError(f"{error.args[0]}, feature {feature!r}", hint=hint)
