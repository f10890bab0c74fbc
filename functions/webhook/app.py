"""AWS Lambda: events of jobs become webhooks, and due ones are sent."""

from __future__ import annotations

import functions.cold_start  # noqa: F401 - before all else, see there
from functions.open_function import open_function
from functions.webhook.batch import WebhookBatch

_function = open_function("webhook")
_batch = WebhookBatch(_function.platform, metrics=_function.metrics)

handler = _function.entry(lambda event, time_left: _batch.handle(event, time_left=time_left))
