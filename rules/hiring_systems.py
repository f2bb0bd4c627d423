"""Applicant tracking, assessment and interview scheduling systems, told from the people who work for their makers."""
# ruff: noqa: SIM905 -- lists of words read best as words

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from rules.addresses import match_key, organisation
from rules.names import is_human_name, tokens
from rules.wordlists import MACHINE_WORDS, ORGANISATIONAL, ROLE_WORDS

SYSTEMS: Final = frozenset(
    """applytojob.com ashbyhq.com avature.net bamboohr.com beamery.com breezy.hr brighthire.com bullhorn.com bullhornstaffing.com
    candidate.fyi codility.com codesignal.com coderpad.io comeet.co concludis.de devskiller.com eightfold.ai flatchr.io gem.com
    goodtime.io greenhouse.io greenhouse-mail.io hackerrank.com hibob.com hired.com hireez.com hirevue.com homerun.co icims.com
    indeed.com indeedemail.com interviewing.io jazz.co jobadder.com jobdiva.com jobscore.com jobvite.com jobylon.com join.com
    karat.com lever.co loxo.co manatal.com metaview.ai modernloop.io myinterview.com myworkday.com onlyfy.io paradox.ai personio.com
    personio.de pinpointhq.com prelude.co prescreen.io reachmee.com recruitee.com rexx-recruitment.com rexx-systems.com
    smartrecruiters.com softgarden.de softgarden.io sparkhire.com successfactors.com taleez.com talentlyft.com talentsoft.com
    taleo.net teamtailor.com teamtailor-mail.com testdome.com testgorilla.com umantis.com varbi.com vidcruiter.com welcomekit.co
    welcometothejungle.com wellfound.com workable.com workablemail.com workday.com zohorecruit.com""".split()
)
"""Their registrable domains."""
NAME: Final = re.compile(r"[a-z]+(?:-[a-z]+)*(?:\.[a-z]+(?:-[a-z]+)*){1,2}\d{0,2}")
"""A local part that is first.last, anne-marie.last or first.de.last, maybe the second who is called so."""
WORD: Final = re.compile("[a-z]+")


def is_hiring_system(key: str, names: Iterable[str]) -> bool:
    """Tell whether a match key, seen under these display names, is such a system's own and no employee's of its maker."""
    return organisation(key) in SYSTEMS and not any(_is_employee(name, key) for name in names)


def _is_employee(name: str, key: str) -> bool:
    """Tell whether it is right under the maker's domain, and called as a human is."""
    local, _, domain = key.rpartition("@")
    if domain != organisation(key):
        return False
    if is_human_name(name):
        return any(len(word) > 2 and word in local for word in tokens(name))  # noqa: PLR2004 - initials say nothing
    is_unnamed = not name or match_key(name) == key  # Exchange repeats the address as the name
    words = WORD.findall(local) if is_unnamed and NAME.fullmatch(local) else []
    return bool(words) and (MACHINE_WORDS | ROLE_WORDS | ORGANISATIONAL).isdisjoint(words)
