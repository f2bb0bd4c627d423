"""`rekindle try --live google`: one sign-in for calendars alone, held in memory while they are looked at."""

from __future__ import annotations

from pathlib import Path

from connectors import google
from connectors.account import Account, Setting
from connectors.google.consent import Client
from connectors.port import Connection
from worker.advice import Refusal
from worker.exit_codes import USAGE
from worker.verbs.connect_google import in_browser, sign_in
from worker.verbs.live_accounts import SignIn, Words


def opened(where: str, zone: str, asked: SignIn) -> Connection:
    """Ask at the consent page for reading calendars, and open them; `where` is another root of all of Google's addresses.

    Raises Refusal, the port's errors.
    """
    if not asked.client or not Path(asked.client).is_file():
        raise Refusal("There is no OAuth client.", "Make one as deploy/google.md says, and give it with --client FILE.", code=USAGE)
    settings: dict[str, Setting] = {"access": "calendar"} | (_all_at(where) if where else {})
    account = Account(id="try/google", settings=settings, secrets=Words({}), zone=zone)
    client = Client.read(Path(asked.client))
    sign_in(account, "reader", client, address="", is_headless=asked.is_headless, show=in_browser)
    return google.open(account)


def _all_at(where: str) -> dict[str, Setting]:
    root = where.rstrip("/")
    return {"calendar_root": f"{root}/", "token_uri": f"{root}/token", "auth_uri": f"{root}/auth"}
