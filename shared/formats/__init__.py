"""Renderings of the canonical transcript, one module a format, found through FORMATS."""
