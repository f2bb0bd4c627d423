"""What is withdrawn, what expires and what is kept, of drafts that lie in the mailbox untouched."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rules.engine import Keep, Withdraw, still_wanted
from rules.network import Network, Person, Relation
from rules.rulebook import Rulebook
from rules.suggestions import Suggestion
from tests.rules.builders import (
    DAY,
    HOUR,
    NOW,
    Decide,
    days_ago,
    drafts,
    exchange,
    human,
    mail_from,
    mail_to,
    meeting_with,
    network,
    past,
    tie,
    with_ledger,
)

ANNA = human("Anna Berg <anna@acme.example>")
BEN = human("Ben Ito <ben@acme.example>")
CLEO = human("Cleo Dahl <cleo@other.example>")
COLLEAGUE = human("Karl Amt <karl@own.example>", is_internal=True)


def met(person: Person = ANNA, *, is_private: bool = False) -> Relation:
    """Met once, three hours ago."""
    return tie(person, meetings=[meeting_with(person, is_private=is_private)])


def judged(network_: Network, suggestion: Suggestion, rulebook: Rulebook, now: datetime = NOW) -> Keep | Withdraw:
    return still_wanted(suggestion, network_, rulebook, now)


def test_a_draft_is_kept_while_nothing_has_changed_and_by_its_own_ledger(decide: Decide, rulebook: Rulebook) -> None:
    (suggestion,) = decide(met()).suggestions
    own = past(ANNA, "thank_you", suggestion.cause, key=suggestion.key, created_at=NOW)
    assert judged(network(with_ledger(met(), own), ledger=(own,)), suggestion, rulebook) == Keep()
    assert judged(network(), suggestion, rulebook) == Keep()


def test_older_mail_read_late_closes_nothing_that_is_open(decide: Decide, rulebook: Rulebook) -> None:
    (thanks,) = decide(met()).suggestions
    before = [mail_to(ANNA, days_ago(2 + n)) for n in range(4)]
    assert judged(network(tie(ANNA, meetings=[meeting_with(ANNA)], mails=before)), thanks, rulebook) == Keep()
    waiting, known = mail_from(BEN, days_ago(5), "A question"), exchange(BEN, days_ago(30), days_ago(50))
    (owed,) = [one for one in decide(tie(BEN, mails=[waiting, *known])).suggestions if one.rule == "reply_owed"]
    late = [mail_to(BEN, days_ago(6)), *exchange(BEN, days_ago(70))]
    assert judged(network(tie(BEN, mails=[waiting, *known, *late])), owed, rulebook) == Keep()


def test_a_meeting_moved_across_midnight_is_still_the_one_that_was_thanked_for(decide: Decide, rulebook: Rulebook) -> None:
    planned = meeting_with(ANNA, ended=datetime(2026, 3, 9, 22, 50, tzinfo=UTC))
    (thanks,) = decide(tie(ANNA, meetings=[planned])).suggestions
    moved = replace(planned, start=planned.start + 2 * HOUR, end=planned.end + 2 * HOUR)
    assert moved.end.date() != planned.end.date()
    own = past(ANNA, "thank_you", thanks.cause, key=thanks.key, created_at=NOW)
    assert judged(network(with_ledger(tie(ANNA, meetings=[moved]), own), ledger=(own,)), thanks, rulebook) == Keep()
    assert not drafts(decide(with_ledger(tie(ANNA, meetings=[moved]), own), ledger=(own,)))


@pytest.mark.parametrize(
    ("name", "relation", "words"),
    [
        ("the owner wrote", tie(ANNA, meetings=[meeting_with(ANNA)], mails=[mail_to(ANNA, NOW)]), "already written"),
        ("the meeting was cancelled", tie(ANNA), "does not count as held"),
        ("they were muted", met(replace(ANNA, is_muted=True)), "leave Anna Berg alone"),
        ("it was stopped", replace(met(), stopped_rules=frozenset({"thank_you"})), "stopped"),
        ("the address died", replace(met(), dead_addresses=frozenset({"anna@acme.example"})), "no address"),
        ("the event became private", met(is_private=True), "leave it to you"),
    ],
)  # fmt: skip
def test_a_draft_is_withdrawn_when(decide: Decide, rulebook: Rulebook, name: str, relation: Relation, words: str) -> None:
    (suggestion,) = decide(met()).suggestions
    found = judged(network(relation), suggestion, rulebook)
    assert isinstance(found, Withdraw), name
    assert words in found.why
    assert found.reason == "withdrawn"


def test_a_draft_is_withdrawn_when_the_owner_wrote_to_any_of_those_it_greets(decide: Decide, rulebook: Rulebook) -> None:
    meeting = meeting_with(ANNA, BEN)
    anna, ben = tie(ANNA, meetings=[meeting]), tie(BEN, meetings=[meeting])
    (suggestion,) = decide(anna, ben).suggestions
    assert isinstance(
        judged(network(anna, tie(BEN, meetings=[meeting], mails=[mail_to(BEN, NOW)])), suggestion, rulebook), Withdraw
    )


def test_a_draft_expires_after_three_working_days_and_not_before(decide: Decide, rulebook: Rulebook) -> None:
    (suggestion,) = decide(met()).suggestions
    friday = datetime(2026, 3, 13, 16, tzinfo=UTC)
    assert judged(network(met()), suggestion, rulebook, friday) == Keep()
    late = judged(network(met()), suggestion, rulebook, friday + DAY)
    assert isinstance(late, Withdraw)
    assert late.reason == "expired"


def test_a_second_meeting_soon_after_does_not_make_the_first_thanks_untrue(decide: Decide, rulebook: Rulebook) -> None:
    first = meeting_with(ANNA)
    (suggestion,) = decide(tie(ANNA, meetings=[first])).suggestions
    again = tie(ANNA, meetings=[first, meeting_with(ANNA, ended=NOW + DAY)])
    assert judged(network(again), suggestion, rulebook, NOW + 2 * DAY) == Keep()


def test_switching_the_rule_off_withdraws_what_waits(decide: Decide, rulebook: Rulebook) -> None:
    (suggestion,) = decide(met()).suggestions
    assert isinstance(judged(network(met(), modes={"thank_you": "off"}), suggestion, rulebook), Withdraw)
    assert not decide(met(), modes={"thank_you": "off"}).suggestions
