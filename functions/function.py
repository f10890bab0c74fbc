"""What every function on AWS is made of: platform, log, metrics, and its entry point."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from aws_lambda_powertools import Logger

from functions.observability.emit import MetricsLog
from functions.observability.logs import function_logger
from functions.observability.tracing import Handler, traced
from shared.aws_names import AwsNames
from shared.domain.errors import TamlilError
from shared.ports.platform import Platform

_log = logging.getLogger(__name__)
T = TypeVar("T")

#: Seconds that are left of the invocation.
TimeLeft = Callable[[], float]


class Context(Protocol):
    """The part of Lambda's context that is used here."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        ...


@dataclass(kw_only=True)
class Function:
    """One function, made when its module is loaded and kept from invocation to invocation."""

    name: str
    platform: Platform
    logger: Logger
    metrics: MetricsLog
    trace: bool = False
    _cold: bool = field(default=True, init=False)

    def entry(self, work: Callable[[Mapping[str, Any], TimeLeft], T]) -> Callable[[Any, Any], T]:
        """The handler for Lambda: `work` with the invocation's keys in the log, metrics written.

        What `work` raises passes through: Lambda tries an event again, and then sets it aside.
        """

        def handler(event: Mapping[str, Any], context: Context) -> T:
            self.logger.append_keys(aws_request_id=context.aws_request_id, cold_start=self._cold)
            cold, self._cold = self._cold, False
            try:
                return work(event, lambda: context.get_remaining_time_in_millis() / 1000)
            except TamlilError as exc:
                _log.warning("not done: %s", exc.detail, extra={"code": exc.code})
                raise
            finally:
                self.metrics.flush()
                if cold and not gc.isenabled():  # see `functions.cold_start`
                    gc.freeze()
                    gc.enable()

        wrapped: Handler = handler
        return traced(wrapped, service=self.name) if self.trace else wrapped


def make_function(name: str, platform: Platform, names: AwsNames, log_level: str) -> Function:
    """A function over this platform, with its log and metrics."""
    return Function(
        name=name,
        platform=platform,
        logger=function_logger(name, deployment=names.deployment, level=log_level),
        metrics=MetricsLog(names.deployment),
        trace=names.trace,
    )
