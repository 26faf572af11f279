"""Classes of a column that are most likely one, written in several ways."""

from __future__ import annotations

import logging
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from mmvae_cli.errors import counted, listed

# letters of Cyrillic and Greek, and dashes, that look like the one below them
LOOKS_LIKE = str.maketrans(
    "авекмнорстухіјѕԁһԛԝё" + "αοιρυχκν" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" + "АВЕКМНОРСТУХІЈЅЁ" + "‐‑‒–—−",
    "abekmhopctyxijsdhqwe" + "aoipuxkv" + "ABEZHIKMNOPTYX" + "ABEKMHOPCTYXIJSE" + "------",
)


def warn_of_alike(counts: Mapping[str, int], what: str, say: logging.Logger) -> None:
    """Name classes that differ by letter case or blanks only, and such as look the same on the screen.

    Parameters
    ----------
    counts
        Samples of each class.
    what
        The column, for the message.
    """
    spelt = _groups(counts, _spelt)
    looking = [names for names in _groups(counts, _look) if len({_spelt(name) for name in names}) > 1]
    for groups, how, shown in (
        (spelt, "differ by letter case or blanks only", repr),
        (looking, "look alike, but are written with other characters (as of another script)", ascii),
    ):
        if groups:
            said = "; ".join(_with_counts(names, counts, shown) for names in groups)
            say.warning(
                "%s has classes that %s, and count as different: %s; write them alike if they are the same",
                what, how, said,
            )  # fmt: skip


def _spelt(name: str) -> str:
    return "".join(name.split()).casefold()


def _look(name: str) -> str:
    """What a reader sees: compatible forms as one, without what is invisible."""
    seen = unicodedata.normalize("NFKC", name).translate(LOOKS_LIKE)
    return _spelt("".join(one for one in seen if unicodedata.category(one) != "Cf"))


def _groups(names: Iterable[str], key: Callable[[str], str]) -> list[list[str]]:
    alike: dict[str, list[str]] = defaultdict(list)
    for name in names:
        alike[key(name)].append(name)
    return [sorted(group) for group in alike.values() if len(group) > 1]


def _with_counts(names: Iterable[str], counts: Mapping[str, int], shown: Callable[[str], str]) -> str:
    return listed((f"{shown(name)} ({counted(counts[name], 'sample')})" for name in names), most=5)
