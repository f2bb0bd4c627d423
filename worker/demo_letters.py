"""Mail of the demo as it would lie in an mbox: letters with the headers people, lists and machines write."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime

from worker.demo_cast import OWNER_NAME, OWNER_ZONE, SENTENCES, WORK, Someone

OWNER = Someone(name=OWNER_NAME, email=WORK, zone=OWNER_ZONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message; `at` is in the sender's zone."""

    at: datetime
    author: Someone
    to: tuple[Someone, ...] = (OWNER,)
    cc: tuple[Someone, ...] = ()
    subject: str
    id: str
    replies_to: tuple[str, ...] = ()
    """References, oldest first."""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "text/plain; charset=utf-8"
    text: str = ""

    @property
    def is_from_owner(self) -> bool:
        """Whether it lies in Sent."""
        return self.author.name == OWNER_NAME

    def source(self) -> bytes:
        """Return the message as RFC 5322 text with bare line feeds, as an mbox holds it."""
        fields = [
            ("From", mailbox(self.author)),
            ("To", ", ".join(map(mailbox, self.to))),
            *([("Cc", ", ".join(map(mailbox, self.cc)))] if self.cc else []),
            ("Subject", _encoded(self.subject)),
            ("Date", format_datetime(self.at)),
            ("Message-ID", f"<{self.id}>"),
            *([("In-Reply-To", f"<{self.replies_to[-1]}>")] if self.replies_to else []),
            *([("References", " ".join(f"<{one}>" for one in self.replies_to))] if self.replies_to else []),
            *self.headers,
            ("MIME-Version", "1.0"),
            ("Content-Type", self.content_type),
            ("Content-Transfer-Encoding", "8bit"),
        ]
        return ("\n".join(f"{name}: {value}" for name, value in fields) + f"\n\n{self.text}\n").encode()


def mailbox(who: Someone) -> str:
    """Write a person as a header field does."""
    name = _encoded(who.name) if not who.name.isascii() else f'"{who.name}"' if "," in who.name else who.name
    return f"{name} <{who.email}>" if name else who.email


def mbox(letters: Iterable[Letter]) -> bytes:
    """Put letters into one mbox (RFC 4155), by date, with From_ lines quoted."""
    parts = []
    for letter in sorted(letters, key=lambda letter: (letter.at, letter.id)):
        body = letter.source().replace(b"\nFrom ", b"\n>From ")
        parts.append(f"From {letter.author.email} {letter.at:%a %b %d %H:%M:%S %Y}\n".encode() + body + b"\n")
    return b"".join(parts)


@dataclass(slots=True)
class Desk:
    """What makes ids and words: one source of chance for the whole world."""

    chance: random.Random
    count: int = 0

    def id(self, domain: str) -> str:
        """Make a Message-ID."""
        self.count += 1
        return f"{self.count:06x}.{self.chance.getrandbits(48):012x}@{domain}"

    def happens(self, share: float) -> bool:
        """Say yes in so large a share of all cases."""
        return self.chance.random() < share

    def text(self, reader: Someone, author: Someone) -> str:
        """Write some lines nobody will read."""
        lines = self.chance.sample(SENTENCES, self.chance.randint(1, 4))
        return f"Hi {reader.first},\n\n{' '.join(lines)}\n\n{author.first}\n"


def _encoded(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=998).encode()
