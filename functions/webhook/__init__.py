"""The function behind job events: it schedules webhooks and makes their attempts."""
