"""Logs: constant messages, an `action` on every line, and no address or subject at INFO."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog


def set_up(*, is_json: bool, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send our lines, and warnings of the libraries, to one stream: JSON for machines, columns for a terminal.

    Only `rekindle run` calls this. Libraries are heard from WARNING on: below that they name what they work on.
    """
    out = sys.stderr if stream is None else stream
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = [
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    ]  # the pretty one prints locals, and those hold mail
    if is_json:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # where stderr is put elsewhere later, the lines follow it: a closed one would end the work that speaks
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr if stream is None else stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    foreign = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    pre = [*shared, structlog.stdlib.add_logger_name]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=pre, processors=foreign))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
