"""Summaries as tables a person likes to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.table import Table

from mmvae_cli.cli.console import literal, out
from mmvae_cli.errors import counted

Summary = dict[str, Any]


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0: no minus before zero


def _with_sd(value: float | None, over: Summary | None) -> str:
    """One value; with several replicates the median ± sd over them instead."""
    if over is None or over.get("sd") is None:
        return _number(value)
    return f"{_number(over['median'])} ± {_number(over['sd'])}"


def _table(title: str, *columns: str) -> Table:
    """Names to the left, where long ones are broken; numbers to the right, never broken."""
    if title:
        out.print(f"[bold]{literal(title)}[/bold]")  # a title of the table itself would be broken to its width
    table = Table(header_style="bold", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=index > 0, overflow="fold")
    return table


def _written(summary: Summary) -> None:
    if "output" in summary:
        path = Path(summary["output"])
        out.print(f"written: {literal(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)}")


def show_check(summary: Summary) -> None:
    """Show what ``check`` found."""
    table = _table("modalities", "modality", "samples", "features", "values", "range", "suggested")
    for name, found in summary["modalities"].items():
        low_to_high = "–" if found["range"] is None else "{:.4g} to {:.4g}".format(*found["range"])
        suggested = f"{found['suggested_likelihood']}, {found['suggested_transform']}"
        numbers = (str(found[part]) for part in ("samples", "features"))
        table.add_row(literal(name), *numbers, found["values"], low_to_high, suggested)
    out.print(table)
    out.print()
    table = _table("to look at", "modality", *(title for title, _ in CHECKED))
    for name, found in summary["modalities"].items():
        table.add_row(literal(name), *(str(found[part]) for _, part in CHECKED))
    out.print(table)
    out.print()
    table = _table("samples by the modalities they have", "modalities", "samples")
    for pattern, count in summary["overlap"].items():
        table.add_row(literal(pattern), str(count))
    out.print(table)
    if summary["shared_feature_names"]:
        names = counted(summary["shared_feature_names"], "feature name")
        out.print(f"\n{names} in several modalities: they are kept apart")
    if summary["label"] is not None:
        _show_checked_label(summary["label"])
    if not summary["problems"]:
        out.print("\nno problem found")


# counts of what deserves a look: title of the column, name in the summary
CHECKED = (
    ("constant", "constant_features"),
    ("NaN", "missing_entries"),
    ("infinite", "infinite_entries"),
    ("duplicate features", "duplicated_features"),
    ("duplicate samples", "duplicated_samples"),
)


def _show_checked_label(label: Summary) -> None:
    if "classes" in label:
        parts = ", ".join(f"{name} {count}" for name, count in label["classes"].items())
    else:
        parts = "{:.4g} to {:.4g}".format(*label["range"])
    out.print(
        f"\nlabel {literal(repr(label['column']))} ({label['kind']}): {literal(parts)}; {label['unlabelled']} without"
    )


def show_select(summary: Summary) -> None:
    """Show how many features were selected, or carry shared signal."""
    SELECTED[summary["by"]](summary)
    _written(summary)


def _show_ranked(summary: Summary) -> None:
    table = _table(f"features by correlation with {summary['label']}", "modality", "shared", "other", "unused")
    for name, counts in summary["modalities"].items():
        table.add_row(literal(name), *(str(counts[part]) for part in ("shared", "other", "unused")))
    out.print(table)
    out.print(f"ranked on {'all' if summary['select_on'] == 'all' else 'training'} samples; split: {summary['split']}")


def _show_screened(summary: Summary) -> None:
    table = _table("features with signal that another modality shares", "modality", "shared", "of")
    for name, found in summary["modalities"].items():
        table.add_row(literal(name), str(found["n_shared_features"]), str(found["features"]))
    out.print(table)
    how = f"false discovery rate {summary['screen_fdr']:g}, by {summary['screen_by']}"
    out.print(f"screened on training samples, {how}; split: {summary['split']}")
    if not summary["n_shared_features"]:
        out.print("no shared signal was found: look again with a higher --screen-fdr, or train with --no-screen")


SELECTED: dict[str, Callable[[Summary], None]] = {"label": _show_ranked, "screening": _show_screened}


def show_train(summary: Summary) -> None:
    """Show what was trained."""
    samples, modalities = summary["samples"], summary["modalities"]
    parts = f"{samples['train']} training samples ({samples['validation']} validation, {samples['test']} held out)"
    out.print(f"[bold]{literal(summary['title'])}[/bold] on {parts}")
    out.print(f"split: {literal(summary['split'])}\n")
    screened = summary["n_shared_features"] is not None
    table = _table(
        "", "modality", "samples", "features", *(["shared"] * screened), "likelihood", "transform", "latents"
    )
    for name, found in modalities.items():
        numbers = [str(found["samples"]), f"{found['features']} of {found['of']}"]
        numbers += [str(found["n_shared_features"])] * screened
        latents = str(found["private_latents"])
        table.add_row(literal(name), *numbers, found["likelihood"], found["transform"], latents)
    out.print(table)
    out.print(f"shared latents: {summary['shared_latents']}\n")
    chosen, n_replicates = summary["replicates"][summary["replicate"]], len(summary["replicates"])
    epochs, threads = counted(summary["epochs"], "epoch"), counted(summary["threads"], "thread")
    out.print(f"{epochs} in {summary['seconds']:.1f} s on {summary['device']}, {threads}")
    which = f"written is replicate {summary['replicate'] + 1} of {n_replicates}" if n_replicates > 1 else "kept"
    out.print(f"{which}: seed {chosen['seed']}, weights of epoch {chosen['best_epoch']}")
    out.print(f"run: {literal(summary['run'])}")
    _written(summary)


def show_embed(summary: Summary) -> None:
    """Show what was embedded."""
    without = summary["without_modality"]
    absent = f"; {without} without any of the modalities: NaN" if without else ""
    samples, latents = counted(summary["samples"], "sample"), counted(len(summary["latents"]), "latent")
    out.print(f"{samples} embedded in {latents}{absent}")
    _written(summary)


def show_predict(summary: Summary) -> None:
    """Show what was predicted."""
    for name, found in summary["targets"].items():
        unit = "the unit of the input" if found["unit"] == "input" else found["unit"]
        size = f"{counted(found['samples'], 'sample')} × {counted(found['features'], 'feature')}"
        out.print(f"{literal(name)} from {literal(' + '.join(summary['from']))}: {size}, in {literal(unit)}")
    if summary.get("intervals") is not None:
        out.print(f"with the ends of their {100 * summary['intervals']:g} % intervals; mmvae evaluate measures them")
    _written(summary)


def show_evaluate(summary: Summary) -> None:
    """Show the metrics."""
    n_replicates = len(summary["replicates"])
    over = summary["over_replicates"] if n_replicates > 1 else {}
    several = f", median ± sd over {n_replicates} replicates" if n_replicates > 1 else ""
    out.print(f"[bold]{literal(summary['model'])}[/bold] on {summary['n_test']} held-out samples{several}\n")
    parts = [part for part in ("shared", "other", "all") if _has_set(summary["r2"], part)]
    table = _table("R² of features (median)", "modality", "from", *parts, "by mean")
    sources = {"cross": "others", "self": "itself", "joint": "all"}
    for name, kinds in summary["r2"].items():
        for kind, found in kinds.items():
            spread = over.get("r2", {}).get(name, {}).get(kind, {})
            cells = [_with_sd((found.get(part) or {}).get("median"), (spread.get(part) or {}).get("median"))
                     for part in parts]  # fmt: skip
            table.add_row(
                literal(name), sources[kind], *cells, _with_sd(found["baseline_mean"], spread.get("baseline_mean"))
            )
    out.print(table)
    out.print("from: others = the other modalities; by mean: R² of predicting the training mean")
    label = summary["label"]
    if label is not None:
        _show_label(label, over.get("label") or {})
    _show_uncertainty(summary["uncertainty"])
    if n_replicates > 1:
        out.print(f"\nwritten is replicate {summary['replicate'] + 1} of {n_replicates}")
    _written(summary)


def _show_uncertainty(found: Summary) -> None:
    """Which cross-modal predictions to believe, how far, and whether other seeds find the same shared latents."""
    tested = found["cross"].values()
    if not tested:
        return
    parts = [part for part in ("shared", "other", "all") if any(part in one["intervals"] for one in tested)]
    out.print()
    table = _table("predictions from the other modalities", "modality", "significant", *parts)
    for name, one in found["cross"].items():
        shares = (one["intervals"].get(part, {}).get("coverage") for part in parts)
        cells = ("–" if share is None else f"{100 * share:.0f} %" for share in shares)
        table.add_row(literal(name), f"{one['significant']} of {one['tested']}", *cells)
    out.print(table)
    level = f"{100 * found['level']:g} %"
    out.print(f"significant: features with q < 0.05, by permutation; the rest: values inside their {level} intervals")
    if found["stability"] is not None and found["stability"]["median"] is not None:
        same = found["stability"]
        out.print(
            f"shared latents of the replicates: canonical correlation {_number(same['median'])} (median of "
            f"{counted(same['pairs'], 'pair')}, lowest {_number(same['min'])})"
        )


def _has_set(r2: Summary, part: str) -> bool:
    """Whether any modality has such a set of features; without a selection there is none but all."""
    return any((found.get(part) or {}).get("median") is not None for kinds in r2.values() for found in kinds.values())


MEASURES = {"auc": "AUC", "r2": "R²"}


def _show_label(label: Summary, over: Summary) -> None:
    measures = [name for name in ("auc", "accuracy", "r2") if name in label]
    out.print()
    title = f"separation of {label['column']} by the latents"
    table = _table(title, "latents", *(MEASURES.get(measure, measure) for measure in measures))
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
        table.add_row(literal(block), *cells)
    out.print(table)


def show_benchmark(summary: Summary) -> None:
    """Show the tables."""
    for shown in summary["tables"]:
        table = _table(shown["title"], *(literal(column.replace("_", " ")) for column in shown["columns"]))
        for row in shown["rows"]:
            table.add_row(*map(literal, row))
        out.print(table)
        out.print()
    cells = counted(summary["cells"], "cell")
    out.print(f"{summary['finished']} of {cells} finished, {summary['seconds']:.0f} s of work")
    out.print(f"written: {literal(summary['out'])}")


def show_simulate(summary: Summary) -> None:
    """Show what was drawn."""
    for name, count in summary["shared"].items():
        out.print(f"{literal(name)}: {count} shared and {summary['other'][name]} private features")
    out.print(f"{summary['samples']} samples, {summary['shared_latents']} shared latents")
    _written(summary)


SHOW: dict[str, Callable[[Summary], None]] = {
    "check": show_check,
    "select": show_select,
    "train": show_train,
    "embed": show_embed,
    "predict": show_predict,
    "evaluate": show_evaluate,
    "benchmark": show_benchmark,
    "simulate": show_simulate,
}
