"""The country somebody lives in, as far as it can be told honestly: their domain and their clock have to say the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from rules.network import Relation

CLOCKS: Final = {
    "at": "Europe/Vienna", "au": "Australia/Sydney Australia/Brisbane Australia/Adelaide Australia/Perth", "be": "Europe/Brussels",
    "bg": "Europe/Sofia", "br": "America/Sao_Paulo", "ca": "America/Toronto America/Vancouver America/Halifax America/Edmonton",
    "ch": "Europe/Zurich", "cz": "Europe/Prague", "de": "Europe/Berlin", "dk": "Europe/Copenhagen", "ee": "Europe/Tallinn",
    "es": "Europe/Madrid", "fi": "Europe/Helsinki", "fr": "Europe/Paris", "gr": "Europe/Athens", "hr": "Europe/Zagreb",
    "hu": "Europe/Budapest", "ie": "Europe/Dublin", "il": "Asia/Jerusalem", "it": "Europe/Rome", "jp": "Asia/Tokyo",
    "kr": "Asia/Seoul", "lt": "Europe/Vilnius", "lu": "Europe/Luxembourg", "lv": "Europe/Riga", "nl": "Europe/Amsterdam",
    "no": "Europe/Oslo", "nz": "Pacific/Auckland", "pl": "Europe/Warsaw", "pt": "Europe/Lisbon", "ro": "Europe/Bucharest",
    "se": "Europe/Stockholm", "sg": "Asia/Singapore", "si": "Europe/Ljubljana", "sk": "Europe/Bratislava", "tr": "Europe/Istanbul",
    "ua": "Europe/Kyiv", "uk": "Europe/London", "za": "Africa/Johannesburg",
}  # fmt: skip
"""Top-level domains that are used at home, with the zones of their country; .io, .ai, .co, .me and .tv say nothing."""
ISO: Final = {"uk": "GB"}
WINTER, SUMMER = datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)


def country_of(relation: Relation) -> str:
    """Return the two letters (ISO 3166) of the country a person lives in, "" where domain and clock do not both say so."""
    offset = clock_of(relation.offsets)
    address = next(iter(relation.person.addresses), "")
    domain = address.rpartition("@")[2].rpartition(".")[2]
    if offset is None or offset not in _offsets(domain):
        return ""
    return ISO.get(domain, domain.upper())


def clock_of(offsets: Mapping[int, int]) -> int | None:
    """Return the UTC offset in minutes someone mostly writes with, None where none was ever seen."""
    if not offsets:
        return None
    return max(offsets, key=lambda minutes: (offsets[minutes], -abs(minutes), minutes))


@lru_cache(maxsize=128)
def _offsets(domain: str) -> frozenset[int]:
    """Return the UTC offsets in minutes in use where a top-level domain is at home."""
    zones = (ZoneInfo(name) for name in CLOCKS.get(domain, "").split())
    spans = (at.astimezone(zone).utcoffset() for zone in zones for at in (WINTER, SUMMER))
    return frozenset(int(span.total_seconds()) // 60 for span in spans if span is not None)
