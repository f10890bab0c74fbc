"""Signing of webhooks and the guard that keeps every outgoing URL off private addresses."""
