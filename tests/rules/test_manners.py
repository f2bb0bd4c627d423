"""Manners: what is left to the owner, and what is not mistaken for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules.engine import suggest
from rules.facts import Address
from rules.manners import care_for_domain, care_for_title
from rules.month import Terms, choose
from rules.promises import Promise
from rules.rulebook import Rulebook
from rules.wording import Wording
from tests.rules.builders import DAY, NOW, OLIVIA, fortnightly, human, meeting_with, network, tie

ANNA = human("Anna Berg <anna@acme.example>")


DELICATE = {
    "interview": [
        "Interview: Senior SRE",
        "Onsite interview",
        "Phone screen w/ Max",
        "Vorstellungsgespräch Platform",
        "Bewerbungsgespräch",
        "BEWERBUNG Data Engineer",
        "Entretien d'embauche",
        "Entrevista técnica",
        "Colloquio conoscitivo",
        "Sollicitatiegesprek",
        "Job offer call",
        "Hiring debrief",
        "Anställningsintervju",
        "Rozmowa kwalifikacyjna",
        "Собеседование: инженер",
        "山田さんの面接",
        "면접 2차",
        "Onsite loop Zed Fox",
        "Virtual on-site: Zed Fox",
        "Panel: Senior Engineer",
        "Zed Fox - Staff Backend Engineer role",
        "Round 2: Product Manager",
        "HM call",
        "HM screen (Zed)",
        "Take-home review",
        "Candidates weekly",
        "Telefoninterview",
        "Initiativbewerbung",
        "Kandidatengespräch",
        "Probearbeiten Zed",
        "Einstellungsgespräch",
        "Point recrutement",
        "Candidature Zed Fox",
        "Proceso de selección",
        "Selezione del personale",
        "Sollicitanten bespreken",
        "Rekryteringsmöte",
        "Rozmowa rekrutacyjna",
        "Jobbintervju",
    ],
    "people": [
        "HR sync",
        "Kündigungsgespräch",
        "Kuendigung",
        "Performance review Q1",
        "PIP follow-up",
        "Licenciement économique",
        "Despido",
        "Abmahnung",
        "Gehaltsgespräch",
        "Ressources humaines",
    ],
    "legal": [
        "Legal review",
        "Call with our lawyer",
        "Rechtsanwältin Kurz",
        "Tribunal",
        "Litigation hold",
        "Abogado",
        "Rechtsberatung",
        "Advogado",
        "与律师通话",
    ],
    "medical": [
        "Zahnarzt",
        "Arzttermin",
        "Doctor's appointment",
        "MRI",
        "Médecin du travail",
        "Physio",
        "Huisarts",
        "Läkare 9:00",
        "Lekarz",
        "病院に行く",
    ],
    "bereavement": [
        "Funeral of a friend",
        "Beerdigung",
    ],
    "incident": [
        "Incident #42 bridge",
        "P1: checkout down",
        "Post-mortem",
    ],
    "private": [
        "Confidential",
        "Vertraulich: Projekt X",
    ],
}


@pytest.mark.parametrize(("title", "matter"), [(title, matter) for matter, titles in DELICATE.items() for title in titles])
def test_a_delicate_title_is_left_to_the_owner(title: str, matter: str) -> None:
    assert matter in care_for_title(title, OLIVIA)


@pytest.mark.parametrize(
    "title",
    [
        "Roadmap",
        "Coffee",
        "Hrubieszów trip",
        "Three-way sync",
        "Pipeline review",
        "Doctrine migration",
        "Lawrence / Olivia",
        "Candidacy-free lunch",
        "Legalize.io demo",
        "Private cloud offer",
        "Articles",
        "Clinical-grade wins",
        "Onsite at Acme",
        "Onsite with the account manager",
        "Panel: senior engineers on AI",
        "Panel discussion: the future of data",
        "Close the loop",
        "Loop in Zed",
        "Design review, round 2",
        "Seed round: lead investor",
        "Platform engineering",
        "Intro: Zed Fox, Staff Engineer",
        "Screen sharing test",
        "Release candidate 3",
        "Customer interviews: what we learnt",
        "Podcast interview with Zed",
        "Stakeholder interviews",
        "Kundeninterview Nordwind",
        "Nutzer-Interviews: Auswertung",
        "Presseinterview Handelsblatt",
        "Klantinterview Zed",
        "Kundintervju Zed",
        "Product Manager Round Table",
        "Senior engineer panel discussion",
        "Product manager position paper",
        "Security architect role model",
        "Splash screen call",
        "Initial screen designs",
        "Wettbewerb 2026",
        "Take home message of the quarter",
        "",
        "🙂",
    ],
)
def test_an_ordinary_title_is_not_mistaken_for_a_delicate_one(title: str) -> None:
    assert care_for_title(title, OLIVIA) == ""


@pytest.mark.parametrize(
    ("email", "is_delicate"),
    [
        ("x@smith-legal.example", True), ("x@kanzlei-maier.example", True), ("x@law.acme.example", True), ("x@klinik.example", True),
        ("x@lawrence.example", False),
        ("x@outlaws.example", False), ("x@delaware.example", False), ("lawyer@acme.example", False),
    ],
)  # fmt: skip
def test_lawyers_and_doctors_are_known_by_whole_words_of_their_domain(email: str, is_delicate: bool) -> None:
    assert bool(care_for_domain(Address(email=email), OLIVIA)) is is_delicate


def test_the_owners_never_list_counts_by_title_words_and_domains() -> None:
    owner = replace(OLIVIA, never_words=("Project Falcon",), never_domains=frozenset({"acme.example"}))
    assert care_for_title("Re: project  falcon, part 2", owner)
    assert not care_for_title("Falcon Heavy", owner)
    assert care_for_domain(Address(email="a@acme.example"), owner)
    assert care_for_domain(Address(email="a@eu.acme.example"), owner)
    assert not care_for_domain(Address(email="a@notacme.example"), owner)


def test_why_not_says_that_it_is_left_to_the_owner(rulebook: Rulebook, wording: Wording) -> None:
    meeting = meeting_with(ANNA, title="Vorstellungsgespräch Platform")
    decision = suggest(network(tie(ANNA, meetings=[meeting])), rulebook, NOW, wording)
    assert not decision.suggestions
    (sentence,) = {one.sentence for one in decision.refusals}
    assert sentence == "This is an interview or application: I leave it to you."


@pytest.mark.parametrize("never", ["acme.example", "example"])
def test_an_organisation_on_the_never_list_gets_no_draft(rulebook: Rulebook, wording: Wording, never: str) -> None:
    owner = replace(OLIVIA, never_domains=frozenset({never}))
    seen = network(tie(ANNA, meetings=[meeting_with(ANNA)]), owner=owner)
    assert not suggest(seen, rulebook, NOW, wording).suggestions


@pytest.mark.parametrize(
    "email", ["anna@acme.example", "anna@eu.acme.example", "anna@kanzlei-berg.example", "anna@private.example"]
)
def test_no_rule_and_no_month_has_anything_for_who_is_to_be_left_alone(rulebook: Rulebook, wording: Wording, email: str) -> None:
    """Also where the delicate address is not the one mail goes to."""
    owner = replace(OLIVIA, never_domains=frozenset({"acme.example"}))
    person = human(f"Anna Berg <{email}>", is_key=True)
    person = replace(person, addresses=(*person.addresses, "anna@acme.example")) if "private" in email else person
    quiet, long_ago, missed = (
        fortnightly(person),
        fortnightly(person, silent=500, count=40),
        replace(tie(person), missed_one_to_ones=3),
    )
    for relation in (quiet, long_ago, missed, replace(quiet, promises=[Promise(id="1", text="x", made_at=NOW, due_at=NOW + DAY)])):
        decision = suggest(network(relation, owner=owner, month=[person.id]), rulebook, NOW, wording)
        assert not decision.suggestions
        assert {one.sentence.partition(": ")[2] for one in decision.refusals} <= {"I leave it to you."}
    assert choose(network(quiet, owner=owner), NOW, Terms()).people == ()
    plain = fortnightly(human("Anna Berg <anna@plain.example>"))
    assert choose(network(plain, owner=owner), NOW, Terms()).people != ()
