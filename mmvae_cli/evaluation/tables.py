"""Results of a benchmark as tables: median ± sd over replicates, a column for each model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from mmvae_cli.evaluation.metrics import median_and_sd


@dataclass(frozen=True)
class Quantity:
    """A number that is compared: rows of the results with this metric and part, by modality where it has one."""

    metric: str
    part: str
    title: str


QUANTITIES = (
    Quantity("auc", "shared", "AUC of the label from the shared latents"),
    Quantity("r2", "shared", "R² of the label from the shared latents"),
    Quantity("r2_cross_median", "shared", "R² of shared features from the other modalities"),
    Quantity("r2_cross_median", "other", "R² of other features from the other modalities"),
    Quantity("r2_cross_median", "all", "R² of features from the other modalities"),
    Quantity("features_called_shared", "", "Features called shared by screening"),
    Quantity("seconds", "", "Seconds for each replicate, one thread"),
)


@dataclass(frozen=True)
class Table:
    """One quantity; ``values`` and ``shown`` (median ± sd) have a row for each setting, a column for each model."""

    quantity: Quantity
    modality: str
    shown: pd.DataFrame

    @property
    def title(self) -> str:
        """What the numbers are."""
        return f"{self.quantity.title}{': ' * bool(self.modality)}{self.modality}"


def same_sets(results: pd.DataFrame) -> bool:
    """Whether all models have their features in sets; only then their sets are compared, else all features."""
    in_sets = results["part"].isin(("shared", "other")) & (results["modality"] != "")
    return bool(in_sets.any()) and results.loc[in_sets, "model"].nunique() == results["model"].nunique()


def chosen(results: pd.DataFrame) -> Iterator[tuple[Quantity, str, pd.DataFrame]]:
    """Each quantity that occurs, with its modality and rows."""
    left_out = ("all",) if same_sets(results) else ("shared", "other")
    for quantity in QUANTITIES:
        rows = results[(results["metric"] == quantity.metric) & (results["part"] == quantity.part)]
        for modality, group in rows.groupby("modality", sort=False):
            if modality == "" or quantity.part not in left_out:
                yield quantity, str(modality), group


def tables(results: pd.DataFrame, factors: Sequence[str], titles: Mapping[str, str]) -> list[Table]:
    """Return the tables of a benchmark.

    Parameters
    ----------
    results
        Tidy: a row for each number, columns ``model``, the factors, ``metric``, ``modality``, ``part``, ``value``.
    factors
        Columns that tell the rows of a table apart; those with one value only are left out.
    titles
        Of the models, by name, in the order of the columns.
    """
    shown = [name for name in factors if results[name].nunique() > 1] or list(factors[:1])
    return [Table(quantity, modality, _spread(rows, shown, titles)) for quantity, modality, rows in chosen(results)]


def _spread(rows: pd.DataFrame, factors: Sequence[str], titles: Mapping[str, str]) -> pd.DataFrame:
    lines: dict[tuple[object, ...], dict[str, str]] = {}
    for names, group in rows.groupby([*factors, "model"], sort=False):
        *setting, model = names
        lines.setdefault(tuple(setting), {})[str(model)] = median_with_sd(group["value"])
    index = pd.DataFrame(list(lines), columns=list(factors))
    cells = [{title: line.get(name, "–") for name, title in titles.items()} for line in lines.values()]
    return pd.concat([index, pd.DataFrame(cells)], axis=1).sort_values(list(factors), kind="stable", ignore_index=True)


def median_with_sd(values: pd.Series) -> str:
    """``0.93 ± 0.05``; without sd where there is one replicate."""
    found = median_and_sd(values)
    if found["median"] is None:
        return "–"
    median = f"{round(found['median'], 2) + 0.0:.2f}"  # + 0.0: no minus before zero
    return median if found["sd"] is None else f"{median} ± {found['sd']:.2f}"


def markdown(tables: Sequence[Table], note: str) -> str:
    """All tables as a Markdown page."""
    parts = [note]
    for table in tables:
        lines = [f"## {table.title}", "", _line(str(column).replace("_", " ") for column in table.shown)]
        lines.append("|---" * table.shown.shape[1] + "|")
        lines += [_line(map(str, row)) for row in table.shown.itertuples(index=False)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _line(cells: Iterator[str] | map[str]) -> str:
    return "| " + " | ".join(cells) + " |"
