"""Who and what says that a meeting is about hiring somebody: systems, agencies, shared mailboxes, links and titles."""
# ruff: noqa: SIM905 -- lists of words read best as words

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from rules.addresses import domain_of, match_key, organisation
from rules.facts import Address
from rules.hiring_systems import SYSTEMS, is_hiring_system
from rules.names import is_human_name, tokens
from rules.network import Meeting, Owner

AGENCIES: Final = frozenset(
    """adecco amrop boyden daversapartners egonzehnder harnham hays heidrick insightglobal kienbaum kornferry manpower manpowergroup
    michaelpage nigelfrank odgersberndtson pageexecutive pagegroup randstad rivierapartners roberthalf robertwalters russellreynolds
    spencerstuart stantonchase talentful teksystems truesearch""".split()
)
"""Recruiters by the name in their domain, in whatever country it ends."""

PLACES: Final = frozenset(
    """careers executivesearch headhunter headhunters headhunting hiring interviews jobs karriere personalberatung
    personalvermittlung recrutement reclutamiento recruiter recruiters recruiting recruitment staffing talent talents
    werving""".split()
)
"""Words that as a part of a domain name, or as the whole of a mailbox's, say hiring."""
BEGINNINGS: Final = ("hire", "recruit", "headhunt")
ENDINGS: Final = ("recruiters", "recruiting", "recruitment", "staffing", "headhunters", "executivesearch", "personalberatung")
"""How the name in such a domain begins or ends."""
BOXES: Final = PLACES | frozenset("bewerbung bewerbungen candidates candidatures interview talentacquisition".split())
BESIDE: Final = frozenset("acquisition de emea eu global group no noreply reply scheduling team uk us".split())
"""What such a mailbox is called beside."""
LINK: Final = re.compile(r"https?://([\w.-]+)")

_STAGE: Final = "(?:on ?site|panel|loop|screen|rounds?|superday)"
_LEVEL: Final = (
    "(?:senior|sr|staff|principal|lead|junior|jr|software|back ?end|front ?end|full ?stack|data|ml|ai|machine learning|platform|devops"
    "|cloud|security|qa|test|site reliability|product|engineering|technical|ux|ui|mobile|ios|android|embedded|head of|director of|vp)"
)
_WORK: Final = (
    "(?:engineer|developer|programmer|architect|designer|scientist|analyst|manager|researcher|recruiter|intern|sre|pm|tpm|entwickler"
    "|entwicklerin|ingenieur|ingenieurin|developpeur|developpeuse|ingeniero|ingeniera|desarrollador|desarrolladora|sviluppatore"
    "|ontwikkelaar|utvecklare)"
)
_JOB: Final = f"(?:{_LEVEL} )+{_WORK}"
OPENING: Final = re.compile(
    rf"\b{_STAGE} (?:\d+ )?(?:for |a )*{_JOB}\b|\b{_JOB} (?:{_STAGE}|role|position|vacancy|opening|applicant)\b"
)
"""A stage of hiring beside the name of one job: a panel about senior engineers is a panel."""


def is_hiring(meeting: Meeting, owner: Owner) -> bool:
    """Tell by who takes part, by where it takes place and by its name in calendars whether a meeting is about hiring somebody."""
    people = [guest.address for guest in meeting.guests] + ([meeting.organizer] if meeting.organizer else [])
    if any(hires(address, owner) for address in people):
        return True
    hosts = [*LINK.findall(meeting.location.casefold()), meeting.uid.rpartition("@")[2].casefold()]
    return not (SYSTEMS - owner.domains).isdisjoint(organisation(f"x@{host}") for host in hosts)


def hires(address: Address, owner: Owner) -> bool:
    """Tell whether an address is a hiring system's, a recruiter's or a mailbox for applications.

    A system's own people are its people, who sell or support it, and where the owner works is no agency to them.
    """
    return _hires(address, owner.domains)


@lru_cache(maxsize=1 << 14)
def _hires(address: Address, own: frozenset[str]) -> bool:
    """Do so once: who is met is met again."""
    key = match_key(address.email)
    if _is_box(key.rpartition("@")[0]):
        return True
    if domain_of(key) in own or organisation(key) in own:
        return False
    place = organisation(key)
    is_family = is_human_name(address.name) and place.partition(".")[0] in tokens(address.name)  # John Hays at hays.org
    return (not is_family and _is_agency(domain_of(key), place)) or is_hiring_system(key, (address.name,))


def is_opening(title: str) -> bool:
    """Tell whether a title, in plain lower-case words, names a stage of hiring with the job it is for."""
    return OPENING.search(title) is not None


def _is_agency(domain: str, place: str) -> bool:
    name = place.partition(".")[0]
    if name in AGENCIES or name.startswith(BEGINNINGS) or name.endswith(ENDINGS):
        return True
    return not PLACES.isdisjoint(re.split(r"[.-]", domain))


def _is_box(local: str) -> bool:
    words = {word for word in re.split(r"[^a-z]+", local) if word}
    return not words.isdisjoint(BOXES) and words <= BOXES | BESIDE
