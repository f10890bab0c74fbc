"""Renderings of the canonical transcript, one module a format, found through FORMATS."""

from shared.formats.base import LIMITS, About, Format, RenderOptions
from shared.formats.registry import FORMATS, find_format, render

__all__ = ["FORMATS", "LIMITS", "About", "Format", "RenderOptions", "find_format", "render"]
