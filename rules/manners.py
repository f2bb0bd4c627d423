"""What is left to the owner: interviews, people matters, law, medicine, incidents, private events, and whatever they named."""
# ruff: noqa: SIM905 -- lists of words read best as words

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from rules.addresses import domain_of, match_key
from rules.facts import Address
from rules.hiring import is_hiring, is_opening
from rules.network import Meeting, Owner, Person

HIRING = "an interview or application"

DELICATE_PLACES = frozenset(
    """abogado abogados advokat anwalt anwaelte anwalte arbeitsgericht avocat avocats avvocati avvocato attorney attorneys clinic
    clinica clinique hospital hopital klinik klinikum kanzlei law lawfirm lawyer lawyers legal llp notaire notar notariat
    praxis psychotherapie solicitor solicitors therapie therapy arzt aerzte""".split()
)
"""Words that as a part of a domain name say lawyers or doctors."""

WORDS: dict[str, frozenset[str]] = {
    HIRING: frozenset(
        """applicant applicants colloquio entretien entretiens hiring kandidaat kandidaten phonescreen screening
        embauche headhunter headhunters headhunting hirevue modernloop smartrecruiters superday takehome probearbeiten
        probearbeitstag probetag schnuppertag auswahlgesprach auswahlverfahren einstellungsgesprach einstellungstest jobgesprach
        personalauswahl personalvermittler assessmentcenter proefdag meeloopdag werving postulante postulacion vacante
        assunzione jobsamtale ansættelsessamtale arbetsprov mulakat kwalifikacyjna pohovor
        собеседование интервью соискатель кандидат συνεντευξη""".split()
    ),
    "a people matter": frozenset(
        """appraisal betriebsrat bem compensation disciplinary dismissal disziplinar feedbackgesprach gehalt grievance harassment hr
        kundigung layoff layoffs licenciement despido licenziamento offboarding ontslag payrise personalgesprach
        personalabteilung pip redundancy resignation rh rif salary severance termination verwarnung abmahnung aufhebungsvertrag
        trennungsgesprach mitarbeitergesprach exitgesprach aufhebung demission dimissioni dimision stipendio salario salaire
        gehaltsgesprach probezeit probezeitgesprach whistleblower uppsagning lonesamtal zwolnienie wypowiedzenie oppsigelse
        увольнение""".split()
    ),
    "a legal matter": frozenset(
        """abogado anwalt anwaltin anwaltstermin arbitration attorney avocat avvocato court deposition gericht
        gerichtstermin juridique juridisch klage lawsuit lawyer legal legale litigation mediation notaire notar notario
        notartermin rechtsanwalt rechtsanwaltin schlichtung solicitor subpoena tribunal tribunale juzgado advocaat advogado
        advokat asianajaja prawnik adwokat kancelaria notariusz rechtsberatung rechtbank юрист адвокат нотариус""".split()
    ),
    "a medical matter": frozenset(
        """arzt arztin arzttermin clinic dentist dentista dentiste doctor doctors dokter dottore gynecologist hautarzt hospital
        klinik krankenhaus medecin medical medico medica mri oncology orthopade physio physiotherapie psychiatrist
        psychologe psychologist psychotherapie rehab surgery terapia therapie therapist therapy zahnarzt kinderarzt
        kieferorthopade medecine hopital ziekenhuis tandarts huisarts kardiologe cardiologue cardiologo cardiologist mrt
        ginecologo ginecologa gynakologe gynecologue dermatologe dermatologist psychologue psicologo psicologa impfung
        impftermin blutabnahme vorsorgeuntersuchung vaccination vacuna lakare tandlakare tannlege tandlaege laege
        laakari hammaslaakari lekarz dentysta stomatolog zubar lekar врач стоматолог больница""".split()
    ),
    "a bereavement": frozenset(
        "beerdigung begraefnis bestattung condolence enterrement funeral funerale memorial obseques trauerfeier uitvaart".split()
    ),
    "an incident call": frozenset(
        """incident incidente outage postmortem rca sev0 sev1 sev2 p0 p1 warroom notfall krisenstab storung breach
        ausfall""".split()
    ),
    "a private matter": frozenset("confidential confidentiel confidenziale privat vertraulich confidencial".split()),
}
"""Whole words of titles, without accents, by what they give away; en, de, fr, es, it, nl, and the plainest of others."""

ANYWHERE: dict[str, tuple[str, ...]] = {
    HIRING: (
        "bewerbung",
        "haastattelu",
        "interview",
        "interju",
        "intervju",
        "vorstellungsgespr",
        "面接",
        "面试",
        "面試",
        "招聘",
        "採用選考",
        "면접",
        "채용",
    ),
    "a people matter": ("解雇", "裁员", "退職面談", "해고"),
    "a legal matter": ("弁護士", "律师", "律師", "변호사"),
    "a medical matter": ("病院", "歯医者", "歯科", "医院", "醫院", "牙医", "병원", "치과"),
}
"""The same in scripts that put no blanks between words, and what stands within long ones: Telefoninterview, Initiativbewerbung."""

STEMS: dict[str, tuple[str, ...]] = {
    HIRING: (
        "bewerb",
        "candidat",
        "entrevist",
        "kandidat",
        "kandydat",
        "recruit",
        "recrut",
        "reclut",
        "rekrut",
        "rekryt",
        "sollicitant",
        "sollicitatie",
    ),
    "a people matter": (
        "kundig",
        "kuendig",
        "abmahn",
        "personalgespr",
        "trennungsgespr",
        "gehaltsgespr",
        "licenci",
        "despid",
        "aufhebungsver",
    ),
    "a legal matter": ("rechtsanw", "rechtsstreit", "gerichts", "litig", "arbeitsrecht"),
    "a medical matter": ("arztterm", "zahnarzt", "facharzt", "krankenhaus", "psychother", "chemother", "untersuchungsterm"),
}
"""Beginnings of words, for languages that build long ones."""

PHRASES: dict[str, tuple[str, ...]] = {
    HIRING: (
        "assessment center", "bar raiser", "coding challenge", "coding interview", "coding round", "coding screen", "coding test",
        "culture add", "culture fit", "hiring committee",
        "hiring debrief", "hiring manager", "hm call", "hm chat", "hm intro", "hm round", "hm screen", "call with hm", "initial screen",
        "job application", "job offer", "loop debrief", "on site loop", "onsite loop",
        "on site panel", "onsite panel", "panel debrief", "panel onsite", "phone screen", "reference check", "screen call",
        "screen debrief", "screening call", "system design round", "system design screen", "take home assignment",
        "take home challenge", "take home review", "take home test", "talent acquisition", "tech screen", "technical screen",
        "trial day", "values fit", "verbal offer", "video screen", "virtual on site", "virtual onsite",
        "jobangebot", "oferta de trabajo", "oferta laboral", "offerta di lavoro", "offre d emploi", "proceso de seleccion",
        "processo seletivo", "prova tecnica", "prueba tecnica", "chasseur de tetes", "selezione del personale", "test technique",
    ),
    "a people matter": (
        "performance review", "performance improvement", "exit talk", "exit interview", "human resources", "ressources humaines",
        "recursos humanos", "risorse umane", "let go", "works council", "salary review", "comp review", "notice period",
    ),
    "a medical matter": ("check up", "blood test", "doctor s", "dr med"),
    "an incident call": ("post mortem", "war room", "incident response", "root cause", "major incident", "bridge call"),
    "a legal matter": ("cease and desist", "legal hold", "data breach"),
}  # fmt: skip
"""Words that say it only together."""

ORDINARY = re.compile(
    r"\brelease candidates?\b|\b(?:customer|user|stakeholder|press|podcast|radio|tv|media|magazine) interviews?\b"
    r"|\b(?:kunden|nutzer|anwender|presse|medien|podcast|radio|tv|klant|gebruikers|kund|anvandar|press) ?inter(?:views?|vju)\b"
    r"|\bround tables?\b|\bpanel discussions?\b|\brole (?:models?|plays?)\b|\bposition papers?\b|\bopening remarks\b"
    r"|\b(?:splash|touch|green|login) screens?\b|\bscreen (?:designs?|flows?|layouts?|mockups?)\b"
)
"""What sounds delicate and is not."""


def care_for(meeting: Meeting, owner: Owner) -> str:
    """Say what makes a meeting one to be left to the owner, as a noun phrase; "" for an ordinary meeting."""
    if meeting.is_private:
        return "an event marked private or confidential"
    organizer = [meeting.organizer] if meeting.organizer is not None else []
    names = [each.name for each in (*organizer, *(guest.address for guest in meeting.guests if guest.kind != "room"))]
    if is_hiring(meeting, owner) or any(_matter_of(name) == HIRING for name in names):
        return HIRING
    for address in (*organizer, *(guest.address for guest in meeting.guests)):
        if matter := care_for_domain(address, owner):
            return matter
    return care_for_title(meeting.title, owner)


def care_for_title(title: str, owner: Owner) -> str:
    """Say what delicate matter a title gives away, as a noun phrase; "" for none."""
    if any(f" {_plain(never)} " in f" {_plain(title)} " for never in owner.never_words if never):
        return "a subject you asked me to leave alone"
    return _matter_of(title)


@lru_cache(maxsize=1 << 14)
def _matter_of(title: str) -> str:
    """Say what delicate matter a title gives away by the built-in words; titles of series, and names, come again and again."""
    plain = ORDINARY.sub(" ", _plain(title))
    return HIRING if is_opening(plain) else _matter_in(plain, frozenset(plain.split()))


def _matter_in(plain: str, words: frozenset[str]) -> str:
    for matter, whole in WORDS.items():
        if words & whole:
            return matter
    for matter, stems in STEMS.items():
        if any(word.startswith(stems) for word in words):
            return matter
    for matter, signs in ANYWHERE.items():
        if any(unicodedata.normalize("NFKD", sign) in plain for sign in signs):
            return matter
    for matter, phrases in PHRASES.items():
        if any(f" {phrase} " in f" {plain} " for phrase in phrases):
            return matter
    return ""


def care_for_domain(address: Address, owner: Owner) -> str:
    """Say what makes an organisation one to be left to the owner, as a noun phrase; "" for none."""
    return _care_for(domain_of(match_key(address.email)), owner)


def _care_for(domain: str, owner: Owner) -> str:
    if any(domain == never or domain.endswith(f".{never}") for never in owner.never_domains):
        return "an organisation you asked me to leave alone"
    return "a matter of law or medicine" if _is_delicate(domain) else ""


@lru_cache(maxsize=4096)
def _is_delicate(domain: str) -> bool:
    return not DELICATE_PLACES.isdisjoint(re.split(r"[.\-]", domain))


def care_for_person(person: Person, owner: Owner) -> str:
    """Say what makes somebody one to be left to the owner, by any address of theirs, as a noun phrase; "" for nothing."""
    return next((matter for key in person.addresses if (matter := _care_for(domain_of(key), owner))), "")


def _plain(text: str) -> str:
    """Return lower-case words without accents and punctuation, one blank between them."""
    spread = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"\w+", "".join(c for c in spread if not unicodedata.combining(c)).replace("_", " ")))
