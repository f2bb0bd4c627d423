"""Hiring: what makes a meeting an interview but its title, and who is only called like one who hires."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules.facts import Address
from rules.hiring import hires
from rules.manners import care_for
from rules.network import Guest
from tests.rules.builders import OLIVIA, address, human, meeting_with

ANNA = human("Anna Berg <anna@acme.example>")


@pytest.mark.parametrize(
    "email",
    [
        "no-reply@us.greenhouse-mail.io",
        "x@hire.lever.co",
        "acme@myworkday.com",
        "a@ashbyhq.com",
        "invite@goodtime.io",
        "jobs@acme.teamtailor-mail.com",
    ],
)
def test_an_organiser_of_interviews_is_known_by_its_domain(email: str) -> None:
    assert "interview" in care_for(meeting_with(ANNA, organizer=Address(email=email)), OLIVIA)


HIRING = (
    "Acme Recruiting <no-reply@modernloop.io>",
    "x1y2z3@reply.ashbyhq.com",
    "Greenhouse <scheduling@greenhouse.io>",
    "interviews@workable.com",
    "Zed at SmartRecruiters <notify@smartrecruiters.com>",
    "Max Berg <max@hirewell.example>",
    "Max Berg <max.berg@roberthalf.de>",
    "Max Berg <max.berg@hays.example>",
    "Max Berg <max@recruiting.acme.example>",
    "Max Berg <max@stern-personalberatung.example>",
    "Talent Team <talent.acquisition@acme.example>",
    "bewerbung@acme.example",
    "Interview Scheduling <calendar@acme.example>",
    "Rita Fox (Recruiting) <rita.fox@acme.example>",
)
ORDINARY = (
    "Jane Fox <jane.fox@greenhouse.io>",
    "Jane Fox <jfox@workday.com>",
    "jane.fox@lever.co",
    "Steve Jobs <steve.jobs@acme.example>",
    "Steve Jobs <jobs.steve@acme.example>",
    "Anna Berg <anna@yorkshire.example>",
    "John Hays <john@hays.example>",
    "Talia Talenti <talia@talentina.example>",
)


@pytest.mark.parametrize("written", HIRING)
def test_a_meeting_about_hiring_is_known_by_any_guest_or_its_organiser(written: str) -> None:
    other = human(written) if "<" in written else human(f"<{written}>")
    assert "interview" in care_for(meeting_with(ANNA, other), OLIVIA)
    assert "interview" in care_for(meeting_with(ANNA, organizer=address(written)), OLIVIA)


@pytest.mark.parametrize("written", ORDINARY)
def test_who_sells_a_hiring_system_or_is_only_called_like_one_is_thanked_as_others_are(written: str) -> None:
    assert not hires(address(written), OLIVIA)
    assert care_for(meeting_with(ANNA, organizer=address(written)), OLIVIA) == ""


def test_what_a_room_is_called_says_nothing_of_what_is_talked_about_in_it() -> None:
    booked = Guest(address=address("BER Interview Room 2 <ber-2@own.example>"), kind="room")
    assert care_for(meeting_with(ANNA, booked), OLIVIA) == ""
    assert "interview" in care_for(meeting_with(ANNA, replace(booked, kind="list")), OLIVIA)


def test_a_link_to_an_interview_room_says_what_the_meeting_is() -> None:
    assert "interview" in care_for(meeting_with(ANNA, location="https://app.coderpad.io/AB12CD"), OLIVIA)
    assert "interview" in care_for(meeting_with(ANNA, uid="4711@calendar.ashbyhq.com"), OLIVIA)
    assert care_for(meeting_with(ANNA, location="https://meet.acme.example/greenhouse.io"), OLIVIA) == ""


def test_where_the_owner_works_is_no_agency_to_them() -> None:
    owner = replace(OLIVIA, domains=frozenset({"hirewell.example"}))
    colleague = human("Max Berg <max@hirewell.example>")
    assert care_for(meeting_with(ANNA, colleague), owner) == ""
    assert "interview" in care_for(meeting_with(ANNA, human("<interviews@hirewell.example>")), owner)
    maker = replace(OLIVIA, domains=frozenset({"gem.com"}))
    assert care_for(meeting_with(ANNA, uid="4711@gem.com", location="https://visit.gem.com/hq"), maker) == ""
    assert "interview" in care_for(meeting_with(ANNA, uid="4711@calendar.ashbyhq.com"), maker)
