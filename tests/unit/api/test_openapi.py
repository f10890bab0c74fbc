from __future__ import annotations

import json
import re
from typing import Any

from shared.formats import FORMATS, LIMITS
from tests.support.api import Api

_METHODS = {"get", "post", "delete"}


def document(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = api.anonymous().get("/openapi.json").json()
    return found


def operations(api: Api) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document(api)["paths"].items()
        for method, operation in methods.items()
        if method in _METHODS
    ]


def test_every_operation_has_a_name_a_tag_and_words(api: Api) -> None:
    found = operations(api)
    names = [operation["operationId"] for _, _, operation in found]
    assert len(set(names)) == len(names) == 23
    for _, _, operation in found:
        assert operation["summary"]
        assert operation["description"]
        assert operation["tags"]


def test_every_error_is_a_problem_document(api: Api) -> None:
    for path, method, operation in operations(api):
        for status, response in operation["responses"].items():
            if status < "400" or (path, status) == ("/health/ready", "503"):
                continue
            content = response["content"]
            assert list(content) == ["application/problem+json"], (path, method, status)
            assert content["application/problem+json"]["schema"]["$ref"].endswith("/Problem")


def test_every_operation_says_how_it_is_secured(api: Api) -> None:
    schemes = document(api)["components"]["securitySchemes"]
    assert set(schemes) == {"ApiKey", "Bearer"}
    for path, _, operation in operations(api):
        if path.startswith("/health"):
            assert "security" not in operation
        else:
            assert operation["security"] == [{"ApiKey": []}, {"Bearer": []}]
            assert {"401", "403", "429", "500", "503"} <= operation["responses"].keys()


def test_every_reference_leads_somewhere(api: Api) -> None:
    found = document(api)
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(found)))
    assert references <= found["components"]["schemas"].keys()
    assert "HTTPValidationError" not in found["components"]["schemas"]


def test_bodies_come_with_examples_that_are_accepted(api: Api) -> None:
    schemas = document(api)["components"]["schemas"]
    client = api.client()
    for name, path in (
        ("TranscribeRequest", "/api/v1/transcribe"),
        ("UploadRequest", "/api/v1/uploads"),
    ):
        for example in schemas[name]["examples"]:
            assert client.post(path, json=example).is_success


def test_every_text_format_has_an_example(api: Api) -> None:
    operation = document(api)["paths"]["/api/v1/jobs/{job_id}/transcript"]["get"]
    content = operation["responses"]["200"]["content"]
    assert set(content) == {form.media_type for form in FORMATS.values()}
    for form in FORMATS.values():
        if not form.binary:
            assert content[form.media_type]["examples"][form.name]["value"]
    asked = {parameter["name"]: parameter for parameter in operation["parameters"]}
    assert asked["format"]["schema"]["enum"] == sorted(FORMATS)
    assert all(asked[name]["description"] for name in LIMITS)


def test_the_docs_page_is_served(api: Api) -> None:
    answer = api.anonymous().get("/docs")
    assert answer.status_code == 200
    assert "/openapi.json" in answer.text
