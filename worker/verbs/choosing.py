"""Verbs by which the owner chooses: month, want, promise."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from worker.verbs import options

REASONS = ("advice", "experience", "idea", "acquaintance")


@click.command(epilog=options.examples("rekindle month", "rekindle month --json", "rekindle month --share pat@coach.example"))
@click.option("--share", metavar="ADDRESS", help="Leave a draft to ADDRESS that says how many they are.")
@click.option("--names", "has_names", is_flag=True, help="Name them in that draft; nobody of your own organisation.")
@options.reading
def month(
    *, share: str | None, has_names: bool, config: Path | None, owner: str | None, now: datetime | None, as_json: bool
) -> None:
    """Show the two to four people of this month and why, and what came of the last. The choice stays till its end.

    Done is whom you wrote to in person or met, answered who wrote after that. Below them: whom you want to get to know (`want`).
    """
    from worker import report_choices
    from worker.json_views import to_json
    from worker.verbs import chosen
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        picked, seen, view = chosen.month(here)
        if as_json:
            click.echo(to_json(view))
        else:
            report_choices.month(view)
        if share:
            click.echo(chosen.share(here, picked, seen, share, has_names=has_names), err=as_json)


@click.command(epilog=options.examples("rekindle want 'Fay Ode' fay@far.example --for advice --about 'data contracts'"))
@click.argument("name")
@click.argument("address")
@click.option("--for", "reason", type=click.Choice(REASONS), default="acquaintance", help="What you want of them.")
@click.option("--about", default="", metavar="TEXT", help="A few words that complete it: your advice on TEXT.")
@click.option("--language", default="", metavar="CODE", help="Language of the draft; yours without it.")
@options.now
@options.writing
def want(
    *, name: str, address: str, reason: str, about: str, language: str, now: datetime | None, config: Path | None, owner: str | None
) -> None:
    """Put someone you do not know yet on your list: a draft to NAME at ADDRESS that asks for fifteen minutes."""
    from typing import cast

    from rules.first_contact import Reason
    from worker.verbs import chosen
    from worker.verbs.opened import opened

    with opened(config, owner, now) as here:
        click.echo(chosen.want(here, name, address, cast("Reason", reason), about, language))


@click.command(
    epilog=options.examples(
        "rekindle promise 'Daniel Okonjo' 'send the paper' --by friday", "rekindle promise", "rekindle promise --json"
    )
)
@click.argument("who", required=False)
@click.argument("text", required=False)
@click.option("--by", "by", metavar="DAY", help="When it is due: friday, tomorrow, 2026-11-20, 12 June, 3d; in a week without it.")
@click.option("--done", "number", type=int, metavar="N", help="Promise N is kept, though no mail shows it.")
@options.reading
def promise(
    *,
    who: str | None,
    text: str | None,
    by: str | None,
    number: int | None,
    config: Path | None,
    owner: str | None,
    now: datetime | None,
    as_json: bool,
) -> None:
    """Note that you promised WHO something; without WHO list what is open. A mail to WHO closes it.

    A mail to your own address with +promise in it notes one too: "Bob: send the paper by friday" as its subject.
    """
    from rules.promises import WITHOUT_A_DAY, day_named
    from worker import report_choices
    from worker.json_views import to_json
    from worker.verbs import chosen
    from worker.verbs.opened import opened

    if (who is None) != (text is None):
        raise click.UsageError("Say what you promised: promise WHO 'send the paper' --by friday.")
    with opened(config, owner, now) as here:
        today = chosen.today(here)
        day = day_named(by, today) if by else today + WITHOUT_A_DAY
        if day is None:
            raise click.UsageError(f"{by!r} is no day; write friday, tomorrow, 2026-11-20, 12 June or 3d.")
        if number is not None:
            click.echo(chosen.done(here, number))
        elif who is not None and text is not None:
            click.echo(chosen.promise(here, who, text, day))
        else:
            views = here.read(lambda connection: chosen.promised(connection, here.name))
            if as_json:
                click.echo(to_json(views))
            else:
                report_choices.promises(views, here.zone, here.now)
