"""Answers of any size lie in the memory two processes share so that none lies on another, in whatever order they are taken back."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors import imap_beside
from connectors.imap_beside import Beside
from connectors.imap_reading import Read
from tests.connectors.pickled import as_read
from tests.connectors.test_imap_beside import READING, letter, listening

PART = 700
"""Bytes; a message's answer is shorter."""
STEPS = st.one_of(
    st.sampled_from([0, PART - 1, PART, PART + 1, 2 * PART - 1, 2 * PART, 4 * PART, 5 * PART]).map(lambda size: ("put", size)),
    st.integers(0, 3).map(lambda which: ("take", which)),
)


def told(uid: int, size: int) -> bytes:
    """Answer with one message in just so many bytes; with nothing in none."""
    message = letter(uid, "plain") if size else b""
    return message + (b"* OK %b\r\n" % (b"x" * (size - len(message) - len(b"* OK \r\n"))) if size else b"")


def all_told(second: Beside, steps: list[tuple[str, int]]) -> None:
    """Put and take as it comes, then take what is left: each says what it says, though the second process begins only when it must."""
    process = second._process  # noqa: SLF001 - it is stopped from outside
    lying: list[tuple[Callable[[], Read], bytes]] = []
    for uid, (what, number) in enumerate(steps, 1):
        if what == "put":
            process.send_signal(signal.SIGSTOP)
            answer = told(uid, number)
            says = second.hand(answer, READING)
            if says is not None:
                lying.append((says, answer))
        elif lying:
            process.send_signal(signal.SIGCONT)
            says, answer = lying.pop(number % len(lying))
            assert as_read(says()) == READING.read(answer)
    process.send_signal(signal.SIGCONT)
    for says, answer in reversed(lying):
        assert as_read(says()) == READING.read(answer)


def test_answers_of_any_size_never_lie_on_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_beside, "RING", 4 * PART)

    @settings(max_examples=60, deadline=None)
    @given(st.lists(STEPS, max_size=40))
    @example([("put", PART), ("put", 3 * PART), ("take", 0), ("put", PART - 1), ("put", 0), ("put", 3 * PART)])
    @example([("put", 0), ("put", PART), ("put", PART), ("take", 0), ("put", 0), ("put", 2 * PART), ("put", 0), ("put", PART)])
    def of(steps: list[tuple[str, int]]) -> None:
        all_told(second, steps)

    with listening() as second:
        of()
        assert second.is_listening(), "it has gone on to the end"
