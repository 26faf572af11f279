"""The columns that go with each latent, as a table."""

from __future__ import annotations

from collections.abc import Iterator

from mmvae_cli.cli.console import literal, out
from mmvae_cli.cli.tables import Summary, new_table, whole
from mmvae_cli.errors import counted, listed

MEASURES = {"auc": "AUC", "spearman": "ρ", "epsilon2": "ε²"}
SIGNIFICANT, MOST = 0.05, 3


def show_associations(found: Summary) -> None:
    """Show the strongest associations of each latent, and say on which samples columns were tested."""
    tests = found["tests"]
    if not tests:
        return
    out.print()
    table = new_table(
        f"associations of the latents (q < {SIGNIFICANT:g}, the strongest {MOST} of each)",
        "latent", "column", "effect", "higher in", "n", "q", names=2,
    )  # fmt: skip
    strongest = list(_strongest(tests))
    for test in strongest:
        effect = f"{MEASURES[test['measure']]} {test['effect']:.2f}"
        name, higher_in = literal(test["column"]), literal(test["higher_in"] or "–")
        table.add_row(literal(test["latent"]), name, effect, higher_in, whole(test["n"]), f"{test['q']:.1g}")
    if strongest:
        out.print(table)
    columns = dict.fromkeys(test["column"] for test in tests)
    significant = sum(test["q"] < SIGNIFICANT for test in tests)
    out.print(
        f"tested: {counted(len(columns), 'column')}, {significant:,} of {counted(len(tests), 'test')} significant"
    )
    for marked, words in (
        ({test["column"] for test in tests if test["samples"] != "all"}, "on held-out samples only, the model saw it"),
        ({test["column"] for test in tests if test["covariate"]}, "a covariate that the model was told"),
    ):
        if marked:
            out.print(f"{literal(listed(name for name in columns if name in marked))}: {words}")


def _strongest(tests: list[Summary]) -> Iterator[Summary]:
    """Of each latent the significant tests with the smallest p, a few; in the order of the latents."""
    for latent in dict.fromkeys(test["latent"] for test in tests):
        significant = [test for test in tests if test["latent"] == latent and test["q"] < SIGNIFICANT]
        yield from sorted(significant, key=lambda test: (test["p"], -abs(test["effect"])))[:MOST]
