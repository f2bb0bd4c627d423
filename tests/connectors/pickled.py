"""A packing that changes nothing: what is packed in a second process can be held against what was read."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.imap_reading import Packed, Read
from connectors.letter import Letter, messages
from connectors.optional import Portion
from rules.facts import MessageMetadata


@dataclass(frozen=True, slots=True, kw_only=True)
class Pickled:
    """Satisfies `connectors.optional.Packing`."""

    fails_on: str = ""
    """A subject on which the packing fails; "" = on none."""

    def pack(self, found: Sequence[MessageMetadata | Letter]) -> bytes:
        if self.fails_on and self.fails_on in {each.subject for each in found}:
            raise ValueError(self.fails_on)
        return pickle.dumps(messages(found))

    def unpack(self, portions: Sequence[Portion]) -> Sequence[MessageMetadata]:
        return [each for one in portions for each in (pickle.loads(one) if isinstance(one, bytes) else one)]  # noqa: S301 - our own


def as_read(read: Read) -> Read:
    """Return what was read as if nobody had packed it."""
    found, skipped = read
    return (found.messages() if isinstance(found, Packed) else found), skipped
