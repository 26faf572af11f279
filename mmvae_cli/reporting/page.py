"""The whole page: one file that needs nothing else and asks nothing of anybody."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from mmvae_cli._version import __version__
from mmvae_cli.errors import counted
from mmvae_cli.reporting import features, maps, samples
from mmvae_cli.reporting.content import Content
from mmvae_cli.reporting.encode import script_json
from mmvae_cli.reporting.html import escaped, filled
from mmvae_cli.reporting.sections import rendered

SCRIPTS = ("core.js", "theme.js", "draw.js", "maps.js", "scatter.js", "table.js", "main.js")  # in this order


def page(content: Content) -> str:
    """Return the page as HTML."""
    style = _packaged("report.css")
    script = "\n".join(["(() => {", '"use strict";', *(_packaged(name) for name in SCRIPTS), "})();"])
    sections, links = rendered(content)
    title = f"{content.record['summary']['title']} on {' + '.join(content.modalities)}"
    return filled(
        _packaged("report.html"),
        {
            "policy": _policy(style, script),
            "title": escaped(title),
            "subtitle": escaped(_subtitle(content)),
            "links": links,
            "sections": sections,
            "style": style,
            "script": script,
            "data": script_json(_data(content)),
            "version": escaped(__version__),
        },
    )


def _subtitle(content: Content) -> str:
    training, n_replicates = content.record["summary"], len(content.summary["replicates"])
    parts = [
        f"{counted(training['samples']['train'], 'training sample')}, {content.summary['n_test']:,} held out",
        counted(training["shared_latents"], "shared latent"),
        f"replicate {content.summary['replicate'] + 1} of {n_replicates}" if n_replicates > 1 else "one replicate",
    ]
    return " · ".join(parts)


def _data(content: Content) -> dict[str, object]:
    label = (content.summary.get("label") or {}).get("column")
    return {
        "samples": samples.encoded(content.samples),
        "label": label,
        "maps": maps.encoded(content.blocks),
        "measures": features.measures(content.features),
        "features": features.encoded(content.features),
    }


def _policy(style: str, script: str) -> str:
    """Only this style and this script run, and nothing is fetched."""
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _packaged(name: str) -> str:
    return (files("mmvae_cli.reporting") / "page" / name).read_text(encoding="utf-8").strip()
