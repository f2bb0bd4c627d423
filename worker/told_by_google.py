"""/hooks/google: what Google pushes of mail and calendars, believed when it proves itself, and never more than a hint to look again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.account import Secrets
from connectors.google import channels, push
from connectors.port import PortError
from worker.actors import Nudges
from worker.letting_in import Gate, body_of
from worker.settings import AccountSettings, Config

log = structlog.get_logger()


def accounts_of(config: Config) -> dict[str, AccountSettings]:
    """List the accounts Pub/Sub may push to: those that say where to and by whom."""
    return _having(config, "push_audience", "push_sender")


def watched(config: Config) -> dict[str, AccountSettings]:
    """List the accounts whose calendars Google tells of."""
    return _having(config, "notification_url")


def google(config: Config, nudges: Nudges, clock: Callable[[], datetime]) -> Route:
    """Make the route Pub/Sub pushes to; what it is told of is a nudge to pull and no more."""
    known = accounts_of(config)
    addresses = {str(one.settings.get("certs_uri", push.CERTIFICATES)) for one in known.values()}
    verifiers = {address: push.Verifier(clock=clock, address=address) for address in addresses}
    gate = Gate(clock)

    def take(account: str, header: str, raw: bytes) -> int:
        said = known[account].settings
        verifier = verifiers[str(said.get("certs_uri", push.CERTIFICATES))]
        try:
            verifier.check(header, audience=str(said["push_audience"]), sender=str(said["push_sender"]))
        except push.NotBelieved as error:
            log.warning("notification not believed", action="web", account=account, error=str(error))
            return 403
        except PortError:
            return 503
        if push.whom(raw):
            nudges.nudge("pull", account)
        return 204

    async def told(request: Request) -> Response:
        account = request.query_params.get("account", "")
        if account not in known:
            return Response(status_code=404)
        if not gate.is_open():
            return Response(status_code=429)
        raw = await body_of(request, push.LARGEST)
        if raw is None:
            return Response(status_code=404)
        return Response(status_code=await run_in_threadpool(take, account, request.headers.get("Authorization", ""), raw))

    return Route("/hooks/google", told, methods=["POST"])


def calendars(config: Config, secrets_of: Callable[[str], Secrets], nudges: Nudges, clock: Callable[[], datetime]) -> Route:
    """Make the route Calendar's channels post to; what it is told of is a nudge to pull and no more."""
    known = watched(config)
    gate = Gate(clock)

    def take(account: str, headers: dict[str, str]) -> int:
        try:
            worth = channels.noticed(headers, secrets_of(account))
        except PortError:
            return 503
        if worth == "look":
            nudges.nudge("pull", account)
        if worth == "not believed":
            log.warning("notice not believed", action="web", account=account)
            return 403
        return 204

    async def told(request: Request) -> Response:
        account = request.query_params.get("account", "")
        if account not in known:
            return Response(status_code=404)
        if not gate.is_open():
            return Response(status_code=429)
        if await body_of(request, push.LARGEST) is None:
            return Response(status_code=404)
        return Response(status_code=await run_in_threadpool(take, account, dict(request.headers)))

    return Route("/hooks/google/calendar", told, methods=["POST"])


def _having(config: Config, *keys: str) -> dict[str, AccountSettings]:
    return {
        f"{owner}/{name}": account
        for owner, settings in config.owners.items()
        for name, account in settings.accounts.items()
        if account.provider == "google" and all(account.settings.get(key) for key in keys)
    }
