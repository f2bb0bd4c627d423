"""How requests reach Graph: in turn, three at once for a mailbox over all processes, each sent once, on lines that are kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import requests

from connectors.http import CHUNK, TooLarge, bound, hold
from connectors.microsoft.failures import NOT_OURS, PAUSE, UNAUTHORIZED, instant_of
from connectors.microsoft.lanes import Gate, Lanes
from connectors.microsoft.oversize import passed
from connectors.port import RateLimited, Unavailable

Token = Callable[[bool], str]
"""Gives an access token; True = the last one was refused, renew it."""
Pay = Callable[[int], None]
"""Pays for so many requests. Raises RateLimited."""

PATIENCE: Final = timedelta(seconds=30)
"""How long to wait for others at the gate."""
_TIMEOUT: Final = (10.0, 60.0)


class Wire:
    """The lines to one mailbox's Graph, for several threads. Nothing is repeated but what a stale token kept from being done."""

    def __init__(self, token: Token, gate: Gate, pay: Pay, ca_file: str) -> None:
        """Take what gives tokens, the gate each request passes, what pays for it, and the certificates to trust."""
        self._token, self._pay, self._ca_file = token, pay, ca_file
        self._lanes = Lanes(gate)
        self._idle: list[requests.Session] = []
        self.server_time: datetime | None = None
        """Graph's own clock at its last answer; connectors have no other."""

    def ask(
        self, asked: requests.Request, what: str, takes: tuple[int, int], rank: int, *, is_one: bool = False
    ) -> requests.Response:
        """Make a request that takes so many lanes, and counts for so many; of those that wait, the lowest rank comes first.

        Of a page with one item, which `is_one`, an answer that is too large is read past. Raises TooLarge, RateLimited, Unavailable.
        """
        width, count = takes
        with self._lanes.entered(rank, width, PATIENCE) as is_in:
            if not is_in:
                raise RateLimited(f"Others are asking Microsoft 365 ({what}).", retry_after=PAUSE, is_paced=True)
            self._pay(count)
            answer = self._once(asked, what, is_refused=False, is_one=is_one)
            if answer.status_code == UNAUTHORIZED:  # the token ended in the middle: nothing was done
                answer = self._once(asked, what, is_refused=True, is_one=is_one)
        return answer

    def close(self) -> None:
        """Let go of the lines."""
        while self._idle:
            self._idle.pop().close()

    def _once(self, asked: requests.Request, what: str, *, is_refused: bool, is_one: bool) -> requests.Response:
        asked.headers["Authorization"] = f"Bearer {self._token(is_refused)}"
        session = self._session()
        try:
            answer = session.send(session.prepare_request(asked), timeout=_TIMEOUT, allow_redirects=False, stream=is_one)
            if is_one:
                with answer:
                    hold(answer, passed(answer.iter_content(CHUNK)))
        except TooLarge as error:
            raise TooLarge(f"{str(error).removesuffix('.')} ({what}).", remedy=error.remedy) from error
        except requests.exceptions.RequestException as error:
            raise Unavailable(f"Microsoft 365 cannot be reached or broke off ({what}, {type(error).__name__}).") from error
        finally:
            self._idle.append(session)
        self.server_time = instant_of(answer.headers.get("Date", "")) or self.server_time
        return answer

    def _session(self) -> requests.Session:
        """Take a line nobody uses, or open one; whoever asks at the same time may be faster."""
        try:
            return self._idle.pop()
        except IndexError:
            pass
        session = requests.Session()
        session.trust_env = False
        session.verify = self._ca_file or True
        bound(session, "Microsoft 365", NOT_OURS)
        return session
