"""Names that a spreadsheet or a reader has changed before they came here: said, never repaired."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mmvae_cli.data.dataset import Dataset
from mmvae_cli.errors import counted, listed

log = logging.getLogger("mmvae_cli")

SHOWN = 3
FEWEST_ROWS = 4  # fewer names that count up may be names
MONTH = "(?:jan|feb|m[aä]r|mrz|apr|ma[iy]|jun|jul|aug|sept?|o[ck]t|nov|de[cz])"  # English and German
YEAR = r"(?:19|20)\d{2}"
DATE = re.compile(
    rf"\d{{1,2}}(?:[- ]|\. ?){MONTH}(?:[- ]\d{{2,4}})?"  # 1-Mar, 2-Sept, 2. Mrz, 1-Mar-2021
    rf"|{MONTH}-(?:\d{{2}}|{YEAR})"  # Mar-01, Mar-2001; two digits: OCT-4 is a protein
    rf"|(?-i:(?=[A-Z][a-zä])){MONTH}\.? (?:\d{{1,2}}|{YEAR})"  # Sep 2, and not OCT 4
    rf"|{YEAR}([-/])\d{{1,2}}\1\d{{1,2}}(?:[ T]00:00:00)?"  # 2021-03-01, 2021/03/01
    rf"|\d{{1,2}}[/.]\d{{1,2}}[/.]{YEAR}",  # 01/03/2021
    re.IGNORECASE,
)
DAYS = range(36526, 48945)  # 2000 to 2033 as Excel counts days: what is left of a date in a cell of numbers
FLOAT = re.compile(r"\d+\.0")
DECIMAL = re.compile(r"-?\d*[.,]\d*[1-9]\d*(?:E[+-]?\d+)?", re.IGNORECASE)
NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?(?:E[+-]?\d+)?", re.IGNORECASE)
POWER = re.compile(r"\d(?:\.\d+)?E[+-]\d{2,}", re.IGNORECASE)
SHORT_POWER = re.compile(r"\dE\d{1,3}")  # 7E5, as spreadsheets write it
WELL = re.compile(r"\d[A-DF-P]\d{1,3}", re.IGNORECASE)  # 7F5 beside it: wells of a plate, or clones

VERSIONED = re.compile(r"((?:ENS[A-Z]*|[NX][MRP]_)\d+)\.\d+")  # Ensembl and RefSeq; not clones such as AC012345.1

Names = Sequence[str]


def dates(names: Names) -> list[str]:
    """Names that are dates; also numbers of days, where most names are no numbers."""
    found = [name for name in names if DATE.fullmatch(name)]
    days = [name for name in names if name.isascii() and name.isdigit() and int(name[:6]) in DAYS]
    few = days and 2 * sum(name.isdigit() for name in names) < len(names)  # else they are Entrez identifiers
    return found + (days if few else [])


def powers(names: Names) -> list[str]:
    """Names in scientific notation."""
    short = [name for name in names if SHORT_POWER.fullmatch(name)]
    if short and any(WELL.fullmatch(name) for name in names):
        short = []
    return [name for name in names if POWER.fullmatch(name)] + short


def floats(names: Names) -> list[str]:
    """All names, if all of several are whole numbers with .0 at their end."""
    return list(names) if len(names) > 1 and all(FLOAT.fullmatch(name) for name in names) else []


def are_values(names: Names) -> bool:
    """Whether all names are numbers and most have decimals, as where the first column of a table holds values."""
    decimals = sum(DECIMAL.fullmatch(name) is not None for name in names)
    return 2 * decimals > len(names) and all(NUMBER.fullmatch(name) for name in names)


def row_numbers(names: Names) -> list[str]:
    """All names, if they count the rows from 0 or 1, as where a table came without names."""
    if len(names) < FEWEST_ROWS or names[0] not in ("0", "1"):
        return []
    first = int(names[0])
    return list(names) if all(name == str(row) for row, name in enumerate(names, first)) else []


def blanks(names: Names) -> list[str]:
    """Names with blanks at an end."""
    return [repr(name) for name in names if name != name.strip()]


def like(names: Names) -> list[str]:
    """Names that differ from another by case or blanks only."""
    by_plain: dict[str, list[str]] = {}
    for name in names:
        by_plain.setdefault(name.strip().casefold(), []).append(name)
    return [repr(name) for group in by_plain.values() if len(set(group)) > 1 for name in group]


def other_versions(lacking: Iterable[str], there: Iterable[str]) -> dict[str, str]:
    """By lacking identifier of a gene, transcript or protein the one that is there and differs by its version only."""
    by_plain = {_without_version(name): name for name in there}
    found = {name: by_plain.get(_without_version(name)) for name in lacking}
    return {name: other for name, other in found.items() if other is not None and other != name}


def _without_version(name: str) -> str:
    match = VERSIONED.fullmatch(name)
    return name if match is None else match[1]


@dataclass(frozen=True)
class Damage:
    """One kind of damage.

    Attributes
    ----------
    found
        Gives those of some names that have it.
    says
        What they look like, and what it may come from.
    kinds
        What can have it: ``sample``, ``feature``.
    """

    found: Callable[[Names], list[str]]
    says: str
    kinds: tuple[str, ...] = ("sample", "feature")


DAMAGES = (
    Damage(dates, "like dates, into which Excel turns gene names (SEPT2, MARCH1)", ("feature",)),
    Damage(powers, "in scientific notation, into which a spreadsheet turns long names"),
    Damage(floats, "with .0 at the end: they may have been whole numbers that a program read as decimals"),
    Damage(row_numbers, "that only number the rows, so row n must be the same sample in every modality", ("sample",)),
    Damage(blanks, "with blanks at an end, which count"),
    Damage(like, "differing by case or blanks only, taken as different", ("feature",)),  # samples: over all
)


def warn_of_names(dataset: Dataset) -> None:
    """Say which names look damaged: one line for each kind of damage and modality."""
    for modality in dataset.modalities.values():
        for kind, index in (("sample", modality.obs.index), ("feature", modality.var.index)):
            names = index.astype(str).tolist()
            for damage in DAMAGES:
                if kind in damage.kinds and (found := damage.found(names)):
                    count = counted(len(found), f"{kind} name")
                    log.warning("modality %r: %s %s: %s", modality.name, count, damage.says, listed(found, SHOWN))
