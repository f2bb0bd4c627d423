"""What an IMAP server refuses, and what breaks on the way to it, as the errors of the port."""

from __future__ import annotations

import contextlib
import imaplib
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Literal

from connectors.imap_wire import TooLarge, TooSlow
from connectors.port import AuthorizationExpired, CursorExpired, PortError, RateLimited, Rejected, Unavailable

Kind = Literal["mail server", "calendar server"]
WITH_TLS: Mapping[Kind, str] = {
    "mail server": "imaps:// is for port 993; STARTTLS on 143 is imap://.",
    "calendar server": "Check the port: https:// is for one that speaks TLS, mostly 443.",
}

_SIGN_IN = ("[AUTHENTICATIONFAILED]", "[AUTHORIZATIONFAILED]", "[EXPIRED]", "[PRIVACYREQUIRED]", "AUTHENTICATE FAILED")
_SLOWER = ("[LIMIT]", "TOO MANY", "THROTTL", "BANDWIDTH")
"""Gmail's come with [OVERQUOTA]."""
_ILL = ("[UNAVAILABLE]", "[INUSE]", "[SERVERBUG]", "SYSTEM ERROR", "[CONTACTADMIN]")
_ILL_FOR_NOW = ("TEMPORAR", "TRY AGAIN", "TRY LATER", "UNAVAILABLE", "INTERNAL ", "NOT CONNECTED", "TIMED OUT", "TIMEOUT")
"""Words of servers that know no code for it, Exchange's among them. A sign-in is refused in such words, too, for good."""
_CODE = re.compile(r"(?:NO |BAD )?\[(?!ALERT)[A-Z-]+[\] ]", re.IGNORECASE)
"""What RFC 5530 says is meant; other words may be those of a server that is ill."""
_GONE = ("[NONEXISTENT]", "[TRYCREATE]", "DOESN'T EXIST", "DOES NOT EXIST", "UNKNOWN MAILBOX", "NO SUCH MAILBOX", "NO SUCH FOLDER")
_NOT_FOUND = ("MAILBOX NOT FOUND", "FOLDER NOT FOUND")
_ALLOWED = "Have this sign-in allowed to do so, or leave the folder out by naming the others under `folders`."


def refusal(text: bytes, what: str, *, is_sign_in: bool = False) -> PortError:
    """Turn a NO, a BAD or a greeting into the port's error: RFC 5530 response codes first, then the words of servers without."""
    said = text.decode("utf-8", "replace").strip()[:200]
    upper = said.upper()

    def has(*words: str) -> bool:
        return any(word in upper for word in words)

    if has(*_SIGN_IN):
        return AuthorizationExpired(
            f"The mail server refused the sign-in: {said}",
            remedy="Check user and password (many providers want an app password), then reconnect.",
        )
    if has(*_SLOWER):
        return RateLimited(f"The mail server asks to slow down ({what}): {said}", retry_after=timedelta(minutes=5))
    is_free = not is_sign_in and not _CODE.match(said)  # a folder's name may hold any of the words
    if has("[OVERQUOTA]") or (is_free and has("QUOTA") and not has(*_GONE)):
        return Unavailable(f"The mailbox is full ({what}): {said}", remedy="Make room in it; we go on by ourselves.")
    if has(*_ILL) or upper.startswith("* BYE") or (is_free and has(*_ILL_FOR_NOW) and not has(*_GONE)):
        return Unavailable(f"The mail server is busy or ill ({what}): {said}")
    if has(*_GONE, *_NOT_FOUND):
        return CursorExpired(f"The folder is gone ({what}): {said}")
    remedy = _ALLOWED if has("[NOPERM]") else "Show these words to whoever runs the mail server."
    return Rejected(f"The mail server refused {what}: {said}", remedy=remedy, is_sure=not is_free)


def refused_sign_in(error: imaplib.IMAP4.error) -> PortError:
    """Turn a sign-in that failed into the port's error: whatever the server says, it is the password or the connection."""
    if isinstance(error.__context__, (imaplib.IMAP4.abort, OSError)):
        return Unavailable("The connection to the mail server broke (signing in).")
    found = refusal(_said(error), "the sign-in", is_sign_in=True)
    if not isinstance(found, Rejected | CursorExpired):  # a user that does not exist is no folder
        return found
    message = f"The mail server refused the sign-in: {_said(error).decode('utf-8', 'replace').strip()[:200]}"
    return AuthorizationExpired(message, remedy="Check user and password (many providers want an app password), then reconnect.")


def _said(error: imaplib.IMAP4.error) -> bytes:
    """Return what the server said: imaplib keeps its bytes, which IMAPClient writes out as a program would."""
    found = next(
        (each.args[0] for each in (error, error.__context__) if each is not None and each.args and isinstance(each.args[0], bytes)),
        None,
    )
    return str(error).encode() if found is None else found


@contextlib.contextmanager
def translated(what: str, server: Kind = "mail server") -> Iterator[None]:
    """Let only the port's errors out; what caused them stays chained."""
    try:
        yield
    except PortError:
        raise
    except ssl.SSLCertVerificationError as error:
        raise Rejected(
            f"The {server}'s certificate is not trusted: {error.verify_message}.",
            remedy="Check the host name; for a private CA set ca_file.",
        ) from error
    except ssl.SSLError as error:
        raise Rejected(f"No TLS with the {server}: {error.reason or error}.", remedy=WITH_TLS[server]) from error
    except socket.gaierror as error:
        raise Unavailable(
            f"The {server}'s name cannot be found ({what}).", remedy="Check the host and this machine's network."
        ) from error
    except TooLarge as error:
        raise Unavailable(f"What the mail server answered was broken off ({what}): {error}.") from error
    except TooSlow as error:
        raise Unavailable(f"The mail server answers too slowly and was given up ({what}): {error}.") from error
    except (imaplib.IMAP4.abort, OSError, EOFError) as error:
        said = getattr(error, "strerror", None) or error
        raise Unavailable(f"The connection to the {server} broke ({what}): {said}.") from error
    except imaplib.IMAP4.error as error:
        raise refusal(_said(error), what) from error
