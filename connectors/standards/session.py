"""An IMAP session: signing in, and raw commands with their responses.

IMAPClient opens the connection and signs in; commands are then spoken here, because its parser takes most of the time
of a large FETCH and its ENVELOPE reading loses what RFC 2047 and broken senders put there. The one importer of imapclient.
"""

from __future__ import annotations

import contextlib
import imaplib
import select
import socket
import ssl
from collections.abc import Iterator, Sequence
from functools import cached_property
from time import monotonic
from typing import Any

import imapclient
from imapclient import exceptions, imap4, imap_utf7, tls

from connectors.imap_wire import Response
from connectors.port import CursorExpired, PortError, Rejected
from connectors.standards.answers import Answers
from connectors.standards.limit import Limit
from connectors.standards.mail_server import Server
from connectors.standards.namespaces import Namespaces, told
from connectors.standards.opened import Opened, opened_by
from connectors.standards.refusals import refusal, refused_sign_in, translated

_NEWS = frozenset({b"EXISTS", b"EXPUNGE", b"FETCH", b"VANISHED"})
_CONNECT_SECONDS, _READ_SECONDS = 15.0, 60.0
_MOMENT = 1.0
"""Seconds for which a folder still counts as just opened."""


class _Client(imapclient.IMAPClient):  # type: ignore[misc]  # imapclient has no types
    """Shows the limit its connection before the server has greeted."""

    def __init__(self, limit: Limit, *where: Any, **how: Any) -> None:  # noqa: ANN401 - as IMAPClient's
        self._limit = limit
        super().__init__(*where, **how)

    def _create_IMAP4(self) -> imaplib.IMAP4:  # noqa: N802 - IMAPClient's name
        kind, more = (tls.IMAP4_TLS, (self.ssl_context,)) if self.ssl else (imap4.IMAP4WithTimeout, ())
        connection: Any = kind.__new__(kind)
        self._limit.connection = connection
        connection.__init__(self.host, self.port, *more, self._timeout.connect)
        found: imaplib.IMAP4 = connection
        return found


class Session:
    """One connection, signed in. Not for several threads."""

    def __init__(self, server: Server) -> None:
        """Connect, secure, sign in, and read the capabilities again, which differ before and after."""
        self.selected = ""
        self._opened: tuple[Opened, float] | None = None
        self._idling: tuple[bytes, list[Response]] | None = None
        with translated("signing in"), Limit() as limit:
            self._client: Any = self._connected(server, limit)
            try:
                self._signed_in(server)
                self.capabilities = frozenset(self._capabilities())
                self._switch_on()
            except BaseException:
                self.close()
                raise
            self._answers = Answers(self._client._imap.file)  # noqa: SLF001 - what it has read already is in there

    @staticmethod
    def _connected(server: Server, limit: Limit) -> Any:  # noqa: ANN401 - imapclient has no types
        context = None if server.security == "none" else ssl.create_default_context(cafile=server.ca_file or None)
        timeout = imapclient.SocketTimeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS)
        is_tls = server.security == "tls"
        client = _Client(limit, server.host, server.port, ssl=is_tls, ssl_context=context if is_tls else None, timeout=timeout)
        if server.security == "starttls":
            try:
                client.starttls(context)
            except exceptions.CapabilityError as error:
                client.shutdown()
                message = "The mail server offers no STARTTLS, and without TLS no password is sent."
                raise Rejected(message, remedy="Try imaps://, which is TLS from the first byte.") from error
        client.socket().setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return client

    def _signed_in(self, server: Server) -> None:
        try:
            match server.auth:
                case "login":
                    self._show_password(server.user, server.secret)
                case "xoauth2":
                    self._show_token("XOAUTH2", f"user={server.user}\1auth=Bearer {server.secret}\1\1", "")
                case "oauthbearer":
                    user = server.user.replace("=", "=3D").replace(",", "=2C")
                    self._show_token("OAUTHBEARER", f"n,a={user},\1auth=Bearer {server.secret}\1\1", "\1")
        except exceptions.LoginError as error:
            raise refused_sign_in(error) from error

    def _show_password(self, user: str, password: str) -> None:
        """LOGIN, where the server takes it: it knows ASCII of one line alone (RFC 9051 6.2.3), PLAIN any letters (RFC 4616)."""
        can: tuple[str, ...] = self._client._imap.capabilities  # noqa: SLF001 - as they are before the sign-in
        is_plain = f"{user}{password}".isascii() and f"{user}{password}".isprintable()
        if "LOGINDISABLED" not in can and is_plain:
            self._client.login(quoted(user).decode(), password)  # imaplib quotes the password alone
        elif "AUTH=PLAIN" in can:
            self._client.plain_login(user, password)
        else:
            message = "The mail server takes no password that is written with these letters, or none at all."
            raise Rejected(message, remedy="Make an app password of plain letters, or set `auth` to how the server signs one in.")

    def _show_token(self, how: str, token: str, last: str) -> None:
        """AUTHENTICATE with a token; one that is refused is told why, and waits for an answer to that (RFC 7628 3.2.3)."""
        replies = iter((token, last))
        try:
            self._client._command_and_check("authenticate", how, lambda _: next(replies, None))  # noqa: SLF001 - it repeats the token
        except exceptions.IMAPClientError as error:
            raise exceptions.LoginError(str(error)) from error

    def _switch_on(self) -> None:
        """ENABLE what has to be (RFC 5161); what the server says it can and does not switch on, it cannot."""
        wanted = next((word for word in ("QRESYNC", "CONDSTORE") if word in self.capabilities), "")
        enabled = self._client.enable(wanted) if wanted and "ENABLE" in self.capabilities else []
        if b"QRESYNC" not in [word.upper() for word in enabled]:
            self.capabilities -= {"QRESYNC"}

    def _capabilities(self) -> list[str]:
        self._client._cached_capabilities = None  # noqa: SLF001 - they change with the sign-in and IMAPClient may have cached the old ones
        return [word.decode("ascii", "replace").upper() for word in self._client.capabilities()]

    @cached_property
    def namespaces(self) -> Namespaces:
        """Whose folders are where, asked once; nothing where the server refuses to say."""
        said: list[Response] = []
        if "NAMESPACE" in self.capabilities:
            with contextlib.suppress(Rejected, CursorExpired):
                said = self.command(b"NAMESPACE", "asking where folders are")
        return told(said)

    def send(self, command: bytes) -> bytes:
        """Send one command without waiting; gives its tag. Several may be under way (RFC 9051 5.5)."""
        tag = self._answers.next_tag()
        self._client.socket().sendall(tag + b" " + command + b"\r\n")
        return tag

    @property
    def answer(self) -> bytes:
        """The text after the tag of the last command that was answered."""
        return self._answers.last

    def pieces(self, tag: bytes, what: str) -> Iterator[bytes]:
        """Yield the untagged responses of one command as they come; see `Answers.pieces`."""
        return self._answers.pieces(tag, what)

    def whole(self, tag: bytes, what: str) -> bytes:
        """Return the untagged responses of one command; a NO or BAD raises the port's error."""
        return self._answers.whole(tag, what)

    def command(self, command: bytes, what: str) -> list[Response]:
        """Send one command and give its untagged responses; `answer` holds the tagged text."""
        with translated(what):
            return list(self._answers.responses(self.send(command), what))

    def append(self, folder: str, content: bytes, flags: Sequence[str]) -> bytes:
        """APPEND one message (RFC 9051 6.3.12); gives the tagged answer with its APPENDUID where the server says it."""
        with translated("saving the draft"):
            tag = self._answers.next_tag()
            sock = self._client.socket()
            begun = b"%s APPEND %s (%s) {%d" % (tag, quoted(folder), " ".join(flags).encode(), len(content))
            if "LITERAL+" in self.capabilities:  # RFC 7888: all of it in one go
                sock.sendall(begun + b"+}\r\n" + content + b"\r\n")
            else:
                sock.sendall(begun + b"}\r\n")
                self._answers.asked(tag, "the draft")
                sock.sendall(content + b"\r\n")
            for _ in self._answers.responses(tag, "the draft"):
                pass
            return self.answer

    def open(self, folder: str, *, is_writing: bool = False) -> Opened:
        """EXAMINE the folder (SELECT when writing) and say where it stands."""
        return self.open_with(folder, (), "opening", is_writing=is_writing)[0]

    def open_with(
        self, folder: str, commands: Sequence[bytes], what: str, *, is_writing: bool = False, validity: int | None = None
    ) -> tuple[Opened, list[Response]]:
        """Open a folder and send commands in it, with no wait between (RFC 9051 5.5); gives where it stands, and what they say.

        One whose UIDVALIDITY is no longer the given one, or that keeps no marks of change any more, is a CursorExpired,
        whatever the commands are answered there.
        """
        verb = b"SELECT " if is_writing else b"EXAMINE "
        parameters = b" (CONDSTORE)" if "CONDSTORE" in self.capabilities else b""
        self.selected, self._opened = "", None
        with translated(what):
            tags = self._send_all([verb + quoted(folder) + parameters, *commands])
            text = b"".join(part for response in self._answers.responses(tags[0], f"opening {folder}") for part in response)
            opened = opened_by(text)
            self.selected, self._opened = folder, (opened, monotonic())
            said, refused = self._answers.together(tags[1:])
        if validity not in (None, opened.validity):
            message = f"{shown(folder)} was rebuilt by the server."
            raise CursorExpired(message)
        if refused and validity is not None and not opened.modseq:
            message = f"{shown(folder)} keeps no marks of change any more."
            raise CursorExpired(message)
        if refused:
            raise refusal(refused[0], what)
        return opened, said

    def _send_all(self, commands: Sequence[bytes]) -> list[bytes]:
        tags = [self._answers.next_tag() for _ in commands]
        self._client.socket().sendall(b"".join(tag + b" " + each + b"\r\n" for tag, each in zip(tags, commands, strict=True)))
        return tags

    def opened_lately(self, folder: str) -> Opened | None:
        """Say where the open folder stood, if that is the one and it was opened a moment ago."""
        is_recent = self._opened is not None and monotonic() - self._opened[1] < _MOMENT
        return self._opened[0] if self._opened is not None and self.selected == folder and is_recent else None

    def is_alive(self) -> bool:
        """Send NOOP and drop what earlier commands were still answered."""
        try:
            self.command(b"NOOP", "asking whether you are there")
        except PortError:
            return False
        return True

    def begin_idle(self) -> tuple[bytes, list[Response]]:
        """Enter IDLE (RFC 2177), in which `idle` then waits. Raises Rejected where the server refuses."""
        with translated("waiting for news"):
            tag = self.send(b"IDLE")
            self._idling = tag, self._answers.asked(tag, "waiting for news")
            return self._idling

    def idle(self, seconds: float) -> bool:
        """Wait in IDLE until the server reports something (True) or the time is over (False)."""
        with translated("waiting for news"):
            tag, said = self._idling or self.begin_idle()
            self._idling = None
            if not said and not self.is_waiting():
                _is_readable(self._client.socket(), seconds)
            self._client.socket().sendall(b"DONE\r\n")
            said += self._answers.responses(tag, "waiting for news")
            return any(not _NEWS.isdisjoint(response[0].upper().split()[1:3]) for response in said)

    def is_waiting(self, seconds: float = 0.0) -> bool:
        """Tell whether something has come, or comes within a moment: what lies in a buffer of ours or of TLS makes no socket readable."""
        if self._answers.has_read_ahead():
            return True
        sock = self._client.socket()
        patience = sock.gettimeout()
        sock.settimeout(0)
        try:
            if self._client._imap.file.peek(1):  # noqa: SLF001 - as above
                return True
        except ssl.SSLWantReadError:
            pass
        finally:
            sock.settimeout(patience)
        return bool(seconds) and _is_readable(sock, seconds)

    def interrupt(self) -> None:
        """Break a wait in another thread."""
        with contextlib.suppress(OSError):
            self._client.socket().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection without ceremony."""
        with contextlib.suppress(Exception):
            self._client.shutdown()


def _is_readable(sock: socket.socket, seconds: float) -> bool:
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(seconds * 1000))


def quoted(folder: str) -> bytes:
    """Put a wire name (modified UTF-7), or what else is written in one line, into quotes."""
    return b'"' + folder.encode("latin-1").replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def shown(folder: str) -> str:
    """Decode a wire name for the owner's eyes; one that is no modified UTF-7 is UTF-8, or as it is."""
    raw = folder.encode("latin-1")
    try:
        text: str = imap_utf7.decode(raw) if raw.isascii() else raw.decode()
    except ValueError:
        return folder
    return text


def wired(name: str) -> str:
    """Encode a name the owner wrote for the wire."""
    raw: bytes = imap_utf7.encode(name)
    return raw.decode("ascii")
