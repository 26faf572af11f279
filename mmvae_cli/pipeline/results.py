"""What ``evaluate`` wrote into ``uns``, read back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mmvae_cli.errors import DataError

if TYPE_CHECKING:
    from mudata import MuData


def metrics(mdata: MuData, key: str = "mmvae") -> dict[str, Any]:
    """Return the metrics that ``evaluate`` wrote.

    Raises
    ------
    DataError
        If there are none.
    """
    record = mdata.uns.get(key, {})
    if "metrics" not in record:
        raise DataError(f"there are no metrics in uns[{key!r}]", hint="run evaluate first")
    found: dict[str, Any] = json.loads(record["metrics"])
    return found
