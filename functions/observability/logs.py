"""Log lines of the functions: in the format of all Tamlil, with what the invocation is known by.

Powertools' Logger keeps the keys, those of the invocation and those of the message in hand, and
the lines of every other logger carry them too. They go to stderr, which Lambda stores.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import BasePowertoolsFormatter

from shared.logs import JsonFormatter, configure_logging

_NAME = "tamlil.function"
_LIBRARYS = frozenset({"service", "sampling_rate"})
#: Of the message in hand; each thread and task has its own.
_IN_HAND: ContextVar[dict[str, Any] | None] = ContextVar("in_hand", default=None)


class FunctionFormatter(JsonFormatter, BasePowertoolsFormatter):
    """One object a line, with the keys of the invocation and of the message in hand."""

    def __init__(self, **keys: Any) -> None:
        super().__init__()
        self._always = keys
        self._keys = dict(keys)

    def format(self, record: logging.LogRecord) -> str:
        """Render one object; what the call itself named is not overwritten."""
        for name, value in (self._keys | (_IN_HAND.get() or {})).items():
            if value is not None and not hasattr(record, name):
                setattr(record, name, value)
        return super().format(record)

    def append_keys(self, **additional_keys: Any) -> None:
        """Put keys on every line from now on, but for what the library adds by itself."""
        named = {name: key for name, key in additional_keys.items() if name not in _LIBRARYS}
        self._keys.update(named)

    def remove_keys(self, keys: Iterable[str]) -> None:
        """Take keys off again."""
        for key in keys:
            self._keys.pop(key, None)

    def get_current_keys(self) -> dict[str, Any]:
        """What is on every line now."""
        return dict(self._keys)

    def clear_state(self) -> None:
        """Only the keys that are always there stay."""
        self._keys = dict(self._always)

    def thread_safe_append_keys(self, **additional_keys: Any) -> None:
        """Put keys on the lines of this thread or task."""
        _IN_HAND.set((_IN_HAND.get() or {}) | additional_keys)

    def thread_safe_get_current_keys(self) -> dict[str, Any]:
        """What is on the lines of this thread or task."""
        return dict(_IN_HAND.get() or {})

    def thread_safe_remove_keys(self, keys: Iterable[str]) -> None:
        """Take keys off this thread's or task's lines again."""
        gone = set(keys)
        _IN_HAND.set({k: v for k, v in (_IN_HAND.get() or {}).items() if k not in gone})

    def thread_safe_clear_keys(self) -> None:
        """Take all keys off this thread's or task's lines."""
        _IN_HAND.set(None)


def function_logger(
    function: str, *, deployment: str, level: str, stream: TextIO | None = None
) -> Logger:
    """Send every logger's lines to `stream` (stderr), and return the one that keeps the keys."""
    configure_logging(level=level, as_json=True, stream=stream)
    (handler,) = logging.getLogger().handlers
    own = logging.getLogger(_NAME)
    own.handlers.clear()
    own.__dict__.pop("init", None)  # by which the library knows a logger that it has set up before
    logger = Logger(
        service=_NAME,
        level=level,
        logger_handler=handler,
        logger_formatter=FunctionFormatter(function=function, deployment=deployment),
    )
    # The library has its lines go to its own handler only; here that is the root's too.
    handler.filters.clear()
    own.propagate = False
    return logger


@contextmanager
def in_hand(**keys: Any) -> Iterator[None]:
    """Within the block this thread's lines carry these keys, such as the job that is worked on."""
    before = _IN_HAND.set((_IN_HAND.get() or {}) | keys)
    try:
        yield
    finally:
        _IN_HAND.reset(before)
