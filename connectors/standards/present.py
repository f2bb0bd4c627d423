"""What is found in a folder of drafts, as far as it takes to know one again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from connectors import mime
from connectors.imap_fetched import split
from connectors.imap_wire import Response
from rules.facts import Address

_OURS = re.compile(r"[0-9a-v]{26}@")
"""Begins the Message-ID of a draft of ours; one that was edited has another, or still the very same."""
IDENTITY = b"(UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID TO SUBJECT)])"
"""What is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """A message found in a folder, as far as identity needs it."""

    uid: int
    size: int
    is_deleted: bool
    message_id: str
    gist: str
    """Hash of its recipients: what an edited draft usually keeps."""


def gist(to: Sequence[Address]) -> str:
    """Hash whom a draft is for."""
    return hashlib.sha256(" ".join(sorted(address.email.lower() for address in to)).encode()).hexdigest()[:16]


def present(responses: Iterable[Response]) -> list[Present]:
    """Read what a FETCH of IDENTITY has found, ascending."""
    found = []
    for row in filter(None, map(split, responses)):
        header = b"Date: -\r\n" + row.header  # a draft that bears no name yet is one all the same
        facts = mime.parse_header(header, remote_id=str(row.uid))
        found.append(
            Present(
                uid=row.uid,
                size=row.size,
                is_deleted=b"\\deleted" in row.flags.lower(),
                message_id=facts.message_id,
                gist=gist(facts.to),
            )
        )
    return sorted(found, key=lambda one: one.uid)


def has_edited(added: Sequence[Present], whom: str) -> bool:
    """Tell whether what came after a draft may be what its owner made of it: for the same people, and no other draft of ours."""
    return any(one.gist == whom and not one.is_deleted and not _OURS.match(one.message_id) for one in added)
