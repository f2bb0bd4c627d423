"""Which addresses are one human: certain ones together, unsure pairs to the owner, every link reversible."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from rules.addresses import is_freemail, match_key, organisation
from rules.names import name_key, name_tokens, tokens
from rules.people import CROWD
from rules.wordlists import ROLE_WORDS

MOST_ADDRESSES: Final = 8
"""Addresses under one full name above which it is a common name, not one human."""

SHARE: Final = 0.3
"""Part of its sightings a name needs to speak for an address: a misdirected reply names the wrong one now and then."""

COMMON: Final = 2
"""Correspondents two addresses must share beyond the owner."""

NOTHING_ELSE: Final = "the same full name, but nothing else in common"
"""Why a pair is left to the owner that correspondents in common would decide."""

MOST_BESIDE: Final = 50
"""Correspondents of an address that are compared, the most frequent."""
NOBODY: Final = frozenset[str]()

GENERATIONS: Final = frozenset({"jr", "sr", "jun", "sen", "ii", "iii", "iv"})
ALONE: Final = re.compile(r"[(\[]\s*(\w+)\.?\s*[)\]]")
"""A mark in brackets of its own: (jun.); brackets that say more are about something else."""

Company = tuple[str, ...]
"""Match keys of everybody on one message but the owner, each once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressProfile:
    """What is known of one human address when asking whose it is."""

    key: str
    names: Mapping[str, int] = field(default_factory=dict)
    """Decoded display name -> how often seen."""
    correspondents: frozenset[str] = frozenset()
    """Match keys of others on the same messages (`beside`); a sample of the most frequent is enough."""


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
    total = sum(profile.names.values())
    named: dict[str, int] = {}
    for name, count in profile.names.items():
        if key := name_key(name):
            named[key] = named.get(key, 0) + count
    strong = {key for key, count in named.items() if count >= SHARE * total}
    return frozenset(strong or _said_by_local(profile.key))


def _said_by_local(key: str) -> set[str]:
    """Read a full name from first.last@ where no display name was ever seen."""
    words = re.findall("[a-z]{2,}", key.rpartition("@")[0])
    is_name = len(words) == 2 and ROLE_WORDS.isdisjoint(words)  # noqa: PLR2004 - first and last
    return {name for name in [name_key(" ".join(words))] if name} if is_name else set()


def company(written: Iterable[str], owner: Collection[str]) -> Company:
    """Name who is on one message, each once; the owner says nothing. `written`: the addresses in From, Reply-To, To and Cc."""
    return tuple(set(map(match_key, written)).difference(owner, ("",)))


def beside(key: str, mails: Iterable[Company]) -> frozenset[str]:
    """Name who else is on messages with an address, the most frequent; messages to a crowd say nothing."""
    seen = Counter(itertools.chain.from_iterable([each for each in mails if len(each) - (key in each) < CROWD]))
    del seen[key]
    if len(seen) <= MOST_BESIDE:
        return frozenset(seen)
    return frozenset(sorted(sorted(seen), key=seen.__getitem__, reverse=True)[:MOST_BESIDE])


def identify(profiles: Iterable[AddressProfile], links: Iterable[Link] = ()) -> Grouping:
    """Group the addresses of one human, whatever their order.

    The owner's links win: `different` is never crossed, not even through a third address; `same` always joins.
    Give all human profiles, or for one new address those that share a block with it or with its group. Where it is costly to
    say who is beside an address, `compare` them, and ask only about those that are `undecided` before they are put in a `group`.
    """
    known = {profile.key: profile for profile in profiles}
    near = {key: profile.correspondents for key, profile in known.items()}
    return group(known, in_company(compare(known.values()), near), links)


def compare(profiles: Iterable[AddressProfile]) -> list[Link]:
    """Judge the pairs of one full name by their names and addresses alone; those left with NOTHING_ELSE are for `in_company`."""
    known = {profile.key: profile for profile in sorted(profiles, key=lambda profile: profile.key)}
    return [link for block in _blocks(known) for link in _within(block)]


def in_company(compared: Iterable[Link], near: Mapping[str, frozenset[str]]) -> list[Link]:
    """Decide pairs with NOTHING_ELSE by the correspondents they have in common. `near`: key -> who is `beside` it, where known."""
    return [_shared(link, near) if link.reason == NOTHING_ELSE else link for link in compared]


def _shared(link: Link, near: Mapping[str, frozenset[str]]) -> Link:
    shared = len(near.get(link.a, NOBODY) & near.get(link.b, NOBODY))
    if shared < COMMON:
        return link
    return replace(link, verdict="same", reason=f"the same full name and {shared} correspondents in common")


def undecided(keys: Iterable[str], compared: Iterable[Link], links: Iterable[Link]) -> frozenset[str]:
    """Name the addresses of which it is worth asking who is `beside` them, from what `group` is given."""
    _, open_pairs = _grouped(keys, compared, links)
    return frozenset(key for link in open_pairs if link.reason == NOTHING_ELSE for key in (link.a, link.b))


def group(keys: Iterable[str], compared: Iterable[Link], links: Iterable[Link]) -> Grouping:
    """Group addresses by what `compare` and `in_company` made of them, and by what the owner says among `links`."""
    groups, open_pairs = _grouped(keys, compared, links)
    return Grouping(identities=groups.identities(), unsure=tuple(replace(link, verdict="unsure") for link in open_pairs))


def _grouped(keys: Iterable[str], compared: Iterable[Link], links: Iterable[Link]) -> tuple[_Groups, list[Link]]:
    """Join all that is certain; return the pairs that are left to the owner too, each once, ascending."""
    said = sorted((link for link in links if link.by == "owner"), key=lambda link: (link.a, link.b, link.verdict))
    groups = _Groups(keys, {_pair(link.a, link.b) for link in said if link.verdict == "different"})
    for link in said:
        if link.verdict == "same" and groups.has(link):
            groups.join(link)
    judged = sorted(compared, key=lambda link: (link.a, link.b, link.reason))
    groups.part(_pair(link.a, link.b) for link in judged if link.verdict == "different")
    for link in judged:
        if link.verdict == "same":
            groups.join(link)
    groups.part(())
    open_pairs = {(link.a, link.b): link for link in reversed(judged) if link.verdict != "same" and groups.is_open(link)}
    return groups, [open_pairs[pair] for pair in sorted(open_pairs)]


def _pair(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a < b else (b, a)


class _Groups:
    """Disjoint sets of match keys that never hold a pair the owner told apart."""

    def __init__(self, keys: Iterable[str], apart: set[tuple[str, str]]) -> None:
        self._members: dict[str, set[str]] = {key: {key} for key in keys}
        self._links: dict[str, list[Link]] = {key: [] for key in self._members}
        self._apart = self._told_apart = apart

    def has(self, link: Link) -> bool:
        """Tell whether both ends of a link are asked about."""
        return link.a in self._members and link.b in self._members

    def part(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Keep these pairs apart too, in place of those given before; the owner's stay."""
        self._apart = self._told_apart | set(pairs)

    def join(self, link: Link) -> None:
        """Unite two groups unless the owner told any two of their members apart."""
        one, other = self._members[link.a], self._members[link.b]
        if one is other or not self._may_join(one, other):
            return
        links = [*self._links[link.a], *self._links[link.b], link]
        united = one | other
        for key in united:
            self._members[key], self._links[key] = united, links

    def _may_join(self, one: set[str], other: set[str]) -> bool:
        return not self._apart or not any(_pair(a, b) in self._apart for a in one for b in other)

    def is_open(self, link: Link) -> bool:
        """Tell whether a pair is still worth asking the owner about."""
        one, other = self._members[link.a], self._members[link.b]
        return one is not other and self._may_join(one, other)

    def identities(self) -> tuple[Identity, ...]:
        """Return every group once, in order of its first key."""
        return tuple(
            Identity(keys=tuple(sorted(members)), links=tuple(sorted(self._links[key], key=lambda link: (link.a, link.b))))
            for key, members in sorted(self._members.items())
            if key == min(members)
        )


def _blocks(known: Mapping[str, AddressProfile]) -> list[list[AddressProfile]]:
    blocks: dict[str, list[AddressProfile]] = {}
    for profile in known.values():
        for block in block_keys(profile):
            blocks.setdefault(block, []).append(profile)
    return [blocks[name] for name in sorted(blocks) if len(blocks[name]) > 1]


def _within(block: list[AddressProfile]) -> list[Link]:
    """Judge the pairs of one full name; a name with too many addresses is common and decides nothing."""
    if len(block) > MOST_ADDRESSES:
        common = f"the same full name, but on {len(block)} addresses"
        return [_link(a, b, "unsure", common) for a, b in itertools.pairwise(block)]
    return [_judge(a, b) for a, b in itertools.combinations(block, 2)]


def _judge(a: AddressProfile, b: AddressProfile) -> Link:
    """Ask for a second reason beside the full name before two addresses are one human."""
    if not a.names or not b.names:
        return _link(a, b, "unsure", "the full name of one is only read from its address")
    if doubt := _doubt(a, b):
        return _link(a, b, "different", doubt)
    mine, theirs = a.key.rpartition("@")[0], b.key.rpartition("@")[0]
    is_private = is_freemail(a.key) or is_freemail(b.key)
    if mine == theirs and not (is_private and _is_spelled_out(a)):
        return _link(a, b, "same", "the same full name and the same name before the @")
    if organisation(a.key) and organisation(a.key) == organisation(b.key):
        return _link(a, b, "same", "the same full name at the same organisation")
    return _link(a, b, "unsure", NOTHING_ELSE)


def _is_spelled_out(profile: AddressProfile) -> bool:
    """Tell whether the name before the @ is the full name and no more: every Anna Berg may have anna.berg@ somewhere."""
    local = sorted(re.sub(r"([aou])e", r"\1", word) for word in _words_of(profile.key))
    return any(local == name.split() or "".join(local) in _run_together(name) for name in map(name_key, profile.names) if name)


def _run_together(name: str) -> set[str]:
    return {"".join(words) for words in itertools.permutations(name.split()[:4])}


def _doubt(a: AddressProfile, b: AddressProfile) -> str:
    """Return what speaks against one human in spite of one full name, "" if nothing does."""
    if _generations(a) != _generations(b):
        return "the same full name, but another generation"
    one, other = _initials(a), _initials(b)
    if one and other and one.isdisjoint(other):
        return "the same full name, but other initials"
    mine, theirs = (re.sub(r"\d+$", "", profile.key.rpartition("@")[0]) for profile in (a, b))
    if mine == theirs and a.key.rpartition("@")[2] == b.key.rpartition("@")[2]:
        return "two numbered addresses of one name at one organisation"
    return ""


def _generations(profile: AddressProfile) -> frozenset[str]:
    """Read jun. and sen. from the names and from the address: hans.jun@ is not hans.sen@."""
    said = {word for name in profile.names for word in (*name_tokens(name), *tokens(" ".join(ALONE.findall(name))))}
    return frozenset(said.union(_words_of(profile.key))) & GENERATIONS


def _initials(profile: AddressProfile) -> frozenset[str]:
    """Read the initials from the names, and those in the midst of an address: john.a.smith@ is not john.b.smith@."""
    named = {word for name in profile.names for word in name_tokens(name)}
    midst = {word for word in _words_of(profile.key)[1:-1] if not any(other.startswith(word) for other in named if len(other) > 1)}
    return frozenset(word for word in named | midst if len(word) == 1 and word.isascii())


def _words_of(key: str) -> list[str]:
    return re.findall("[a-z]+", key.rpartition("@")[0])


def _link(a: AddressProfile, b: AddressProfile, verdict: Literal["same", "different", "unsure"], reason: str) -> Link:
    first, second = _pair(a.key, b.key)
    return Link(a=first, b=second, verdict=verdict, by="rule", reason=reason)
