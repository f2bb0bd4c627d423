"""Words: what the shipped templates say, what they never say, and what nobody can smuggle in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.case import view_of
from rules.triggers import cases
from rules.vocabulary import OF_A_RULE, words_of
from rules.wording import Word, Wording, WordingError, one_line
from rules.words import words_for
from tests.rules.builders import NOW, fortnightly, human, network

CREEPY = re.compile(
    r"lapse|silen|ghost|%|score|probab|days? ago|\d+ days|inactive|stale|cold|quiet|tracking|"
    r"verstumm|schweig|wahrscheinlich|seit \d+ tagen|still geworden|prozent",
    re.IGNORECASE,
)
GIVEN: Mapping[str, Word] = {
    "name": "Anna Berg", "everyone": "Anna Berg and Ben Ito", "names": "Anna and Ben", "is_plural": True, "is_first": False, "span": "fourteen months",
    "next_day": "12 May", "introducer": "Cleo Dahl", "introduced": "Dora Ek", "topic": "Roadmap", "subject": "Hello", "event": "PyCon", "place": "Lyon",
    "promise": "send the paper", "social": "lunch", "day": "3 March", "since": "June", "why": "Because.", "reason": "advice", "about": "data contracts",
    "minutes": 15, "title": "Catching up", "time": "14:30", "owner": "Olivia Ost", "account": "work", "error": "Refused.", "remedy": "Sign in again.",
    "month": "March 2026", "count": 3,
}  # fmt: skip
MAILS = (
    "thank_you",
    "organiser_thanks",
    "conference_follow_up",
    "introduction_thanks",
    "introduction_paid_off",
    "nudge",
    "opener",
    "first_contact",
    "share_month",
)


def one_template(text: str) -> Wording:
    """A wording whose only mail is this text."""
    return Wording({"en/words.toml": WORDS, "en/x.1.txt": text, "en/x.why.txt": "Because."})


WORDS = (
    'months = ["1","2","3","4","5","6","7","8","9","10","11","12"]\nand = "and"\nday = "{day} {month}"\nmonth_of_year = "{month} {year}"\n'
    'for_months = "{number} months"\nfor_one_year = "a year"\nfor_years = "{number} years"\nnumbers = ['
    + ", ".join(f'"{n}"' for n in range(24))
    + "]\n"
)


def everything(wording: Wording, words: Mapping[str, Word]) -> list[str]:
    texts: list[str] = []
    for language in ("en", "de"):
        for template, actions in wording.names().items():
            texts.append(wording.why(template, language, words))
            for variant in range(wording.variants(template, language)):
                mail = wording.draft(template, language, words, variant=variant, signature="Olivia")
                texts += [mail.subject, mail.text, mail.html]
            if "hold" in actions:
                titled = wording.hold(template, language, words)
                texts += [titled.title, titled.description]
            if "invite" in actions:
                titled = wording.invite(template, language, words)
                texts += [titled.title, titled.description]
    return texts


def test_every_template_is_there_in_every_language_in_as_many_variants(wording: Wording) -> None:
    for template in wording.names():
        assert wording.language(template, "de") == "de"
        assert wording.variants(template, "de") == wording.variants(template, "en")
    assert all(wording.variants(template, "en") > 1 for template in MAILS)


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("empty", [(), ("names",), ("introducer", "next_day", "topic", "place")])
def test_nothing_shipped_says_anything_creepy_or_leaves_a_gap(wording: Wording, is_first: bool, empty: tuple[str, ...]) -> None:
    for text in everything(wording, {**GIVEN, "is_first": is_first, **dict.fromkeys(empty, "")}):
        assert not CREEPY.search(text), text
        assert not re.search(r"\{|\}|\[|\]|TODO|XXX|  |\btoday\b|\byesterday\b|\bheute\b|\bgestern\b|\bNone\b", text), text
        assert text.strip()


def test_german_mails_are_free_of_pronouns_and_titles(wording: Wording) -> None:
    for template in MAILS:
        for variant in range(wording.variants(template, "de")):
            mail = wording.draft(template, "de", GIVEN, variant=variant)
            assert not re.search(
                r"\b(Sie|Ihnen|Ihr\w*|du|dir|dich|dein\w*|euch|euer\w*|Frau|Herrn?)\b", f"{mail.subject} {mail.text}"
            ), mail.text


def test_no_two_variants_read_the_same(wording: Wording) -> None:
    for template in MAILS:
        for language in ("en", "de"):
            texts = {wording.draft(template, language, GIVEN, variant=n).text for n in range(wording.variants(template, language))}
            assert len(texts) == wording.variants(template, language)


def test_the_greeting_is_neutral_where_no_first_name_is_certain(wording: Wording) -> None:
    assert wording.draft("thank_you", "en", {**GIVEN, "names": ""}).text.startswith("Hello,\n")
    assert wording.draft("thank_you", "de", {**GIVEN, "names": ""}).text.startswith("Guten Tag,\n")
    assert wording.draft("thank_you", "en", {**GIVEN, "names": "Anna"}).text.startswith("Hello Anna,\n")


def test_mail_in_html_takes_the_signature_written_for_it(wording: Wording) -> None:
    mail = wording.draft("thank_you", "en", GIVEN, signature="Olivia", signature_html="<p><b>Olivia</b></p>")
    assert mail.html.endswith("</p>\n<p><b>Olivia</b></p>\n")
    assert "Olivia" not in mail.html.removesuffix("<p><b>Olivia</b></p>\n")
    assert mail.text.endswith("\nOlivia\n")


def test_the_signature_stands_below_as_the_owner_wrote_it(wording: Wording) -> None:
    mail = wording.draft("thank_you", "en", GIVEN, signature="Olivia Ost\nCTO & <Own>")
    assert mail.text.endswith("Best regards\nOlivia Ost\nCTO & <Own>\n")
    assert "CTO &amp; &lt;Own&gt;" in mail.html


@pytest.mark.parametrize(
    ("now", "day", "words"),
    [
        (date(2026, 9, 1), date(2026, 6, 30), "June"), (date(2026, 3, 1), date(2025, 6, 1), "June"), (date(2026, 6, 1), date(2025, 6, 1), "June 2025"),
        (date(2026, 4, 1), date(2025, 6, 1), "June 2025"), (date(2026, 6, 20), date(2026, 6, 1), "June 2026"),
    ],
)  # fmt: skip
def test_since_names_the_year_where_the_month_alone_could_mislead(wording: Wording, now: date, day: date, words: str) -> None:
    assert wording.since("en", day, now) == words


@pytest.mark.parametrize(
    ("months", "words"),
    [
        (2, "two months"),
        (12, "a year"),
        (14, "fourteen months"),
        (24, "two years"),
        (40, "three years"),
        (999, "twenty-three years"),
    ],
)
def test_spans_are_said_in_words(wording: Wording, months: int, words: str) -> None:
    assert wording.span("en", months) == words


def test_an_unknown_language_falls_back_and_a_region_finds_its_language(wording: Wording) -> None:
    assert wording.language("thank_you", "fr", "") == "en"
    assert wording.language("thank_you", "", "de-AT") == "de"
    assert wording.language("thank_you", "fr", "de_CH") == "de"


HOSTILE = [
    "{{ 7 * 7 }}",
    "{% for i in range(9) %}x{% endfor %}",
    "<script>alert(1)</script>",
    "A\r\nBcc: eve@evil.example",
    "A\nSubject: x",
    "\u202eevil\u2066",
    "a\x00b\x1b[31m",
    "x" * 100_000,
    "{0.__class__}",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_others_wrote_is_never_run_never_a_line_break_and_never_markup(wording: Wording, hostile: str) -> None:
    words = {key: hostile if isinstance(value, str) else value for key, value in GIVEN.items()}
    for template in MAILS:
        mail = wording.draft(template, "en", words)
        assert "\n" not in mail.subject
        assert "\r" not in mail.subject + mail.text
        assert len(mail.subject) <= 200
        assert "<script" not in mail.html
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e\u2066-\u2069]", mail.text + mail.subject)
        assert not re.search(r"^(Bcc|Subject):", mail.text, re.MULTILINE)
        if hostile.startswith("{"):
            assert hostile in mail.text + mail.subject
    titled = wording.hold("check_in", "en", words)
    assert "\n" not in titled.title
    assert len(titled.title) <= 200


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_one_line_is_one_line_for_any_text(text: str) -> None:
    found = one_line(text)
    assert len(found.splitlines()) <= 1
    assert one_line(found) == found
    assert len(found) <= 200


@pytest.mark.parametrize(
    "evil",
    [
        "{{ 'x' * 1000000000 }}", "{{ 2 ** 99999999 }}", "{{ '%999999999d' % 1 }}", "{% for i in [1] %}x{% endfor %}", "{{ ''.__class__ }}", "{{ name['x'] }}",
        "{{ name | upper }}", "{{ name() }}", "{% set a = name ~ name %}", "{% include 'x' %}", "{% macro m() %}{% endmacro %}",
        "{{ [1, 2] }}", "{{ name + name }}",
        "{% if", "x" * 9000,
    ],
)  # fmt: skip
def test_a_template_may_only_print_and_choose(evil: str) -> None:
    with pytest.raises(WordingError, match=r"en/x\.1\.txt"):
        one_template(f"Subject\n\n{evil}")


def test_a_text_that_grows_too_long_is_refused() -> None:
    with pytest.raises(WordingError, match="more than"):
        one_template("S\n\n" + "{{ name }}" * 200).draft("x", "en", {"name": "y" * 400})


def test_a_word_nobody_filled_in_is_an_error_and_no_empty_place() -> None:
    with pytest.raises(WordingError, match="nmae"):
        one_template("S\n\nHello {{ nmae }}").draft("x", "en", {"name": "Anna"})


def test_every_faulty_template_is_named_at_once() -> None:
    with pytest.raises(WordingError) as caught:
        Wording({"en/words.toml": "months = []", "en/a.1.txt": "{{ 1 + 1 }}", "en/b.1.txt": "{% if"})
    assert all(name in str(caught.value) for name in ("en/words.toml", "en/a.1.txt", "en/b.1.txt"))


def test_a_missing_template_says_what_to_do(wording: Wording) -> None:
    with pytest.raises(WordingError, match="is missing: put it"):
        wording.draft("thank_you", "en", GIVEN, variant=99)
    with pytest.raises(WordingError, match=r"words\.toml is missing"):
        Wording({})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("en/x.1.txt", "Hi {{ nmae }}\n", "there is no word 'nmae'; did you mean 'name'?"),
        ("en/x.1.txt", "Hi\n\n{{ why }}\n", "there is no word 'why'"),
        ("en/x.hold.txt", "{{ owner }}\n", "there is no word 'owner'"),
        ("en/first_contact.3.txt", "{{ topic }}\n", "there are about, minutes, name, names, reason"),
        ("de/x@mentor.why.txt", "{% if is_frist %}a{% endif %}", "did you mean 'is_first'?"),
    ],
)
def test_a_word_a_template_is_never_given_is_found_when_it_is_read(name: str, text: str, said: str) -> None:
    with pytest.raises(WordingError, match=re.escape(said)):
        Wording({"en/words.toml": WORDS, name: text})


def test_every_word_there_is_for_a_rule_is_given(wording: Wording) -> None:
    relation = fortnightly(human("Bob Kay <bob@kay.example>"))
    case = next(cases("lapsing", view_of(network(relation), NOW), relation))
    assert words_for([case], wording, "en").keys() == OF_A_RULE
    assert words_of("en/check_in.hold.txt") == words_of("de/check_in@mentor.hold.txt") == OF_A_RULE | {"why"}
    assert words_of("en/check_in.invite.txt") == OF_A_RULE | {"owner"}


def test_what_is_proven_elsewhere_is_checked_when_it_is_used() -> None:
    """The service need not read a hundred templates before its first word, and still uses none that does more than print."""
    texts = {"en/words.toml": WORDS, "en/x.why.txt": "{{ 'x' * 10 }}", "en/y.why.txt": "Because."}
    lazy = Wording(texts, proven={"en/x.why.txt"})
    assert lazy.why("y", "en", {}) == "Because."
    with pytest.raises(WordingError, match=r"en/x\.why\.txt"):
        lazy.why("x", "en", {})
    with pytest.raises(WordingError, match=r"en/y\.why\.txt"):
        Wording({**texts, "en/y.why.txt": "{{ 1 + 1 }}"}, proven={"en/x.why.txt"})
