"""What a folder answers to a FETCH of header fields, all of it at once, into messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from connectors.imap_fetched import USUAL, beginning, fetched_in
from connectors.imap_header import LATE, NEVER, read_header, read_letter
from connectors.letter import Letter, messages
from connectors.mime import Unreadable
from connectors.optional import Packing
from connectors.port import Skipped
from rules.facts import MessageMetadata


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """Messages that were packed as soon as they were read."""

    remote_ids: Sequence[str]
    packed: bytes
    by: Packing

    def __len__(self) -> int:
        return len(self.remote_ids)

    def messages(self) -> list[MessageMetadata]:
        """Take them out again."""
        return list(self.by.unpack([self.packed]))


Messages = list[MessageMetadata] | Packed
Read = tuple[Messages, list[Skipped]]
"""Messages, and those that cannot be read; a remote id is UIDVALIDITY:UID."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Reads the answers of one folder; another process may do it."""

    validity: int
    role: str

    def read(self, answer: bytes) -> tuple[list[MessageMetadata], list[Skipped]]:
        """Read the untagged responses to one command. Raises EOFError where a literal is not as long as it says."""
        found, skipped = self.letters(answer)
        return messages(found), skipped

    def packed(self, answer: bytes, by: Packing) -> tuple[Packed, list[Skipped]]:
        """Read them, and pack them at once. Raises what `read` does, and any error of the packing."""
        found, skipped = self.letters(answer)
        return Packed(remote_ids=[each.remote_id for each in found], packed=by.pack(found), by=by), skipped

    def at_best(self, answer: bytes, by: Packing | None) -> Read:
        """Read them, packed where that can be: it takes half as long as to make messages of them. Raises what `read` does."""
        try:
            if by is not None:
                return self.packed(answer, by)
        except EOFError:
            raise
        except Exception:  # noqa: BLE001, S110 - whoever commits the page finds out what is wrong
            pass
        return self.read(answer)

    def letters(self, answer: bytes) -> tuple[list[MessageMetadata | Letter], list[Skipped]]:
        """Read them as letters, as far as they are usual."""
        found: list[MessageMetadata | Letter] = []
        skipped: list[Skipped] = []
        text, at, validity = answer.decode("latin-1"), 0, f"{self.validity}:"  # a byte is a character: each lies where it lay
        labels, drafts = self._labels(is_draft=False), self._labels(is_draft=True)
        while head := USUAL.match(text, at):
            uid, flags, day, zone, size, length = head.groups()
            begun = head.end()
            end = begun + int(length)
            if not text.startswith(")\r\n", end):  # only its length tells how far a header goes
                break
            marks = drafts if "\\Draft" in flags else labels
            letter = read_letter(text[begun:end], validity + uid, marks, _believed(day, zone), int(size))
            if letter is not None:
                found.append(letter)
            else:
                self._carefully(answer[at : end + 3], found, skipped)
            at = end + 3
        self._carefully(answer[at:], found, skipped)  # from the first that is told in another way on
        return found, skipped

    def _carefully(self, answer: bytes, found: list[MessageMetadata | Letter], skipped: list[Skipped]) -> None:
        """Read responses taking nothing for granted."""
        for row in fetched_in(answer):
            labels = self._labels(is_draft=b"\\Draft" in row.flags)
            if row.labels:
                labels |= {"\\Drafts" if label == "\\Draft" else label for label in row.labels}
            try:
                found.append(
                    read_header(
                        row.header,
                        remote_id=f"{self.validity}:{row.uid}",
                        labels=labels,
                        arrived=row.arrived,
                        size=row.size,
                        thread_id=row.thread_id,
                    )
                )
            except Unreadable as error:
                skipped.append(self.skipped(row.uid, str(error)))

    def _labels(self, *, is_draft: bool) -> frozenset[str]:
        return frozenset({self.role, "\\Drafts"} if is_draft else {self.role}) - {""}

    def skipped(self, uid: int, reason: str) -> Skipped:
        """Say that a message cannot be read."""
        return Skipped(remote_id=f"{self.validity}:{uid}", reason=reason)


@lru_cache(maxsize=1 << 12)
def _believed(day: str, zone: str) -> int:
    """Say up to when the date of whatever arrived on a day is surely believed; as nearly every date is earlier, few are looked at twice."""
    begun = beginning(day, zone)
    return NEVER if begun is None else begun + LATE
