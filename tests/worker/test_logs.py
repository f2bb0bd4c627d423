"""Logs: one line with an action each, and no variable of a function that failed."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from worker import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:], logging.root.level = handlers, level


def fail() -> None:
    subject = "ZIRKONFALTER".lower()  # so that only a variable shows the word
    raise ValueError(len(subject))


@pytest.mark.parametrize("is_json", [True, False])
def test_a_traceback_shows_where_but_no_variables(is_json: bool) -> None:
    out = io.StringIO()
    logs.set_up(is_json=is_json, stream=out)
    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("tick failed", action="tick")
        logging.getLogger("dramatiq").exception("it failed")
    assert "Traceback" in out.getvalue()
    assert "in fail" in out.getvalue()
    assert "zirkonfalter" not in out.getvalue()


def test_a_line_is_json_with_a_constant_message_and_an_action() -> None:
    out = io.StringIO()
    logs.set_up(is_json=True, stream=out)
    structlog.get_logger().info("pulled", action="pull", upserted=3)
    line = json.loads(out.getvalue())
    assert (line["event"], line["action"], line["level"], line["upserted"]) == ("pulled", "pull", "info", 3)


def test_libraries_are_heard_from_warnings_on() -> None:
    out = io.StringIO()
    logs.set_up(is_json=True, stream=out)
    logging.getLogger("urllib3").info("GET https://x.example/?user=eva")
    logging.getLogger("urllib3").warning("retrying")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["retrying"]


def test_lines_follow_stderr_where_it_is_put_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr("sys.stderr", first)
    logs.set_up(is_json=True)
    monkeypatch.setattr("sys.stderr", second)
    first.close()
    structlog.get_logger().error("suggestion failed", action="deliver")
    assert json.loads(second.getvalue())["event"] == "suggestion failed"
