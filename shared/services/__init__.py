"""The use cases, one module a verb. Ports come in as arguments; nothing here knows a cloud."""
