"""What the owner wants for whole circles and organisations: cadence, language, templates, and which circle somebody is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from rules.circles import as_wished
from rules.engine import suggest
from rules.network import Relation
from rules.rulebook import parse
from rules.wishes import Wishes
from rules.wording import Wording
from tests.rules.builders import DAY, NOW, OLIVIA, Decide, drafts, exchange, fortnightly, holds, human, meeting_with, network, tie

ANNA = human("Anna Berg <anna@eng.acme.example>")
MENTOR = replace(ANNA, circle="mentor")
MET = [meeting_with(ANNA)]


def wished(relation: Relation, **wishes: Mapping[str, object]) -> Relation:
    return as_wished(relation, replace(OLIVIA, wishes=Wishes(**wishes)))  # type: ignore[arg-type]  # a field and its value


def test_a_circle_has_a_cadence_for_everybody_without_one_of_their_own() -> None:
    own = replace(MENTOR, cadence=timedelta(days=10))
    found = [wished(tie(each), cadences={"mentor": 60 * DAY}).person.cadence for each in (MENTOR, ANNA, own)]
    assert found == [60 * DAY, None, timedelta(days=10)]


def test_inferred_circles_have_one_too() -> None:
    private = human("Ida Ek <ida@gmail.com>")
    assert wished(tie(private), cadences={"personal": 90 * DAY}).person.cadence == 90 * DAY
    assert wished(tie(ANNA), cadences={"strategic": 30 * DAY}).person.cadence == 30 * DAY


@pytest.mark.parametrize(
    ("languages", "circles", "language"),
    [
        ({"anna@eng.acme.example": "fr", "acme.example": "de"}, {"mentor": "es"}, "fr"),
        ({"acme.example": "de"}, {"mentor": "es"}, "es"),
        ({"acme.example": "de"}, {"team": "es"}, "de"),
        ({"acme.example": "de", "eng.acme.example": "fr"}, {}, "fr"),
        ({"cme.example": "de"}, {}, ""),
    ],
)
def test_a_language_is_of_the_person_else_of_the_circle_else_of_the_organisation(
    languages: dict[str, str], circles: dict[str, str], language: str
) -> None:
    assert wished(tie(MENTOR), languages=languages, circle_languages=circles).person.language == language


def test_the_cadence_of_a_circle_makes_a_silence_too_long(decide: Decide) -> None:
    relation = tie(MENTOR, mails=exchange(MENTOR, NOW - 50 * DAY))
    assert not holds(decide(relation))
    assert holds(decide(wished(relation, cadences={"mentor": 30 * DAY})))


def test_drafts_are_in_the_language_of_the_organisation(decide: Decide) -> None:
    (draft,) = drafts(decide(wished(tie(ANNA, meetings=MET), languages={"acme.example": "de"})))
    assert "Vielen Dank" in draft.subject


def test_a_circle_has_templates_of_its_own_where_there_are_some(templates: Mapping[str, str], shipped: str) -> None:
    own = {"en/thank_you@mentor.1.txt": "As ever\n\nThank you, mentor.\n", "en/thank_you@mentor.why.txt": "Your mentor.\n"}
    hold = {"en/check_in@mentor.hold.txt": "Mentor\n\n{{ why }}\n", "en/check_in@mentor.why.txt": "Time for them.\n"}
    words = Wording({**templates, **own, **hold})
    book = parse([("d", shipped)], templates=words.names())
    (plain,) = suggest(network(tie(ANNA, meetings=MET)), book, NOW, words).suggestions
    (special,) = suggest(network(tie(MENTOR, meetings=MET)), book, NOW, words).suggestions
    assert (plain.action.subject, special.action.subject, special.why) == ("Thank you", "As ever", "Your mentor.")  # type: ignore[union-attr]  # drafts
    (held,) = holds(suggest(network(fortnightly(MENTOR)), book, NOW, words))
    assert (held.title, held.description) == ("Mentor", "Time for them.")
    german = replace(OLIVIA, language="de")
    (other,) = holds(suggest(network(fortnightly(MENTOR), owner=german), book, NOW, words))
    assert other.title == ANNA.name, "no German template for mentors: the plain one"


def test_a_condition_knows_inferred_circles_too(decide: Decide, shipped: str) -> None:
    own = '[rules.check_in]\nwhen = [{ fact = "person.circle", is = "operational" }]\n'
    book = parse([("d", shipped), ("o", own)])
    assert holds(decide(fortnightly(replace(ANNA, circle="")), book=book))
    assert not holds(decide(fortnightly(MENTOR), book=book))
