"""What the owner reads in the terminal: suggestions, people, answers, accounts and findings, as plain as a good letter."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import MAXYEAR, datetime, timedelta, tzinfo
from typing import IO, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from worker.json_views import AnswerView, FactView, FeedView, FindingView, PersonView, SuggestionView
from worker.words import ago, counted, moment, span

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What can move a cursor, colour a screen or turn a line round; a subject or a name may carry it."""
BLANKS = re.compile(r"[ \t]+$", re.MULTILINE)
STANDINGS = {
    "in_touch": "in touch",
    "booked": "booked",
    "quiet": "quiet",
    "one_way": "one way",
    "new": "no usual gap",
    "snoozed": "left alone for now",
    "muted": "left alone",
    "unread": "still reading",
}
ACTIONS = {"draft": "Draft to", "hold": "Hold for", "invite": "Invitation to"}


class Page(Console):
    """A console whose lines end where their text does, unless a person looks at them on a terminal."""

    def print(self, *objects: Any, **how: Any) -> None:  # noqa: ANN401 - passed on to rich as it is
        """Print as rich does; what it fills a line up with would only be in the way of a pipe."""
        if self.is_terminal:
            super().print(*objects, **how)
            return
        with self.capture() as printed:
            super().print(*objects, **how)
        self.file.write(BLANKS.sub("", printed.get()))


def console(file: IO[str] | None = None) -> Console:
    """Make a console on a stream, stdout where none is named, that takes text as it is: no markup, no emoji, no colours guessed."""
    return Page(file=file, markup=False, emoji=False, highlight=False, soft_wrap=False)


def safe(text: str) -> str:
    """Return text without what could play tricks on a terminal."""
    return CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def suggestions(views: Sequence[SuggestionView], zone: tzinfo, *, empty: str) -> None:
    """Print suggestions one below the other, with the text they consist of."""
    screen = console()
    if not views:
        screen.print(empty)
    for view in views:
        suggestion(screen, view, zone)


def suggestion(screen: Console, view: SuggestionView, zone: tzinfo) -> None:
    """Print one suggestion: what, for whom, when, why, and its words."""
    who = view.person.name or ", ".join(view.person.addresses) or "somebody who is forgotten"
    line = Text(f"{ACTIONS[view.action]} {safe(who)}", style="bold")
    if view.at is not None:
        line.append(f"  {moment(view.at, zone)}", style="not bold")
    line.append(f"  {_state(view, zone)}", style="not bold dim")
    screen.print(line)
    screen.print(Padding(Text(safe(view.why)), (0, 0, 0, 2), expand=False))
    if view.waits_for_you:
        waits = "Waits" if view.account else "Will wait"
        screen.print(Padding(Text(f"{waits} for you: `rekindle approve {view.key}`"), (0, 0, 0, 2), expand=False))
    if view.text.strip() != view.why:
        quoted = Text(f"{safe(view.subject)}\n{safe(view.text).strip()}".strip(), style="dim")
        screen.print(Padding(quoted, (0, 0, 0, 4), expand=False))
    screen.print(Padding(Text(f"{view.rule}  {view.key}", style="dim"), (0, 0, 1, 2), expand=False))


def _state(view: SuggestionView, zone: tzinfo) -> str:
    if view.goes_out_at is not None:
        return f"goes out {moment(view.goes_out_at, zone)} unless you touch its hold"
    match view.state:
        case "closed":
            return f"closed: {(view.close_reason or 'done').replace('_', ' ')}"
        case "planned" | "approved" if view.due_at is not None:
            return f"is made by itself{'' if view.due_at == view.at else f' {moment(view.due_at, zone)}'}"
        case _:
            return view.state


def people(views: Sequence[PersonView], zone: tzinfo, now: datetime, *, remark: str) -> None:
    """Print the network as a table, in one line what it holds, and the remark, if there is one."""
    screen = console()
    if views:
        screen.print(people_table(views, zone, now))
        screen.print(", ".join(f"{count:,} {kind}" for kind, count in Counter(view.kind for view in views).most_common()))
    if remark:
        screen.print(Text(safe(remark)))


def people_table(views: Iterable[PersonView], zone: tzinfo, now: datetime) -> Table:
    """Lay out people: who, where you stand, last contact, usual gap, next meeting, how often."""
    shown = list(views)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for heading in ("Person", "Stands", "Last in touch", "Usual gap"):
        table.add_column(heading, overflow="fold")
    is_booked = any(view.next_meeting for view in shown)
    if is_booked:
        table.add_column("Next meeting", overflow="fold")
    table.add_column("Contacts", justify="right")
    for view in shown:
        table.add_row(
            Text(safe(view.name or ", ".join(view.addresses))),
            Text(STANDINGS[view.state] if view.state else safe(f"{view.kind}: {view.reason or ''}")),
            Text(ago(view.last_interaction, now) if view.last_interaction else ""),
            Text(span(timedelta(days=view.rhythm_days)) if view.rhythm_days else ""),
            *([Text(moment(view.next_meeting, zone, now) if view.next_meeting else "")] if is_booked else []),
            Text(f"{view.interactions:,}" if view.interactions else ""),
        )
    return table


def answer(view: AnswerView, zone: tzinfo) -> None:
    """Print why, or why not, and the facts behind it."""
    screen = console()
    if view.who:
        screen.print(Text(safe(view.who), style="bold"))
    screen.print(Text(safe(view.sentence)))
    for fact in view.facts:
        screen.print(Padding(fact_line(fact, zone), (0, 0, 0, 2), expand=False))


def fact_line(fact: FactView, zone: tzinfo) -> Text:
    """Write one fact with when it was."""
    line = Text(f"· {safe(fact.text)}")
    if fact.at is not None:
        line.append(f"  {moment(fact.at, zone)}", style="dim")
    return line


def pause(until: datetime | None, zone: tzinfo, now: datetime) -> None:
    """Print that nothing is made, if that is so."""
    if until is not None and until > now:
        end = "" if until.year == MAXYEAR else f" until {moment(until, zone, now)}"
        console().print(f"Paused{end}: nothing is made. `rekindle pause --end` goes on.")


def status(views: Sequence[FeedView], zone: tzinfo, now: datetime) -> None:
    """Print each account with its feeds: what was read, what was left out, what is in the way."""
    screen = console()
    if not views:
        screen.print("No account yet. `rekindle connect --help` says how to add one.")
    for view in views:
        if view.feed is None:
            soon = f", looked at next {moment(view.next_attempt, zone, now)}" if view.next_attempt else ""
            screen.print(Text.assemble((f"{view.account} ({view.provider}): {view.state}", "bold"), soon))
        else:
            kind = " (calendar)" if view.kind == "calendar" else ""
            screen.print(Padding(Text(f"{safe(view.feed)}{kind}: {_read_so_far(view, zone, now)}"), (0, 0, 0, 2), expand=False))
        if view.error:
            screen.print(Padding(Text(safe(view.error), style="red"), (0, 0, 0, 4), expand=False))
        for skip in view.skipped:
            screen.print(Padding(Text(f"{skip.count:,} left out: {safe(skip.reason)}", style="dim"), (0, 0, 0, 4), expand=False))


def _read_so_far(view: FeedView, zone: tzinfo, now: datetime) -> str:
    if view.last_ok is None:
        return "not read yet" if view.remaining is None else f"the first read is under way{_left(view)}"
    read = f"read {moment(view.last_ok, zone, now)}"
    if view.coverage is None:
        return f"{read}, the first read is under way{_left(view)}"
    return read if view.coverage.year == 1 else f"{read}, back to {view.coverage.astimezone(zone):%d %b %Y}{_left(view)}"


def _left(view: FeedView) -> str:
    """Say what a first read has still to come, and about how long that takes."""
    if view.remaining is None:
        return ""
    long = "" if view.minutes_left is None else f", {_about(view.minutes_left)}"
    return f", about {view.remaining:,} to go{long}"


def _about(minutes: int) -> str:
    return f"{counted(minutes, 'minute')}" if minutes < 100 else f"{counted(round(minutes / 60), 'hour')}"  # noqa: PLR2004 - hours from there on


def findings(views: Sequence[FindingView]) -> None:
    """Print what doctor or a check found; a remedy for all that is missing."""
    screen = console()
    table = Table.grid(padding=(0, 2, 0, 0))
    for view in views:
        mark = Text("ok", style="green") if view.is_ok else Text("wrong", style="red")
        table.add_row(mark, Text(safe(view.subject), style="bold"), Text(safe(view.what)))
        if view.remedy and not view.is_ok:
            table.add_row("", "", Text(f"→ {safe(view.remedy)}"))
    screen.print(table)
    wrong = sum(not view.is_ok for view in views)
    screen.print(f"{counted(wrong, 'thing')} to put right." if wrong else "All is well.")
