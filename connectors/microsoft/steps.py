"""Check a Microsoft 365 account step by step: certificate, each sign-in, each thing it is for, and what Graph tells by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.x509 import load_pem_x509_certificates

from connectors.account import Secrets
from connectors.microsoft import signin
from connectors.microsoft.failures import Refused
from connectors.microsoft.graph import Graph
from connectors.microsoft.push import Channel, Registered
from connectors.microsoft.signin import Registration
from connectors.port import PortError, Rejected

REGISTRATION: Final = "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/{blade}/appId/{id}"
SOON: Final = timedelta(days=30)
CALLS: Final[Sequence[tuple[signin.Role, str, str, str]]] = (
    ("reader", "mail", "me/mailFolders/inbox?$select=id", "Mail.ReadBasic"),
    ("reader", "calendars", "me/calendars?$select=id", "Calendars.ReadBasic"),
    ("writer", "drafts", "me/mailFolders/drafts?$select=id", "Mail.ReadWrite"),
    ("writer", "holds", "me/calendars?$select=id", "Calendars.ReadWrite"),
)
"""Which sign-in is tried with what, and the permission it needs for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing looked at: what was found, or what is missing and what to do about it."""

    name: str
    what: str
    is_ok: bool = True
    remedy: str = ""


def certificate_step(registration: Registration, now: datetime) -> Step:
    """Say until when the application's certificate holds."""
    name = f"{registration.role} certificate"
    upload = REGISTRATION.format(blade="Credentials", id=registration.client_id)
    try:
        ends = min(one.not_valid_after_utc for one in load_pem_x509_certificates(registration.certificate.encode()))
    except ValueError:
        return Step(name=name, what="The file holds no certificate.", is_ok=False, remedy="Put key and certificate there, in PEM.")
    said = f"{ends:%Y-%m-%d}"
    if ends <= now:
        return Step(name=name, what=f"It has expired on {said}.", is_ok=False, remedy=f"Make a new one and upload it at {upload}.")
    if ends <= now + SOON:
        return Step(name=name, what=f"It ends on {said}.", is_ok=False, remedy=f"Make a new one in time; upload it at {upload}.")
    return Step(name=name, what=f"good until {said}")


def token_step(registration: Registration, secrets: Secrets) -> Step:
    """Say what a stored sign-in may do, or which permission it lacks or has too many."""
    name = f"{registration.role} sign-in"
    try:
        granted = signin.granted(secrets, registration.role)
        signin.check(registration, granted)
    except PortError as error:
        where = REGISTRATION.format(blade="CallAnAPI", id=registration.client_id)
        remedy = f"{error.remedy} Permissions are at {where}." if isinstance(error, Rejected) else error.remedy
        return Step(name=name, what=str(error), is_ok=False, remedy=remedy)
    return Step(name=name, what=f"allows {', '.join(sorted({one.rpartition('/')[2] for one in granted})) or 'what Exchange says'}")


def call_steps(role: signin.Role, registration: Registration, graph: Graph) -> Iterator[Step]:
    """Use a sign-in once for each thing it is for; nothing is changed."""
    for whose, name, path, permission in CALLS:
        if whose != role:
            continue
        yield _tried(name, lambda path=path, name=name: graph.get(path, name), registration, permission)  # type: ignore[misc]  # bound early


def subscription_step(channel: Channel, registration: Registration, secrets: Secrets) -> Step:
    """Say whether Graph still knows the subscription we know, and until when."""
    name, known = f"told of {channel.topic.resource}", Registered.read(secrets, channel.topic)
    if known is None:
        return Step(name=name, what="not subscribed yet; `rekindle run` does it, until then it polls")
    held: dict[str, str] = {}

    def list_them() -> None:
        for one in channel.graph.pages("subscriptions", "listing subscriptions"):
            held[one["id"]] = str(one.get("expirationDateTime", ""))

    tried = _tried(name, list_them, registration, signin.PERMISSIONS[registration.role][0])
    if not tried.is_ok:
        return tried
    until = held.get(known.id, "")
    if not until or until < f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}":
        return Step(
            name=name,
            what="Graph has dropped the subscription." if not until else f"The subscription has run out ({until[:16]}).",
            is_ok=False,
            remedy="`rekindle run` makes it again within minutes; if not, Graph cannot reach notification_url. It polls meanwhile.",
        )
    return Step(name=name, what=f"subscribed until {until[:16].replace('T', ' ')} UTC")


def _tried(name: str, call: Callable[[], object], registration: Registration, permission: str) -> Step:
    try:
        call()
    except Rejected as error:
        where = REGISTRATION.format(blade="CallAnAPI", id=registration.client_id)
        remedy = f"Grant {permission} to the {registration.role} at {where}, or ask your administrator to, then connect again."
        return Step(name=name, what=f"{error} It needs {permission}.", is_ok=False, remedy=remedy)
    except PortError as error:
        return Step(name=name, what=str(error), is_ok=False, remedy=error.remedy or "Try again later.")
    except Refused as error:
        remedy = "The mailbox may have no licence, or lie on a server of your organisation that Graph does not reach."
        return Step(name=name, what=f"Microsoft 365 has no {name} here ({error}).", is_ok=False, remedy=remedy)
    return Step(name=name, what="Microsoft 365 answers")
