"""Microsoft 365: Outlook mail and calendars through Graph, by a reader's token that opens no body and a writer's that cannot send."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

from connectors.account import Account, Setting, SettingKind, text_of, texts_of
from connectors.microsoft import schedules, signin
from connectors.microsoft.calendar import OutlookCalendar
from connectors.microsoft.glance import Glance
from connectors.microsoft.graph import LANES, ROOT, Graph, Leave
from connectors.microsoft.mail import OutlookMailbox
from connectors.microsoft.push import EVENTS, MAIL, Channel, Subscriber
from connectors.microsoft.steps import Step, call_steps, certificate_step, subscription_step, token_step
from connectors.optional import Span
from connectors.port import Cursor, PortError, RateLimited, Rejected
from rules.facts import Address

SETTINGS: Mapping[str, str] = {
    "access": "how far it may go: read, or drafts (drafts and holds too; default)",
    "client_id": "the app registration that reads",
    "writer_client_id": "the app registration that writes drafts and holds",
    "listener_client_id": "the app registration that may be told of events; calendars are polled when left out",
    "authority": "where you sign in: https://login.microsoftonline.com/TENANT",
    "graph_root": "another address of Graph, for national clouds",
    "calendars": "the calendars to read, by name; all you may edit when left out",
    "holds": "the id of the calendar holds are put into; the main one when left out",
    "certificate_file": "key and certificate in PEM, for a sign-in of the application's own",
    "user": "whose mailbox the application's own sign-in acts for",
    "notification_url": "where Graph can reach `rekindle run`: https://HOST/hooks/microsoft; polling alone when left out",
    "requests_per_minute": "how many requests an owner's mailbox may cost in a minute",
    "ca_file": "certificates to trust instead of the usual ones",
}
KINDS: Mapping[str, SettingKind] = {"calendars": "texts", "requests_per_minute": "number"}
"""The settings that are no plain texts."""
SECRETS: Mapping[str, str] = {}
"""Nothing to write down: `rekindle connect microsoft` seals the tokens."""
REQUESTS_PER_MINUTE: Final = 900
"""A little under the 10,000 in ten minutes Graph allows an application for each mailbox."""


@dataclass(slots=True)
class MicrosoftConnection:
    """One Microsoft 365 account for one thread; satisfies `connectors.port.Connection`."""

    mailbox: OutlookMailbox
    calendar: OutlookCalendar
    _glance: Glance
    _reader: Graph
    _graphs: Sequence[Graph]
    _account: Account

    def addresses(self) -> Sequence[Address]:
        """List the owner's addresses as the profile has them."""
        return self.mailbox.addresses()

    def expect(self, cursors: Mapping[str, Cursor]) -> None:
        """Have the next look at addresses, folders and calendars be one call; satisfies `connectors.optional.Expecting`."""
        self._glance.expect(self.calendar.links(cursors))

    def is_alive(self) -> bool:
        """Say that it may be kept; satisfies `connectors.optional.Keepable`: each request stands for itself, and lines that died are seen."""
        return True

    def busy(self, addresses: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[Span]]:
        """Ask when colleagues are busy; satisfies `connectors.optional.Schedules`."""
        return schedules.busy(self._reader, addresses, start, end)

    def untell(self) -> None:
        """Delete what was subscribed to; satisfies `connectors.optional.Told`."""
        watcher = self.watcher()
        if watcher is not None:
            with closing(watcher):
                watcher.end()

    def watcher(self) -> Subscriber | None:
        """Keep Graph telling /hooks/microsoft of new mail, and of events where that was agreed to; None = only the poll runs."""
        url = text_of(self._account.settings, "notification_url")
        if not url:
            return None
        reader = graph_of(self._account, "reader")
        channels = [Channel(MAIL, reader)]
        if "listener" in roles(self._account.settings):
            channels.append(Channel(EVENTS, graph_of(self._account, "listener")))
        return Subscriber(channels, self._account.secrets, clock=reader.now, url=url, account=self._account.id)

    def close(self) -> None:
        """Let go of the connections."""
        for graph in self._graphs:
            graph.close()


def open(account: Account) -> MicrosoftConnection:  # noqa: A001 - the port's word
    """Open the account; refuses sign-ins that could send or do more than they need. Nothing is asked of Graph yet."""
    graphs = {role: graph_of(account, role) for role in roles(account.settings)}
    glance = Glance(graphs["reader"])
    calendar = OutlookCalendar(
        graphs["reader"],
        glance,
        graphs.get("writer"),
        chosen=texts_of(account.settings, "calendars"),
        holds=text_of(account.settings, "holds"),
        installation=account.installation,
    )
    mailbox = OutlookMailbox(graphs["reader"], glance, graphs.get("writer"), account.installation)
    return MicrosoftConnection(mailbox, calendar, glance, graphs["reader"], tuple(graphs.values()), account)


def steps(account: Account) -> Iterator[tuple[str, Step]]:
    """Check the account step by step: certificate, sign-ins, what each is for, subscriptions. Writes nothing anywhere."""
    for role in roles(account.settings):
        try:
            registration = registration_of(account.settings, role)
        except Rejected as error:
            yield "sign-in", Step(name=f"{role} registration", what=str(error), is_ok=False, remedy=error.remedy)
            continue
        if registration.certificate:
            yield "sign-in", certificate_step(registration, datetime.now(UTC))
        signed_in = token_step(registration, account.secrets)
        yield "sign-in", signed_in
        if not signed_in.is_ok:
            continue
        try:
            graph = graph_of(account, role)
        except PortError as error:
            yield "sign-in", Step(name=f"{role} agreement", what=str(error), is_ok=False, remedy=error.remedy)
            continue
        with closing(graph):
            yield from (("account", step) for step in call_steps(role, registration, graph))
            if text_of(account.settings, "notification_url") and role != "writer":
                channel = Channel(MAIL if role == "reader" else EVENTS, graph)
                yield "account", subscription_step(channel, registration, account.secrets)


def graph_of(account: Account, role: signin.Role) -> Graph:
    """Open Graph with the token of one role. Raises AuthorizationExpired, Rejected."""
    registration = registration_of(account.settings, role)
    signin.check(registration, signin.granted(account.secrets, role))
    user = text_of(account.settings, "user")
    if registration.certificate and (not user or account.secrets.get(signin.OPT_IN) != user):
        remedy = "The owner runs `rekindle connect microsoft --certificate` and says yes."
        raise Rejected(f"{user or 'The owner'} has not agreed to an application acting for this mailbox.", remedy=remedy)
    return Graph(
        signin.SignIn(account.secrets, registration).token,
        root=text_of(account.settings, "graph_root") or ROOT,
        who=f"users/{user}" if registration.certificate else "me",
        ca_file=registration.ca_file,
        gate=partial(_through, account),
        pay=partial(_paid, account),
        only="subscriptions" if role == "listener" else "",
    )


def whose(account: Account, role: signin.Role) -> str:
    """Ask whose mailbox a sign-in opens; the listener's is not asked for that, but compared. Raises the port's errors."""
    if role == "listener":
        is_same = signin.whose(account.secrets, "listener") == signin.whose(account.secrets, "reader")
        return whose(account, "reader") if is_same else "somebody else"
    graph = graph_of(account, role)
    try:
        return str(graph.get("me", "asking who you are", params={"$select": "userPrincipalName"}).get("userPrincipalName", ""))
    finally:
        graph.close()


def roles(settings: Mapping[str, Setting]) -> tuple[signin.Role, ...]:
    """Return which sign-ins the account has. Raises Rejected."""
    access = text_of(settings, "access") or "drafts"
    if access not in ("read", "drafts"):
        raise Rejected(f"access = {access!r} is unknown.", remedy="Use read or drafts.")
    listening = ("listener",) if text_of(settings, "listener_client_id") else ()
    return cast("tuple[signin.Role, ...]", ("reader", *(("writer",) if access == "drafts" else ()), *listening))


def registration_of(settings: Mapping[str, Setting], role: signin.Role) -> signin.Registration:
    """Return the app registration of a role. Raises Rejected."""
    key = "client_id" if role == "reader" else f"{role}_client_id"
    client = text_of(settings, key)
    if not client:
        raise Rejected(f"The account says no {key}.", remedy="deploy/microsoft.md says how to register the application.")
    root = urlsplit(text_of(settings, "graph_root") or ROOT)
    return signin.Registration(
        role=role,
        client_id=client,
        authority=text_of(settings, "authority") or signin.AUTHORITY,
        resource=f"{root.scheme}://{root.netloc}",
        certificate=_certificate(text_of(settings, "certificate_file")),
        ca_file=text_of(settings, "ca_file"),
    )


def _certificate(file: str) -> str:
    try:
        return Path(file).read_text(encoding="ascii") if file else ""
    except (OSError, ValueError) as error:
        raise Rejected(
            f"{file} cannot be read ({type(error).__name__}).", remedy="Put key and certificate there, in PEM."
        ) from error


def _through(account: Account, width: int, wait: timedelta) -> Leave | None:
    """Let a request to the owner's mailbox through; None where others were in the way for too long."""
    return account.gate.enter(f"microsoft {account.id}", width=width, limit=LANES, wait=wait) if account.gate else lambda: None


def _paid(account: Account, count: int) -> None:
    """Pay for requests from what the owner's mailbox may cost in a minute; where that is used up, wait for more than the next.

    A look round alone costs some: with little to spend nothing would ever be read. Raises RateLimited.
    """
    if account.quota is None:
        return
    said = account.settings.get("requests_per_minute", REQUESTS_PER_MINUTE)
    limit = said if isinstance(said, int) else REQUESTS_PER_MINUTE
    take = partial(account.quota.take, f"microsoft {account.id}", count=1, limit=limit)
    try:
        take(price=min(count, limit))
    except RateLimited:
        take(price=max(min(count, limit), limit * 2 // 3))
