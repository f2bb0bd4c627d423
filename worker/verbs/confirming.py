"""The one yes before something is taken away: without it nothing is, and the option that says it beforehand is named."""

from __future__ import annotations

import click

from worker.advice import Refusal
from worker.exit_codes import INTERRUPTED


def confirmed(question: str, otherwise: str) -> None:
    """Ask for a yes. Raises Refusal that says what did not happen where there is another answer, or nobody to answer."""
    try:
        is_sure = click.confirm(question)
    except click.Abort:
        click.echo(err=True)  # the question stands on this line
        is_sure = False
    if not is_sure:
        raise Refusal(otherwise, "Answer y, or say --yes.", code=INTERRUPTED)
