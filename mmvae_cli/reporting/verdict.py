"""What the results say, in sentences: the first thing on the page, and the only thing that some will read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmvae_cli.errors import counted, listed
from mmvae_cli.evaluation.metrics import UNUSED_BELOW
from mmvae_cli.reporting.content import Content

FEW_HELD_OUT = 30  # samples; R² and AUC of fewer are rough
WEAK = 0.05  # median R² of shared features below which there is next to no prediction
UNSTABLE = 0.7  # canonical correlation of replicates below which shared latents are not to be interpreted
OFF = 0.05  # difference of coverage from its level that is worth a word
MIXED = 0.65  # AUC of a batch above which latents are said to carry it


@dataclass(frozen=True)
class Sentence:
    """One finding; its kind is ``good``, ``plain`` or ``warning``."""

    kind: str
    text: str


def verdict(content: Content) -> list[Sentence]:
    """Return the findings, warnings after what was found."""
    parts = (
        _changed,
        _shared,
        _prediction,
        _baselines,
        _significance,
        _separation,
        _stability,
        _idle,
        _joint,
        _trust,
        _batches,
    )
    found = [sentence for part in parts for sentence in part(content)]
    found += [Sentence("warning", text) for text in content.warnings]
    return sorted(found, key=lambda sentence: sentence.kind == "warning")


def _changed(content: Content) -> Iterator[Sentence]:
    for name, count in content.summary.get("changed_samples", {}).items():
        if count:
            yield Sentence(
                "warning",
                f"Values of {name} have changed since the training, in {counted(count, 'sample')} of those looked at: "
                "what is measured here does not hold for the data of the training.",
            )


def number(value: float | None, digits: int = 2) -> str:
    """Return a number as tables show it; a dash where there is none."""
    return "–" if value is None else f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def percent(share: float | None) -> str:
    """Return a share as per cent."""
    return "–" if share is None else f"{100 * share:.0f} %".replace("-", "−")


def median(scores: Mapping[str, Any]) -> tuple[str, float | None]:
    """The set that decides, ``shared`` where there are such features, and its median R²."""
    part = "shared" if (scores.get("shared") or {}).get("median") is not None else "all"
    return part, (scores.get(part) or {}).get("median")


def _shared(content: Content) -> Iterator[Sentence]:
    training = content.record["summary"]
    modalities = training["modalities"]
    latents = counted(training["shared_latents"], "shared latent")
    counts = {name: one["n_shared_features"] for name, one in modalities.items()}
    if not training["shared_latents"]:
        yield Sentence("warning", "The model has no shared latents: it cannot say what modalities have in common.")
        return
    if None in counts.values():
        yield Sentence(
            "plain", f"The model has {latents}; its features were not screened, so all of them may use these."
        )
    elif not any(counts.values()):
        yield Sentence(
            "warning",
            "No shared signal: the screening found no feature that another modality tells anything about. Each feature "
            "is predicted at its training mean from the others, and what shared latents show is chance.",
        )
    else:
        shares = [f"{count:,} of {modalities[name]['features']:,} of {name}" for name, count in counts.items()]
        yield Sentence("good", f"Features with signal that modalities share: {_and(shares)}; {latents} carry it.")
    explained = content.summary.get("variance") or {}
    shares = [
        f"{percent(one['sets']['all']['shared'])} of {name}"
        for name, one in explained.items()
        if one["sets"]["all"]["shared"] is not None
    ]
    if shares:
        yield Sentence("plain", f"The shared latents explain {_and(shares)} (mean share of a feature's variance).")


def _prediction(content: Content) -> Iterator[Sentence]:
    for name, kinds in content.summary["r2"].items():
        part, value = median(kinds["cross"])
        if value is None:
            continue
        features = "shared features" if part == "shared" else "all features"
        said = (
            f"From the other modalities, {name} is predicted with a median R² of {number(value)} "
            f"({features}, {counted(kinds['cross']['n'], 'held-out sample')})"
        )
        if value >= WEAK:
            yield Sentence("good", f"{said}.")
        else:
            better = "no better" if value < 0 else "hardly better"
            yield Sentence("warning", f"{said}: {better} than predicting the mean.")


def _baselines(content: Content) -> Iterator[Sentence]:
    if not content.summary["baselines"]:
        yield Sentence("plain", "Simple predictions were not compared (--no-baselines), so the model may be no better.")
        return
    for name, one in content.summary["baselines"].items():
        part, known = one["decided_on"], one["baselines"]
        own = number(one["model"][part]["median"])
        scores = {key: baseline["r2"][part]["median"] for key, baseline in known.items()}
        if one["beaten_by"]:
            better = _and([f"{known[key]['title']} ({number(scores[key])})" for key in one["beaten_by"]])
            verb, instead = ("predict", "one of these") if len(one["beaten_by"]) > 1 else ("predicts", "it")
            yield Sentence(
                "warning",
                f"{better} {verb} {name} better than the model does ({own}; median R², {part} features): where only "
                f"prediction counts, use {instead} instead.",
            )
            continue
        best = max((key for key in scores if scores[key] is not None), key=lambda key: scores[key], default=None)
        if best is not None and one["model"][part]["median"] is not None:
            yield Sentence(
                "good",
                f"No baseline predicts {name} better: the model has {own}, the best of {len(scores)}, "
                f"{known[best]['title']}, {number(scores[best])} (median R², {part} features).",
            )


def _significance(content: Content) -> Iterator[Sentence]:
    found = (content.summary.get("uncertainty") or {}).get("cross", {})
    parts = [f"{one['significant']:,} of {one['tested']:,} of {name}" for name, one in found.items() if one["tested"]]
    if parts:
        yield Sentence("plain", f"Features predicted better than by chance (q < 0.05), of those tested: {_and(parts)}.")


def _separation(content: Content) -> Iterator[Sentence]:
    label = content.summary.get("label")
    if label is None:
        return
    measure, title = ("auc", "AUC") if "auc" in label else ("r2", "R²")
    scores = label[measure]
    blocks = [("the shared latents", scores["shared"])]
    blocks += [(f"the private ones of {name}", value) for name, value in scores["private"].items()]
    told = [f"{who} with {number(value)}" for who, value in blocks if value is not None]
    if told:
        yield Sentence("plain", f"{label['column']} is told ({title}, held-out samples) by {_and(told)}.")


def _stability(content: Content) -> Iterator[Sentence]:
    if not content.record["summary"]["shared_latents"]:
        return
    found = (content.summary.get("uncertainty") or {}).get("stability")
    if found is None or found["median"] is None:
        yield Sentence(
            "plain", "One replicate was trained: whether another seed finds the same shared latents is not known "
            "(train with --replicates 5).",
        )  # fmt: skip
        return
    said = (
        f"Over {len(content.summary['replicates'])} replicates the shared latents agree with a canonical correlation "
        f"of {number(found['median'])} (median; lowest {number(found['min'])})"
    )
    if found["median"] >= UNSTABLE:
        yield Sentence("good", f"{said}.")
    else:
        yield Sentence("warning", f"{said}: other seeds find other shared latents, so do not interpret single ones.")


def _idle(content: Content) -> Iterator[Sentence]:
    by_latent: dict[str, float] = {}
    for one in (content.summary.get("variance") or {}).values():
        for latent, share in one["latents"].items():
            by_latent[latent] = max(by_latent.get(latent, 0.0), share or 0.0)
    idle = [latent for latent, share in by_latent.items() if share < UNUSED_BELOW]
    little = f"{100 * UNUSED_BELOW:g} %"
    if idle and len(idle) == len(by_latent):
        yield Sentence("warning", f"No latent explains even {little} of any modality: the model learned nothing yet.")
    elif idle:
        yield Sentence("plain", f"Latents that explain less than {little} of every modality: {listed(idle)}.")


def _joint(content: Content) -> Iterator[Sentence]:
    weights = {name: one.get("joint_weight", 1.0) for name, one in content.record["summary"]["modalities"].items()}
    said = [f"{name} counts 1/{1 / weight:.0f} of its precision" for name, weight in weights.items() if weight < 1]
    if said:
        yield Sentence("plain", f"In the joint embedding {_and(said)}: validation samples are described better so.")


def _trust(content: Content) -> Iterator[Sentence]:
    n_test = content.summary["n_test"]
    if n_test < FEW_HELD_OUT:
        yield Sentence(
            "warning", f"Only {counted(n_test, 'sample')} were held out: R² and AUC are rough; repeat with other seeds."
        )
    uncertain = content.summary.get("uncertainty") or {}
    for name, one in uncertain.get("cross", {}).items():
        share = one["intervals"]["all"]["coverage"]
        if share is not None and abs(share - uncertain["level"]) > OFF:
            level = percent(uncertain["level"])
            yield Sentence("warning", f"The {level} intervals of {name} hold {percent(share)} of its held-out values.")


def _batches(content: Content) -> Iterator[Sentence]:
    for column, found in (content.summary.get("mixing") or {}).items():
        measure, limit, title = ("auc", MIXED, "AUC") if "auc" in found else ("r2", WEAK, "R²")
        value = found[measure]["shared"]
        if value is None:
            continue
        said = f"The shared latents tell {column} with {title} {number(value)}"
        if value > limit:
            yield Sentence("warning", f"{said}: they carry it, and what they show may be its effect.")
        else:
            yield Sentence("good", f"{said}: next to nothing of it is in them.")


def _and(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
