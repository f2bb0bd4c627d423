"""`rekindle try --live microsoft`: one sign-in that opens no body, held in memory while mail and calendars are looked at."""

from __future__ import annotations

from connectors import microsoft
from connectors.account import Account, Setting
from connectors.port import Connection
from worker.advice import Refusal
from worker.exit_codes import USAGE
from worker.verbs.connect_microsoft import Ways, in_browser, sign_in
from worker.verbs.live_accounts import SignIn, Words

ELSEWHERE = frozenset({"authority", "graph_root", "ca_file"})


def opened(where: str, zone: str, asked: SignIn) -> Connection:
    """Ask at the consent page for reading, and open mail and calendars; `where` is KEY=VALUE,... for another cloud.

    Raises Refusal, the port's errors.
    """
    if not asked.client:
        remedy = "Register one that reads as deploy/microsoft.md says, and give its id with --client ID."
        raise Refusal("There is no app registration.", remedy, code=USAGE)
    settings: dict[str, Setting] = {"access": "read", "client_id": asked.client, **_elsewhere(where)}
    account = Account(id="try/microsoft", settings=settings, secrets=Words({}), zone=zone)
    sign_in(account, "reader", Ways(is_headless=asked.is_headless), show=in_browser)
    return microsoft.open(account)


def _elsewhere(where: str) -> dict[str, str]:
    said = dict(part.split("=", 1) for part in where.split(",") if "=" in part)
    if said.keys() - ELSEWHERE or (where and not said):
        remedy = "Say --live microsoft, or --live microsoft=authority=https://HOST/TENANT,graph_root=https://HOST/v1.0/."
        raise Refusal(f"microsoft={where} cannot be tried.", remedy, code=USAGE)
    return said
