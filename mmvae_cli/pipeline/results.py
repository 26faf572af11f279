"""What ``evaluate`` wrote into ``uns``, read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmvae_cli.errors import DataError

if TYPE_CHECKING:
    from mudata import MuData
    from pandas import DataFrame

ASSOCIATIONS = "associations"  # in uns
# of a test, with the type of each
FIELDS: dict[str, type] = {
    "latent": object, "column": object, "measure": object, "effect": float, "higher_in": object, "n": int, "p": float,
    "q": float, "samples": object, "covariate": bool,
}  # fmt: skip


def metrics(mdata: MuData, key: str = "mmvae") -> dict[str, Any]:
    """Return the metrics that ``evaluate`` wrote.

    Raises
    ------
    DataError
        If there are none.
    """
    from mmvae_cli.plots import record

    return record.metrics(mdata, key)


def associations(mdata: MuData, key: str = "mmvae") -> DataFrame:
    """Return the associations of latents with columns of ``obs`` that ``evaluate`` wrote.

    Returns
    -------
    One row for each latent and column: ``measure`` and ``effect`` (``auc``: of two classes, from 0.5, ``higher_in``
    names the one with the larger values; ``spearman``: of numbers; ``epsilon2``: of more classes, from 0 to 1), number
    of samples ``n``, ``p``, ``q`` (Benjamini-Hochberg over all rows), ``samples`` (``all`` or ``held-out``), and
    whether the model was told the column as a covariate.

    Raises
    ------
    DataError
        If there are none.
    """
    from pandas import DataFrame

    record = mdata.uns.get(key, {})
    if ASSOCIATIONS not in record:
        raise DataError(f"there are no associations in uns[{key!r}]", hint="run evaluate first")
    return DataFrame({field: record[ASSOCIATIONS][field] for field in FIELDS})
