"""Works off a batch of SQS records: only what failed comes again, and what fails for ever ends.

A record whose handling raises is named in ``batchItemFailures``; SQS gives it back after its
visibility timeout, and makes it a dead letter when it has come too often.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from functions.observability.emit import MetricsLog
from functions.observability.logs import in_hand
from functions.observability.metrics import MESSAGES_FAILED
from shared.domain.errors import InvalidRequest, TamlilError, Unavailable

_log = logging.getLogger(__name__)


class ParallelBatchProcessor(BatchProcessor):
    """All records at once, a thread each: one that waits for a receiver holds up no other."""

    def process(self) -> list[tuple[Any, ...]]:
        """Handle every record; returns when all are handled."""
        with ThreadPoolExecutor(max_workers=len(self.records)) as pool:
            return list(pool.map(self._process_record, self.records))


def work_off(
    event: Mapping[str, Any],
    handle: Callable[[str], object],
    *,
    queue: str,
    metrics: MetricsLog,
    time_left: Callable[[], float],
    needed_seconds: float = 0.0,
    parallel: bool = False,
) -> dict[str, Any]:
    """Hand each record's body to `handle`; returns what SQS is to be told.

    A record is not begun when less than `needed_seconds` are left of the invocation: it comes
    again. `queue` names the queue in metrics.

    Raises:
        InvalidRequest: not a batch of SQS records.
    """
    records = event.get("Records")
    if not isinstance(records, list) or not all(_is_sqs(record) for record in records):
        raise InvalidRequest("not a batch of SQS records", code="invalid_message")
    kind = ParallelBatchProcessor if parallel else BatchProcessor
    processor = kind(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

    def handle_record(record: SQSRecord) -> None:
        with in_hand(message_id=record.message_id):
            try:
                if time_left() < needed_seconds:
                    raise Unavailable("no time is left in this invocation")
                handle(record.body)
            except Exception as exc:
                _tell(exc, record)
                raise

    if records:
        with processor(records=records, handler=handle_record):
            processor.process()
    failed = len(processor.fail_messages)
    if failed:
        metrics.add(MESSAGES_FAILED, float(failed), {"queue": queue})
    return dict(processor.response())


def _is_sqs(record: object) -> bool:
    return isinstance(record, Mapping) and {"messageId", "body"} <= record.keys()


def _tell(exc: Exception, record: SQSRecord) -> None:
    receives = (record.get("attributes") or {}).get("ApproximateReceiveCount")
    if isinstance(exc, TamlilError):
        extra = {"code": exc.code, "receives": receives}
        _log.warning("message given back: %s", exc.detail, extra=extra)
    else:  # a fault of ours: all that is known of it belongs into the log
        _log.error("message given back", exc_info=exc, extra={"receives": receives})
