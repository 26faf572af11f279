"""The sections of the page, in order: each a title, what it says, and from where a reader may go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mmvae_cli.errors import counted
from mmvae_cli.reporting.associations import associations
from mmvae_cli.reporting.content import Content
from mmvae_cli.reporting.figures import figures
from mmvae_cli.reporting.html import Markup, element, joined, paragraph, table
from mmvae_cli.reporting.provenance import provenance
from mmvae_cli.reporting.verdict import number, percent, verdict

WORDS = {"good": "found", "plain": "note", "warning": "warning"}  # so that colour is not all that tells


@dataclass(frozen=True)
class Section:
    """A section: its id, its title, and a function that gives its content, empty where it is left out."""

    name: str
    title: str
    content: Callable[[Content], Markup]


def rendered(content: Content) -> tuple[Markup, Markup]:
    """Return the sections that have content, and the links to them."""
    found = [(section, section.content(content)) for section in SECTIONS]
    kept = [(section, body) for section, body in found if body]
    bodies = (
        element(
            "section", element("h2", section.title, id=f"{section.name}-title"), body,
            id=section.name, aria_labelledby=f"{section.name}-title",
        )
        for section, body in kept
    )  # fmt: skip
    links = (element("li", element("a", section.title, href=f"#{section.name}")) for section, _ in kept)
    return joined(bodies), joined(links)


def _verdict(content: Content) -> Markup:
    sentences = []
    for sentence in verdict(content):
        kind = element("span", WORDS[sentence.kind], class_="kind")
        sentences.append(element("li", kind, element("span", sentence.text), class_=sentence.kind))
    return element("ul", *sentences, class_="verdict")


def _data(content: Content) -> Markup:
    rows = [
        (
            name,
            " → ".join(dict.fromkeys((one.layer or "X", one.transform))),
            one.likelihood,
            f"{one.n_samples:,}",
            f"{one.n_features:,} of {one.n_all_features:,}",
            f"{100 * one.missing:.1f} %",
            content.record["summary"]["modalities"][name]["private_latents"],
        )
        for name, one in content.modalities.items()
    ]
    head = (
        "modality",
        "values → transform",
        "likelihood",
        "samples",
        "features modelled",
        "missing entries",
        "private latents",
    )
    split = [(part, f"{count:,}") for part, count in content.splits.items()]
    return joined(
        (
            table("Modalities", head, rows, names=3),
            figures(content, "overlap") if len(content.overlap) > 1 else paragraph(_complete(content), class_="small"),
            table(f"Samples ({content.record['summary']['split']})", ("part", "samples"), split),
        )
    )


def _complete(content: Content) -> str:
    return f"All {sum(content.overlap.values()):,} samples have {' and '.join(content.modalities)}."


def _variance(content: Content) -> Markup:
    explained = content.summary.get("variance") or {}
    if not explained:
        return Markup()
    columns = list(next(iter(explained.values()))["sets"]["all"])
    rows = [
        (name, part, *(percent(shares.get(column)) for column in columns))
        for name, one in explained.items()
        for part, shares in one["sets"].items()
    ]
    return joined(
        (
            paragraph(
                "Share of a feature's variance that comes from the shared latents, from the modality's private ones, "
                "and from neither (noise); mean over features."
            ),
            figures(content, "variance_explained", "variance_per_latent"),
            table("Variance explained", ("modality", "features", *columns), rows, names=2),
        )
    )


def _maps(content: Content) -> Markup:
    hidden = ", ".join(content.samples.left_out)
    return joined(
        (
            paragraph(
                "Every point is a sample. The shared latents hold what modalities have in common, the private ones "
                "what only one of them has."
            ),
            element("div", class_="controls", id="map-controls"),
            element("div", class_="legend", id="map-legend", aria_live="polite"),
            element("div", class_="maps", id="maps"),
            paragraph(
                f"Not offered for colouring (one value only, a name for each sample, or too many columns): {hidden}.",
                class_="small",
            ) if hidden else "",
            associations(content),
            *_loadings(content),
        )
    )  # fmt: skip


def _loadings(content: Content) -> tuple[Markup, ...]:
    if not content.record["summary"]["shared_latents"]:
        return ()
    return element("h3", "What the shared latents do"), figures(content, "loadings")


def _prediction(content: Content) -> Markup:
    return joined(
        (
            paragraph(
                "R² of each feature on held-out samples, predicted from the other modalities: 1 is perfect, 0 as good "
                "as the mean of these samples, below 0 worse."
            ),
            figures(content, "r2", "r2_ranked", "pairs", *(["baselines"] if content.summary["baselines"] else [])),
            _baselines(content),
            element("h3", "Predicted against observed", id="scatter-title"),
            element("div", id="scatter", role="region", aria_labelledby="scatter-title"),
            element("h3", "All features", id="features"),
            element("div", id="feature-table"),
        )
    )


def _baselines(content: Content) -> Markup:
    rows: list[tuple[str, ...]] = []
    for name, one in (content.summary.get("baselines") or {}).items():
        part = one["decided_on"]
        rows.append((name, "the model", part, number(one["model"][part]["median"], 3), "–"))
        for baseline in one["baselines"].values():
            scores = baseline["r2"][part]
            better = f"{baseline['model_better'][part]:,} of {scores['n']:,}"
            rows.append((name, baseline["title"], part, number(scores["median"], 3), better))
    head = ("modality", "predicted by", "features", "median R²", "model better on")
    return table("The model and simple predictions", head, rows, names=3) if rows else Markup()


def _training(content: Content) -> Markup:
    training = content.record["summary"]
    rows = [
        (f"{index + 1}{' (written)' if index == content.summary['replicate'] else ''}", one["seed"], one["best_epoch"],
         one["shared_latents"], number(one["score"], 3))
        for index, one in enumerate(training["replicates"])
    ]  # fmt: skip
    said = f"{counted(training['epochs'], 'epoch')} in {training['seconds']:.0f} s on {training['device']}."
    head = ("replicate", "seed", "weights of epoch", "shared latents", "score")
    return joined((paragraph(said), figures(content, "history"), table("Replicates", head, rows)))


def _separation(content: Content) -> Markup:
    label = content.summary.get("label")
    tables = [_separated(found) for found in (label, *(content.summary.get("mixing") or {}).values()) if found]
    if not tables:
        return paragraph("The run has no label: evaluate with --label COLUMN to see what latents tell of one.")
    said = (
        "A regression on the latents of training samples, measured on held-out ones. Classes by AUC: 1 is perfect, 0.5 "
        "chance; numbers by R²: 1 is perfect, 0 the mean."
    )
    has_curve = label is not None and label["kind"] == "categorical"
    return joined((paragraph(said), figures(content, "roc") if has_curve else "", *tables))


def _separated(found: dict[str, object]) -> Markup:
    titles = {"auc": "AUC", "accuracy": "accuracy", "r2": "R²"}
    measures = {name: found[name] for name in titles if name in found}
    rows = [["shared", *(number(one["shared"]) for one in measures.values())]]  # type: ignore[index]
    first = next(iter(measures.values()))
    for modality in first["private"]:  # type: ignore[index]
        rows.append([f"private, {modality}", *(number(one["private"][modality]) for one in measures.values())])  # type: ignore[index]
    rows.append(["all", *(number(one["all"]) for one in measures.values())])  # type: ignore[index]
    return table(f"{found['column']}", ("latents", *(titles[name] for name in measures)), rows)


def _stability(content: Content) -> Markup:
    found = (content.summary.get("uncertainty") or {}).get("stability")
    if found is None or found["median"] is None:
        return Markup()
    said = (
        f"Canonical correlation of the shared latents of two replicates, each trained with its own seed: median "
        f"{number(found['median'])} of {counted(found['pairs'], 'pair')}, lowest {number(found['min'])}; "
        "1 means that both find the same."
    )
    return joined((paragraph(said), figures(content, "stability")))


SECTIONS = (
    Section("verdict", "What was found", _verdict),
    Section("data", "Data", _data),
    Section("variance", "Variance explained", _variance),
    Section("latents", "Latents", _maps),
    Section("prediction", "Cross-modal prediction", _prediction),
    Section("training", "Training", _training),
    Section("labels", "Label separation", _separation),
    Section("stability", "Stability over replicates", _stability),
    Section("provenance", "Parameters and provenance", provenance),
)
