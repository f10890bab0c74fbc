"""Plain ASGI middleware: request ids and log, faults, body limits."""
