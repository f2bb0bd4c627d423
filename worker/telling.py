"""Tell the owner that an account has paused, where they look: another calendar or mailbox of theirs, else desktop or webhook.

Once for each pause: what is put into a calendar or mailbox has a key made from the account and the instant it was last taken
up, so that a second attempt finds the first, and `told_at` ends it. `status` shows it in any case.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import structlog

from connectors.http import Http
from connectors.port import BEGINNING, AuthorizationExpired, Connection, PortError, Rejected, Unclear
from rules.keys import key, message_id
from rules.network import Owner
from rules.suggestions import Draft, Hold, Key
from rules.wording import Wording
from worker.settings import Notify
from worker.store import accounts, audit, leases
from worker.store.accounts import StoredAccount
from worker.store.store import Store

LEASE = timedelta(minutes=5)
TEMPLATE = "account_paused"
PATIENCE = 10.0
"""Seconds the desktop gets."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What the owner is told about one account."""

    key: Key
    title: str
    text: str


Alarm = Callable[[News], bool | None]
"""Tells by desktop or webhook: True where it did, False where it failed, None where the owner has configured neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Tells one owner, through whatever still works."""

    store: Store
    clock: Callable[[], datetime]
    open_connection: Callable[[str], Connection]
    owner: Owner
    wording: Wording
    alarm: Alarm

    def tell(self) -> int:
        """Tell of every account that has paused and of which the owner has not heard; says of how many."""
        with self.store.read() as db:
            mine = accounts.accounts(db, self.owner.name)
        return sum(self._tell_of(each, mine) for each in mine if each.state == "paused" and each.told_at is None)

    def _tell_of(self, paused: StoredAccount, mine: list[StoredAccount]) -> bool:
        with self.store.write() as db:
            lease = leases.acquire(db, f"tell:{paused.id}", uuid4().hex, self.clock(), LEASE)
            is_untold = accounts.get(db, paused.id).told_at is None
        if lease is None or not is_untold:
            return False
        how = self._told(paused, [each for each in mine if each.state == "active"])
        with self.store.write() as db:
            if how and accounts.tell(db, paused.id, self.clock()):
                audit.record(db, self.clock(), paused.owner, "tell", account=paused.id, detail=how)
            leases.release(db, lease)
        log.info("owner told", action="tell", account=paused.id, how=how or "not yet")
        return bool(how)

    def _told(self, paused: StoredAccount, others: list[StoredAccount]) -> str:
        """Say how the owner was told; "" where nothing worked now and something may later."""
        news = news_of(paused, self.owner, self.wording)
        is_hopeless = True
        for other in others:
            try:
                if how := self._placed(news, other):
                    return how
                is_hopeless = False
            except (AuthorizationExpired, Rejected):
                continue
            except PortError:
                is_hopeless = False
        told = self.alarm(news)
        if told:
            return "desktop or webhook"
        return "status alone" if told is None and is_hopeless else ""

    def _placed(self, news: News, other: StoredAccount) -> str:
        """Put an all-day event into the account's calendar, else a draft to oneself into its mailbox."""
        with closing(self.open_connection(other.id)) as connection:
            if connection.calendar is not None:
                with suppress(Rejected):
                    made = connection.calendar.save_hold(self._day(news), BEGINNING)
                    return "" if isinstance(made, Unclear) else f"calendar of {other.name}"
            if connection.mailbox is None:
                raise Rejected("It has neither a calendar nor a mailbox that takes it.")
            made = connection.mailbox.save_draft(self._letter(news), BEGINNING)
            return "" if isinstance(made, Unclear) else f"mailbox of {other.name}"

    def _day(self, news: News) -> Hold:
        today = self.clock().astimezone(ZoneInfo(self.owner.zone)).replace(hour=0, minute=0, second=0, microsecond=0)
        return Hold(
            key=news.key,
            title=news.title,
            description=news.text,
            start=today,
            end=today + timedelta(days=1),
            is_all_day=True,
        )

    def _letter(self, news: News) -> Draft:
        me = self.owner.addresses[0]
        return Draft(
            key=news.key,
            message_id=message_id(news.key, me.email.rpartition("@")[2]),
            from_=me,
            to=(me,),
            subject=news.title,
            text=news.text,
            date=self.clock(),
        )


def news_of(paused: StoredAccount, owner: Owner, wording: Wording) -> News:
    """Word what is told, in the owner's language as far as it is ours. While an account is paused nobody sets its next attempt, so that it names the pause."""
    pause = f"pause:{paused.id}/{paused.next_attempt_at.isoformat()}"
    words = {"account": paused.name, "error": paused.error, "remedy": paused.remedy}
    told = wording.hold(TEMPLATE, wording.language(TEMPLATE, owner.language), words)
    return News(key=key(owner.name, "paused", pause, ""), title=told.title, text=told.description)


def alarm(notify: Notify) -> Alarm:
    """Return what tells by desktop and webhook, as the owner has configured."""

    def sound(news: News) -> bool | None:
        ways: list[bool] = []
        if notify.desktop:
            ways.append(_shown(news))
        if notify.webhook:
            ways.append(_posted(news, notify.webhook))
        return any(ways) if ways else None

    return sound


def _shown(news: News) -> bool:
    program = shutil.which("notify-send")
    if program is None:
        return False
    command = [program, "--app-name=Rekindle", "--urgency=critical", news.title, news.text]
    try:
        return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False).returncode == 0  # noqa: S603 - the desktop's own program, no shell
    except (OSError, subprocess.TimeoutExpired):
        return False


def _posted(news: News, url: str) -> bool:
    """POST `{"text": ...}`, which chat programs take as a message."""
    http = Http(None, name="The webhook")
    content = json.dumps({"text": f"{news.title}\n{news.text}"}).encode()
    try:
        return http.send("POST", url, headers={"Content-Type": "application/json"}, body=content).ok
    except PortError:
        return False
    finally:
        http.close()
