"""A long first read from a mail server, headers read and packed in a second process, stores what one process alone would."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import select

from connectors.cores import cores
from connectors.imap_beside import Beside
from connectors.imap_reading import Packed, Read
from connectors.standards import fetch, paging
from tests.connectors.second import wait_for_it
from tests.connectors.test_imap import connection
from tests.connectors.test_imap_together import Together
from tests.worker.world import Rows, World
from worker.pull import pull
from worker.store import accounts
from worker.store.forgetting import forget
from worker.store.store import Store
from worker.store.tables import note

COUNT, FORGOTTEN = 60, "p3@firm.example"
KINDS = (
    b"From: Ada <ada@corp.example>\r\nTo: p%d@firm.example, q@further.example",
    b"From: =?utf-8?q?P=C3=A9rson?= <p%d@firm.example>\r\nTo: ada@corp.example\r\nCc: p3@firm.example, q@further.example",
    b"From: News <p%d@shop.example>\r\nTo: ada@corp.example\r\nList-Unsubscribe: <https://shop.example/u>",
    b"From: p%d@firm.example\r\nTo: ada@corp.example\r\nContent-Type: multipart/report; report-type=delivery-status",
    b"From: ada@corp.example\r\nTo: ada+promise@corp.example\r\nSubject: P%d: send the paper by friday",
    b"From: p%d@firm.example\r\nTo: ada@corp.example\r\nSubject: =?utf-8?q?a=00b=7F?=",
)


class Letters(Together):
    """A server with mail of many kinds."""

    def _row(self, uid: int) -> bytes:
        kind = KINDS[uid % len(KINDS)] % (uid % 7)
        header = b"Message-ID: <m%d@x.example>\r\nDate: Fri, 1 May 2026 09:%02d:00 +0200\r\n%b\r\n\r\n" % (uid, uid % 60, kind)
        begun = b'* %d FETCH (UID %d FLAGS () INTERNALDATE " 1-May-2026 09:00:00 +0000" RFC822.SIZE 9 BODY[X] {%d}\r\n'
        return begun % (uid, uid, len(header)) + header + b")\r\n"


def read(world: World) -> tuple[Rows, Any, list[str]]:
    """Have one owner, who has forgotten somebody, read the folder; return what is stored."""
    with world.store.write() as db:
        account = accounts.get(db, "ada/main")
        forget(db, "ada", [FORGOTTEN], world.now)
    server = Letters(COUNT, commands=1)
    with closing(server):
        done = pull(world.store, connection(server.port), account, world.now, budget=lambda: True)
    assert (done.is_done, done.error) == (True, "")
    assert world.rows() == world.rebuilt()
    with world.store.read() as db:
        promised = sorted(str(text) for text in db.execute(select(note.c.text).where(note.c.kind == "promise")).scalars())
    rows = {name: [row[1:] for row in rows] if name == "person" else rows for name, rows in world.rows().items()}
    return rows, world.stored_mail(), promised


@pytest.mark.skipif(cores() < 2, reason="this machine has one core")
def test_what_a_second_process_packs_is_stored_as_what_is_read_here(empty_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in ((paging, "PAGE", 20), (paging, "LARGEST", 20), (paging, "TASTE", 1), (fetch, "BATCH", 5)):
        monkeypatch.setattr(module, name, value)
    here = read(World(given=empty_store))
    taken, seen = Beside.read, list[int]()

    def told(second: Beside, *what: Any) -> Read:  # noqa: ANN401 - as the method
        found = taken(second, *what)
        seen.append(len(found[0]) if isinstance(found[0], Packed) else 0)
        return found

    wait_for_it(monkeypatch)
    monkeypatch.setattr(Beside, "read", told)
    there = read(World(given=empty_store))
    assert sum(seen) == COUNT
    assert there == here
    assert 0 < len(there[1]) < COUNT, "the mail of whoever is forgotten is left out"
    assert FORGOTTEN not in repr(there)
    assert there[2], "what the owner promised is noted"
