"""X-Ray, where a deployment asks for it: its SDK costs a third of a cold start."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

Handler = Callable[[Any, Any], Any]


def traced(handler: Handler, *, service: str) -> Handler:
    """The handler as a subsegment, with one below it for each call to a service of AWS.

    Outside of Lambda nothing is sent. Neither what the handler answers nor what it raises goes to
    X-Ray, only that it failed: both may hold what callers sent.
    """
    from aws_lambda_powertools import Tracer

    tracer = Tracer(service=service, patch_modules=("botocore",))
    recorder: Any = tracer.provider

    @wraps(handler)
    def contained(event: Any, context: Any) -> tuple[Any, Exception | None]:
        try:
            return handler(event, context), None
        except Exception as exc:  # noqa: BLE001 - raised below; here the SDK would send its text
            subsegment = recorder.current_subsegment()
            if subsegment is not None:
                subsegment.add_fault_flag()
            return None, exc

    recorded = tracer.capture_lambda_handler(contained, capture_response=False, capture_error=False)

    @wraps(handler)
    def entry(event: Any, context: Any) -> Any:
        answer, fault = recorded(event, context)
        if fault is not None:
            raise fault
        return answer

    return entry
