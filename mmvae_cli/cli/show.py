"""Summaries as tables a person likes to read."""

from __future__ import annotations

from collections.abc import Callable

from mmvae_cli.cli.console import literal, out
from mmvae_cli.cli.show_evaluate import show_evaluate
from mmvae_cli.cli.show_top_features import show_top_features
from mmvae_cli.cli.tables import Summary, new_table, show_written, unit_of, whole
from mmvae_cli.errors import counted, listed


def show_check(summary: Summary) -> None:
    """Show what ``check`` found."""
    table = new_table("modalities", "modality", "samples", "features", "values", "range", "suggested")
    for name, found in summary["modalities"].items():
        low_to_high = "–" if found["range"] is None else "{:.4g} to {:.4g}".format(*found["range"])
        suggested = ", ".join(filter(None, (found["suggested_likelihood"], found["suggested_transform"]))) or "–"
        numbers = (whole(found[part]) for part in ("samples", "features"))
        table.add_row(literal(name), *numbers, found["values"], low_to_high, suggested)
    out.print(table)
    out.print()
    table = new_table("to look at", "modality", *(title for title, _ in CHECKED))
    for name, found in summary["modalities"].items():
        table.add_row(literal(name), *(whole(found[part]) for _, part in CHECKED))
    out.print(table)
    out.print("NaN: missing entries; empty: samples without a value; double: names that occur more than once")
    for name, found in summary["modalities"].items():
        if found["features_without_values"]:
            out.print(f"{literal(name)}: {counted(found['features_without_values'], 'feature')} without a value")
    out.print()
    table = new_table("samples by the modalities they have", "modalities", "samples")
    for pattern, count in summary["overlap"].items():
        table.add_row(literal(pattern), whole(count))
    out.print(table)
    if summary["shared_feature_names"]:
        names = counted(summary["shared_feature_names"], "feature name")
        out.print(f"\n{names} in several modalities: they are kept apart")
    if summary["label"] is not None:
        _show_checked_label(summary["label"])
    for covariate in summary["covariates"]:
        _show_checked_covariate(covariate, list(summary["modalities"]))
    if not summary["problems"]:
        found = (
            f"; look at the {counted(len(summary['warnings']), 'warning')} in the log" if summary["warnings"] else ""
        )
        out.print(f"\nno problem found{found}")


# counts of what deserves a look: title of the column, name in the summary
CHECKED = (
    ("constant", "constant_features"),
    ("NaN", "missing_entries"),
    ("empty", "samples_without_values"),
    ("infinite", "infinite_entries"),
    ("double features", "duplicated_features"),
    ("double samples", "duplicated_samples"),
)


def _show_checked_label(label: Summary) -> None:
    if "classes" in label:
        parts = ", ".join(f"{name} {count:,}" for name, count in label["classes"].items())
    else:
        parts = "{:.4g} to {:.4g}".format(*label["range"])
    out.print(
        f"\nlabel {literal(repr(label['column']))} ({label['kind']}): {literal(parts)}; {label['unlabelled']:,} without"
    )


def _show_checked_covariate(found: Summary, modalities: list[str]) -> None:
    """Samples of each category that have each modality; a 0 is a pair whose effect nobody can know."""
    out.print()
    name = literal(repr(found["column"]))
    if "categories" in found:
        table = new_table(f"covariate {name}", "category", *(literal(each) for each in modalities))
        for category, counts in found["categories"].items():
            table.add_row(literal(category), *(whole(counts[each]) for each in modalities))
        out.print(table)
        for each in modalities:
            never = [category for category, counts in found["categories"].items() if not counts[each]]
            if never:
                out.print(f"{literal(listed(never))} without {literal(each)}: told the mean of the others there")
    else:
        out.print(f"covariate {name}: numbers")
    if found["missing"]:
        out.print(f"{counted(found['missing'], 'sample')} without {name}: see --unseen-covariate")
    if found["given_by_label"] is not None:
        out.print(
            f"{name} is given by the label to {100 * found['given_by_label']:.0f} %, gives it to "
            f"{100 * found['gives_label']:.0f} % (0 %: nothing, 100 %: cannot be told apart)"
        )


def show_select(summary: Summary) -> None:
    """Show how many features were selected, or carry shared signal."""
    SELECTED[summary["by"]](summary)
    show_written(summary)


def _show_ranked(summary: Summary) -> None:
    table = new_table(f"features by correlation with {summary['label']}", "modality", "shared", "other", "unused")
    for name, counts in summary["modalities"].items():
        table.add_row(literal(name), *(whole(counts[part]) for part in ("shared", "other", "unused")))
    out.print(table)
    out.print(f"ranked on {'all' if summary['select_on'] == 'all' else 'training'} samples; split: {summary['split']}")


def _show_screened(summary: Summary) -> None:
    table = new_table("features with signal that another modality shares", "modality", "shared", "of")
    for name, found in summary["modalities"].items():
        table.add_row(literal(name), whole(found["n_shared_features"]), whole(found["features"]))
    out.print(table)
    how = f"false discovery rate {summary['screen_fdr']:g}, by {summary['screen_by']}"
    out.print(f"screened on training samples, {how}; split: {summary['split']}")
    if not summary["n_shared_features"]:
        out.print("no shared signal was found: look again with a higher --screen-fdr, or train with --no-screen")


SELECTED: dict[str, Callable[[Summary], None]] = {"label": _show_ranked, "screening": _show_screened}


def show_train(summary: Summary) -> None:
    """Show what was trained."""
    samples, modalities = summary["samples"], summary["modalities"]
    parts = (
        f"{samples['train']:,} training samples ({samples['validation']:,} validation, {samples['test']:,} held out)"
    )
    out.print(f"[bold]{literal(summary['title'])}[/bold] on {parts}")
    out.print(f"split: {literal(summary['split'])}\n")
    screened = summary["n_shared_features"] is not None
    table = new_table(
        "", "modality", "samples", "features", *(["shared"] * screened), "likelihood", "transform", "latents"
    )
    for name, found in modalities.items():
        numbers = [whole(found["samples"]), f"{found['features']:,} of {found['of']:,}"]
        numbers += [whole(found["n_shared_features"])] if screened else []
        latents = str(found["private_latents"])
        table.add_row(literal(name), *numbers, found["likelihood"], found["transform"], latents)
    out.print(table)
    told = [f"{one['name']} ({one['kind']})" for one in summary["covariates"]]
    if told:
        out.print(f"covariates: {literal(', '.join(told))}")
    out.print(f"shared latents: {summary['shared_latents']}")
    for name, found in modalities.items():
        if found["joint_weight"] < 1:
            share = f"1/{1 / found['joint_weight']:.0f}"
            out.print(f"joint embedding: {literal(name)} counts {share} of its precision, found on validation samples")
    out.print()
    chosen, n_replicates = summary["replicates"][summary["replicate"]], len(summary["replicates"])
    epochs, threads = counted(summary["epochs"], "epoch"), counted(summary["threads"], "thread")
    out.print(f"{epochs} in {summary['seconds']:.1f} s on {summary['device']}, {threads}")
    which = f"written is replicate {summary['replicate'] + 1} of {n_replicates}" if n_replicates > 1 else "kept"
    out.print(f"{which}: seed {chosen['seed']}, weights of epoch {chosen['best_epoch']}")
    out.print(f"run: {literal(summary['run'])}")
    if summary.get("logged") is not None:
        out.print(f"logged: {literal(summary['logged'])}")
    show_written(summary)


def show_embed(summary: Summary) -> None:
    """Show what was embedded."""
    without = summary["without_modality"]
    absent = f"; {without:,} without any of the modalities: NaN" if without else ""
    samples, latents = counted(summary["samples"], "sample"), counted(len(summary["latents"]), "latent")
    out.print(f"{samples} embedded in {latents}{absent}")
    show_written(summary)


def show_predict(summary: Summary) -> None:
    """Show what was predicted."""
    for name, found in summary["targets"].items():
        size = f"{counted(found['samples'], 'sample')} × {counted(found['features'], 'feature')}"
        said = f"{name}{' reconstructed' if name in summary['from'] else ''} from {' + '.join(summary['from'])}"
        out.print(f"{literal(said)}: {size}, in {literal(unit_of(found['unit']))}")
        if found.get("without"):
            where = " and ".join(
                f'obsm["{literal(key)}"] of {literal(holder)}' for holder, key in found["beside"].items()
            )
            out.print(f"{counted(found['without'], 'sample')} of them without {literal(name)}: in {where}")
    if summary.get("intervals") is not None:
        out.print(f"with the ends of their {100 * summary['intervals']:g} % intervals; mmvae evaluate measures them")
    show_written(summary)


def show_benchmark(summary: Summary) -> None:
    """Show the tables."""
    for shown in summary["tables"]:
        table = new_table(shown["title"], *(literal(column.replace("_", " ")) for column in shown["columns"]))
        for row in shown["rows"]:
            table.add_row(*map(literal, row))
        out.print(table)
        out.print()
    cells = counted(summary["cells"], "cell")
    out.print(f"{summary['finished']:,} of {cells} finished, {summary['seconds']:.0f} s of work")
    out.print(f"written: {literal(summary['out'])}")


def show_simulate(summary: Summary) -> None:
    """Show what was drawn."""
    for name, count in summary["shared"].items():
        out.print(f"{literal(name)}: {count:,} shared and {summary['other'][name]:,} private features")
    out.print(f"{summary['samples']:,} samples, {summary['shared_latents']} shared latents")
    show_written(summary)


def show_report(summary: Summary) -> None:
    """Say where the page is."""
    evaluation = {"read": "of the evaluation in the data", "made": "of a new evaluation"}[summary["evaluation"]]
    out.print(f"a page {evaluation}, {summary['bytes'] / 1e6:.1f} MB; open it in a browser")
    show_written(summary)


SHOW: dict[str, Callable[[Summary], None]] = {
    "check": show_check,
    "select": show_select,
    "train": show_train,
    "embed": show_embed,
    "predict": show_predict,
    "evaluate": show_evaluate,
    "top-features": show_top_features,
    "benchmark": show_benchmark,
    "simulate": show_simulate,
    "report": show_report,
}
