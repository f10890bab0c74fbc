"""Structured log lines on stderr. A worker's name the job and the attempt that are in hand.

URLs lose their query strings: that of a signed URL is a credential.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

_QUERY = re.compile(r"(https?://[^\s?\"'<>]+)\?[^\s\"'<>]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: What a record carries without being told, and uvicorn's second, coloured copy of its message.
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}
#: They log each request with its whole URL, or each step of their own.
_TALKATIVE = (
    *("httpx", "httpcore", "mangum", "botocore", "boto3"),
    *("faster_whisper", "libav", "huggingface_hub"),
)


@dataclass
class LogContext:
    """The job in hand, for every line that is written meanwhile, in whatever thread."""

    job_id: str | None = None
    attempt: int | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Add job and attempt where the call did not name them (`logging.Filter`)."""
        for name in ("job_id", "attempt"):
            value = getattr(self, name)
            if value is not None and not hasattr(record, name):
                setattr(record, name, value)
        return True


def redact(text: str) -> str:
    """Cut the query strings out of all URLs."""
    return _QUERY.sub(r"\1?...", text)


def _one_line(text: str) -> str:
    """Nobody's file name or header shall look like a line of its own, or steer a terminal."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TextFormatter(logging.Formatter):
    """For people: time, level, message, then ``name=value``."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one line, and the trace below it."""
        pairs = "".join(f" {name}={value}" for name, value in _extras(record).items())
        told = _one_line(f"{record.getMessage()}{pairs}")
        line = f"{_time(record)} {record.levelname:7} {told}"
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return redact(line + trace)


class JsonFormatter(logging.Formatter):
    """For log stores: one object a line, the trace inside."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one object."""
        entry: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        redacted = {
            name: redact(value) if isinstance(value, str) else value
            for name, value in entry.items()
        }
        return json.dumps(redacted, ensure_ascii=False, default=lambda value: redact(str(value)))


def configure_logging(
    *,
    level: str,
    as_json: bool,
    context: LogContext | None = None,
    stream: TextIO | None = None,
) -> None:
    """Send every logger's lines to `stream` (stderr), in place of what was configured before."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    if context is not None:
        handler.addFilter(context.filter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
