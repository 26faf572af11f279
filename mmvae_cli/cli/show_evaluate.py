"""The metrics of ``evaluate`` as tables."""

from __future__ import annotations

from pathlib import Path

from mmvae_cli.cli.console import literal, out
from mmvae_cli.cli.show_associations import show_associations
from mmvae_cli.cli.tables import Summary, new_table, number, show_written, with_sd
from mmvae_cli.errors import counted


def show_evaluate(summary: Summary) -> None:
    """Show the metrics."""
    n_replicates = len(summary["replicates"])
    over = summary["over_replicates"] if n_replicates > 1 else {}
    several = f", median ± sd over {n_replicates} replicates" if n_replicates > 1 else ""
    out.print(f"[bold]{literal(summary['model'])}[/bold] on {counted(summary['n_test'], 'held-out sample')}{several}\n")
    parts = [part for part in ("shared", "other", "all") if _has_set(summary["r2"], part)]
    table = new_table("R² of features (median)", "modality", "from", *parts, "by mean")
    sources = {"cross": "others", "self": "itself", "joint": "all"}
    for name, kinds in summary["r2"].items():
        for kind, found in kinds.items():
            spread = over.get("r2", {}).get(name, {}).get(kind, {})
            cells = [with_sd((found.get(part) or {}).get("median"), (spread.get(part) or {}).get("median"))
                     for part in parts]  # fmt: skip
            table.add_row(
                literal(name), sources[kind], *cells, with_sd(found["baseline_mean"], spread.get("baseline_mean"))
            )
    out.print(table)
    out.print("from: others = the other modalities; by mean: R² of predicting the training mean")
    _show_pairs(summary["pairs"], over.get("pairs") or {})
    _show_variance(summary["variance"])
    label = summary["label"]
    if label is not None:
        _show_separation(label, over.get("label") or {})
    for column, found in summary["mixing"].items():
        _show_separation(found, over.get("mixing", {}).get(column) or {})
        chance = "AUC of 0.5" if found["kind"] == "categorical" else "R² of 0"
        out.print(f"{literal(column)} should not be in the shared latents: an {chance} is none of it")
    if summary["associations"] is not None:
        show_associations(summary["associations"])
    _show_baselines(summary["baselines"] or {}, ", written replicate" if n_replicates > 1 else "")
    _show_uncertainty(summary["uncertainty"])
    if n_replicates > 1:
        out.print(f"\nwritten is replicate {summary['replicate'] + 1} of {n_replicates}")
    show_written(summary)
    if "figures" in summary:
        found = summary["figures"]
        without = f"; left out: {', '.join(found['left_out'])}" if found["left_out"] else ""
        out.print(f"figures: {len(found['files'])} files in {literal(found['folder'])}{without}")
    if "multiqc" in summary:
        name, files = summary["multiqc"]["name"], summary["multiqc"]["files"]
        out.print(f"for MultiQC: {len(files)} files in {literal(Path(files[0]).parent)}, called {literal(name)}")


def _show_pairs(found: Summary, over: Summary) -> None:
    """Each modality from each other one alone: R² and correlation, of the shared features where there are sets."""
    if not found:
        return
    all_pairs = [pair for sources in found.values() for pair in sources.values()]
    part = "shared" if any("shared" in pair["r2"] for pair in all_pairs) else "all"
    out.print()
    title = f"from one modality alone: R² · Pearson r (medians of {part} features)"
    table = new_table(title, "modality", *(f"from {literal(name)}" for name in found))
    for name, sources in found.items():
        cells = []
        for source in found:
            pair, spread = sources.get(source), over.get(name, {}).get(source, {})
            scores = [
                with_sd(pair[score].get(part, {}).get("median"), spread.get(score, {}).get(part, {}).get("median"))
                for score in ("r2", "pearson")
            ] if pair else ["–"]  # fmt: skip
            cells.append(" · ".join(scores))
        table.add_row(literal(name), *cells)
    out.print(table)


def _show_variance(found: Summary) -> None:
    """Shares of the variance of each modality."""
    if not found:
        return
    out.print()
    columns = list(next(iter(found.values()))["sets"]["all"])
    table = new_table("variance explained", "modality", "features", *columns, names=2)
    for name, one in found.items():
        for part, shares in one["sets"].items():
            known = (shares.get(column) for column in columns)
            cells = ("–" if share is None else f"{100 * share:.0f} %" for share in known)
            table.add_row(literal(name), part, *cells)
    out.print(table)
    out.print("of each feature's variance, mean: by the shared latents, by the private ones, by neither")


def _show_baselines(compared: Summary, of: str) -> None:
    """The model beside each baseline, and in a sentence where a baseline is better."""
    if not compared:
        return
    parts = [part for part in ("shared", "other", "all") if any(part in one["model"] for one in compared.values())]
    out.print()
    table = new_table(
        f"R² from the other modalities (median{of})", "modality", "by", *parts, "model better on", names=2
    )
    for name, one in compared.items():
        rows: list[tuple[str, Summary, str]] = [("the model", one["model"], "–")]
        for baseline in one["baselines"].values():
            better, known = baseline["model_better"][one["decided_on"]], baseline["r2"][one["decided_on"]]["n"]
            rows.append((baseline["title"], baseline["r2"], f"{better:,} of {known:,}"))
        for by, scores, better_on in rows:
            cells = (number(scores.get(part, {}).get("median")) for part in parts)
            table.add_row(literal(name), by, *cells, better_on)
    out.print(table)
    out.print(f"model better on: {'shared features, where there are any' if len(parts) > 1 else 'features'}")
    for name, one in compared.items():
        _say_who_is_better(name, one)


def _say_who_is_better(name: str, one: Summary) -> None:
    titles = [one["baselines"][key]["title"] for key in one["beaten_by"]]
    if titles:
        who = " and ".join([", ".join(titles[:-1])] * (len(titles) > 1) + titles[-1:])
        verb = "predict" if len(titles) > 1 else "predicts"
        out.print(f"{who} {verb} {literal(name)} better than the model does ({one['decided_on']} features)")
    for key, reason in one["left_out"].items():
        out.print(f"{key}, left out for {literal(name)}: {reason}")


def _show_uncertainty(found: Summary) -> None:
    """Which cross-modal predictions to believe, how far, and whether other seeds find the same shared latents."""
    tested = found["cross"].values()
    if not tested:
        return
    parts = [
        part
        for part in ("shared", "other", "all")
        if any(one["intervals"].get(part, {}).get("coverage") is not None for one in tested)
    ]
    out.print()
    table = new_table("predictions from the other modalities", "modality", "significant", *parts)
    for name, one in found["cross"].items():
        shares = (one["intervals"].get(part, {}).get("coverage") for part in parts)
        cells = ("–" if share is None else f"{100 * share:.0f} %" for share in shares)
        table.add_row(literal(name), f"{one['significant']:,} of {one['tested']:,}", *cells)
    out.print(table)
    level = f"{100 * found['level']:g} %"
    out.print("significant: of the features tested, those predicted better than by chance (permutation, q < 0.05)")
    out.print(f"the rest: values inside their {level} intervals")
    if found["stability"] is not None and found["stability"]["median"] is not None:
        same = found["stability"]
        out.print(
            f"shared latents of the replicates: canonical correlation {number(same['median'])} (median of "
            f"{counted(same['pairs'], 'pair')}, lowest {number(same['min'])})"
        )


def _has_set(r2: Summary, part: str) -> bool:
    """Whether any modality has such a set of features; without a selection there is none but all."""
    return any((found.get(part) or {}).get("median") is not None for kinds in r2.values() for found in kinds.values())


MEASURES = {"auc": "AUC", "r2": "R²"}


def _show_separation(label: Summary, over: Summary) -> None:
    measures = [name for name in ("auc", "accuracy", "r2") if name in label]
    out.print()
    title = f"separation of {literal(label['column'])} by the latents"
    table = new_table(title, "latents", *(MEASURES.get(measure, measure) for measure in measures))
    blocks = ["shared", *(f"private {name}" for name in label[measures[0]]["private"]), "all"]
    for block in blocks:
        cells = []
        for measure in measures:
            found, spread = label[measure], over.get(measure)
            if block.startswith("private "):
                name = block[len("private ") :]
                cells.append(with_sd(found["private"][name], spread["private"][name] if spread else None))
            else:
                cells.append(with_sd(found[block], spread[block] if spread else None))
        table.add_row(literal(block), *cells)
    out.print(table)
