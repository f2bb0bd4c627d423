"""What Graph answers when something is wrong: errors with a code and a request id, and whatever a fault makes of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime

from tests.simulators.microsoft.faults import Fault
from tests.simulators.microsoft.wire import Answer

HUGE = 33 << 20
"""Bytes more than there is to say."""


class ProblemError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.headers = status, code, dict(headers or {})


def error(problem: ProblemError) -> Answer:
    said = {"error": {"code": problem.code, "message": "…", "innerError": {"request-id": "inner"}}}
    return Answer(status=problem.status, said=said, headers=problem.headers)


def struck(fault: Fault, answer: Answer, now: datetime) -> Answer:  # noqa: C901, PLR0912 - a table
    date = format_datetime(now + timedelta(seconds=30), usegmt=True)
    match fault.kind:
        case "drop" | "lose":
            return Answer(status=0, is_cut="dead")
        case "truncate":
            return Answer(status=answer.status, said=answer.said, is_cut="short")
        case "huge":
            return replace(answer, written=answer.raw() + b" " * HUGE)
        case "500-html" | "502-html":
            return Answer(status=int(fault.kind[:3]), said="<html><body>Bad Gateway</body></html>")
        case "html":
            return Answer(status=200, said="<html><body>Sign in to the network</body></html>")
        case "429":
            problem = ProblemError(429, "TooManyRequests", {"Retry-After": "7"})
        case "429-date":
            problem = ProblemError(429, "TooManyRequests", {"Retry-After": date})
        case "429-silent":
            problem = ProblemError(429, "TooManyRequests")
        case "MailboxConcurrency":
            problem = ProblemError(429, "MailboxConcurrency")
        case "503-after":
            problem = ProblemError(503, "ServiceUnavailable", {"Retry-After": "9"})
        case "ConcurrentItemSave":
            problem = ProblemError(503, "ErrorConcurrentItemSave")
        case "410" | "syncStateNotFound":
            problem = ProblemError(410 if fault.kind == "410" else 400, "syncStateNotFound", {"Location": "/v1.0/me"})
        case _:
            problem = ProblemError(int(fault.kind[:3]), "UnknownError")
    return error(problem)
