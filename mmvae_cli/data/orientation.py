"""Whether tables have their samples in rows, by the names of the other modalities; nothing is turned by itself."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mmvae_cli.data.dataset import Dataset
from mmvae_cli.errors import DataError, listed


def require_orientation(dataset: Dataset, transposed: Mapping[str, bool], labels: pd.DataFrame | None) -> None:
    """Refuse tables whose features are named like the samples of the rest, and whose samples are not.

    Parameters
    ----------
    transposed
        The modalities that are tables, and whether each was read with its samples in columns.
    labels
        The table of labels, whose rows are samples.

    Raises
    ------
    DataError
        With the option that turns the table.
    """
    suspects = [name for name in transposed if name in dataset.modalities and _is_turned(dataset, name, labels)]
    if not suspects:
        return
    first = suspects[0]
    modality = dataset.modalities[first]
    sides = modality.obs.index[:3], modality.var.index[:3]
    asked = transposed[first]
    rows, columns = (listed(names, most=3) for names in (reversed(sides) if asked else sides))
    found, other = ("columns", "rows") if asked else ("rows", "columns")
    shown = {"rows": rows, "columns": columns}
    raise DataError(
        f"the {found} of {first!r} ({shown[found]}) are taken as samples, and none of them is a sample of the "
        f"rest; its {other} ({shown[other]}) are",
        hint=_remedy(suspects, transposed, sure=_known_elsewhere(dataset, suspects, labels)),
    )


def _known_elsewhere(dataset: Dataset, suspects: list[str], labels: pd.DataFrame | None) -> bool:
    """Whether labels or tables that lie rightly know the samples; else one of two lies wrongly, and which is open."""
    others = [obs.index for name, obs in dataset.annotations.items() if name not in suspects]
    others += [] if labels is None else [labels.index]
    return all(any(dataset.modalities[name].var.index.isin(index).any() for index in others) for name in suspects)


def _remedy(suspects: list[str], transposed: Mapping[str, bool], *, sure: bool) -> str:
    """What to add and what to leave out."""
    if not sure:
        return " or ".join(_remedy([name], transposed, sure=True) for name in suspects)
    wrong, lacking = ([f"--transpose {name}" for name in suspects if transposed[name] is was] for was in (True, False))
    whose = "its" if len(lacking) == 1 else "their"
    parts = [f"leave out {' '.join(wrong)}"] * bool(wrong)
    parts += [f"add {' '.join(lacking)}, if {whose} samples are columns"] * bool(lacking)
    return "; ".join(parts)


def _is_turned(dataset: Dataset, name: str, labels: pd.DataFrame | None) -> bool:
    """Whether the rest knows features of a modality as samples, and none of its samples."""
    others = [obs.index for other, obs in dataset.annotations.items() if other != name]
    others += [] if labels is None else [labels.index]
    modality = dataset.modalities[name]
    if any(modality.obs.index.isin(index).any() for index in others):
        return False
    return any(modality.var.index.isin(index).any() for index in others)
