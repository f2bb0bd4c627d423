"""What is found in a folder of drafts, as far as it takes to know one again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from connectors import mime
from connectors.imap_fetched import split
from connectors.imap_wire import Response
from rules.facts import Address, MessageMetadata
from rules.suggestions import Draft

_OURS = re.compile(r"[0-9a-v]{26}@")
"""Begins the Message-ID of a draft of ours; one that was edited has another, or still the very same."""
IDENTITY = b"(UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE TO CC SUBJECT)])"
"""What is asked for."""


class Heading(NamedTuple):
    """What of a header shows that it was written anew: mail programs date a draft each time they save it."""

    sent_at: datetime
    subject: str
    to: tuple[str, ...]
    cc: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """A message found in a folder, as far as identity needs it."""

    uid: int
    size: int
    is_deleted: bool
    message_id: str
    gist: str
    """Hash of its recipients: what an edited draft usually keeps."""
    heading: Heading

    def is_like(self, other: Present) -> bool:
        """Tell whether it is another copy of the same version."""
        return (self.size, self.heading) == (other.size, other.heading)

    def is_headed_as(self, draft: Draft, content: bytes) -> bool:
        """Tell whether it bears the heading we wrote; an invitation is dated anew with each attempt of ours."""
        ours = heading(mime.parse_header(content.partition(b"\r\n\r\n")[0], remote_id=""))
        return self.heading == (ours._replace(sent_at=self.heading.sent_at) if draft.calendar else ours)


def heading(facts: MessageMetadata) -> Heading:
    """Take it from a header."""
    to, cc = (tuple(address.email.lower() for address in addresses) for addresses in (facts.to, facts.cc))
    return Heading(facts.sent_at, facts.subject, to, cc)


def gist(to: Sequence[Address]) -> str:
    """Hash whom a draft is for."""
    return hashlib.sha256(" ".join(sorted(address.email.lower() for address in to)).encode()).hexdigest()[:16]


def present(responses: Iterable[Response]) -> list[Present]:
    """Read what a FETCH of IDENTITY has found, ascending."""
    found = []
    for row in filter(None, map(split, responses)):
        header = row.header.rstrip() + b"\r\nDate: -\r\n\r\n"  # a draft that bears no name yet is one all the same
        facts = mime.parse_header(header, remote_id=str(row.uid))
        found.append(
            Present(
                uid=row.uid,
                size=row.size,
                is_deleted=b"\\deleted" in row.flags.lower(),
                message_id=facts.message_id,
                gist=gist(facts.to),
                heading=heading(facts),
            )
        )
    return sorted(found, key=lambda one: one.uid)


def has_edited(added: Sequence[Present], whom: str) -> bool:
    """Tell whether what came after a draft may be what its owner made of it: for the same people, and no other draft of ours."""
    return any(one.gist == whom and not one.is_deleted and not _OURS.match(one.message_id) for one in added)
