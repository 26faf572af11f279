"""The features of each latent as tables."""

from __future__ import annotations

from itertools import groupby

from mmvae_cli.cli.console import literal, out
from mmvae_cli.cli.tables import Summary, new_table, show_written, unit_of
from mmvae_cli.errors import counted

OPTIONAL = {"name": "name", "role": "role", "share": "share", "share_of_shared": "of all shared"}


def show_top_features(summary: Summary) -> None:
    """Show a table for each latent and modality, and name the latents that are not used."""
    used = [one for one in summary["latents"] if not one["unused"]]
    rows = [row for one in used for row in one["features"]]
    for one in used:
        for modality, features in groupby(one["features"], key=lambda row: row["modality"]):
            _show_features(one, modality, list(features))
    if rows:
        out.print("loading: change of the feature when the latent rises by one standard deviation")
        for modality, unit in summary["units"].items():
            out.print(f"{literal(modality)}: in {literal(unit_of(unit))}")
        if any(row["share"] is not None for row in rows):
            out.print("share: of the feature's own variance, by this latent")
    unused = [one["latent"] for one in summary["latents"] if one["unused"]]
    if unused:
        below = f"below {100 * summary['unused_below']:g} % of the variance of every modality"
        out.print(f"{counted(len(unused), 'latent')} unused ({below}; --json and -o have them, too):")
        out.print(literal(", ".join(unused)))
    show_written(summary)


def _show_features(one: Summary, modality: str, features: list[Summary]) -> None:
    there = {column for column in OPTIONAL if any(row[column] is not None for row in features)}
    explains = one["explains"].get(modality)
    mean = "" if explains is None else f", {100 * explains:.1f} % of its variance"
    texts = [column for column in ("name", "role") if column in there]
    shares = [column for column in ("share", "share_of_shared") if column in there]
    titles = [OPTIONAL[column] for column in (*texts, *shares)]
    table = new_table(
        f"{one['latent']} in {modality}{mean}", "feature", *titles[: len(texts)], "loading", *titles[len(texts) :],
        names=1 + len(texts),
    )  # fmt: skip
    for row in features:
        words = (literal(row[column] or "–") for column in texts)
        percents = ("–" if row[column] is None else f"{100 * row[column]:.0f} %" for column in shares)
        table.add_row(literal(row["feature"]), *words, f"{row['loading']:+.3g}", *percents)
    out.print(table)
    out.print()
