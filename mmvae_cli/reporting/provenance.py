"""How the results came about: options, versions, command lines, checksums."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mmvae_cli.reporting.content import Content
from mmvae_cli.reporting.html import Markup, element, joined, table


def provenance(content: Content) -> Markup:
    """Return the section."""
    record = content.record
    facts = {
        "trained": record["created"],
        "training": record["command_line"],
        **content.provenance,
        "SHA-256 of what the model was trained on": record["data"].get("hash", "not recorded"),
        "seed": record["config"]["seed"],
    }
    versions = {f"{name} (training)": value for name, value in record["versions"].items()}
    return joined(
        (
            _listed("Where this comes from", {name: value for name, value in facts.items() if value != ""}),
            _listed("Versions", versions),
            element(
                "details", element("summary", "Options of the training"), _listed("Options", _options(record["config"]))
            ),
        )
    )  # fmt: skip


def _listed(caption: str, facts: Mapping[str, object]) -> Markup:
    rows = [(name, element("code", str(value))) for name, value in facts.items()]
    return table(caption, ("what", "value"), rows, names=2)


def _options(config: Mapping[str, object]) -> dict[str, str]:
    """Options as a YAML file would give them; those without a value are left to the program."""
    return {
        name.replace("_", "-"): "(not set)" if value in (None, {}, []) else json.dumps(value, ensure_ascii=False)
        for name, value in sorted(config.items())
    }
