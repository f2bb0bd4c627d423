"""What the owner wants for whole circles and organisations: how often to be in touch, and in which language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from rules.addresses import domain_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """By the name of a circle, by match key and by domain; what is said of a person alone stands above."""

    cadences: Mapping[str, timedelta] = field(default_factory=dict)
    """Circle -> the gap the owner wants."""
    circle_languages: Mapping[str, str] = field(default_factory=dict)
    """Circle -> language of mail."""
    languages: Mapping[str, str] = field(default_factory=dict)
    """Match key or domain, subdomains included -> language of mail."""

    def language(self, addresses: Iterable[str], circle: str) -> str:
        """Return the language for somebody: of an address of theirs, else of the circle, else of the organisation, else ""."""
        keys = list(addresses)
        own = next((self.languages[key] for key in keys if key in self.languages), "")
        domains = (parent for key in keys for parent in _parents(domain_of(key)))
        return own or self.circle_languages.get(circle, "") or next((self.languages[d] for d in domains if d in self.languages), "")


def _parents(domain: str) -> Iterable[str]:
    """Yield a domain and those above it, the nearest first."""
    parts = domain.split(".")
    return (".".join(parts[n:]) for n in range(len(parts)))
