"""A first line to a stranger, and giving before asking."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from rules.facts import Address
from rules.first_contact import Reason, Wish, first_contact
from rules.keys import text_mark
from rules.network import Past
from rules.reciprocity import balance, before_an_ask
from rules.suggestions import Draft
from rules.wording import Wording
from tests.rules.builders import NOW, OLIVIA, days_ago, exchange, human, past, tie

FAY = Address(email="fay@far.example", name="Fay Ode")


def written(wish: Wish, wording: Wording, *ledger: Past) -> Draft:
    made = first_contact(wish, OLIVIA, NOW, wording, ledger)
    assert made is not None
    assert isinstance(made.action, Draft)
    return made.action


def test_it_states_the_time_asked_for_and_offers_a_way_out(wording: Wording) -> None:
    draft = written(Wish(address=FAY, first_name="Fay", reason="advice", about="data contracts"), wording)
    assert draft.subject == "15 minutes: data contracts"
    assert draft.text == (
        "Hello Fay,\n\nI would value your advice on data contracts.\n"
        "Would 15 minutes for a short call be possible in the coming weeks? If it does not suit, a short no is fine.\n\n"
        "Best regards\nOlivia Ost\nCTO, Own\n"
    )
    assert (draft.to, draft.from_) == ((FAY,), OLIVIA.addresses[0])


@pytest.mark.parametrize("reason", get_args(Reason))
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("about", ["", "data contracts"])
def test_every_reason_reads_well_in_every_language(wording: Wording, reason: Reason, language: str, about: str) -> None:
    text = written(Wish(address=FAY, reason=reason, language=language, about=about), wording).text
    assert text.startswith("Hello,\n" if language == "en" else "Guten Tag,\n")
    assert "15" in text
    assert (about in text) is True
    assert not any(mark in text for mark in ("{", "}", "  ", " .", " ,"))


def test_the_same_address_never_gets_two(wording: Wording) -> None:
    one = first_contact(Wish(address=FAY, reason="idea"), OLIVIA, NOW, wording)
    other = first_contact(Wish(address=Address(email="Fay@FAR.example"), about="x"), OLIVIA, NOW, wording)
    assert one is not None
    assert other is not None
    assert one.key == other.key


def test_two_people_at_one_organisation_never_get_the_same_words(wording: Wording) -> None:
    wish = Wish(address=FAY, reason="advice", about="data contracts")
    first = written(wish, wording)
    had = past(human("Gus Ode <gus@far.example>"), "thank_you", text_mark=text_mark(first.text))
    second = written(wish, wording, had)
    assert text_mark(second.text) != text_mark(first.text)
    assert "15 minutes" in second.text
    both = (had, replace(had, key="k2", rule="want", text_mark=text_mark(second.text)))
    assert first_contact(wish, OLIVIA, NOW, wording, both) is None
    assert text_mark(written(replace(wish, about="platform teams"), wording, *both).text) != text_mark(first.text)
    elsewhere = replace(had, addresses=("gus@other.example",))
    assert written(wish, wording, elsewhere).text == first.text


def test_hostile_wishes_break_out_of_nothing(wording: Wording) -> None:
    evil = Address(email="a@b.example", name="A\r\nBcc: eve@evil.example")
    draft = written(Wish(address=evil, first_name="{{ 7*7 }}<b>", about="x\r\nBcc: y"), wording)
    assert not any("\n" in text or "\r" in text for text in (draft.subject, draft.to[0].name))
    assert "49" not in draft.text
    assert "<b>" not in draft.html


ANNA = human("Anna Berg <anna@acme.example>")
UNASKED = "You gave Anna Berg nothing that I know of: is there something to give first?"
WARNING = "You asked Anna Berg 3 times and gave nothing that I know of: is there something to give first?"
KNOWN = tie(ANNA, mails=exchange(ANNA, *(days_ago(20 * n + 1) for n in range(4))))


@pytest.mark.parametrize(
    ("gives", "asks", "sentence", "warning"),
    [
        (0, 0, "", UNASKED),
        (1, 0, "Anna Berg: once given, nothing asked, as far as I know.", ""),
        (2, 1, "Anna Berg: twice given, once asked, as far as I know.", ""),
        (0, 3, "Anna Berg: nothing given, 3 times asked, as far as I know.", WARNING),
    ],
)  # fmt: skip
def test_an_ask_without_a_give_is_warned_of(gives: int, asks: int, sentence: str, warning: str) -> None:
    relation = replace(KNOWN, gives=gives, asks=asks)
    assert (balance(relation).sentence, before_an_ask(relation)) == (sentence, warning)


def test_where_little_is_known_nothing_is_said() -> None:
    thin = tie(ANNA, mails=exchange(ANNA, days_ago(3)))
    assert before_an_ask(thin) == ""
    assert (balance(replace(thin, asks=2)).sentence, before_an_ask(replace(thin, asks=2))) == ("", "")
