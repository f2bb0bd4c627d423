"""Whom reading IMAP is compared with: the bare wire, IMAPClient and mbsync, all reading the same mailbox of ana."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import imapclient

from connectors.standards.fetch import BATCH
from connectors.standards.mail import FIELDS

FOLDERS = ("INBOX", "Sent", "Archive", "Lists")
OF_ENVELOPE = frozenset(b"DATE SUBJECT FROM SENDER REPLY-TO TO CC BCC IN-REPLY-TO MESSAGE-ID".split())


def wire(port: int) -> float:
    """Drain the same pipelined FETCH with a bare socket."""
    sock = socket.create_connection(("127.0.0.1", port))
    lines = sock.makefile("rb", 1 << 20)
    lines.readline()
    begun = time.perf_counter()
    said(sock, lines, b"a LOGIN ana secret")
    for folder in FOLDERS:
        text = b"".join(said(sock, lines, b"b EXAMINE %s" % folder.encode()))
        exists = int((re.search(rb"\* (\d+) EXISTS", text) or [b"", b"0"])[1])
        what = b"(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (%s)])" % FIELDS
        commands = [
            b"x%d UID FETCH %d:%d %s\r\n" % (at, at, min(at + BATCH - 1, exists), what) for at in range(1, exists + 1, BATCH)
        ]
        if commands:
            sock.sendall(b"".join(commands))
            _drained(sock, commands[-1].split(b" ")[0] + b" OK")
    took = time.perf_counter() - begun
    sock.close()
    return took


def said(sock: socket.socket, lines: object, command: bytes) -> list[bytes]:
    """Say one command and return the lines of the answer."""
    sock.sendall(command + b"\r\n")
    out: list[bytes] = []
    while True:
        out.append(lines.readline())  # type: ignore[attr-defined]  # a BufferedReader
        if out[-1].startswith(command[:2]):
            return out


def _drained(sock: socket.socket, last: bytes) -> None:
    tail = b""
    while b"\r\n" + last not in tail:
        tail = (tail + sock.recv(1 << 18))[-400:]


def with_imapclient(port: int, *, is_read: bool) -> float:
    """Fetch the same fields with IMAPClient, batch by batch: as one text that nobody reads, or those it can read as its Envelope."""
    fields = b" ".join(each for each in FIELDS.split() if not (is_read and each in OF_ENVELOPE)).decode()
    asked = ["FLAGS", "INTERNALDATE", "RFC822.SIZE", f"BODY.PEEK[HEADER.FIELDS ({fields})]", *(["ENVELOPE"] if is_read else [])]
    begun = time.perf_counter()
    client = imapclient.IMAPClient("127.0.0.1", port, ssl=False)
    client.login("ana", "secret")
    for folder in FOLDERS:
        client.select_folder(folder, readonly=True)
        uids = client.search()
        for at in range(0, len(uids), BATCH):
            client.fetch(uids[at : at + BATCH], asked)
    client.logout()
    return time.perf_counter() - begun


def with_mbsync(port: int, folder: Path) -> float:
    """Mirror the mailbox with mbsync, bodies and all."""
    target = folder / f"mbsync{time.monotonic_ns()}"
    (target / "box").mkdir(parents=True)
    config = target / "mbsyncrc"
    config.write_text(
        f"IMAPStore far\nHost 127.0.0.1\nPort {port}\nUser ana\nPass secret\nSSLType None\nAuthMechs LOGIN\n\nMaildirStore near\nPath {target}/box/\n"
        f"Inbox {target}/box/INBOX\nSubFolders Verbatim\n\nChannel all\nFar :far:\nNear :near:\nPatterns *\nCreate Near\nSync Pull\nSyncState *\n"
    )
    begun = time.perf_counter()
    subprocess.run(["mbsync", "-q", "-c", config, "all"], check=True, capture_output=True)
    took = time.perf_counter() - begun
    shutil.rmtree(target)
    return took
