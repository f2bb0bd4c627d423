"""/hooks/google: what Pub/Sub pushes of new mail, believed when its token proves it, and never more than a hint to look again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.google import push
from connectors.port import PortError
from worker.actors import Nudges
from worker.settings import AccountSettings, Config

MOST: Final = 50
"""Notifications taken in one second; Pub/Sub brings the others again."""

log = structlog.get_logger()


def accounts_of(config: Config) -> dict[str, AccountSettings]:
    """List the accounts Google may push to: those that say where to and by whom."""
    return {
        f"{owner}/{name}": account
        for owner, settings in config.owners.items()
        for name, account in settings.accounts.items()
        if account.provider == "google" and account.settings.get("push_audience") and account.settings.get("push_sender")
    }


def google(config: Config, nudges: Nudges, clock: Callable[[], datetime]) -> Route:
    """Make the route; what it is told of is a nudge to pull and no more."""
    known = accounts_of(config)
    addresses = {str(one.settings.get("certs_uri", push.CERTIFICATES)) for one in known.values()}
    verifiers = {address: push.Verifier(clock=clock, address=address) for address in addresses}
    lately: deque[datetime] = deque(maxlen=MOST)

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
        length = request.headers.get("Content-Length", "")
        if account not in known or not length.isdigit() or int(length) > push.LARGEST:
            return Response(status_code=404)
        if len(lately) == MOST and clock() - lately[0] < timedelta(seconds=1):
            return Response(status_code=429)
        lately.append(clock())
        raw = await request.body()
        return Response(status_code=await run_in_threadpool(take, account, request.headers.get("Authorization", ""), raw))

    return Route("/hooks/google", told, methods=["POST"])
