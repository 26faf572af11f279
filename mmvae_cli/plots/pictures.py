"""All pictures of an evaluated MuData, by the names of their files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmvae_cli.errors import DataError
from mmvae_cli.plots.associations import associations
from mmvae_cli.plots.baselines import baselines
from mmvae_cli.plots.history import history
from mmvae_cli.plots.latents import latents
from mmvae_cli.plots.loadings import loadings
from mmvae_cli.plots.overlap import overlap
from mmvae_cli.plots.pairs import pairs
from mmvae_cli.plots.r2 import r2
from mmvae_cli.plots.r2_ranked import r2_ranked
from mmvae_cli.plots.record import block_of, latent_names, metrics
from mmvae_cli.plots.roc import roc
from mmvae_cli.plots.stability import stability
from mmvae_cli.plots.style import grid
from mmvae_cli.plots.variance_explained import variance_explained
from mmvae_cli.plots.variance_per_latent import variance_per_latent

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mudata import MuData

MOST_POINTS = 20_000  # UMAP of them takes half a minute
MOST_SHARED = 3  # latents whose loadings are shown
N_LOADINGS = 10
PANELS = 3  # beside each other
SYMBOLS = ("symbol", "gene_symbol", "gene_symbols", "gene_name", "gene_names")  # columns of var, better than numbers


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes
    ----------
    name
        Of its file, without the suffix.
    caption
        What it shows, in a sentence or two.
    draw
        From a MuData and the key of its results to a figure, or to axes of one; raises DataError where there is
        nothing to draw.
    """

    name: str
    caption: str
    draw: Callable[[MuData, str], Any]


def drawn(mdata: MuData, key: str = "mmvae") -> Iterator[tuple[Picture, Figure | DataError]]:
    """Draw all pictures, one after the other; where one cannot be drawn there is the reason instead."""
    for picture in PICTURES:
        try:
            found = picture.draw(mdata, key)
            yield picture, found if hasattr(found, "savefig") else found.figure
        except DataError as error:
            yield picture, error


def _label(mdata: MuData, key: str) -> str | None:
    found = metrics(mdata, key)["label"]
    return None if found is None else found["column"]


def _shared(mdata: MuData, key: str) -> Any:
    return latents(mdata, _label(mdata, key), key=key, most=MOST_POINTS)


def _private(mdata: MuData, key: str) -> Figure:
    label, found = _label(mdata, key), dict.fromkeys(map(block_of, latent_names(mdata, key)))
    blocks = [name for name in mdata.mod if name in found]
    if not blocks:
        raise DataError("no modality has latents of its own", hint="train with some, as with --latent 4")
    width = 3.2 if label is None else 4.4
    n_columns = min(len(blocks), PANELS)
    with grid(-(-len(blocks) // n_columns), n_columns, width, 3.0) as (figure, axes):
        for axis in axes.flat[len(blocks) :]:
            axis.remove()
        for block, axis in zip(blocks, axes.flat, strict=False):
            latents(mdata, label, block=block, key=key, ax=axis, most=MOST_POINTS)
    return figure


def _loadings(mdata: MuData, key: str) -> Figure:
    chosen = [name for name in latent_names(mdata, key) if block_of(name) == "shared"][:MOST_SHARED]
    names = [name for name, adata in mdata.mod.items() if f"{key}_loadings" in adata.varm]
    if not chosen or not names:
        raise DataError("there are no loadings of shared latents", hint="train with shared latents")
    with grid(len(chosen), len(names), 3.0, 0.8 + 0.18 * N_LOADINGS) as (figure, axes):
        for row, latent in zip(axes, chosen, strict=True):
            for axis, name in zip(row, names, strict=True):
                symbols = next((column for column in SYMBOLS if column in mdata.mod[name].var), None)
                loadings(mdata, name, latent, n=N_LOADINGS, names=symbols, key=key, ax=axis)
    return figure


def _alone(draw: Callable[..., Any]) -> Callable[[MuData, str], Any]:
    return lambda mdata, key: draw(mdata, key=key)


PICTURES: Sequence[Picture] = (
    Picture("overlap", "Samples of every combination of modalities, and of each modality.", _alone(overlap)),
    Picture(
        "history", "Training and validation curves; the dot is the epoch whose weights were kept.", _alone(history)
    ),
    Picture(
        "variance_explained",
        "Share of the variance of each modality, mean over its features, that the shared latents and the private ones "
        "explain.",
        _alone(variance_explained),
    ),
    Picture(
        "variance_per_latent",
        "Share of the variance of each modality, mean over its features, that each latent explains. Hatched: the "
        "latent belongs to another modality.",
        _alone(variance_per_latent),
    ),
    Picture("latents_shared", "Samples by their shared latents.", _shared),
    Picture("latents_private", "Samples by the private latents of each modality.", _private),
    Picture(
        "associations",
        "Strength of the association of each latent with columns of the samples: 2·AUC − 1, |ρ| or the root of ε²; "
        "the numbers are the effects.",
        _alone(associations),
    ),
    Picture(
        "loadings",
        "Features that the first shared latents change most: change on average when the latent rises by a standard "
        "deviation, in the unit of the predictions.",
        _loadings,
    ),
    Picture(
        "r2",
        "R² of the features on held-out samples, predicted from the other modalities. Boxes are quartiles, whiskers at "
        "most 1.5 times their range.",
        _alone(r2),
    ),
    Picture("r2_ranked", "R² of the features on held-out samples, in falling order.", _alone(r2_ranked)),
    Picture("pairs", "R² and Pearson's r on held-out samples, each modality from each other one alone.", _alone(pairs)),
    Picture("baselines", "R² on held-out samples by the model and by simple predictions.", _alone(baselines)),
    Picture(
        "roc",
        "ROC of the label on held-out samples, by a logistic regression on the shared latents of the training samples.",
        _alone(roc),
    ),
    Picture(
        "stability",
        "Mean canonical correlation of the shared latents of any two replicates, on samples that one of them has not "
        "seen.",
        _alone(stability),
    ),
)
