"""Google: Gmail and Google Calendar through two least tokens, a reader and a writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, cast

from google.auth.credentials import Credentials as AnyCredentials

from connectors.account import Account, Setting, SettingKind, text_of, texts_of
from connectors.google import signin
from connectors.google.calendar import GoogleCalendar
from connectors.google.channels import Channels
from connectors.google.drafts import Drafts
from connectors.google.mail import GmailMailbox
from connectors.google.notices import GmailWatch, Pulling, places
from connectors.google.reading import Reading
from connectors.google.spending import CALENDAR_MINUTE, GMAIL_MINUTE, Spending, prices
from connectors.google.steps import Step, call_steps, token_steps, told_steps
from connectors.google.transport import Roots, Service, Wire
from connectors.google.watching import GoogleWatcher, Tended
from connectors.port import PortError, Rejected, Watcher
from rules.facts import Address

SETTINGS: Mapping[str, str] = {
    "access": "how far it may go: calendar, mail (metadata too) or drafts (drafts and holds too; default)",
    "calendars": "the calendars to read, by name; your own ones that are shown when left out",
    "holds": 'the calendar holds are put into: its id, "own" for one Rekindle makes, or primary (default)',
    "is_broad_allowed": "true = accept a token that can do more than it needs",
    "service_account_file": "the key of a service account with domain-wide delegation, instead of a sign-in of your own",
    "subject": "whose mailbox the service account acts for",
    "units_per_minute": "Gmail's quota units a minute for one owner",
    "calendar_per_minute": "Calendar's requests a minute for one owner",
    "units": 'what calls cost where your project differs: ["messages.get=5", ...]',
    "pubsub_key_file": "the key of a service account that may subscribe; with it Gmail's changes are told at once",
    "pubsub_topic": "projects/PROJECT/topics/NAME, where Gmail publishes changes",
    "pubsub_subscription": "projects/PROJECT/subscriptions/NAME, one for this account alone",
    "notification_url": "the public https address of /hooks/google/calendar; with it Calendar's changes are told at once",
    "push_audience": "the audience of a push subscription, where one is configured instead",
    "push_sender": "the address of the service account that signs what is pushed",
    "certs_uri": "another address of Google's certificates",
    "gmail_root": "another address of the Gmail API",
    "calendar_root": "another address of the Calendar API",
    "token_uri": "another token endpoint",
    "auth_uri": "another consent page",
    "pubsub_root": "another address of Pub/Sub",
}
KINDS: Mapping[str, SettingKind] = {
    "calendars": "texts",
    "is_broad_allowed": "switch",
    "units_per_minute": "number",
    "calendar_per_minute": "number",
    "units": "texts",
}
"""The settings that are no plain texts."""
SECRETS: Mapping[str, str] = {}
"""Nothing to write down: `rekindle connect google` seals the tokens."""
PATIENCE: Final = timedelta(minutes=30)
"""How long an account in which nothing happens goes unread in working hours: 1,000 of them share 10,000 requests a minute."""
OWN_CALENDAR: Final = "own"
OWN_CALENDAR_NAME: Final = "Rekindle"
OWN_CALENDAR_ID: Final = "own_calendar"
"""The secret that keeps the id of the calendar Rekindle has made."""


@dataclass(slots=True)
class GoogleConnection:
    """One Google account for one thread; satisfies `connectors.port.Connection`, and Metered: a project's quota is shared."""

    mailbox: GmailMailbox | None
    calendar: GoogleCalendar
    _wires: Sequence[Wire]
    _services: tuple[tuple[Service, Service | None], tuple[Service, Service] | None] = field(repr=False)
    _place: str = "primary"
    _watching: Callable[[], GoogleWatcher | None] = field(default=lambda: None, repr=False)
    patience: timedelta = PATIENCE

    def steps(self) -> Iterator[Step]:
        """Call each API once with each token."""
        return call_steps(*self._services, self._place)

    def addresses(self) -> Sequence[Address]:
        """Say which address the account has; aliases are learned from mail the owner has written."""
        return self.mailbox.addresses() if self.mailbox is not None else self.calendar.addresses()

    def watcher(self) -> Watcher | None:
        """Pull notifications where a subscription is configured, on connections of its own; else None, and the poll serves."""
        return self._watching()

    def untell(self) -> None:
        """End Gmail's watch and Calendar's channels; satisfies `connectors.optional.Told`."""
        watcher = self._watching()
        if watcher is not None:
            with closing(watcher):
                watcher.end()

    def close(self) -> None:
        """Let go of the connections."""
        for wire in self._wires:
            wire.close()


def open(account: Account) -> GoogleConnection:  # noqa: A001 - the port's word
    """Open the account; refuses tokens that can do more than they need. Nothing is asked of Google yet."""
    access, roots = access_of(account.settings), roots_of(account.settings)
    wires = {role: Wire(_credentials(account, role, roots)) for role in signin.roles(access)}
    opened = list(wires.values())
    spending = _spending(account)
    gmail, calendar = (
        {role: Service(name, version, root, wire) for role, wire in wires.items()}
        for name, version, root in (("gmail", "v1", roots.gmail), ("calendar", "v3", roots.calendar))
    )

    def another() -> Service:
        """Open one more lane to the same mail, to be closed with the rest."""
        opened.append(Wire(_credentials(account, "reader", roots)))
        return Service("gmail", "v1", roots.gmail, opened[-1])

    reading = Reading(gmail["reader"], spending, another)
    mailbox = GmailMailbox(reading, Drafts(reading, gmail.get("writer"))) if access != "calendar" else None
    calendars = GoogleCalendar(
        calendar["reader"],
        calendar.get("writer"),
        spending,
        chosen=texts_of(account.settings, "calendars"),
        holds=_holds(account),
        installation=account.installation,
    )
    readers = calendar["reader"], gmail["reader"] if access != "calendar" else None
    writers = (calendar["writer"], gmail["writer"]) if "writer" in wires else None
    parts = (mailbox, calendars, opened, (readers, writers), _holds(account))
    return GoogleConnection(*parts, lambda: _watcher(account, spending))


def steps(account: Account) -> Iterator[tuple[str, Step]]:
    """Check the account step by step: tokens, then each API with each of them. Writes nothing anywhere."""
    is_broad = account.settings.get("is_broad_allowed") is True
    if not text_of(account.settings, "service_account_file"):
        for role in signin.roles(access_of(account.settings)):
            for step in token_steps(account.secrets, role, scopes_of(account.settings, role), is_broad_allowed=is_broad):
                yield "sign-in", step
    try:
        with closing(open(account)) as connection:
            yield from (("account", step) for step in connection.steps())
            told = told_steps(connection.watcher, text_of(account.settings, "notification_url"))
            yield from (("account", step) for step in told)
    except PortError as error:
        yield "account", Step(name="sign-in", what=str(error), is_ok=False, remedy=error.remedy)


def make_own_calendar(account: Account) -> None:
    """Make the calendar for holds, or find the one made before, and remember its id. Raises the port's errors."""
    roots = roots_of(account.settings)
    with closing(Wire(_credentials(account, "reader", roots))) as wire:
        reader = Service("calendar", "v3", roots.calendar, wire)
        found = reader.call(reader.api.calendarList().list(maxResults=250, fields="items(id,summary)"), "listing calendars")
    known = [one["id"] for one in found.get("items", ()) if one.get("summary") == OWN_CALENDAR_NAME]
    if known and account.secrets.get(OWN_CALENDAR_ID) in known:
        return
    with closing(Wire(_credentials(account, "writer", roots))) as wire:
        writer = Service("calendar", "v3", roots.calendar, wire)
        made = writer.call(writer.api.calendars().insert(body={"summary": OWN_CALENDAR_NAME}, fields="id"), "making a calendar")
    with account.secrets.exclusive():
        account.secrets.put(OWN_CALENDAR_ID, made["id"])


def whose(account: Account, role: signin.Role) -> str:
    """Return the address the token of this role is for; "" where its scopes do not tell. Raises the port's errors."""
    access, roots = access_of(account.settings), roots_of(account.settings)
    if access == "calendar":
        return ""
    with closing(Wire(_credentials(account, role, roots))) as wire:
        gmail = Service("gmail", "v1", roots.gmail, wire)
        found = gmail.call(gmail.api.users().getProfile(userId="me", fields="emailAddress"), "your profile")
    return str(found["emailAddress"])


def access_of(settings: Mapping[str, Setting]) -> signin.Access:
    """Return the step of the ladder. Raises Rejected."""
    said = text_of(settings, "access") or "drafts"
    if said not in ("calendar", "mail", "drafts"):
        raise Rejected(f"access = {said!r} is unknown.", remedy="Use calendar, mail or drafts.")
    return cast("signin.Access", said)


def roots_of(settings: Mapping[str, Setting]) -> Roots:
    """Return where Google is for this account."""
    known = Roots()
    return Roots(
        gmail=text_of(settings, "gmail_root") or known.gmail,
        calendar=text_of(settings, "calendar_root") or known.calendar,
        token=text_of(settings, "token_uri") or known.token,
        auth=text_of(settings, "auth_uri") or known.auth,
        pubsub=text_of(settings, "pubsub_root") or known.pubsub,
    )


def scopes_of(settings: Mapping[str, Setting], role: signin.Role) -> tuple[str, ...]:
    """Return the scopes the account's token of this role is to have, no more and no fewer."""
    return signin.scopes(role, access_of(settings), is_own_calendar=settings.get("holds") == OWN_CALENDAR)


def _credentials(account: Account, role: signin.Role, roots: Roots) -> AnyCredentials:
    settings = account.settings
    allowed = scopes_of(settings, role)
    key = text_of(settings, "service_account_file")
    if not key:
        granted = signin.known(account.secrets, role).scopes
        signin.check(role, granted, allowed, is_broad_allowed=settings.get("is_broad_allowed") is True)
    return signin.credentials(
        account.secrets, role, allowed, roots.token, service_account=key, subject=text_of(settings, "subject")
    )


def _watcher(account: Account, spending: Spending) -> GoogleWatcher | None:
    """Open what Google tells by: Pub/Sub, a topic that pushes, channels. None where only the poll serves. Raises Rejected."""
    settings, roots = account.settings, roots_of(account.settings)
    key, topic, subscription, audience, url = (
        text_of(settings, name)
        for name in ("pubsub_key_file", "pubsub_topic", "pubsub_subscription", "push_audience", "notification_url")
    )
    is_mail_told = access_of(settings) != "calendar" and bool(key or topic or audience)
    if wrong := places(topic, subscription if key else None) if is_mail_told else ():
        raise Rejected("; ".join(wrong), remedy="Name it in the account's settings; see deploy/google.md.")
    services: list[Service] = []
    tended: list[Tended] = []
    pulling = None
    if is_mail_told:
        services.append(Service("gmail", "v1", roots.gmail, Wire(_credentials(account, "reader", roots))))
        tended.append(GmailWatch(services[-1], spending, topic=topic))
    if is_mail_told and key:
        subscriber = signin.service_credentials(key, [signin.PUBSUB_SCOPE], roots.token)
        services.append(Service("pubsub", "v1", roots.pubsub, Wire(subscriber)))
        pulling = Pulling(services[-1], subscription=subscription, email=whose(account, "reader"))
    if url:
        services.append(Service("calendar", "v3", roots.calendar, Wire(_credentials(account, "reader", roots))))
        calendars = GoogleCalendar(services[-1], None, spending, chosen=texts_of(settings, "calendars"), holds="")
        tended.append(Channels(services[-1], calendars, spending, account.secrets, url=url, account=account.id))
    return GoogleWatcher(tended=tended, pulling=pulling, services=services) if tended else None


def _spending(account: Account) -> Spending:
    settings = account.settings
    return Spending(
        quota=account.quota,
        owner=account.id.partition("/")[0],
        units=prices(texts_of(settings, "units")),
        gmail_minute=_number(settings, "units_per_minute", GMAIL_MINUTE),
        calendar_minute=_number(settings, "calendar_per_minute", CALENDAR_MINUTE),
    )


def _holds(account: Account) -> str:
    said = text_of(account.settings, "holds") or "primary"
    if said != OWN_CALENDAR:
        return said
    made = account.secrets.get(OWN_CALENDAR_ID)
    if not made:
        raise Rejected("The calendar for holds has not been made.", remedy="Run `rekindle connect google` again.")
    return made


def _number(settings: Mapping[str, Setting], key: str, default: int) -> int:
    value = settings.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Rejected(f"{key} = {value!r} is no number of units.", remedy="Write a whole number above 0.")
    return value
