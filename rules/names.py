"""Display names: cleaned of what gateways add, compared, and the first name only when it is certain."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from rules.wordlists import FAMILY_FIRST, ORGANISATIONAL, SUFFIXES, TITLES

CACHED: Final = 1 << 15
UNNAMED: Final = TITLES | SUFFIXES | {""}
"""Words before and after a name that are no part of it."""
MOST_WORDS: Final = 7
"""Maria del Carmen de la Cruz-Rossi has seven."""
LONGEST: Final = 200
"""Characters of a display name that are looked at; a longer one is no name."""

INVISIBLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
BRACKETS: Final = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|<[^<>]*>")
VIA: Final = re.compile(
    r"\s+(?:via|über|durch|from|on behalf of|im auftrag von|au nom de)\s+.*$|\s*[|/•·]\s.*$|\s[-\u2013\u2014]\s.*$|\s+@\s.*$",
    re.IGNORECASE,
)
DOTTED: Final = re.compile(r"[A-Z][a-z]+(?:\.[A-Z][a-z]+)+")
DOMAIN: Final = re.compile(r"[a-z]{3,}\.[a-z]{2,}", re.IGNORECASE)
"""SourceForge.net is no family."""
WORD: Final = re.compile(r"[^\W_]+")
ADDRESS: Final = re.compile(r"\S@\S")
PAIR: Final = re.compile(r"([A-ZÀ-ÖØ-Þ][a-zß-öø-ÿā-ž]+) [A-ZÀ-ÖØ-Þ][a-zß-öø-ÿā-ž]+")
"""The usual name, of which nameparser only says what is seen anyway, in thirty times the time."""
QUOTES: Final = "\"'`´‘’“”„«» \t"  # noqa: RUF001 - the quotes people type
UNSPELLED: Final = str.maketrans(
    {"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "æ": "ae", "Æ": "AE", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}  # noqa: RUF001 - Turkish
)


@lru_cache(maxsize=CACHED)
def clean_name(name: str) -> str:
    """Return a display name in reading order without quotes, tags, (Company), `via ...`, zero-width and bidi marks.

    "" where nothing human is left, also where the name is itself an address. "Surname, Given" becomes "Given Surname".
    """
    text = INVISIBLE.sub("", unicodedata.normalize("NFKC", name[: LONGEST + 1]))
    if len(text) > LONGEST or ADDRESS.search(text):
        return ""
    for _ in range(3):
        text = BRACKETS.sub(" ", text)
    text = " ".join(VIA.sub("", text).strip(QUOTES).split()).strip(QUOTES + ",;:-")
    if DOTTED.fullmatch(text):
        text = text.replace(".", " ")
    family, comma, given = (part.strip() for part in text.partition(","))
    if comma and "," not in given and not _is_suffix(given):
        return f"{given} {family}" if _is_short(given) and _is_short(family) else ""
    return family.strip(QUOTES)


def _is_suffix(text: str) -> bool:
    return any(token.strip(".").replace(".", "").casefold() in SUFFIXES for token in text.split()) or not text


def _is_short(text: str) -> bool:
    return 0 < len(text.split()) <= 3  # noqa: PLR2004 - "van der Berg", "Anna Maria Luise"


def plain(text: str) -> str:
    """Return lower-case text without accents, for comparing only."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKD", text.translate(UNSPELLED).casefold())
    return "".join(char for char in folded if not unicodedata.combining(char))


def tokens(text: str) -> tuple[str, ...]:
    """Split text into its words of letters and digits, lower-case and without accents."""
    return tuple(WORD.findall(plain(text)))


@lru_cache(maxsize=CACHED)
def name_tokens(name: str) -> tuple[str, ...]:
    """Split a display name, cleaned, into its words as `tokens` does: it is asked for again with every judgement."""
    return tokens(clean_name(name))


@lru_cache(maxsize=CACHED)
def name_key(name: str) -> str:
    """Return the form in which spellings of one full name are equal; "" if it is no full name of a human.

    Case, accents, umlauts written out, titles, initials and the order of words make no difference; the order within a
    double name does: Jarvis-Lund is not Lund-Jarvis.
    """
    if not is_human_name(name):
        return ""
    words = [word for word in ("".join(tokens(part)) for part in clean_name(name).split()) if word not in UNNAMED]
    full = sorted(re.sub(r"([aou])e", r"\1", word) for word in words if len(word) > 1 or not word.isascii())
    return " ".join(full) if len(full) > 1 or (full and not full[0].isascii()) else ""


@lru_cache(maxsize=CACHED)
def is_human_name(name: str) -> bool:
    """Tell whether a display name reads as the full name of one human."""
    cleaned = clean_name(name)
    if DOMAIN.search(cleaned):
        return False
    words = [word for word in ("".join(tokens(part)) for part in cleaned.split()) if word not in UNNAMED]
    if not 0 < len(words) <= MOST_WORDS or any(char.isdigit() for word in words for char in word):
        return False
    if not all(word.isascii() for word in words):
        return len("".join(words)) > 1
    return len([word for word in words if len(word) > 1]) > 1 and ORGANISATIONAL.isdisjoint(tokens(cleaned))


def best_name(names: Mapping[str, int]) -> str:
    """Choose the display name to call an address by from name -> how often seen; "" where none fits a human.

    The most frequent full name in its most frequent spelling; else the most frequent single word.
    """
    spelled: dict[str, int] = {}
    keyed: dict[str, int] = {}
    for raw, count in names.items():
        name = clean_name(raw)
        if name:
            spelled[name] = spelled.get(name, 0) + count
            keyed[name_key(name)] = keyed.get(name_key(name), 0) + count
    full = {key: count for key, count in keyed.items() if key} or keyed
    if not full:
        return ""
    key = min(full, key=lambda key: (-full[key], key))
    return min((name for name in spelled if name_key(name) == key), key=lambda name: (-spelled[name], name.isupper(), name))


@lru_cache(maxsize=CACHED)
def first_name(name: str) -> str:
    """Return the given name for a greeting from a display name as seen, "" unless it is certain.

    Not certain: "Surname, Given (EXT)", brackets, initials, capitals throughout, one word, digits, scripts and family
    names that are written family name first.
    """
    text = " ".join(name.strip(QUOTES).split())
    if re.search(r"[,()\[\]{}<>@/|]", text) or clean_name(text) != text or not is_human_name(text):
        return ""
    return _given(text)


def _given(text: str) -> str:
    from nameparser import HumanName  # noqa: PLC0415 - 0.1 s to import

    rest = tokens(text)
    pair = PAIR.fullmatch(text)
    is_usual = _special_words().isdisjoint((*rest, *text.lower().split()))
    given = pair[1] if pair and is_usual else HumanName(text).first
    is_plain = len(given) > 1 and given[0].isupper() and given[1:].replace("-", "").replace("'", "").isalpha()
    if not is_plain or given.isupper() or not plain(given).replace("-", "").isascii() or not FAMILY_FIRST.isdisjoint(rest[:1]):
        return ""
    return given


@lru_cache(maxsize=1)
def _special_words() -> frozenset[str]:
    """Return every word that to nameparser may be no name: titles, suffixes, particles."""
    from nameparser.config import CONSTANTS  # noqa: PLC0415 - as above

    return frozenset(
        word
        for words in (
            CONSTANTS.titles,
            CONSTANTS.first_name_titles,
            CONSTANTS.prefixes,
            CONSTANTS.non_first_name_prefixes,
            CONSTANTS.bound_first_names,
            CONSTANTS.conjunctions,
            CONSTANTS.suffix_acronyms,
            CONSTANTS.suffix_acronyms_ambiguous,
            CONSTANTS.suffix_not_acronyms,
        )
        for word in words
    )


def given_name(names: Mapping[str, int]) -> str:
    """Return the given name for a greeting from all display names of a person; "" where they do not agree on one."""
    best = name_key(best_name(names))
    found = {first_name(name) for name in names if best and name_key(name) == best} - {""}
    return found.pop() if len(found) == 1 else ""
