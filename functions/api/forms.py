"""Multipart forms: one file, and options as fields or as one JSON field."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from functions.api.audio_types import check_audio_type
from functions.api.strict_json import media_type
from functions.schemas.json_text import parse_json
from functions.schemas.submit import TranscribeOptions
from functions.schemas.texts import typed_field
from functions.schemas.translate import same_in_both
from shared.domain.errors import InvalidRequest

_CHUNK_BYTES = 1 << 20
_MOST_FIELDS = 50
#: The largest option is a prompt; metadata may be 16 x (64 + 500) characters.
_MOST_FIELD_BYTES = 128 << 10


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadForm:
    """A file, spooled to disk by the parser, and its options."""

    file: BinaryIO
    filename: str | None
    content_type: str | None
    options: TranscribeOptions

    def chunks(self) -> Iterator[bytes]:
        """The file's bytes, from the start, a piece at a time."""
        self.file.seek(0)
        while chunk := self.file.read(_CHUNK_BYTES):
            yield chunk


async def _read_form(request: Request) -> AsyncIterator[UploadForm]:
    """Parse the form; its temporary file lives as long as the request.

    Raises:
        InvalidRequest: not multipart, not one file, or not audio.
        RequestValidationError: an option can't be accepted.
    """
    if media_type(request.headers.get("content-type")) != "multipart/form-data":
        raise InvalidRequest(
            "send multipart/form-data with the audio in the field file",
            code="unsupported_media_type",
            field="Content-Type",
        )
    form = await _parsed(request)
    try:
        yield _upload(form)
    finally:
        await form.close()


ReadForm = Annotated[UploadForm, Depends(_read_form)]


async def _parsed(request: Request) -> FormData:
    try:
        return await request.form(
            max_files=1, max_fields=_MOST_FIELDS, max_part_size=_MOST_FIELD_BYTES
        )
    except (HTTPException, KeyError) as exc:
        # KeyError: a Content-Type without a boundary.
        reason = exc.detail if isinstance(exc, HTTPException) else "no boundary"
        msg = f"not a readable multipart form: {reason}"
        raise InvalidRequest(msg, code="invalid_multipart") from exc


def _upload(form: FormData) -> UploadForm:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise InvalidRequest(
            # A part that breaks off is left out by the parser as if it had not been there.
            "the form has no file in the field file, or was cut short within it",
            code="missing_file",
            field="file",
        )
    return UploadForm(
        file=file.file,
        filename=_one_line(file.filename),
        content_type=check_audio_type(file.content_type, field="file"),
        options=_options(form),
    )


def _one_line(filename: str | None) -> str | None:
    """A file's name without folders and control characters, at most 200 characters."""
    name = (filename or "").replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(char for char in name if char.isprintable())[-200:] or None


def _options(form: FormData) -> TranscribeOptions:
    beside: dict[str, Any] = {}
    for name, value in form.multi_items():
        if name in ("file", "options"):
            continue
        if name in beside:
            raise InvalidRequest(f"{name[:64]} is given twice", field=name[:64])
        beside[name] = typed_field(name, value)
    inside = _options_field(form)
    try:
        return TranscribeOptions.model_validate(
            same_in_both(beside, inside, where="options") if inside else beside
        )
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_input=False, include_context=False)
        raise RequestValidationError(errors) from exc


def _options_field(form: FormData) -> dict[str, Any]:
    texts = form.getlist("options")
    if not texts:
        return {}
    if len(texts) > 1 or not isinstance(texts[0], str):
        raise InvalidRequest("options must be one JSON field", field="options")
    found = parse_json(texts[0])
    if not isinstance(found, dict):
        raise InvalidRequest("options must be a JSON object", field="options")
    return found
