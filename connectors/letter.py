"""A message told by what it shares with others and what is its own, for whoever reads so many that the difference counts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from connectors.envelopes import Envelope, Route
from rules.facts import MessageMetadata

PLAIN: Final = 250
"""Characters of an id in a plain letter, at most."""


class Letter(NamedTuple):
    """One message; what it shares, and its own fields as `MessageMetadata` has them."""

    envelope: Envelope
    route: Route
    remote_id: str
    message_id: str
    sent: int
    """When it was sent, in seconds since 1970."""
    sent_offset: timedelta | None
    subject: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    thread_id: str
    size: int | None
    content_type: str
    return_path: str
    list_unsubscribe: str
    feedback_id: str
    is_plain: bool
    """Whether of its own texts every one is printable, its ids no longer than PLAIN: as of nearly every letter."""

    def message(self) -> MessageMetadata:
        """Return it as everybody else has it."""
        shared, route = self.envelope.facts, self.route
        return MessageMetadata(
            remote_id=self.remote_id,
            message_id=self.message_id,
            sent_at=datetime.fromtimestamp(self.sent, UTC),
            sent_offset=self.sent_offset,
            from_=shared.from_,
            sender=shared.sender,
            reply_to=shared.reply_to,
            to=route.to,
            cc=route.cc,
            bcc=route.bcc,
            recipients=route.recipients,
            subject=self.subject,
            in_reply_to=self.in_reply_to,
            references=self.references,
            thread_id=self.thread_id,
            labels=shared.labels,
            size=self.size,
            list_id=shared.list_id,
            list_post=shared.list_post,
            list_unsubscribe=self.list_unsubscribe,
            precedence=shared.precedence,
            auto_submitted=shared.auto_submitted,
            auto_response_suppress=shared.auto_response_suppress,
            return_path=self.return_path,
            feedback_id=self.feedback_id,
            content_type=self.content_type,
            bulk_headers=shared.bulk_headers,
        )


def messages(found: Iterable[MessageMetadata | Letter]) -> list[MessageMetadata]:
    """Return all as everybody else has them."""
    return [each.message() if isinstance(each, Letter) else each for each in found]
