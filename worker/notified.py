"""/hooks/microsoft: what Graph tells of new mail, believed when it proves itself, answered at once and worked on later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from connectors.account import Secrets
from connectors.microsoft import push
from connectors.port import PortError
from worker.actors import Nudges
from worker.letting_in import Gate, body_of
from worker.secret_sources import SecretMissingError
from worker.settings import Config

LONGEST_TOKEN: Final = 1_024

log = structlog.get_logger()


def accounts_of(config: Config) -> frozenset[str]:
    """List the accounts Graph may tell of."""
    return frozenset(
        f"{owner}/{name}"
        for owner, settings in config.owners.items()
        for name, account in settings.accounts.items()
        if account.provider == "microsoft" and account.settings.get("notification_url")
    )


def microsoft(config: Config, secrets_of: Callable[[str], Secrets], nudges: Nudges, clock: Callable[[], datetime]) -> Route:
    """Make the route; what it is told of is a nudge to pull and no more."""
    known = accounts_of(config)
    gate = Gate(clock)

    async def told(request: Request) -> Response:
        if not gate.is_open():
            return Response(status_code=429)
        token = request.query_params.get("validationToken")
        if token is not None:  # the handshake: only who holds the address can answer it
            headers = {"X-Content-Type-Options": "nosniff"}
            return PlainTextResponse(token, headers=headers) if len(token) <= LONGEST_TOKEN else Response(status_code=400)
        account = request.query_params.get("account", "")
        raw = await body_of(request, push.LARGEST) if account in known else None
        if raw is None:
            return Response(status_code=404)
        try:
            await run_in_threadpool(_take, account, raw, secrets_of(account), nudges)
        except (PortError, SecretMissingError) as error:
            log.warning("notification lost", action="web", account=account, error=type(error).__name__)
        return Response(status_code=202)

    return Route("/hooks/microsoft", told, methods=["POST"])


def _take(account: str, raw: bytes, secrets: Secrets, nudges: Nudges) -> None:
    asked = push.hints(raw, secrets)
    push.note(asked, secrets)
    if asked:
        nudges.nudge("pull", account)
    else:
        log.warning("notification not believed", action="web", account=account)
