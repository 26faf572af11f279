"""Which columns of the samples go with which latents, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmvae_cli.errors import counted, listed
from mmvae_cli.reporting.content import Content
from mmvae_cli.reporting.figures import figures
from mmvae_cli.reporting.html import Markup, element, joined, paragraph, table
from mmvae_cli.reporting.verdict import number

MEASURES = {"auc": "AUC", "spearman": "ρ", "epsilon2": "ε²"}
SIGNIFICANT, MOST = 0.05, 3


def associations(content: Content) -> Markup:
    """Return the strongest associations of each latent; empty where none was tested."""
    tests = (content.associations or {}).get("tests") or []
    if not tests:
        return Markup()
    columns = list(dict.fromkeys(test["column"] for test in tests))
    rows = [
        (
            test["latent"],
            test["column"],
            test["higher_in"] or "–",
            f"{MEASURES[test['measure']]} {number(test['effect'])}",
            f"{test['n']:,}",
            "< 1e-300" if test["q"] < 1e-300 else f"{test['q']:.1g}",
        )
        for test in _strongest(tests)
    ]
    significant = sum(test["q"] < SIGNIFICANT for test in tests)
    said = f"Tested: {counted(len(columns), 'column')}; {significant:,} of {counted(len(tests), 'test')} have q < 0.05."
    return joined(
        (
            element("h3", "What goes with the latents"),
            paragraph(said, *_remarks(tests, columns)),
            figures(content, "associations"),
            _strongest_table(rows) if rows else "",
        )
    )


def _strongest_table(rows: Sequence[Sequence[str]]) -> Markup:
    title = f"the strongest {MOST} of each latent (q < {SIGNIFICANT:g})"
    head = ("latent", "column", "higher in", "effect", "samples", "q")
    return element(
        "details", element("summary", f"As numbers: {title}"), table(title.capitalize(), head, rows, names=3)
    )


def _remarks(tests: list[Mapping[str, Any]], columns: list[str]) -> Iterator[str]:
    for marked, words in (
        (
            {test["column"] for test in tests if test["samples"] != "all"},
            "tested on held-out samples, as the model saw",
        ),
        ({test["column"] for test in tests if test["covariate"]}, "told to the model as a covariate"),
    ):
        if marked:
            yield f" {words.capitalize()}: {listed(name for name in columns if name in marked)}."


def _strongest(tests: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Of each latent the significant tests with the smallest p, a few; in the order of the latents."""
    for latent in dict.fromkeys(test["latent"] for test in tests):
        significant = [test for test in tests if test["latent"] == latent and test["q"] < SIGNIFICANT]
        yield from sorted(significant, key=lambda test: (test["p"], -abs(test["effect"])))[:MOST]
