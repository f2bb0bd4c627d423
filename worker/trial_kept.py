"""Mails of the last 90 days as a trial keeps them: written small, and told again when a rule looks at one."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, overload

from connectors.glance import Glance
from rules.network import Mail

KEPT_MAILS: Final = 50
"""Of each person, as of network.Relation.mails."""
MOST: Final = KEPT_MAILS * 5 // 4
"""Written down for an address before the oldest are dropped."""
STAMP: Final = 8
"""Bytes at the start: microseconds since 1970."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


class Directory(dict[str, int]):
    """The numbers under which addresses are written down: each is in many mails."""

    def __init__(self) -> None:
        super().__init__()
        self.keys_in_order: list[str] = []

    def __missing__(self, key: str) -> int:
        number = self[key] = len(self.keys_in_order)
        self.keys_in_order.append(key)
        return number


def written(
    glance: Glance,
    direction: Literal["in", "out"],
    author: str,
    others: Iterable[str],
    recipients: int,
    directory: Directory,
    *,
    is_copy: bool = False,
) -> bytes:
    """Write down what a network.Mail tells of a message; some 130 bytes where the Mail takes 800."""
    told = (
        glance.message_id,
        direction,
        glance.subject,
        directory[author],
        [directory[key] for key in others],
        recipients,
        glance.thread_id,
        glance.references(),
        glance.in_reply_to,
        is_copy,
    )
    stamp = ((glance.sent_at - EPOCH) // MICROSECOND).to_bytes(STAMP, "big")
    return stamp + zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 1)


def keep(mails: list[bytes], mail: bytes) -> None:
    """Add a mail to those of an address; the newest stay."""
    mails.append(mail)
    if len(mails) > MOST:
        mails[:] = newest(mails)


def newest(mails: Iterable[bytes]) -> list[bytes]:
    """Return the KEPT_MAILS newest, each once, newest first."""
    return sorted(dict.fromkeys(mails), key=lambda mail: mail[:STAMP], reverse=True)[:KEPT_MAILS]


class Mails(Sequence[Mail]):
    """Mails that were written down, told one by one."""

    __slots__ = ("_directory", "_mails")

    def __init__(self, mails: Sequence[bytes], directory: Directory) -> None:
        self._mails = mails
        self._directory = directory

    def __len__(self) -> int:
        return len(self._mails)

    @overload
    def __getitem__(self, index: int) -> Mail: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mail]: ...
    def __getitem__(self, index: int | slice) -> Mail | Sequence[Mail]:
        if isinstance(index, slice):
            return Mails(self._mails[index], self._directory)
        return _told(self._mails[index], self._directory.keys_in_order)


def _told(mail: bytes, keys: Sequence[str]) -> Mail:
    message_id, direction, subject, author, others, recipients, thread_id, references, parent, is_copy = json.loads(
        zlib.decompress(mail[STAMP:])
    )
    return Mail(
        message_id=message_id,
        at=EPOCH + int.from_bytes(mail[:STAMP], "big") * MICROSECOND,
        direction=direction,
        subject=subject,
        author=keys[author],
        others=tuple(keys[number] for number in others),
        is_copy=is_copy,
        recipients=recipients,
        thread=thread_id or next(iter((*references, parent)), "") or message_id,
        thread_id=thread_id,
        references=tuple(references),
        in_reply_to=parent,
    )
