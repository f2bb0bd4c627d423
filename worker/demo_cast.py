"""The people of the demo, all invented: who they are, how often the owner is in touch with them, and since when no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OWNER_NAME: Final = "Maya Chen"
OWNER_ZONE: Final = "Europe/Berlin"
WORK: Final = "maya@meridian.example"
ALIAS: Final = "maya.chen@meridian.example"
PRIVATE: Final = "maya.chen@kolibri.example"
COMPANY: Final = "meridian.example"
MONTHS: Final = 18
DAYS: Final = 548
"""How far back the world goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Someone:
    """A person, with the zone they write from."""

    name: str
    email: str
    zone: str = OWNER_ZONE

    @property
    def first(self) -> str:
        """Given name."""
        return self.name.split()[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """How the owner and somebody outside were in touch: a talk every `gap` days, from `since` to `until` days ago."""

    who: Someone
    gap: float
    until: int
    since: int = DAYS
    meets: int = 0
    """Every so many talks they also meet; 0 = never."""
    subjects: tuple[str, ...] = ()
    second_email: str = ""
    """Another address the same person writes from now and then."""


def _tie(
    name: str, email: str, gap: float, until: int, *, zone: str = OWNER_ZONE, since: int = DAYS, meets: int = 0, second: str = ""
) -> Tie:
    return Tie(who=Someone(name=name, email=email, zone=zone), gap=gap, until=until, since=since, meets=meets, second_email=second)


GONE_QUIET: Final = (
    _tie("Daniel Okonjo", "daniel@vantagegrid.example", 12, 128, zone="Europe/London", meets=4),
    _tie("Aiko Tanabe", "aiko.tanabe@hoshino.example", 8, 84, zone="Asia/Tokyo"),
    _tie("Rafael Quintero", "rquintero@halcyonworks.example", 17, 110, zone="America/New_York", meets=5),
    _tie("Ingrid Halvorsen", "ingrid@fjellstad.example", 24, 150, zone="Europe/Oslo"),
)
"""Strong ties that broke off: what Rekindle is for."""

KEY_PEOPLE: Final = (
    (_tie("Marcus Bell", "marcus@bellandrow.example", 30, 71, zone="Europe/London", meets=2), "6 weeks", "mentor"),
    (_tie("Sabine Krüger", "sabine.krueger@ostwerk.example", 14, 9, meets=4), "4 weeks", "strategic"),
    (_tie("Grace Adeyemi", "grace@lagoonventures.example", 60, 38, zone="Africa/Lagos"), "3 months", "strategic"),
)
"""People the owner named, with the cadence she wants."""

BOOKED: Final = _tie("Lucía Fernández", "lucia@mirador.example", 15, 95, zone="Europe/Madrid")
"""Quiet, but a meeting is in the calendar."""
SLOW: Final = _tie("Owen Pritchard", "owen@pritchard.example", 80, 60, zone="Europe/London")
"""Quiet for sixty days, as usual."""
UNANSWERED: Final = _tie("Victor Lindgren", "victor@norrskog.example", 16, 100, zone="Europe/Stockholm")
"""Has not answered the owner's last two mails."""
GONE_AWAY: Final = _tie("Paul Renard", "paul.renard@atelierbleu.example", 20, 75, zone="Europe/Paris")
"""His address bounces: he has left."""

IN_TOUCH: Final = (
    _tie("Nadia Petrenko", "nadia@kestrelsoft.example", 11, 6, second="nadia.petrenko@posthorn.example", meets=5),
    _tie("Hugo Brandt", "hugo.brandt@rheinlogik.example", 9, 3, meets=6),
    _tie("Amara Nwosu", "amara@savannacloud.example", 13, 8, zone="Africa/Lagos"),
    _tie("Kenji Mori", "kenji.mori@hoshino.example", 21, 12, zone="Asia/Tokyo"),
    _tie("Clara Weiss", "clara.weiss@donaubank.example", 18, 5, zone="Europe/Vienna", meets=4),
    _tie("Noah Feldman", "noah@feldmanlegal.example", 27, 16, zone="America/New_York"),
    _tie("Isabel Duarte", "isabel@portaleza.example", 15, 7, zone="Europe/Lisbon", meets=5),
    _tie("Petr Havel-Novak", "petr@vltavalabs.example", 22, 11, zone="Europe/Prague"),
    _tie("Leila Haddad", "leila.haddad@cedarline.example", 14, 4, zone="Asia/Beirut"),
    _tie("Simon Achterberg", "simon@polderdata.example", 19, 13, zone="Europe/Amsterdam", meets=4),
    _tie("Ewa Kowalczyk", "ewa@wislatech.example", 25, 18, zone="Europe/Warsaw"),
    _tie("Jamal Carter", "jamal.carter@blueharbor.example", 16, 9, zone="America/Chicago"),
    _tie("Freya Lindholm", "freya@skarvik.example", 30, 20, zone="Europe/Stockholm"),
    _tie("Arjun Mehta", "arjun.mehta@deccansystems.example", 12, 2, zone="Asia/Kolkata", meets=7),
    _tie("Bruno Salvatori", "bruno@officinalume.example", 33, 21, zone="Europe/Rome"),
    _tie("Zeynep Aksoy", "zeynep@bosphorusai.example", 20, 10, zone="Europe/Istanbul"),
    _tie("Thomas Reinhardt", "t.reinhardt@ostwerk.example", 10, 5, meets=6),
    _tie("Chloe Marchand", "chloe.marchand@hexavia.example", 28, 14, zone="Europe/Paris"),
    _tie("Mateus Oliveira", "mateus@ipanemasoft.example", 24, 17, zone="America/Sao_Paulo"),
    _tie("Hannah Schuster", "hannah@gruenwerk.example", 17, 6, since=240, meets=3),
    _tie("Yusuf Demir", "yusuf.demir@anadolupay.example", 26, 15, zone="Europe/Istanbul", since=300),
    _tie("Rosalind Hart", "rosalind@hartadvisory.example", 35, 24, zone="Europe/London"),
    _tie("Pavel Sorokin", "pavel@nordlicht.example", 23, 12, zone="Europe/Helsinki"),
    _tie("Linnea Dahl", "linnea.dahl@skarvik.example", 31, 19, zone="Europe/Stockholm", since=400),
)

FIRST_MET: Final = Someone(name="Priya Raman", email="priya.raman@northlight.example")
"""Met for the first time yesterday: a thank-you is due."""
THANKED: Final = Someone(name="Tomasz Zielinski", email="tomasz@brackwater.example", zone="Europe/Warsaw")
"""Met for the first time yesterday, too; the owner has already written."""
MET_AGAIN: Final = _tie("Elena Petrova", "elena@sofialabs.example", 45, 160, zone="Europe/Sofia")
"""Met last Wednesday, for the first time in five months: too long ago for a thank-you."""
DECLINED: Final = Someone(name="Sofia Marchetti", email="sofia.marchetti@lagunare.example", zone="Europe/Rome")
"""Invited the owner, who declined."""
CANDIDATE: Final = Someone(name="Jonas Weber", email="jonas.weber@posthorn.example")
"""Had an interview yesterday."""
VENDOR: Final = Someone(name="Stefan Maier", email="stefan.maier@cloudharbor.example")
"""Calls every week."""

TEAM: Final = tuple(
    Someone(name=name, email=f"{name.split()[0].lower()}@{COMPANY}")
    for name in (
        "Jonas Adler", "Farah Siddiqui", "Lukas Brenner", "Mei Tanaka", "Oskar Nyman", "Dalia Rosen", "Tilda Brandt", "Emre Kaya",
        "Anouk Visser", "Felix Hartmann", "Nina Castellano", "Samir Patel", "Greta Lorenz", "Ivan Horvat", "Julia Novak", "Kofi Mensah",
        "Lena Fischer", "Marta Silva", "Nils Bergman", "Olivia Grant", "Pia Keller", "Quentin Roux", "Ruth Abara", "Sven Falk",
    )
)  # fmt: skip
REPORTS: Final = TEAM[:6]
"""Direct reports: a one-to-one every week."""

RECRUITERS: Final = tuple(
    Someone(name=name, email=email)
    for name, email in (
        ("Brad Summers", "brad@talentrocket.example"),
        ("Kimberly Voss", "kim.voss@peopleforge.example"),
        ("Dean Calloway", "dean@growthgrid.example"),
        ("Tiffany Blake", "tiffany@leadspark.example"),
    )
)
"""Write again and again, and are never answered."""

NEWSLETTERS: Final = (
    ("The Stack Weekly", "news@stackweekly.example", "stackweekly.example"),
    ("Cloud Ledger", "digest@cloudledger.example", "cloudledger.example"),
    ("Böhm & Partner Insights", "insights@boehmpartner.example", "boehmpartner.example"),
    ("Leadership Notes", "hello@leadershipnotes.example", "leadershipnotes.example"),
    ("Rail & Air Offers", "offers@railandair.example", "railandair.example"),
    ("Security Brief", "brief@secbrief.example", "secbrief.example"),
)
BOTS: Final = (
    ("Build Robot", "builds@ci.meridian.example", "Build {n} {state} on main"),
    ("Tracker", "notifications@tracker.example", "[MER-{n}] Status changed to {state}"),
    ("Cloud Alerts", "no-reply@alerts.cloudharbor.example", "Alarm {n} is {state}"),
    ("Expenses", "noreply@expenses.example", "Report {n} was {state}"),
)
LISTS: Final = (
    ("platform-dev", "platform-dev@lists.opengrid.example", "[platform-dev] "),
    ("engineering", f"engineering@{COMPANY}", "[engineering] "),
)
SUBJECTS: Final = (
    "Roadmap for the second half", "Notes on the pilot", "Question on your data platform", "Panel in the autumn", "Reference architecture",
    "Team growth and hiring", "Lessons from the migration", "Joint customer workshop", "Feedback on the draft", "Budget season",
    "Introduction to our new lead", "Open standards working group", "Latency numbers", "What we learned from the outage",
    "Partnership terms", "Model evaluation", "Visit to Berlin", "Keynote slides", "On-call practice", "Contract renewal",
)  # fmt: skip
SENTENCES: Final = (
    "Thanks for the quick answer.", "I have added two remarks to the document.", "Let us take this up when we talk.",
    "The numbers look better than last quarter.", "Could you look at the second page?", "Our team would like to see it live.",
    "I will send the details by the end of the week.", "This is more or less what we expected.", "The workshop is a good occasion for it.",
    "Happy to introduce you to them.", "We are two weeks behind, but it is under control.", "I have asked legal and will come back to you.",
)  # fmt: skip
