"""Who an address stands for: golden tables of humans, machines, lists and rooms, and promises for any mail."""

# ruff: noqa: ANN401 -- builders pass on any field of a fact
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.facts import Address, MessageMetadata
from rules.people import Observation, OwnerKeys, Signal, has_exchange, judge, match_key, observe, signals

ME = "olivia@own.example"
OWNER = OwnerKeys(keys=frozenset({ME, "olivia@alias.example"}), domains=frozenset({"own.example"}))


def who(text: str) -> Address:
    name, email = parseaddr(text)
    return Address(email=email, name=name)


def mail(author: str, *to: str, cc: Iterable[str] = (), **more: Any) -> MessageMetadata:
    """A message; `from_`, `to` and `cc` in the spelling of a header."""
    kept: dict[str, Any] = {
        "remote_id": "1",
        "message_id": "m1",
        "sent_at": datetime(2026, 3, 1, 9, tzinfo=UTC),
        "from_": (who(author),) if author else (),
        "to": tuple(who(text) for text in to),
        "cc": tuple(who(text) for text in cc),
    }
    kept["recipients"] = len(kept["to"]) + len(kept["cc"])
    return MessageMetadata(**(kept | more))


def seen(mails: Iterable[MessageMetadata], owner: OwnerKeys = OWNER) -> tuple[dict[str, Counter[str]], dict[str, Counter[str]]]:
    """Add up counters and names as a store does."""
    counts: dict[str, Counter[str]] = {}
    names: dict[str, Counter[str]] = {}
    for each in mails:
        for sighting in observe(each, owner).sightings:
            counts.setdefault(sighting.key, Counter()).update(sighting.tallies)
            names.setdefault(sighting.key, Counter()).update([sighting.address.name])
    return counts, names


def kind_after(mails: Iterable[MessageMetadata], email: str) -> str:
    counts, names = seen(mails)
    key = match_key(email)
    return judge(email, names.get(key, {}), counts.get(key, {})).kind


HUMANS = [
    "Alexandre Courbot <acourbot@chips.example>",
    "Richard Jenkins <richard.jenkins@acme.example>",
    "Richard Jenkins <rjenkins@acme.example>",
    "Jason Cooper <jason@lakedaemon.net>",
    "Anna Talbot <talbot@acme.example>",
    "Dev Patel <dev.patel@acme.example>",
    "Travis Root <travis.root@acme.example>",
    "Élodie Abbott <abbott@acme.example>",
    '"Schmidt, Anna (EXT)" <anna.schmidt.ext@acme.example>',
    "山田 太郎 <yamada@acme.example>",
    "Анна Иванова <a.ivanova@acme.example>",
    "Dr. Anna Maria van der Berg <amb@acme.example>",
    "Robin Botterill <botterill@acme.example>",
    "Bernd Bauer <bernd+lists@acme.example>",
    "Maria Newsom <newsom@acme.example>",
    "Lister O'Neill <lister@acme.example>",
    "Ben Cole <mailand@acme.example>",
    "Ben Cole <digital@acme.example>",
    "Ben Cole <lakedaemon@acme.example>",
    "Marc Merlin <marc_news@merlins.example>",
    "Anna Berg <anna@annaberg.example>",
    "Sam Ravn <sam@ravn.example>",
    "Russell King - ARM Linux <linux@arm.example>",
    "Randy.Dunlap <rdunlap@acme.example>",
    "dann frazier <dannf@acme.example>",
    "Greg Kroah-Hartman <gregkh@foundation.example>",
    "Theodore Ts'o <tytso@university.example>",
    "Dr. Anna Berg <berg@kanzlei-berg.example>",
    "Anna Berg | Kanzlei Berg <anna.berg@kanzlei-berg.example>",
    "Anna Amsel (Praxis Dr. Amsel) <anna@praxis-amsel.example>",
    "Jude Law <law@acme.example>",
]

MACHINES = [
    "no-reply@acme.example",
    "Acme <noreply@acme.example>",
    "Acme Support <do-not-reply@acme.example>",
    "Anna Schmidt <no_reply@acme.example>",
    "syzbot <syzbot+04b20e641c99a5d99ac2@apps.example>",
    "syzbot+04b20e641c99a5d99ac2@apps.example",
    "patchwork-bot+netdevbpf@kernel.example",
    "tip-bot2@linutronix.example",
    "tip-bot2 for Anna Berg <tip-bot2@linutronix.example>",
    "bot+bpf-ci@kernel.example",
    "kernel test robot <lkp@chips.example>",
    "Anna Berg <anna+coverity-bot@chips.example>",
    "Jenkins <jenkins@builds.acme.example>",
    "Apache Jenkins Server <jenkins@builds.acme.example>",
    "Mail Delivery System <MAILER-DAEMON@mx.acme.example>",
    "bugzilla-daemon@bugs.acme.example",
    "Anna Berg <anna@bounces.acme.example>",
    "Anna Berg <reply+a1b2c3d4e5f60718293a@acme.example>",
    "Anna Berg <8f14e45f-ceea-467f-a0e6-b2c9d1f2a3b4@relay.example>",
    "Acme Newsletter <anna@acme.example>",
    "GitHub <notifications@hub.example>",
    "cron@host7.acme.example",
    "Jira Cloud <jira@acme.example>",
    "Anna Berg <users@privaterelay.appleid.com>",
    "Anna Berg via Docs <docs@service.example>",
    "Stack Overflow <questions@stackoverflow.example>",
    "Best Buy <bestbuy@email.bestbuy.example>",
    "Kanzlei Dr. Berg <kontakt@kanzlei-berg.example>",
    "Praxis Dr. Amsel <termine@praxis-amsel.example>",
    "Zahnarztpraxis Dr. Anna Berg <berg@zahnarzt-berg.example>",
    "Rechtsanwälte Berg und Lund <berg@berg-lund.example>",
    "Berg & Lund Attorneys <mail@berg-lund.example>",
    "Debian FTP Masters <ftpmaster@ftp-master.debian.example>",
    "Wall Street Journal <access@interactive.wsj.example>",
    "SourceForge.net Projects <x@forge.example>",
    "www-data <www-data@acme.example>",
    "Anna Berg <anna.noreply@acme.example>",
    "Anna Berg <anna-notifications@acme.example>",
    "SRS0=abcd=xy=acme.example=anna@forward.example",
]


@pytest.mark.parametrize("author", HUMANS)
def test_a_human_is_recognised_by_a_full_name_whatever_words_are_inside_the_address(author: str) -> None:
    assert kind_after([mail(author, ME)], who(author).email) == "human"


@pytest.mark.parametrize("author", MACHINES)
def test_a_machine_is_never_called_a_human_even_when_it_answers_and_is_answered(author: str) -> None:
    mails = [mail(author, ME), mail(author, ME, in_reply_to=("a",)), mail(ME, author, in_reply_to=("b",))]
    assert kind_after(mails, who(author).email) not in {"human", "owner"}


@pytest.mark.parametrize(
    ("email", "names", "counts", "kind"),
    [
        ("lkp@chips.example", {"": 9}, {"from": 9, "in": 9, "to": 2}, "unknown"),
        ("annie83@gmail.com", {"Annie": 4}, {"from": 4, "in": 4, "to": 3}, "human"),
        ("bob@acme.example", {}, {"from": 2, "in": 2, "to": 1}, "human"),
        ("bob@acme.example", {}, {"from": 2, "in": 2}, "unknown"),
        ("info@acme.example", {"Anna Berg": 4}, {"from": 4, "in": 4}, "unknown"),
        ("kundenservice@acme.example", {"Kundenservice Acme": 4}, {"from": 4, "in": 4, "to": 2}, "machine"),
        ("buchhaltung@acme.example", {"Anna Berg": 4}, {"from": 4, "in": 4}, "unknown"),
        ("scanner@acme.example", {"Scan Etage Drei": 4}, {"from": 4, "in": 4, "to": 2}, "machine"),
        ("peter.drucker@acme.example", {"Peter Drucker": 4}, {"from": 4, "in": 4, "to": 2}, "human"),
        ("info@acme.example", {"Anna Berg": 4}, {"from": 4, "in": 4, "to": 3}, "human"),
        ("hr@acme.example", {"Human Resources": 4}, {"from": 4, "in": 4, "to": 3}, "machine"),
        ("ir@acme.example", {"Investor Relations": 4}, {"from": 4, "in": 4, "to": 3}, "machine"),
        ("einkauf@acme.example", {"Zentraler Einkauf": 4}, {"from": 4, "in": 4, "to": 3}, "machine"),
        ("empfang@acme.example", {"Empfang Wien": 4}, {"from": 4, "in": 4, "to": 3}, "machine"),
        ("friedrich.list@acme.example", {"Friedrich List": 4}, {"from": 4, "in": 4, "to": 3, "meetings": 1}, "human"),
        ("bank.sam@acme.example", {"Bank, Sam": 4}, {"from": 4, "meetings": 1}, "human"),
        ("my.nguyen@acme.example", {"My Nguyen": 4}, {"from": 4, "meetings": 1}, "human"),
        ("front.desk@acme.example", {"Front Desk": 4}, {"from": 4}, "machine"),
        ("deploy.bot@acme.example", {"Deploy Bot": 4}, {"from": 4, "meetings": 1}, "machine"),
        ("support.team@acme.example", {"Support Team": 4}, {"from": 4, "meetings": 1}, "machine"),
        ("sam.bank@acme.example", {"City Bank": 4}, {"from": 4, "meetings": 1}, "machine"),
        ("info@acme.example", {"Acme": 4}, {"from": 4, "in": 4, "to": 3}, "unknown"),
        ("anna@acme.example", {}, {"meetings": 1}, "human"),
        ("anna@acme.example", {"Anna Berg": 9}, {"from": 9, "from_auto": 5}, "machine"),
        ("anna@acme.example", {"Anna Berg": 9}, {"from": 9, "from_auto": 4}, "human"),
        ("anna@acme.example", {"Anna Berg": 9}, {"from": 9, "from_away": 9}, "human"),
        ("anna@acme.example", {"Anna Berg": 9}, {"from": 9, "from_bulk": 9}, "machine"),
        ("anna@acme.example", {"Anna Berg": 9}, {"from": 9, "from_bulk": 8, "in": 1, "to": 1}, "human"),
        ("anna@acme.example", {"Anna Berg": 9, "coverity-bot": 2}, {"from": 11}, "human"),
        ("all@acme.example", {"Anna Berg": 2, "Ben Cole": 2, "Cy Dahl": 2}, {"from": 6}, "machine"),
        ("anna@acme.example", {"Anna Berg": 2, "Anna Cole": 1, "A. Berg": 1, "Berg Anna": 1}, {"from": 6}, "human"),
        ("dev@lists.acme.example", {}, {"list": 3}, "list"),
        ("dev@lists.acme.example", {"Anna Berg": 2}, {"list": 3, "from": 3, "via": 3}, "list"),
        ("anna@acme.example", {"Anna Berg": 9}, {"list": 1, "from": 9}, "human"),
        ("dev@lists.acme.example", {"Anna Berg": 2}, {"list": 9, "from": 2}, "list"),
        ("docs@service.example", {"": 3}, {"from": 3, "via": 3}, "machine"),
        ("anna@acme.example", {"Anna Berg": 3}, {"from": 3, "from_bounce": 2}, "machine"),
        ("anna.berg@acme.example", {"": 3}, {"from": 3, "from_reply": 1}, "human"),
        ("anna.berg@acme.example", {"": 3}, {"from": 3}, "unknown"),
        ("sales.emea@acme.example", {"": 3}, {"from": 3, "from_reply": 1}, "unknown"),
        ("a.b@acme.example", {"": 3}, {"from": 3, "from_reply": 1}, "unknown"),
        ("anna@acme.example", {"Anna Berg": 1}, {"seen": 1}, "human"),
        ("anna@acme.example", {"Anna Berg": 1}, {"behalf": 1}, "unknown"),
        ("hello@stackoverflow.example", {"Stack Overflow": 4}, {"from": 4}, "unknown"),
        ("room-4@acme.example", {"Room 4": 1}, {"rooms": 1, "meetings": 4}, "room"),
        ("team@acme.example", {"Team": 1}, {"groups": 1, "meetings": 4}, "list"),
        ("speakers@devsummit.example", {"DevSummit": 1}, {"meetings": 1}, "unknown"),
        ("hello@devsummit.example", {"DevSummit": 1}, {"meetings": 1}, "unknown"),
        ("scheduling@hirewell.example", {"Hirewell Scheduling": 1}, {"meetings": 1}, "machine"),
        ("interviews@acme.example", {"": 1}, {"meetings": 1}, "unknown"),
        ("sam@sam.example", {"Sam": 2}, {"meetings": 1}, "unknown"),
        ("sam@sam.example", {"Sam": 2}, {"meetings": 1, "in": 1, "from": 1, "to": 2}, "human"),
        ("hello@brandt.example", {"Hugo": 2}, {"meetings": 1, "in": 1, "from": 1, "to": 2}, "human"),
        ("hello@devsummit.example", {"DevSummit": 2}, {"meetings": 1, "in": 1, "from": 1, "to": 2}, "unknown"),
        ("sales@acme.example", {"": 2}, {"meetings": 1, "in": 1, "from": 1, "to": 2}, "unknown"),
        ("hello@acme.example", {"hello@acme.example": 2}, {"meetings": 1, "in": 1, "from": 1, "to": 2}, "unknown"),
        ("anna.board@acme.example", {"Anna Board": 1}, {"meetings": 1}, "human"),
        ("x1y2z3@reply.ashbyhq.com", {"": 1}, {"meetings": 1}, "machine"),
        ("zoe@greenhouse.io", {"Acme Talent": 1}, {"meetings": 1}, "machine"),
        ("jane.fox@greenhouse.io", {"Jane Fox": 2}, {"meetings": 1}, "human"),
        ("jane.fox@lever.co", {}, {"meetings": 1}, "human"),
        ("jane.fox@lever.co", {"jane.fox@lever.co": 1}, {"meetings": 1}, "human"),
        ("anne-marie.fox2@lever.co", {}, {"meetings": 1}, "human"),
        ("jan.de.vries@lever.co", {}, {"meetings": 1}, "human"),
        ("do-not.reply@lever.co", {}, {"meetings": 1}, "machine"),
        ("acme.interviews@lever.co", {}, {"meetings": 1}, "machine"),
        ("jane@workday.com", {"Jane": 3}, {"meetings": 1, "in": 1, "from": 1, "to": 2}, "human"),
        ("contact@annaberg.example", {"Anna Berg": 1}, {"meetings": 1}, "human"),
        ("ab@acme.example", {"": 1}, {"meetings": 1}, "human"),
        ("c_188f@resource.calendar.google.com", {"Board Room": 1}, {}, "room"),
        ("c_188f@group.calendar.google.com", {"Team": 1}, {}, "list"),
        ("undisclosed-recipients:;", {}, {"from": 1}, "unknown"),
        ("/o=Own/ou=First/cn=Recipients/cn=anna", {"Anna Berg": 3}, {"from": 3}, "unknown"),
    ],
)
def test_judging_by_names_and_behaviour(email: str, names: dict[str, int], counts: dict[str, int], kind: str) -> None:
    verdict = judge(email, names, counts)
    assert verdict.kind == kind
    assert verdict.reason


def test_an_exchange_is_mail_both_ways_or_a_held_meeting() -> None:
    assert has_exchange({"in": 1, "to": 1})
    assert has_exchange({"meetings": 1})
    assert not has_exchange({"in": 9})
    assert not has_exchange({"to": 9})
    assert not has_exchange({"from": 9, "to": 9})


ANNA = "Anna Berg <anna@acme.example>"
LIST = "dev@lists.acme.example"
LISTED: dict[str, Any] = {"list_id": "Dev <dev.lists.acme.example>", "precedence": "bulk"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, Signal(0)),
        ({"list_id": "Dev <dev.lists.acme.example>"}, Signal.LIST),
        ({"list_post": "<mailto:dev@lists.acme.example>"}, Signal.LIST),
        ({"list_post": "NO", "list_unsubscribe": "<mailto:u@x.example>"}, Signal.BULK | Signal.UNSUBSCRIBE),
        ({"list_id": "<news.acme.example>", "list_unsubscribe": "<https://x.example>"}, Signal.BULK | Signal.UNSUBSCRIBE),
        ({"precedence": "list"}, Signal.LIST),
        ({"list_id": "<news.acme.example>", "feedback_id": "1:esp", "precedence": "bulk"}, Signal.BULK),
        ({"precedence": "Bulk"}, Signal.BULK),
        ({"precedence": "junk"}, Signal.BULK),
        ({"precedence": "first-class"}, Signal(0)),
        ({"precedence": "auto_reply"}, Signal.ANSWERED_BY_MACHINE),
        ({"list_unsubscribe": "<https://x.example>"}, Signal.UNSUBSCRIBE),
        ({"feedback_id": "1:2:3:esp"}, Signal.BULK),
        ({"auto_submitted": "no"}, Signal(0)),
        ({"auto_submitted": "auto-generated (rule)"}, Signal.AUTOMATIC),
        ({"auto_submitted": "auto-replied"}, Signal.ANSWERED_BY_MACHINE),
        ({"auto_response_suppress": "All"}, Signal.AUTOMATIC),
        ({"auto_response_suppress": "None"}, Signal(0)),
        ({"auto_response_suppress": "OOF", "in_reply_to": ("x",)}, Signal(0)),
        ({"return_path": "<>"}, Signal.BOUNCE),
        ({"return_path": "<anna@acme.example>"}, Signal(0)),
        ({"content_type": "multipart/report; report-type=delivery-status"}, Signal.BOUNCE),
        ({"content_type": "multipart/report; report-type=disposition-notification"}, Signal.ANSWERED_BY_MACHINE),
        ({"content_type": "text/calendar; method=REQUEST"}, Signal.CALENDAR),
        ({"content_type": "multipart/mixed; boundary=x"}, Signal(0)),
        ({"sender": Address(email="calendar-notification@google.com")}, Signal.CALENDAR),
        ({"sender": Address(email="assistant@acme.example")}, Signal.ON_BEHALF),
        ({"sender": Address(email="anna@acme.example")}, Signal(0)),
        ({"labels": frozenset({"CATEGORY_PROMOTIONS"})}, Signal.BULK),
        ({"labels": frozenset({"\\Inbox"})}, Signal(0)),
        ({"bulk_headers": frozenset({"x-autoreply"})}, Signal.ANSWERED_BY_MACHINE),
        ({"bulk_headers": frozenset({"x-google-group-id"})}, Signal.LIST),
        ({"bulk_headers": frozenset({"x-campaign-id"})}, Signal.BULK),
        ({"bulk_headers": frozenset({"content-class"})}, Signal.CALENDAR),
        ({"bulk_headers": frozenset({"x-cron-env"})}, Signal.AUTOMATIC),
        ({"content_type": "text/calendar"}, Signal.CALENDAR),
        ({"subject": "Accepted: Roadmap"}, Signal.CALENDAR),
        ({"subject": "Zugesagt: Roadmap"}, Signal.CALENDAR),
        ({"subject": "Invitation: Roadmap @ Mon 9 Mar 2026 (olivia)"}, Signal.CALENDAR),
        ({"subject": "Invitation: dinner at ours"}, Signal(0)),
        ({"subject": "Accepted the offer"}, Signal(0)),
        ({"subject": "Re: Accepted: Roadmap"}, Signal(0)),
        ({"list_id": "<dev.lists.acme.example>", "list_unsubscribe": "<mailto:u@x.example>", "precedence": "bulk"}, Signal.LIST),
        ({"list_id": "no brackets and spaces  ", "precedence": "list"}, Signal.LIST),
        ({"list_id": "<dev.lists.acme.example>", "sender": Address(email="dev-bounces@lists.acme.example")}, Signal.LIST),
        ({"from_": (), "sender": Address(email="x@acme.example")}, Signal(0)),
        ({"reply_to": (Address(email="anna@home.example"),)}, Signal(0)),
    ],
)
def test_each_header_gives_its_signal(headers: dict[str, Any], expected: Signal) -> None:
    assert signals(mail(ANNA, ME, **headers)) == expected


def test_signals_have_the_numbers_that_are_stored() -> None:
    assert [int(signal) for signal in Signal] == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert [signal.name for signal in Signal][:3] == ["LIST", "BULK", "UNSUBSCRIBE"]


@pytest.mark.parametrize(
    ("message", "direction", "author"),
    [
        (mail(ANNA, ME), "in", "anna@acme.example"),
        (mail(ANNA, "someone@else.example"), "in", "anna@acme.example"),
        (mail(ME, ANNA), "out", ME),
        (mail("Olivia <Olivia@ALIAS.example>", ANNA), "out", "olivia@alias.example"),
        (mail("Olivia <unknown@alias.example>", ANNA, labels=frozenset({"\\Sent"})), "out", "unknown@alias.example"),
        (mail(ANNA, LIST, cc=[ME], **LISTED), "in", "anna@acme.example"),
        (mail(ANNA, LIST, **LISTED), "none", "anna@acme.example"),
        (mail(ANNA, LIST, cc=[ME], labels=frozenset({"CATEGORY_UPDATES"}), **LISTED), "in", "anna@acme.example"),
        (mail(ANNA, ME, labels=frozenset({"CATEGORY_UPDATES"})), "none", "anna@acme.example"),
        (mail(ME, *[f"p{n}@x.example" for n in range(50)]), "out", ME),
        (mail(ME, *[f"p{n}@x.example" for n in range(51)]), "none", ME),
        (mail(ANNA, ME, auto_submitted="auto-generated"), "none", "anna@acme.example"),
        (mail(ANNA, ME, auto_submitted="auto-replied"), "none", "anna@acme.example"),
        (mail(ANNA, ME, content_type="text/calendar; method=REPLY"), "none", "anna@acme.example"),
        (mail(ME, ANNA, content_type="text/calendar; method=REQUEST"), "none", ME),
        (mail(ANNA, ME, list_unsubscribe="<https://x.example>"), "none", "anna@acme.example"),
        (mail(ANNA, ME, list_unsubscribe="<https://x.example>", in_reply_to=("x",)), "in", "anna@acme.example"),
        (mail(ANNA, ME, labels=frozenset({"\\Junk"})), "none", "anna@acme.example"),
        (mail(ME, ANNA, labels=frozenset({"\\Drafts"})), "none", ME),
        (mail("", ME), "none", ""),
        (mail("not an address", ME), "none", ""),
        (mail(ME, ANNA, recipients=100_000), "none", ME),
    ],
)
def test_who_wrote_to_whom(message: MessageMetadata, direction: str, author: str) -> None:
    found = observe(message, OWNER)
    assert (found.direction, found.author) == (direction, author)


def tallied(found: Observation) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    return {s.key: (s.role, s.direction, s.tallies) for s in found.sightings}


def test_a_personal_mail_shows_its_author_and_the_others_on_it() -> None:
    found = observe(mail(ANNA, ME, "Ben Cole <ben@acme.example>", cc=["cy@acme.example", ANNA], in_reply_to=("x",)), OWNER)
    assert tallied(found) == {
        "anna@acme.example": ("from", "in", ("from", "from_reply", "from_personal", "in")),
        "ben@acme.example": ("to", "none", ("seen",)),
        "cy@acme.example": ("cc", "none", ("seen",)),
    }
    assert found.recipients == 4


def test_mail_by_the_owner_shows_everybody_it_was_written_to() -> None:
    found = observe(mail(ME, ANNA, "olivia@alias.example", cc=["ben@acme.example"], bcc=(who("cy@acme.example"),)), OWNER)
    assert tallied(found) == {
        "anna@acme.example": ("to", "out", ("to",)),
        "ben@acme.example": ("cc", "out", ("to",)),
        "cy@acme.example": ("bcc", "out", ("to",)),
    }


def test_list_mail_shows_only_its_author_and_the_list_whatever_the_number_of_recipients() -> None:
    crowd = [f"p{n}@crowd.example" for n in range(200)]
    found = observe(mail(ANNA, LIST, *crowd, cc=[ME], recipients=100_000, list_id="<dev.lists.acme.example>"), OWNER)
    assert {s.key for s in found.sightings} == {"anna@acme.example", LIST}
    assert found.recipients == 100_000


def test_machine_mail_shows_no_bystanders() -> None:
    found = observe(mail(ANNA, ME, "ben@acme.example", auto_submitted="auto-generated"), OWNER)
    assert {s.key for s in found.sightings} == {"anna@acme.example"}


def test_a_mail_that_does_not_name_the_owner_counts_as_one_to_a_group() -> None:
    assert observe(mail(ANNA, "all@acme.example"), OWNER).recipients == 10
    assert observe(mail(ANNA, ME), OWNER).recipients == 1


def test_a_list_that_rewrites_from_credits_the_person_in_reply_to() -> None:
    message = mail(f"Anna Berg via Dev <{LIST}>", LIST, cc=[ME], reply_to=(who(LIST), who(ANNA)), **LISTED)
    found = observe(message, OWNER)
    assert found.author == "anna@acme.example"
    assert found.direction == "in"
    assert kind_after([message], LIST) == "list"
    assert kind_after([message], "anna@acme.example") == "human"


def test_a_service_that_writes_in_a_persons_name_is_believed_only_with_that_name_in_reply_to() -> None:
    service = "Anna Berg via Docs <docs@service.example>"
    believed = observe(mail(service, ME, reply_to=(who(ANNA),)), OWNER)
    assert believed.author == "anna@acme.example"
    doubted = observe(mail(service, ME, reply_to=(who("Sales Desk <sales@service.example>"),)), OWNER)
    assert doubted.author == ""
    assert doubted.direction == "none"
    assert {s.key for s in doubted.sightings} == {"docs@service.example"}


def test_a_newsletter_makes_nobody_a_contact_through_reply_to_or_cc() -> None:
    message = mail("Acme News <news@acme.example>", ME, cc=[ANNA], reply_to=(who(ANNA),), list_unsubscribe="<https://x.example>")
    found = observe(message, OWNER)
    assert {s.key for s in found.sightings} == {"news@acme.example"}


def test_an_assistant_who_writes_credits_the_executive() -> None:
    owner = OwnerKeys(keys=OWNER.keys, principals={"pa@acme.example": "anna@acme.example", "helper@own.example": ME})
    found = observe(mail("Pat Aide <pa@acme.example>", ME), owner)
    assert (found.direction, found.author) == ("in", "anna@acme.example")
    assert {(s.key, s.direction) for s in found.sightings} == {("anna@acme.example", "in"), ("pa@acme.example", "none")}
    sent = observe(mail(ME, "Pat Aide <pa@acme.example>"), owner)
    assert {(s.key, s.direction) for s in sent.sightings} == {("anna@acme.example", "out"), ("pa@acme.example", "none")}
    mine = observe(mail("Helper <helper@own.example>", ANNA), owner)
    assert (mine.direction, mine.author) == ("out", ME)
    behalf = observe(mail(ANNA, ME, sender=who("Pat Aide <pa@acme.example>")), OWNER)
    assert behalf.author == "anna@acme.example"
    assert tallied(behalf)["pa@acme.example"] == ("sender", "none", ("behalf",))


def test_a_sender_who_cannot_be_read_or_is_the_owner_is_not_seen() -> None:
    for sender in ("not an address", "Olivia <olivia@alias.example>", ANNA):
        assert {s.key for s in observe(mail(ANNA, ME, sender=who(sender)), OWNER).sightings} == {"anna@acme.example"}
    assert observe(mail("not an address", ME, sender=who("Pat Aide <pa@acme.example>")), OWNER).direction == "none"


def test_a_list_is_found_whatever_the_case_of_its_headers() -> None:
    for headers in ({"list_id": "Dev <DEV.Lists.Acme.Example>"}, {"list_post": "<MAILTO:Dev@lists.acme.example?subject=x>"}):
        assert kind_after([mail(ANNA, LIST, cc=[ME], **headers)], LIST) == "list"
    unnamed = observe(mail(ANNA, ME, list_post="<mailto:other@lists.acme.example>"), OWNER)
    assert {s.key for s in unnamed.sightings} == {"anna@acme.example", "other@lists.acme.example"}


def test_drafts_and_junk_show_nobody() -> None:
    for label in ("\\Drafts", "\\Junk"):
        assert observe(mail(ANNA, ME, labels=frozenset({label})), OWNER).sightings == ()


PARTIES = st.sampled_from([ANNA, ME, "Ben Cole <ben@acme.example>", LIST, "no-reply@acme.example", "bob@x.example", "", "x"])
MAILS = st.lists(
    st.builds(
        lambda author, to, cc, more: mail(author, *to, cc=cc, **more),
        PARTIES,
        st.lists(PARTIES, max_size=4),
        st.lists(PARTIES, max_size=4),
        st.sampled_from([{}, LISTED, {"auto_submitted": "auto-generated"}, {"in_reply_to": ("x",)}, {"return_path": "<>"}]),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(MAILS, MAILS)
def test_counters_add_up_in_any_order_and_from_any_halves(one: list[MessageMetadata], other: list[MessageMetadata]) -> None:
    counts, names = seen([*one, *other])
    swapped, _ = seen([*reversed(other), *reversed(one)])
    left, _ = seen(one)
    right, _ = seen(other)
    assert counts == swapped
    assert counts == {key: left.get(key, Counter()) + right.get(key, Counter()) for key in {*left, *right}}
    for key in counts:
        assert judge(key, names[key], counts[key]) == judge(key, dict(reversed(names[key].items())), swapped[key])


@settings(max_examples=60, deadline=None)
@given(MAILS)
def test_nobody_is_seen_twice_on_one_message_and_never_the_owner(mails: list[MessageMetadata]) -> None:
    for each in mails:
        keys = [sighting.key for sighting in observe(each, OWNER).sightings]
        assert len(keys) == len(set(keys))
        assert OWNER.keys.isdisjoint(keys)
        assert "" not in keys


@settings(max_examples=60, deadline=None)
@given(MAILS, st.integers(1, 5))
def test_a_machine_never_changes_a_person(mails: list[MessageMetadata], times: int) -> None:
    machine = mail("Build Bot <bot@ci.acme.example>", ME, cc=[ANNA], auto_submitted="auto-generated")
    before, _ = seen(mails)
    after, _ = seen([*mails, *[machine] * times])
    key = "anna@acme.example"
    assert before.get(key) == after.get(key)
    assert all(observe(machine, OWNER).direction == "none" for _ in range(times))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40), st.dictionaries(st.text(max_size=30), st.integers(1, 9), max_size=4))
def test_any_text_is_judged_without_an_error(email: str, names: dict[str, int]) -> None:
    assert judge(email, names, {"from": 1}).reason
    assert observe(mail("", ME, from_=(Address(email=email, name=next(iter(names), "")),)), OWNER).recipients == 1
