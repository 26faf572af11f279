"""Every objective as a table of terms; the engine in ``elbo`` evaluates any of them. No torch here.

A term is one posterior draw and what is decoded from it. For modalities a and b:

    objective   posterior   encode → decode
    mvae        product     ab → a, b      a → a      b → b
    mopoe       product     ab → a, b      a → a      b → b      a → b      b → a
    mmvae       mixture     a → a, b       b → a, b
    mmvaepp     mixture     a → a*, b      b → a, b*          * shared latents detached
    mmvaex      mixture     a → a', b', a*     b → a', b', b* ' by shared decoders, from the shared block alone

A supervised objective has the same terms, each of which also decodes the label from its draw. Where features have
roles (screening), a modality that did not encode is scored on its shared features only.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
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
    only_shared
        Whether only features with the role ``shared`` are scored, where features have roles.
    shared_decoder
        Whether the modality's shared decoder is used: it sees the shared block alone, knows only features with the
        role ``shared``, and has noise scales of its own.
    """

    modality: int
    detach_shared: bool = False
    only_shared: bool = False
    shared_decoder: bool = False


@dataclass(frozen=True)
class Term:
    """One posterior draw and what is decoded from it.

    Attributes
    ----------
    encode
        Indices of the modalities whose encoders form the posterior.
    decodes
        What is decoded, each modality at most once by the same decoder.
    weight
        Factor of the whole term, log-likelihoods and KL.
    """

    encode: tuple[int, ...]
    decodes: tuple[Decode, ...]
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Check that the term encodes and decodes something, each once."""
        decoded = [(decode.modality, decode.shared_decoder) for decode in self.decodes]
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
    shared_path
        Whether the shared latents have encoders and decoders of their own, and features are screened by default.
    lr
        Learning rate, unless a recipe says so.
    wide_layer
        Inputs of a layer above which its weights learn more slowly, see ``ReplicateAdam``; None: never.
    """

    title: str
    posterior: str
    build: Callable[[int, random.Random], tuple[Term, ...]]
    source: str
    shared_path: bool = False
    lr: float = 1e-3
    wide_layer: int | None = None

    def terms(self, n_modalities: int, step: int = 0) -> tuple[Term, ...]:
        """Terms for ``n_modalities``; ``step`` keys the random subsets, the same for every replicate."""
        if n_modalities < 2:
            raise ValueError("an objective needs at least two modalities")
        return self.build(n_modalities, random.Random(f"subsets {step}"))

    def varies(self, n_modalities: int) -> bool:
        """Whether the terms differ from step to step."""
        return self.terms(n_modalities, 0) != self.terms(n_modalities, 1)


def _decodes(modalities: Iterable[int], encode: tuple[int, ...]) -> tuple[Decode, ...]:
    return tuple(Decode(modality, only_shared=modality not in encode) for modality in modalities)


def _term(encode: tuple[int, ...], modalities: Iterable[int], weight: float = 1.0) -> Term:
    return Term(encode, _decodes(modalities, encode), weight)


def _mvae(n_modalities: int, _: random.Random) -> tuple[Term, ...]:
    everything = tuple(range(n_modalities))
    return (_term(everything, everything), *(_term((m,), (m,)) for m in everything))


def _mopoe(n_modalities: int, generator: random.Random) -> tuple[Term, ...]:
    everything = tuple(range(n_modalities))
    subsets = {size: list(combinations(everything, size)) for size in everything[1:]}
    between = [subset for size in everything[2:] for subset in subsets[size]]
    weight = 1.0
    if n_modalities > MAX_MODALITIES_ALL_SUBSETS:
        weight = len(between) / N_SAMPLED_SUBSETS  # keeps the sum over subsets unbiased
        between = sorted(generator.sample(between, N_SAMPLED_SUBSETS))
    terms = [_term(everything, everything)]
    for subset in [*subsets[1], *between]:
        factor = 1.0 if len(subset) == 1 else weight
        terms += [_term(subset, subset, factor), _term(subset, (m for m in everything if m not in subset), factor)]
    return tuple(terms)


def _mmvae(n_modalities: int, _: random.Random) -> tuple[Term, ...]:
    return tuple(_term((m,), range(n_modalities)) for m in range(n_modalities))


def _mmvaepp(n_modalities: int, _: random.Random) -> tuple[Term, ...]:
    everything = range(n_modalities)
    return tuple(
        Term((m,), tuple(Decode(n, detach_shared=n == m, only_shared=n != m) for n in everything)) for m in everything
    )


def _mmvaex(n_modalities: int, _: random.Random) -> tuple[Term, ...]:
    shared = tuple(Decode(m, only_shared=True, shared_decoder=True) for m in range(n_modalities))
    return tuple(Term((m,), (*shared, Decode(m, detach_shared=True))) for m in range(n_modalities))


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
    "mmvaex": Objective(
        "mmvaex", "mixture", _mmvaex,
        "This project, MMVAE++ with screened features and a path of their own for the shared latents, 2026",
        shared_path=True,
        lr=3e-3,
        wide_layer=64,
    ),
}  # fmt: skip

ALIASES = {"mmvae++": "mmvaepp", "mopoe-vae": "mopoe", "mopoevae": "mopoe"}


def by_objective(name: str) -> str:
    """What a field of the table is for most objectives, and where it differs; for help texts."""
    given = {objective: getattr(row, name) for objective, row in OBJECTIVES.items()}
    (usual, _), *_ = Counter(given.values()).most_common()
    return ", ".join([f"{usual:g}", *(f"{value:g} for {key}" for key, value in given.items() if value != usual)])
