"""Every objective as a table of terms; the engine in ``elbo`` evaluates any of them. No torch here.

A term is one posterior draw and what is decoded from it. For modalities a and b:

    objective   posterior   encode → decode
    mvae        product     ab → a, b      a → a      b → b
    mopoe       product     ab → a, b      a → a      b → b      a → b      b → a
    mmvae       mixture     a → a, b       b → a, b
    mmvaepp     mixture     a → a*, b      b → a, b*          * shared latents detached

A supervised objective has the same terms, each of which also decodes the label from its draw.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

MAX_MODALITIES_ALL_SUBSETS = 5  # 61 terms; above, the 2^M subsets are sampled
N_SAMPLED_SUBSETS = 25  # as many as there are subsets between singletons and the full set at M = 5


@dataclass(frozen=True)
class Decode:
    """One modality decoded from a term's draw.

    Attributes
    ----------
    modality
        Index of the modality whose log-likelihood is added.
    detach_shared
        Whether its decoder sees the shared latents without their gradient.
    """

    modality: int
    detach_shared: bool = False


@dataclass(frozen=True)
class Term:
    """One posterior draw and what is decoded from it.

    Attributes
    ----------
    encode
        Indices of the modalities whose encoders form the posterior.
    decodes
        What is decoded, each modality at most once.
    weight
        Factor of the whole term, log-likelihoods and KL.
    """

    encode: tuple[int, ...]
    decodes: tuple[Decode, ...]
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Check that the term encodes and decodes something, each once."""
        decoded = [decode.modality for decode in self.decodes]
        if not self.encode or not decoded:
            raise ValueError(f"a term needs something to encode and to decode: {self}")
        if len(set(self.encode)) < len(self.encode) or len(set(decoded)) < len(decoded):
            raise ValueError(f"a term names a modality twice: {self}")


@dataclass(frozen=True)
class Objective:
    """A named table of terms.

    Attributes
    ----------
    title
        The name in papers and tables.
    posterior
        How the encoders of a term are combined: a key of ``experts.POSTERIORS``.
    build
        The terms for a number of modalities; the generator draws subsets where there are too many.
    source
        Authors, title, year.
    """

    title: str
    posterior: str
    build: Callable[[int, random.Random], tuple[Term, ...]]
    source: str

    def terms(self, n_modalities: int, step: int = 0) -> tuple[Term, ...]:
        """Terms for ``n_modalities``; ``step`` keys the random subsets, the same for every replicate."""
        if n_modalities < 2:
            raise ValueError("an objective needs at least two modalities")
        return self.build(n_modalities, random.Random(f"subsets {step}"))

    def varies(self, n_modalities: int) -> bool:
        """Whether the terms differ from step to step."""
        return self.terms(n_modalities, 0) != self.terms(n_modalities, 1)


def _decodes(modalities: tuple[int, ...]) -> tuple[Decode, ...]:
    return tuple(Decode(modality) for modality in modalities)


def _mvae(n_modalities: int, _: random.Random) -> tuple[Term, ...]:
    everything = tuple(range(n_modalities))
    return (Term(everything, _decodes(everything)), *(Term((m,), _decodes((m,))) for m in everything))


def _mopoe(n_modalities: int, generator: random.Random) -> tuple[Term, ...]:
    everything = tuple(range(n_modalities))
    subsets = {size: list(combinations(everything, size)) for size in everything[1:]}
    between = [subset for size in everything[2:] for subset in subsets[size]]
    weight = 1.0
    if n_modalities > MAX_MODALITIES_ALL_SUBSETS:
        weight = len(between) / N_SAMPLED_SUBSETS  # keeps the sum over subsets unbiased
        between = sorted(generator.sample(between, N_SAMPLED_SUBSETS))
    terms = [Term(everything, _decodes(everything))]
    for subset in [*subsets[1], *between]:
        factor = 1.0 if len(subset) == 1 else weight
        rest = tuple(m for m in everything if m not in subset)
        terms += [Term(subset, _decodes(subset), factor), Term(subset, _decodes(rest), factor)]
    return tuple(terms)


def _mmvae(n_modalities: int, _: random.Random) -> tuple[Term, ...]:
    everything = tuple(range(n_modalities))
    return tuple(Term((m,), _decodes(everything)) for m in everything)


def _mmvaepp(n_modalities: int, _: random.Random) -> tuple[Term, ...]:
    everything = range(n_modalities)
    return tuple(
        Term((m,), tuple(Decode(target, detach_shared=target == m) for target in everything)) for m in everything
    )


OBJECTIVES: dict[str, Objective] = {
    "mvae": Objective(
        "MVAE", "product", _mvae,
        "Wu and Goodman, Multimodal generative models for scalable weakly-supervised learning, 2018",
    ),
    "mopoe": Objective(
        "MoPoE-VAE", "product", _mopoe,
        "Sutter, Daunhawer and Vogt, Generalized multimodal ELBO, 2021",
    ),
    "mmvae": Objective(
        "MMVAE", "mixture", _mmvae,
        "Shi, Siddharth, Paige and Torr, Variational mixture-of-experts autoencoders for multi-modal deep "
        "generative models, 2019",
    ),
    "mmvaepp": Objective(
        "MMVAE++", "mixture", _mmvaepp,
        "Märtens and Yau, Disentangling shared and private latent factors in multimodal variational "
        "autoencoders, 2023",
    ),
}  # fmt: skip

ALIASES = {"mmvae++": "mmvaepp", "mopoe-vae": "mopoe", "mopoevae": "mopoe"}
