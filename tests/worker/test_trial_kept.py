"""A mail that was written down small is told as it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connectors.glance import Glance, at_once
from rules.facts import MessageMetadata
from rules.network import Mail
from worker.trial_kept import KEPT_MAILS, Directory, Mails, keep, newest, written

NOW = datetime(2026, 11, 17, 9, 30, 0, 250_000, tzinfo=UTC)


def message(number: int) -> Glance:
    found = MessageMetadata(
        remote_id=str(number),
        message_id=f"{number}@x.example",
        sent_at=NOW - timedelta(minutes=number),
        subject='Zoë\n"and" 会議',
        references=("0@x.example", "1@x.example"),
        in_reply_to=("1@x.example", "2@x.example"),
    )
    return at_once(found)


def test_a_mail_is_told_as_it_was() -> None:
    directory = Directory()
    told = Mails([written(message(7), "in", "eva@x.example", ["bo@y.example"], 2, directory)], directory)
    assert list(told) == [
        Mail(
            message_id="7@x.example",
            at=NOW - timedelta(minutes=7),
            direction="in",
            subject='Zoë\n"and" 会議',
            author="eva@x.example",
            others=("bo@y.example",),
            recipients=2,
            thread="0@x.example",
            references=("0@x.example", "1@x.example"),
            in_reply_to="1@x.example",
        )
    ]


def test_the_newest_stay_each_once_and_newest_first() -> None:
    kept: list[bytes] = []
    directory = Directory()
    for number in [*range(200, 100, -1), *range(100)]:
        keep(kept, written(message(number), "out", "ada@own.example", (), 1, directory))
    found = Mails(newest([*kept, *kept]), directory)
    assert [mail.message_id for mail in found] == [f"{number}@x.example" for number in range(KEPT_MAILS)]
    assert [mail.message_id for mail in found[:2]] == ["0@x.example", "1@x.example"]
