"""Summaries as tables a person likes to read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.markup import escape
from rich.table import Table

from mmvae_cli.cli.console import out

Summary = dict[str, Any]


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _with_sd(value: float | None, over: Summary | None) -> str:
    """One value; with several replicates the median ± sd over them instead."""
    if over is None or over.get("sd") is None:
        return _number(value)
    return f"{_number(over['median'])} ± {_number(over['sd'])}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    return table


def _written(summary: Summary) -> None:
    if "output" in summary:
        out.print(f"written: {escape(str(summary['output']))}")


def show_check(summary: Summary) -> None:
    """Show what ``check`` found."""
    table = _table(
        "modalities", "modality", "samples", "features", "values", "range", "constant", "missing", "suggested"
    )
    for name, found in summary["modalities"].items():
        low, high = found["range"] or (None, None)
        suggested = f"{found['suggested_likelihood']}, {found['suggested_transform']}"
        table.add_row(
            escape(name), str(found["samples"]), str(found["features"]), found["values"],
            f"{_number(low)} to {_number(high)}", str(found["constant_features"]), str(found["missing_entries"]),
            suggested,
        )  # fmt: skip
    out.print(table)
    out.print()
    table = _table("samples by the modalities they have", "modalities", "samples")
    for pattern, count in summary["overlap"].items():
        table.add_row(escape(pattern), str(count))
    out.print(table)
    if summary["shared_feature_names"]:
        out.print(f"{summary['shared_feature_names']} feature names occur in several modalities; they are kept apart")
    label = summary["label"]
    if label is not None:
        classes = label.get("classes", {"range": "{:.4g} to {:.4g}".format(*label.get("range", (0, 0)))})
        parts = ", ".join(f"{name} {count}" for name, count in classes.items())
        out.print(
            f"\nlabel {escape(label['column'])} ({label['kind']}): {escape(parts)}; {label['unlabelled']} without"
        )
    if not summary["problems"]:
        out.print("\nno problem found")


def show_select(summary: Summary) -> None:
    """Show how many features were selected."""
    table = _table(f"features by correlation with {escape(summary['label'])}", "modality", "shared", "other", "unused")
    for name, counts in summary["modalities"].items():
        table.add_row(escape(name), *(str(counts[part]) for part in ("shared", "other", "unused")))
    out.print(table)
    out.print(f"ranked on {'all' if summary['select_on'] == 'all' else 'training'} samples; split: {summary['split']}")
    _written(summary)


def show_train(summary: Summary) -> None:
    """Show what was trained."""
    samples, modalities = summary["samples"], summary["modalities"]
    parts = f"{samples['train']} training samples ({samples['validation']} validation, {samples['test']} held out)"
    out.print(f"[bold]{escape(summary['title'])}[/bold] on {parts}; split {escape(summary['split'])}")
    table = _table("", "modality", "samples", "features", "likelihood", "transform", "private latents")
    for name, found in modalities.items():
        features, latents = f"{found['features']} of {found['of']}", str(found["private_latents"])
        table.add_row(escape(name), str(found["samples"]), features, found["likelihood"], found["transform"], latents)
    out.print(table)
    out.print(f"shared latents: {summary['shared_latents']}")
    chosen, n_replicates = summary["replicates"][summary["replicate"]], len(summary["replicates"])
    threads = f"{summary['threads']} thread{'s' if summary['threads'] > 1 else ''}"
    out.print(f"{summary['epochs']} epochs in {summary['seconds']:.1f} s on {summary['device']}, {threads}")
    which = f"replicate {summary['replicate'] + 1} of {n_replicates} is written (" if n_replicates > 1 else "("
    out.print(f"{which}seed {chosen['seed']}, weights of epoch {chosen['best_epoch']})")
    out.print(f"run: {escape(summary['run'])}")
    _written(summary)


def show_embed(summary: Summary) -> None:
    """Show what was embedded."""
    without = summary["without_modality"]
    absent = f"; {without} have no modality: nan" if without else ""
    out.print(f"{summary['samples']} samples embedded in {len(summary['latents'])} latents{absent}")
    _written(summary)


def show_predict(summary: Summary) -> None:
    """Show what was predicted."""
    for name, found in summary["targets"].items():
        unit = "the unit of the input" if found["unit"] == "input" else found["unit"]
        out.print(f"{escape(name)} from {escape(', '.join(summary['from']))}: {found['features']} features "
                  f"of {found['samples']} samples, in {escape(unit)}")  # fmt: skip
    _written(summary)


def show_evaluate(summary: Summary) -> None:
    """Show the metrics."""
    n_replicates = len(summary["replicates"])
    over = summary["over_replicates"] if n_replicates > 1 else {}
    several = f", median ± sd over {n_replicates} replicates" if n_replicates > 1 else ""
    out.print(f"[bold]{escape(summary['model'])}[/bold] on {summary['n_test']} held-out samples{several}\n")
    table = _table("R² of features (median)", "modality", "predicted from", "shared", "other", "all", "by the mean")
    sources = {"cross": "other modalities", "self": "itself", "joint": "all modalities"}
    for name, kinds in summary["r2"].items():
        for kind, found in kinds.items():
            spread = over.get("r2", {}).get(name, {}).get(kind, {})
            cells = [_with_sd((found.get(part) or {}).get("median"), (spread.get(part) or {}).get("median"))
                     for part in ("shared", "other", "all")]  # fmt: skip
            table.add_row(
                escape(name), sources[kind], *cells, _with_sd(found["baseline_mean"], spread.get("baseline_mean"))
            )
    out.print(table)
    label = summary["label"]
    if label is not None:
        _show_label(label, over.get("label") or {})
    if n_replicates > 1:
        out.print(f"\nwritten is replicate {summary['replicate'] + 1} of {n_replicates}")
    _written(summary)


def _show_label(label: Summary, over: Summary) -> None:
    measures = [name for name in ("auc", "accuracy", "r2") if name in label]
    table = _table(f"\nseparation of {escape(label['column'])} by the latents", "latents", *measures)
    blocks = ["shared", *(f"private {name}" for name in label[measures[0]]["private"]), "all"]
    for block in blocks:
        cells = []
        for measure in measures:
            found, spread = label[measure], over.get(measure)
            if block.startswith("private "):
                name = block[len("private ") :]
                cells.append(_with_sd(found["private"][name], spread["private"][name] if spread else None))
            else:
                cells.append(_with_sd(found[block], spread[block] if spread else None))
        table.add_row(escape(block), *cells)
    out.print(table)


def show_simulate(summary: Summary) -> None:
    """Show what was drawn."""
    for name, count in summary["shared"].items():
        out.print(f"{escape(name)}: {count} shared and {summary['other'][name]} private features")
    out.print(f"{summary['samples']} samples, {summary['shared_latents']} shared latents")
    _written(summary)


SHOW: dict[str, Callable[[Summary], None]] = {
    "check": show_check,
    "select": show_select,
    "train": show_train,
    "embed": show_embed,
    "predict": show_predict,
    "evaluate": show_evaluate,
    "simulate": show_simulate,
}
