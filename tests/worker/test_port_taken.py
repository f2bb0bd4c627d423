"""A port that is taken stops nothing, and is told with what to do."""

from __future__ import annotations

import logging
import socket
import time

import pytest
import structlog
from starlette.applications import Starlette

from worker.web import Server


def test_a_port_that_is_taken_is_told_with_the_key_to_change(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, structlog.testing.capture_logs() as told, caplog.at_level(logging.ERROR):
        port = taken.getsockname()[1]
        server = Server(Starlette(), host="127.0.0.1", port=port)
        server.start()
        until = time.monotonic() + 60
        while not told and time.monotonic() < until:
            time.sleep(0.01)
        server.stop()
    (line,) = told
    assert (line["event"], line["port"]) == ("cannot listen", port)
    assert "[web] port" in line["remedy"]
    assert "Errno" not in caplog.text
