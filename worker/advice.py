"""The one place where an error becomes advice: what happened, what to do, and the exit code that says whose turn it is."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from connectors.port import AuthorizationExpired, PortError, RateLimited, Unavailable
from rules.rulebook import RulebookError
from rules.wording import WordingError
from worker.config_problems import ConfigError
from worker.exit_codes import BUG, FAILED, OWNER
from worker.secret_sources import SecretMissingError
from worker.store.engine import SchemaTooNew, SchemaTooOld, StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What the owner is told: one sentence on what happened, one on what to do about it."""

    what: str
    remedy: str = ""
    code: int = FAILED

    def text(self) -> str:
        """Write it for the terminal."""
        return f"{self.what}\n{self.remedy}".rstrip()


class Refusal(Exception):
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
    return _about_settings(error) or _about_a_provider(error) or _about_the_store(error) or _about_a_bug(error)


def _about_the_disk(error: OSError) -> Advice:
    name = f" {error.filename}" if error.filename else ""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return Advice(what=f"The disk is full; nothing was lost.{name}", remedy="Free some space and run it again.")
        case errno.EROFS | errno.EACCES | errno.EPERM:
            return Advice(what=f"No permission for{name or ' a file'}.", remedy="Allow this user to read and write it.")
        case errno.ENOENT:
            return Advice(what=f"There is no file or folder{name}.", remedy="Check the path for a typing error.")
        case errno.EEXIST:
            return Advice(
                what=f"{name.strip() or 'The file'} is there already.", remedy="Choose another name: nothing is overwritten."
            )
        case errno.EISDIR | errno.ENOTDIR:
            return Advice(what=f"{error.strerror}:{name}.", remedy="Give the path of the right kind.")
        case errno.EADDRINUSE:
            return Advice(what="The port is in use: is Rekindle running already?", remedy="Stop the other, or set [web] port.")
        case _:
            return Advice(what=f"The system says: {error.strerror or error}{name}.", remedy="Put that right and run it again.")


def _about_settings(error: Exception) -> Advice | None:
    match error:
        case ConfigError(problems=problems):
            return Advice(what="\n".join(map(str, problems)), remedy="Put that right, then: rekindle doctor", code=OWNER)
        case RulebookError(problems=problems):
            lines = (
                f"{each.file}: {each.key}: {each.message}" if each.key else f"{each.file}: {each.message}" for each in problems
            )
            return Advice(what="\n".join(lines), remedy="Put that right, then: rekindle rules check", code=OWNER)
        case SecretMissingError(remedy=remedy):
            return Advice(what=str(error), remedy=remedy, code=OWNER)
        case WordingError():
            return Advice(what=str(error), remedy="Put that right, then: rekindle rules check", code=OWNER)
        case _:
            return None


def _about_a_provider(error: Exception) -> Advice | None:
    match error:
        case AuthorizationExpired():
            return Advice(what=str(error), remedy=error.remedy or "Connect the account again.", code=OWNER)
        case RateLimited(retry_after=wait):
            return Advice(what=str(error), remedy=error.remedy or f"Wait {int(wait.total_seconds())} s and run it again.")
        case Unavailable():
            return Advice(what=str(error), remedy=error.remedy or "Run it again later.")
        case PortError():
            return Advice(what=str(error), remedy=error.remedy)
        case _:
            return None


def _about_the_store(error: Exception) -> Advice | None:
    match error:
        case SchemaTooOld() | SchemaTooNew():
            return Advice(what=str(error), remedy=error.remedy, code=OWNER)
        case StoreError():
            return Advice(what=str(error), remedy=error.remedy)
        case _:
            return None


def _about_a_bug(error: Exception) -> Advice:
    """Name where it broke, never what it read: the message of an unknown error may quote somebody's mail."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f" in {trace.tb_frame.f_code.co_qualname}, line {trace.tb_lineno}" if trace else ""
    return Advice(
        what=f"Rekindle has a bug: {type(error).__name__}{place}. Nothing was lost.",
        remedy="`rekindle --debug …` shows more; read it before you send it on, it may quote your mail.",
        code=BUG,
    )
