"""What letters come to: what many of them share is worked out once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

from connectors.envelopes import Envelope, Route
from connectors.letter import Letter
from rules.facts import MessageMetadata
from rules.people import Company, OwnerKeys, Side, Sighting, between
from rules.promises import is_promise_box
from rules.signals import Signal, is_a_calendars
from worker.store.mapping import MINUTE, labels_text
from worker.store.message_facts import Texts, letter_text, sent_in, sent_to
from worker.store.storable import SHORT, are_clean

ENDINGS: Final = int(Signal.BOUNCE | Signal.ANSWERED_BY_MACHINE)
KEPT_ENVELOPES: Final = 1 << 11
"""That many a mailbox has."""
KEPT: Final = 1 << 10
"""Routes, and pairs of both, that are remembered: however many are, they do not come back as long."""
SECOND: Final = 1_000_000

Seen = tuple[int, tuple[Sighting, ...]]
"""How many people a message addressed, and whom it shows."""


class Written(NamedTuple):
    """What a row of a message holds but for its place: its id, whose it is, where it lies, and which read has seen it."""

    remote_id: str
    message_id: str
    sent_at: int
    sent_offset: int | None
    author: str
    signals: int
    recipients: int
    subject: str
    in_reply_to: str
    thread: str
    labels: str
    facts: str


class Shared(NamedTuple):
    """What letters in one envelope to the same people come to."""

    author: str
    signals: int
    recipients: int
    labels: str
    of_envelope: Texts
    of_route: Texts
    """Their texts among the facts."""
    seen: Seen
    is_telling: bool
    """Whether they tell more than who wrote to whom: what comes back, and what is sent to the promise box."""
    is_clean: bool
    """Whether all of it is storable as it is."""


class Letters:
    """Works out what the letters of an owner come to. A copy in another process begins without any."""

    def __init__(self, owner: OwnerKeys) -> None:
        """Begin without any."""
        self.owner = owner
        self.shared = lru_cache(maxsize=KEPT)(self._shared)
        self._envelope = lru_cache(maxsize=KEPT_ENVELOPES)(self._by_sender)
        self._route = lru_cache(maxsize=KEPT)(self._by_route)

    def __reduce__(self) -> tuple[type[Letters], tuple[OwnerKeys]]:
        """Pickle whose letters these are."""
        return Letters, (self.owner,)

    def row(self, letter: Letter, shared: Shared) -> tuple[Any, ...] | None:
        """Write the row of a letter, a Written; None where its message has to be looked at."""
        _, _, remote_id, name, sent, offset, subject, parents, chain, thread, _, _, _, _, _, is_plain = letter
        author, signals, recipients, labels, of_envelope, of_route, _, _, is_clean = shared
        facts, parent = letter_text(letter, of_envelope, of_route), parents[0] if parents else ""
        root = thread or (chain[0] if chain else parent or name)
        is_usual = (
            is_clean
            and "\\u0000" not in facts
            and len(remote_id) <= SHORT
            and (is_plain or self._is_clean(letter))
            and not (":" in subject and is_a_calendars(subject))
        )
        if not is_usual:
            return None
        minutes = None if offset is None else offset // MINUTE
        return remote_id, name, sent * SECOND, minutes, author, signals, recipients, subject, parent, root, labels, facts

    def _shared(self, envelope: Envelope, route: Route) -> Shared:
        side, of_envelope, labels, is_sender_clean = self._envelope(envelope)
        company, of_route, is_promised, is_route_clean = self._route(route)
        _, recipients, sightings = between(side, company, self.owner)
        is_telling, is_clean = is_promised or bool(side.bits & ENDINGS), is_sender_clean and is_route_clean
        seen = recipients, sightings
        return Shared(side.author, side.bits, route.recipients, labels, of_envelope, of_route, seen, is_telling, is_clean)

    @staticmethod
    def _is_clean(letter: Letter) -> bool:
        """Tell whether what is a letter's own is storable as it is."""
        _, _, remote_id, name, _, _, subject, parents, chain, thread, _, kind, path, unsubscribe, feedback, _ = letter
        ids = remote_id, name, *parents, *chain
        return "".join((*ids, thread, subject, kind, path, unsubscribe, feedback)).isprintable() and max(map(len, ids)) <= SHORT

    def _by_sender(self, envelope: Envelope) -> tuple[Side, Texts, str, bool]:
        facts = envelope.facts
        texts = sent_in(facts)
        return Side(facts, self.owner), texts, labels_text(facts.labels), are_clean(facts.labels) and "".join(texts).isprintable()

    def _by_route(self, route: Route) -> tuple[Company, Texts, bool, bool]:
        company, texts = Company(route.to, route.cc, route.bcc, route.recipients, self.owner), sent_to(route)
        return company, texts, is_promise(route, self.owner), "".join(texts).isprintable()


def is_promise(found: MessageMetadata | Route, known_as: OwnerKeys) -> bool:
    """Tell whether a message went to the owner's promise address; few addresses have a tag at all."""
    for part in (found.to, found.cc, found.bcc):
        for to in part:
            if "+" in to.email and is_promise_box(to.email, known_as.keys):
                return True
    return False
