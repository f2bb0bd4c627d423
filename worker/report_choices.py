"""What the owner reads in the terminal of months, promises, attention, replays, rules and what is left alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from rich.table import Table
from rich.text import Text

from worker.json_choices import AttentionView, BacktestView, MonthView, NeverView, PromiseView, QuietListsView, RuleView
from worker.json_views import NamedView
from worker.report import console, safe
from worker.words import counted, moment

NOT_ALL = "Not all whom `people` calls quiet: only ties worth keeping, likely to stay silent or silent for three months."


def month(view: MonthView) -> None:
    """Print the people of a month and what came of the one before."""
    screen = console()
    screen.print(Text(view.month, style="bold"))
    table = _table("Person", "Circle", "Why", "")
    for one in view.people:
        stands = "answered" if one.has_answered else "in touch" if one.is_done else "carried over" if one.is_carried else ""
        table.add_row(_name(one.person), Text(safe(one.circle)), Text(safe(one.why)), Text(stands))
    screen.print(table if view.people else "Nobody yet: too little has been read, or everybody is in touch.")
    for trade in view.trades:
        screen.print(Text(safe(trade), style="dim"))
    for each in view.wanted:
        stands = "answered" if each.has_answered else "written to, no answer yet" if each.is_done else "the draft waits for you"
        screen.print(Text.assemble("To get to know: ", _name(each.person), f", {stands}"))
    if view.earlier is not None:
        screen.print(f"{view.earlier.month}: {view.earlier.sentence}")


def quiet(view: QuietListsView) -> None:
    """Print who is about to be lost, who is, and with whom a strong tie has gone quiet."""
    screen = console()
    listed = (
        ("About to lapse", view.about_to_lapse),
        ("Lapsed", view.lapsed),
        ("Formerly strong and now quiet", view.formerly_strong),
    )
    if not any(people for _, people in listed):
        screen.print("Nobody, or mail and calendars have not been read of late.")
    for heading, people in listed:
        if people:
            screen.print(Text(heading, style="bold"))
            table = _table("Person", "Why")
            for each in people:
                table.add_row(_name(each.person), Text(safe(each.reason)))
            screen.print(table)
    screen.print(Text(NOT_ALL, style="dim"))


def promises(views: Sequence[PromiseView], zone: tzinfo, now: datetime) -> None:
    """Print what is promised and not kept yet."""
    table = _table("", "Promise", "To", "By")
    for each in views:
        due = moment(each.due_at, zone, now) if each.due_at else ""
        table.add_row(str(each.id), Text(safe(each.text)), _name(each.person) if each.person else "nobody known", due)
    console().print(table if views else "No promise is open.")


def attention(view: AttentionView) -> None:
    """Print how attention is spread."""
    screen = console()
    screen.print(Text(safe(view.sentence or "Too little has been read to say.")))
    table = _table("Person", "Share")
    for each in view.top:
        table.add_row(Text(safe(each.name)), f"{each.share:.0%}")
    if view.top:
        screen.print(table)
        screen.print(f"Unevenness (Gini): {view.gini:.2f}", style="dim")


def backtest(view: BacktestView, zone: tzinfo) -> None:
    """Print what each rule would have done, and what then happened."""
    screen = console()
    screen.print(f"{view.since.astimezone(zone):%d %b %Y} to {view.until.astimezone(zone):%d %b %Y}")
    table = _table("Rule", numbers=("Made", "A week", "In touch\nanyway", "No contact\nin 90 days", "Too\nrecent"))
    for each in view.rules:
        counts = (each.made, f"{each.per_week:.1f}", each.talked_anyway, each.gone_silent, each.still_open)
        table.add_row(each.rule, *map(str, counts))
    screen.print(table if view.rules else "No rule would have done anything.")


def rules(views: Sequence[RuleView]) -> None:
    """Print what became of what each rule made."""
    screen = console()
    table = _table("Rule", "Mode", numbers=("Waiting", "Accepted", "Discarded", "Lapsed"))
    for each in views:
        counts = (each.waiting, each.accepted, each.discarded, each.lapsed)
        table.add_row(each.rule, each.mode, *map(str, counts))
    screen.print(table)
    for each in views:
        if each.reason:
            screen.print(Text(f"{each.rule}: {safe(each.reason)}", style="dim"))


def never(views: Sequence[NeverView], *, empty: str) -> None:
    """Print what is left alone."""
    screen = console()
    for each in views:
        screen.print(Text(f"{each.kind}  {safe(each.entry)}{f': {safe(each.reason)}' if each.reason else ''}"))
    screen.print(counted(len(views), "entry", "entries") if views else empty)


def _name(person: NamedView) -> Text:
    return Text(safe(person.name or ", ".join(person.addresses)))


def _table(*headings: str, numbers: Sequence[str] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
