"""What a condition found, in the owner's words: what `why-not` puts under its sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from rules.conditions import Checked
from rules.named_facts import NEVER, Found

FOUND: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "person.kind": ("", ""),
        "person.circle": ("in your circle {value}", ""),
        "person.organisation": ("at {value}", ""),
        "person.is_internal": ("works at your own organisation", ""),
        "person.is_key": ("one of your key people", ""),
        "person.has_live_address": ("", ""),
        "tie.is_covered": ("", ""),
        "tie.is_two_way": ("", ""),
        "tie.has_next_meeting": ("", "no meeting with them is booked"),
        "tie.is_out_of_rhythm": ("it has been clearly longer than usual for you two", ""),
        "tie.has_cadence": ("", ""),
        "tie.interactions": ("", ""),
        "tie.meetings_held": ("", ""),
        "tie.one_to_ones_held": ("{value:.0f} one-to-one(s) held", ""),
        "tie.days_silent": ("{value:.0f} day(s) since the last contact, without leave and holidays", ""),
        "tie.rhythm_days": ("", ""),
        "tie.longest_gap_days": ("the longest gap so far was {value:.0f} day(s)", ""),
        "tie.times_rhythm": ("{value:.1f} times your usual gap", ""),
        "tie.times_cadence": ("{value:.1f} times the gap you set", ""),
        "tie.lapse_chance": ("how likely you two are not in touch for 90 days: {value:.0%}", ""),
        "tie.strength": ("how strong the tie is: {value:.0f} of 100", ""),
        "tie.former_strength": ("how strong the tie was at the last contact: {value:.0f} of 100", ""),
        "tie.unanswered": ("{value:.0f} message(s) of yours without an answer", ""),
        "tie.gives": ("you gave them something {value:.0f} time(s)", ""),
        "tie.asks": ("you asked them for something {value:.0f} time(s)", ""),
        "tie.missed_one_to_ones": ("{value:.0f} one-to-one(s) in a row fell out", ""),
        "meeting.size": ("you were {value:.0f} people in the meeting", ""),
        "meeting.confidence": ("", ""),
        "meeting.days_since_previous": ("you had met {value:.0f} day(s) before", ""),
        "meeting.workdays_ago": ("the meeting was {value:.0f} working day(s) ago", ""),
        "meeting.is_first": ("it was your first meeting", ""),
        "meeting.is_organized_by_owner": ("you organised it", ""),
        "meeting.is_accepted": ("you accepted it", "you did not accept it"),
        "meeting.is_recurring": ("it is one of a series", ""),
        "meeting.is_organized_by_person": ("they organised it", ""),
        "meeting.has_taken_part": ("they accepted or organised it", ""),
        "meeting.has_true_fact": ("there was something true and personal to say", ""),
        "meeting.is_history_known": ("", ""),
        "meeting.is_before_connecting": ("", ""),
        "cause.matter": ("", ""),
        "cause.has_owner_written": ("", "you have not written since"),
        "cause.is_answered": ("", "they have not been in touch since"),
        "cause.workdays_ago": ("since then: {value:.0f} working day(s)", ""),
        "mail.people": ("{value:.0f} person(s) on the mail besides you", ""),
        "introduction.meetings_since": ("{value:.0f} meeting(s) since the introduction", ""),
    }
)
"""By the name of a fact: what to say where it is so, or how much it is; and what where it is not. "" goes without saying."""


def said(found: Checked) -> Iterator[str]:
    """Yield what is worth saying of one condition beside the sentence it gave: of one that is not met only how much it is."""
    for each in found.parts or (found,):
        is_told = isinstance(each.found, bool) and not found.is_met
        if not is_told and (words := _words(each.fact, each.found)):
            yield words


def _words(fact: str, found: Found) -> str:
    so, otherwise = FOUND[fact]
    match found:
        case bool():
            return so if found else otherwise
        case float():
            return "" if found >= NEVER or not found else _counted(so.format(value=found), round(found))
        case str():
            return so.format(value=found) if found else ""


def _counted(text: str, count: int) -> str:
    """Have a noun agree with its number."""
    return re.sub(r"person\(s\)", "person" if count == 1 else "people", text).replace("(s)", "" if count == 1 else "s")
