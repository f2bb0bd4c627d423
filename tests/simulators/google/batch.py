"""Batches: several calls in one multipart request, answered in another order, each with its own status."""

from __future__ import annotations

import email as parsing
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tests.simulators.google.exchange import Dropped

if TYPE_CHECKING:
    from tests.simulators.google.server import Answer, Google

MOST = 100
BOUNDARY = "batch_of_answers"


def answer_batch(google: Google, headers: Mapping[str, str], content: bytes) -> Answer:
    """Answer a batch. Raises Dropped."""
    from tests.simulators.google.server import Answer  # noqa: PLC0415 - the two call each other

    with google.lock:
        struck = next((one for one in google.faults if one.strikes("batch")), None)
    kind = struck.kind if struck is not None else ""
    if kind == "drop before":
        raise Dropped
    if kind.startswith("502"):
        return Answer(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"})
    raw = f"Content-Type: {headers.get('content-type', '')}\r\n\r\n".encode() + content
    parts = [part for part in parsing.message_from_bytes(raw).walk() if part.get_content_type() == "application/http"]
    if not parts or len(parts) > MOST:
        google.complaints.append(f"a batch of {len(parts)} calls")
        return Answer(400, b"{}", {"Content-Type": "application/json"})
    google.clock.pause(max(google.latency("batch") for _ in parts), is_batch=True)
    answers = [_part(google, str(part.get_payload()), str(part["Content-ID"]), headers) for part in parts]
    random.Random(len(answers)).shuffle(answers)
    said = b"".join(b"--" + BOUNDARY.encode() + b"\r\n" + one + b"\r\n" for one in answers) + f"--{BOUNDARY}--\r\n".encode()
    found = Answer(200, said, {"Content-Type": f"multipart/mixed; boundary={BOUNDARY}"}, is_truncated=kind == "truncate")
    if kind == "commit then drop":
        raise Dropped
    return found


def _part(google: Google, text: str, name: str, outer: Mapping[str, str]) -> bytes:
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    line, *lines = head.split("\n")
    verb, target, _ = line.split(" ", 2)
    inner = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines if ":" in one)}
    try:
        answer = google.one(verb, target, {"authorization": outer.get("authorization", "")} | inner, body.encode(), is_inner=True)
    except Dropped:
        return f"Content-Type: application/http\r\nContent-ID: <response-{name[1:]}\r\n\r\nHTTP/1.1 503 Gone\r\n\r\n".encode()
    said = f"Content-Type: application/http\r\nContent-ID: <response-{name[1:]}\r\n\r\nHTTP/1.1 {answer.status} X\r\n"
    said += "".join(f"{key}: {value}\r\n" for key, value in answer.headers.items())
    return said.encode() + f"Content-Length: {len(answer.content)}\r\n\r\n".encode() + answer.content
