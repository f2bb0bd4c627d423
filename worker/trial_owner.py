"""Who the owner is, from what their mail and calendar show: their Sent mail, else who is on nearly everything."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from connectors.glance import Glance
from rules.facts import Address, CalendarEvent, MessageMetadata
from rules.names import best_name, name_key
from rules.people import OwnerKeys, Signal, match_key, organisation, signals
from rules.signals import list_addresses
from worker.words import counted

Confidence = Literal["given", "certain", "likely", "unsure"]

KEPT: Final = 8192
"""Messages kept of all for counting who is on them; beyond it every other one, evenly."""
ENOUGH: Final = 5
"""Sent messages that settle the question."""
SHARE_OF_SENT: Final = 0.02
"""Less of the Sent mail than this is somebody else's: a delegate, a forged header."""
NEARLY_ALL: Final = 0.9
APART: Final = 0.02
"""How far, as a share of all messages, anybody else must be behind."""
SOME: Final = 0.5
ROUNDED: Final = 0.995
"""What would read 100% though it is not all."""
REST: Final = 0.8
"""What an unknown second address has to be on of everything the first is not on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """The owner's addresses, the main one first, how sure that is and why."""

    addresses: tuple[Address, ...] = ()
    confidence: Confidence = "unsure"
    reason: str = "Nothing shows whose mail it is; name your address with --me."

    @property
    def keys(self) -> OwnerKeys:
        """The owner as the rules on addresses know them."""
        keys = frozenset(filter(None, (match_key(address.email) for address in self.addresses)))
        return OwnerKeys(keys=keys, domains=frozenset(filter(None, map(organisation, keys))))

    @property
    def name(self) -> str:
        """The owner's full name, "" where none was seen."""
        return next((address.name for address in self.addresses if address.name), "")


def given(addresses: Sequence[str]) -> Guess:
    """Take the owner's word."""
    return Guess(addresses=tuple(Address(email=email) for email in addresses), confidence="given", reason="")


class Evidence:
    """What speaks for an address being the owner's, collected message by message and event by event."""

    def __init__(self) -> None:
        self._sent: Counter[str] = Counter()
        self._names = defaultdict[str, Counter[str]](Counter)
        self._written: dict[str, str] = {}
        self._parties: list[tuple[frozenset[str], frozenset[str]]] = []
        self._stride = 1
        self._count = 0
        self._has_mail = False
        self._has_meetings = False

    def add(self, message: Glance) -> None:
        """Note who wrote a message and to whom."""
        facts = message.envelope.facts
        self._has_mail = True
        if facts.is_sent:
            self.add_sent(facts)
        self._count += 1
        if self._count % self._stride or facts.is_draft:
            return
        authors = frozenset(self._key(address) for address in facts.from_[:1]) - {""}
        others = frozenset(
            self._key(address) for part in (message.route.to, message.route.cc, message.route.bcc) for address in part
        ) - {""}
        lists = (
            frozenset(match_key(address.email) for address in list_addresses(facts))
            if signals(facts) & Signal.LIST
            else frozenset()
        )
        self._keep(authors - lists, others - lists)

    def add_sent(self, message: MessageMetadata) -> None:
        """Note only who wrote a message that was filed as sent."""
        if message.from_:
            self._sent[self._key(message.from_[0])] += 1

    def forget_sent(self) -> None:
        """Count what was filed as sent anew, so that what a first look saw does not count twice."""
        self._sent.clear()

    def add_event(self, event: CalendarEvent) -> None:
        """Note who is in a meeting; an entry without others says nothing."""
        if not event.attendees:
            return
        guests = [event.organizer] if event.organizer else []
        guests += [attendee.address for attendee in event.attendees if attendee.kind not in {"ROOM", "RESOURCE"}]
        everybody = frozenset(self._key(address) for address in guests) - {""}
        self._has_meetings = True
        self._count += 1
        if len(everybody) > 1 and self._count % self._stride == 0:
            self._keep(everybody, everybody)

    def is_settled(self) -> bool:
        """Tell whether the Sent mail seen so far settles it."""
        return sum(self._sent.values()) >= ENOUGH

    def guess(self) -> Guess:
        """Say who the owner is: by Sent mail, else by who is on nearly everything."""
        return self._by_sent() if self._sent else self._by_presence()

    def _key(self, address: Address) -> str:
        key = match_key(address.email)
        self._written.setdefault(key, address.email)
        if address.name:
            self._names[key][address.name] += 1
        return key

    def _keep(self, authors: frozenset[str], others: frozenset[str]) -> None:
        self._parties.append((authors, others))
        if len(self._parties) > KEPT:
            del self._parties[::2]
            self._stride *= 2

    def _by_sent(self) -> Guess:
        total = sum(self._sent.values())
        keys = [key for key, count in self._sent.most_common() if key and count >= max(1, SHARE_OF_SENT * total)]
        share = sum(self._sent[key] for key in keys) / total if total else 0.0
        of_them = f"{_share(share)} the {counted(total, 'message')}"
        keys += self._namesakes(keys)
        keys += self._everywhere([authors for authors, others in self._parties if authors is others], keys)
        return Guess(
            addresses=self._addresses(keys),
            confidence="certain" if total >= ENOUGH and share >= NEARLY_ALL else "likely",
            reason=f"{_which(keys)} wrote {'the one message' if total == share == 1 else of_them} filed as sent.",
        )

    def _by_presence(self) -> Guess:
        """Take the human, under all their addresses, who is on most messages and wrote some."""
        total = len(self._parties)
        names = self._groups()
        on = Counter(group for authors, others in self._parties for group in {names[key] for key in authors | others})
        wrote = Counter(names[key] for authors, _ in self._parties for key in authors)
        ranked = sorted(on, key=lambda group: (-on[group], not 0 < wrote[group] < on[group], group))[:2]
        if not ranked:
            return Guess()
        first, rival = ranked[0], sum(on[group] for group in ranked[1:])
        keys = self._most_seen(key for key, group in names.items() if group == first)
        keys += self._everywhere([authors | others for authors, others in self._parties], keys)
        share = sum(bool((authors | others) & set(keys)) for authors, others in self._parties) / total
        is_likely = share >= NEARLY_ALL and total >= ENOUGH and rival < (share - APART) * total
        return Guess(
            addresses=self._addresses(keys),
            confidence="likely" if is_likely else "unsure",
            reason=f"{_which(keys)} is on {_share(share)} the {self._seen()}.",
        )

    def _seen(self) -> str:
        kinds = [kind for kind, is_there in (("messages", self._has_mail), ("meetings", self._has_meetings)) if is_there]
        return " and ".join(kinds)

    def _everywhere(self, parties: Iterable[frozenset[str]], keys: Sequence[str]) -> list[str]:
        """Return the one address that is on nearly everything the owner's known ones are not on."""
        left = [party for party in parties if party.isdisjoint(keys)]
        rest = Counter(key for party in left for key in party)
        first, second = [*rest.most_common(2), ("", 0), ("", 0)][:2]
        return [first[0]] if len(left) >= ENOUGH and first[1] >= REST * len(left) and second[1] < REST * first[1] else []

    def _groups(self) -> dict[str, str]:
        """Name for each address the human behind it: addresses under one full name are one."""
        keys = {key for authors, others in self._parties for key in authors | others}
        return {key: name_key(best_name(self._names.get(key, {}))) or key for key in keys}

    def _most_seen(self, keys: Iterable[str]) -> list[str]:
        on = Counter(key for authors, others in self._parties for key in authors | others)
        return sorted(keys, key=lambda key: (-on[key], key))

    def _namesakes(self, keys: list[str]) -> list[str]:
        """Return other addresses under the same full name: hardly ever on a message together with the first."""
        names = {name_key(best_name(self._names.get(key, {}))) for key in keys} - {""}
        same = [key for key, seen in self._names.items() if key and key not in keys and name_key(best_name(seen)) in names]
        found = []
        for key in same:
            on = [authors | others for authors, others in self._parties if key in authors or key in others]
            if sum(not party.isdisjoint(keys) for party in on) <= SOME * len(on):
                found.append(key)
        return found

    def _addresses(self, keys: Iterable[str]) -> tuple[Address, ...]:
        return tuple(Address(email=self._written.get(key, key), name=best_name(self._names.get(key, {}))) for key in keys)


def _which(keys: Sequence[str]) -> str:
    """Point at the addresses without naming them again: whoever is told has just read them."""
    return "it" if len(keys) == 1 else "one of them"


def _share(share: float) -> str:
    if share == 1:
        return "all"
    return "nearly all" if share >= ROUNDED else f"{share:.0%} of"
