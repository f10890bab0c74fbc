"""Renderings of the canonical transcript, one module a format, found through FORMATS."""

from shared.formats.base import Format, RenderOptions
from shared.formats.registry import FORMATS, render

__all__ = ["FORMATS", "Format", "RenderOptions", "render"]
