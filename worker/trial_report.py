"""What `try` and `demo` tell: who is in the network, who has gone quiet, where attention goes, what would be made and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, tzinfo

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from rules.engine import Decision, Refusal
from rules.network import Kind, Person, Relation
from rules.words import MONTH
from worker import report
from worker.trial import Tally, TrialPerson, TrialReport
from worker.trial_views import trial_person
from worker.views import planned
from worker.words import ago, counted, span

SHOWN = 12
"""Rows of a list before it says how many more there are."""
WANTED = 1000
SURE = {
    "given": "You said so.",
    "certain": "That is certain:",
    "likely": "That is likely:",
    "unsure": "That is a guess; say `--me ADDRESS` if it is wrong:",
}


def tell(found: TrialReport, zone: tzinfo, now: datetime) -> None:
    """Print the whole trial, the most useful last, where the eye rests."""
    screen = report.console()
    _read(screen, found)
    if found.owner_addresses and _has_any(found):
        _people(screen, found, zone, now)
        _quiet(screen, found.quiet, now)
        _attention(screen, found)
        _actions(screen, found, zone)
        refusals(screen, found.decision, {each.person.id: each.person for each in found.people})
    screen.print("\nNothing was written anywhere, nothing was sent. `rekindle init` sets it up for good.")


def _read(screen: Console, found: TrialReport) -> None:
    _tally(screen, "message", found.messages)
    _tally(screen, "event", found.events)
    if not _has_any(found):
        screen.print("There is nothing here to go by: no message and no event could be read.")
    elif found.owner_addresses:
        screen.print(Text(f"You are {', '.join(found.owner_addresses)}.", style="bold"))
        screen.print(f"{SURE[found.owner_confidence]} {report.safe(found.owner_reason)}".strip())
        if any("+" in address for address in found.owner_addresses):
            screen.print("Mail to you with another +tag, or with none, counts as yours too.")
    else:
        screen.print(report.safe(found.owner_reason))


def _has_any(found: TrialReport) -> bool:
    events = found.events
    return bool(found.messages.stored or events.stored or any(skip.is_in_part for skip in events.skipped))


def _tally(screen: Console, noun: str, tally: Tally) -> None:
    if not tally.read:
        return
    line = f"{counted(tally.read, noun)} read"
    if tally.duplicates:
        line += f", {tally.duplicates:,} of them more than once"
    screen.print(f"{line}.")
    for skip in tally.skipped:
        where = f" (first at {report.safe(skip.example)})" if skip.example else ""
        what = "read in part" if skip.is_in_part else "left out"
        screen.print(
            Padding(Text(f"{skip.count:,} {what}: {report.safe(skip.reason)}{where}", style="dim"), (0, 0, 0, 2), expand=False)
        )


def heading(screen: Console, text: str) -> None:
    """Print the heading of a part."""
    screen.print(Text(f"\n{text}", style="bold underline"))


def _people(screen: Console, found: TrialReport, zone: tzinfo, now: datetime) -> None:
    heading(screen, f"Your network: {counted(len(found.people), 'person', 'people')}")
    if not found.people:
        screen.print(f"Nobody with whom you were in touch both ways. {_lack(found)}")
        return
    screen.print(report.people_table((trial_person(each) for each in found.people[:SHOWN]), zone, now))
    if len(found.people) > SHOWN:
        screen.print(Text(f"and {len(found.people) - SHOWN:,} more; --json lists them all.", style="dim"))
    kinds = Counter(other.kind for other in found.others)
    nouns = _NOUNS if found.messages.stored else _NOUNS | _UNWRITTEN
    left = ", ".join(counted(kinds[kind], one, many) for kind, (one, many) in nouns.items() if kinds[kind])
    if left:
        screen.print(Text(f"Left out of the network: {left}.", style="dim"))
    if kept := _kept(found, now):
        screen.print(kept)


def _lack(found: TrialReport) -> str:
    """Say what seems to be missing where nobody is in the network."""
    if found.sent and not found.received:
        return "One side of your mail seems to be missing: only what you sent was read. Add what you received."
    if found.received and not found.sent:
        also = "" if found.owner_confidence == "certain" else " Or is one of your own addresses missing? `--me ADDRESS` adds it."
        return f"One side of your mail seems to be missing: only what you received was read. Add what you sent.{also}"
    return "Is one of your own addresses missing? `--me ADDRESS` adds it."


def _kept(found: TrialReport, now: datetime) -> str:
    """Say how many of the people are still there by what the settings keep unless told otherwise; "" where all are."""
    from worker.settings import OwnerSettings  # noqa: PLC0415 - what defines all settings is not needed until everything is read

    retention: timedelta = OwnerSettings.model_fields["retention"].default
    since = now - retention
    count = sum(1 for one in found.network.relations if one.next_meeting or _is_both_ways(one, since))
    if count == len(found.people):
        return ""
    months = round(retention.days / MONTH)
    return f"Rekindle itself keeps {months} months: about {count:,} of these {counted(len(found.people), 'person', 'people')} would be there."


def _is_both_ways(relation: Relation, since: datetime) -> bool:
    """Tell whether each side was in touch with the other since then."""
    return all(at is not None and at >= since for at in (relation.last_in_at, relation.last_out_at))


_NOUNS: dict[Kind, tuple[str, str]] = {
    "machine": ("machine", "machines"),
    "list": ("mailing list", "mailing lists"),
    "room": ("room", "rooms"),
    "unknown": (
        "address that names nobody or that only one side ever wrote to",
        "addresses that name nobody or that only one side ever wrote to",
    ),
}


_UNWRITTEN: dict[Kind, tuple[str, str]] = {
    "unknown": ("address of which too little was seen", "addresses of which too little was seen"),
}
"""Where only a calendar was read nobody wrote."""


def _quiet(screen: Console, quiet: Iterable[TrialPerson], now: datetime) -> None:
    shown = list(quiet)
    if not shown:
        return
    heading(screen, "Gone quiet")
    for each in shown[:SHOWN]:
        name = report.safe(each.person.name or each.person.addresses[0])
        usual = f", usually every {span(each.rhythm).removeprefix('1 ')}" if each.rhythm else ""
        screen.print(Text.assemble((name, "bold"), f"  {ago(each.last_at, now)}{usual}"))
    if len(shown) > SHOWN:
        screen.print(Text(f"and {len(shown) - SHOWN:,} more", style="dim"))


def _attention(screen: Console, found: TrialReport) -> None:
    if not found.attention.sentence:
        return
    heading(screen, "Where your attention goes")
    screen.print(report.safe(found.attention.sentence))
    for name, share in found.attention.top:
        screen.print(Text.assemble(f"{share:>5.0%}  ", ("█" * max(1, round(share * 40)), "cyan"), f"  {report.safe(name)}"))


def _actions(screen: Console, found: TrialReport, zone: tzinfo) -> None:
    heading(screen, "What Rekindle would make today")
    people = {each.person.id: each.person for each in found.people}
    for suggestion in found.decision.suggestions:
        report.suggestion(screen, planned(suggestion, people), zone)
    if not found.decision.suggestions:
        screen.print("Nothing.")


def refusals(screen: Console, decision: Decision, people: Mapping[str, Person], shown: int = SHOWN) -> None:
    """Print what was considered and left undone: each reason once, with the first it was for and how many more.

    Of a person the reason of what came nearest counts. The rare reason comes first: it tells more than one that holds for half
    the network.
    """
    served = {each.person_id for each in decision.suggestions}
    nearest: dict[str, Refusal] = {}
    for each in decision.refusals:
        before = nearest.get(each.person_id)
        if each.person_id not in served and (before is None or _nearness(each) > _nearness(before)):
            nearest[each.person_id] = each
    by_reason: dict[str, dict[str, str]] = {}
    for each in nearest.values():
        name = _name(each, people)
        by_reason.setdefault(each.sentence.replace(name, "…"), {})[name] = each.sentence
    if not by_reason:
        return
    heading(screen, "What it would not make, and why not")
    for reasons in sorted(by_reason.values(), key=lambda reasons: (len(reasons), min(reasons)))[:shown]:
        name, sentence = min(reasons.items())
        line = Text("" if name in sentence else f"{report.safe(name)}: ")
        line.append(report.safe(sentence))
        if len(reasons) > 1:
            line.append(f" And {len(reasons) - 1:,} more like that.", style="dim")
        screen.print(line)
    if len(by_reason) > shown:
        screen.print(Text(f"and {counted(len(by_reason) - shown, 'other reason')}", style="dim"))


def _nearness(refused: Refusal) -> int:
    """Say how far it got: held back by a cap it was wanted, else by how many conditions it met."""
    return len(refused.checked) or WANTED


def _name(refused: Refusal, people: Mapping[str, Person]) -> str:
    person = people.get(refused.person_id)
    return (person.name or person.addresses[0]) if person else refused.rule
