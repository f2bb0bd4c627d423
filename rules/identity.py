"""Which addresses are one human: certain ones together, unsure pairs to the owner, every link reversible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressProfile:
    """What is known of one human address when asking whose it is."""

    key: str
    names: Mapping[str, int] = field(default_factory=dict)
    """Decoded display name -> how often seen."""
    correspondents: frozenset[str] = frozenset()
    """Match keys of others on the same messages, the owner left out; a sample of the most frequent is enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A statement on two addresses; a < b."""

    a: str
    b: str
    verdict: Literal["same", "different", "unsure"]
    by: Literal["owner", "rule"]
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One human: all their match keys, ascending, and the links that hold them together."""

    keys: tuple[str, ...]
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """Every profile in exactly one identity, and the pairs only the owner can decide."""

    identities: tuple[Identity, ...]
    unsure: tuple[Link, ...] = ()


def block_keys(profile: AddressProfile) -> frozenset[str]:
    """Name the blocks a profile falls into: two profiles with no block in common are never linked by rule."""
    raise NotImplementedError


def identify(profiles: Iterable[AddressProfile], links: Iterable[Link] = ()) -> Grouping:
    """Group the addresses of one human, whatever their order.

    The owner's links win: `different` is never crossed, not even through a third address; `same` always joins.
    Give all human profiles, or for one new address those that share a block with it or with its group.
    """
    raise NotImplementedError
