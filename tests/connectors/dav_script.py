"""A CalDAV server that answers as a test says: for what no real one here shows."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Script:
    """A CalDAV server that answers as it is told: path and method -> status, headers, body; records what it was asked."""

    answers: dict[str, Callable[[str], tuple[int, Mapping[str, str], str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    """What came with each of them."""
    port: int = 0
    left: threading.Event = field(default_factory=threading.Event)
    """Somebody has hung up in the middle of an answer."""


HOME = """<d:multistatus xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns:cs="http://calendarserver.org/ns/">
<d:response><d:href>/cal/diary/</d:href><d:propstat><d:prop><d:resourcetype><d:collection/><c:calendar/></d:resourcetype>
<d:displayname>Work</d:displayname><cs:getctag>{ctag}</cs:getctag></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>
<d:response><d:href>/cal/birthdays/</d:href><d:propstat><d:prop><d:resourcetype><d:collection/><c:calendar/><cs:subscribed/></d:resourcetype>
</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"""
MEMBER = "<d:response><d:href>{href}</d:href><d:propstat><d:prop><d:getetag>{etag}</d:getetag>{more}</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"  # noqa: E501 - wire text reads best unbroken
EVENT = "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20260101T000000Z\nDTSTART:20261102T090000Z\nDTEND:20261102T100000Z\nSUMMARY:{uid}\nEND:VEVENT\nEND:VCALENDAR\n"  # noqa: E501 - wire text reads best unbroken


def multistatus(inner: str) -> str:
    return f'<d:multistatus xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">{inner}</d:multistatus>'


@contextmanager
def scripted() -> Iterator[Script]:
    """Serve a script until the end."""
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __getattr__(self, name: str) -> object:
            if name.startswith("do_"):
                return self.answer
            raise AttributeError(name)

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            root = re.search(r"<(?:d|c):([\w-]+)", body)
            verb = f"{self.command} {root[1]}" if self.command == "REPORT" and root else self.command
            script.asked.append(f"{verb} {self.path}")
            script.headers.append(dict(self.headers))
            given = script.answers.get(f"{verb} {self.path}") or script.answers.get(verb)
            status, headers, text = given(body) if given else (404, {}, "")
            content = gzip.compress(text.encode()) if headers.get("Content-Encoding") == "gzip" else text.encode()
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            try:
                self.wfile.write(content)
            except ConnectionError:  # who has read enough hangs up
                script.left.set()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield script
    server.shutdown()
    server.server_close()


def stocked(script: Script, etags: dict[str, str]) -> None:
    """Let the script hold objects; only listing and multiget are answered."""

    def listing(_: str) -> tuple[int, Mapping[str, str], str]:
        own = MEMBER.format(href="/cal/diary/", etag="", more="")
        return (
            207,
            {},
            multistatus(
                own + "".join(MEMBER.format(href=f"/cal/diary/{uid}.ics", etag=etag, more="") for uid, etag in etags.items())
            ),
        )

    def multiget(body: str) -> tuple[int, Mapping[str, str], str]:
        wanted = re.findall(r"/cal/diary/([\w-]+)\.ics", body)
        data = "<c:calendar-data>{}</c:calendar-data>"
        return (
            207,
            {},
            multistatus(
                "".join(
                    MEMBER.format(href=f"/cal/diary/{uid}.ics", etag=etags[uid], more=data.format(EVENT.format(uid=uid)))
                    for uid in wanted
                    if uid in etags
                )
            ),
        )

    script.answers["PROPFIND /cal/"] = lambda _: (207, {}, HOME.format(ctag="".join(etags.values())))
    script.answers["PROPFIND /cal/diary/"] = listing
    script.answers["REPORT calendar-multiget /cal/diary/"] = multiget


def also_listed(script: Script, member: str) -> None:
    """Let what is stocked be listed with one more member."""
    listing = script.answers["PROPFIND /cal/diary/"]

    def more(body: str) -> tuple[int, Mapping[str, str], str]:
        status, headers, text = listing(body)
        return status, headers, text.replace("</d:multistatus>", member + "</d:multistatus>")

    script.answers["PROPFIND /cal/diary/"] = more
