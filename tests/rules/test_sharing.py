"""Telling somebody about the month: how many, and who only on request."""

from __future__ import annotations

from dataclasses import replace

from rules.engine import Keep, Withdraw, still_wanted
from rules.facts import Address
from rules.first_contact import Wish, first_contact
from rules.keys import text_mark
from rules.month import Choice, Month
from rules.rulebook import Rulebook
from rules.sharing import shared_month
from rules.suggestions import Draft
from rules.wording import Wording
from tests.rules.builders import DAY, HOUR, NOW, OLIVIA, days_ago, exchange, human, mail_to, network, past, tie

PAT = Address(email="pat@coach.example", name="Pat Coach")
ANNA = human("Anna Berg <anna@acme.example>")
IDA = human("Ida Own <ida@own.example>", is_internal=True)
MONTH = Month(name="2026-03", people=tuple(Choice(person_id=one.id, circle="", why="") for one in (ANNA, IDA)))
SEEN = network(tie(ANNA, mails=exchange(ANNA, days_ago(40))), tie(IDA, mails=exchange(IDA, days_ago(40))))


def draft(wording: Wording, *, has_names: bool = False, language: str = "en") -> Draft:
    made = shared_month(MONTH, replace(SEEN, owner=replace(OLIVIA, language=language)), PAT, NOW, wording, has_names=has_names)
    assert made is not None
    assert isinstance(made.action, Draft)
    return made.action


def test_the_same_coach_reads_other_words_every_month_and_a_second_one_there_too(wording: Wording) -> None:
    first = draft(wording)
    had = past(human("Pat Coach <pat@coach.example>"), "share", action="draft", text_mark=text_mark(first.text))
    seen = replace(SEEN, ledger=(had,))
    second = shared_month(MONTH, seen, Address(email="sam@coach.example"), NOW, wording)
    april = shared_month(replace(MONTH, name="2026-04"), SEEN, PAT, NOW, wording)
    assert second is not None
    assert april is not None
    texts = {made.action.text for made in (second, april) if isinstance(made.action, Draft)}
    assert len({first.text, *texts}) == 3
    had_all = tuple(replace(had, text_mark=text_mark(text)) for text in (first.text, *texts))
    assert shared_month(MONTH, replace(SEEN, ledger=had_all), PAT, NOW, wording) is None


def test_nobody_is_named_unless_asked_and_nobody_internal_ever(wording: Wording) -> None:
    plain, named = draft(wording), draft(wording, has_names=True)
    assert "2 people" in plain.text
    assert "Anna" not in plain.text + plain.subject
    assert "Anna Berg" in named.text
    assert "Ida" not in plain.text + named.text
    assert plain.subject == "My people for March 2026"
    assert draft(wording, language="de").text.startswith("Guten Tag,\n")
    assert plain.to == (PAT,)


def test_what_the_owner_asked_for_stays_until_they_write_themselves(wording: Wording) -> None:
    asked = first_contact(Wish(address=Address(email="anna@acme.example")), OLIVIA, NOW, wording)
    assert asked is not None
    empty = Rulebook(rules=())
    assert still_wanted(asked, network(), empty, NOW + DAY) == Keep()
    assert still_wanted(asked, SEEN, empty, NOW + DAY) == Keep()
    written = network(tie(ANNA, mails=[mail_to(ANNA, at=NOW + HOUR)]))
    assert isinstance(still_wanted(asked, written, empty, NOW + DAY), Withdraw)
    muted = network(tie(replace(ANNA, is_muted=True)))
    assert isinstance(still_wanted(asked, muted, empty, NOW + DAY), Withdraw)
