"""The one place where an error becomes advice: what happened, what to do, and the exit code that says whose turn it is."""

from __future__ import annotations

import errno
from dataclasses import dataclass

OK = 0
"""It is done."""
FAILED = 1
"""It could not be done; the message says what happened and what to do."""
USAGE = 2
"""The command line is wrong: an unknown verb or option, a value that cannot be read."""
OWNER = 3
"""The owner must act first: settings, a key, a sign-in, an upgrade. The message says how."""
BUG = 70
"""Rekindle itself is at fault; --debug shows where."""
INTERRUPTED = 130
"""Ended by Ctrl-C."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What the owner is told: one sentence on what happened, one on what to do about it."""

    what: str
    remedy: str = ""
    code: int = FAILED

    def text(self) -> str:
        """Write it for the terminal."""
        return f"{self.what}\n{self.remedy}".rstrip()


class Refusal(Exception):  # noqa: N818 - it is no fault: we decline, and say what to do instead
    """Something asked for on the command line that cannot be done as asked."""

    def __init__(self, what: str, remedy: str = "", *, code: int = FAILED) -> None:
        super().__init__(what)
        self.advice = Advice(what=what, remedy=remedy, code=code)


def advise(error: Exception) -> Advice:
    """Turn any error into advice; what nobody expected is called a bug."""
    if isinstance(error, Refusal):
        return error.advice
    if isinstance(error, OSError):
        return _about_the_disk(error)
    for about in (_about_settings, _about_a_provider, _about_the_store):
        if advice := about(error):
            return advice
    return _about_a_bug(error)


def _about_the_disk(error: OSError) -> Advice:
    name = f" {error.filename}" if error.filename else ""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return Advice(what=f"The disk is full; nothing was lost.{name}", remedy="Free some space and run it again.")
        case errno.EROFS | errno.EACCES | errno.EPERM:
            return Advice(what=f"No permission for{name or ' a file'}.", remedy="Allow this user to read and write it.")
        case errno.ENOENT:
            return Advice(what=f"There is no file or folder{name}.", remedy="Check the path for a typing error.")
        case errno.EISDIR | errno.ENOTDIR:
            return Advice(what=f"{error.strerror}:{name}.", remedy="Give the path of the right kind.")
        case errno.EADDRINUSE:
            return Advice(what="The port is in use: is Rekindle running already?", remedy="Stop the other, or set [web] port.")
        case _:
            return Advice(what=f"The system says: {error.strerror or error}{name}.", remedy="Put that right and run it again.")


def _about_settings(error: Exception) -> Advice | None:
    return None


def _about_a_provider(error: Exception) -> Advice | None:
    return None


def _about_the_store(error: Exception) -> Advice | None:
    return None


def _about_a_bug(error: Exception) -> Advice:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f" ({trace.tb_frame.f_code.co_qualname}, line {trace.tb_lineno})" if trace else ""
    return Advice(
        what=f"Rekindle has a bug: {type(error).__name__}{place}.",
        remedy="Run it again as `rekindle --debug …` and report what it shows; nothing in it is read from your mail.",
        code=BUG,
    )
