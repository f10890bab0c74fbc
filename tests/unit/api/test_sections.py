"""Routes that are made when they are first needed answer as those that are made at the start."""

from __future__ import annotations

import asyncio
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from functions.api.factory import create_app
from functions.api.openapi import TamlilApi
from functions.api.routes.sections import PATHS
from tests.support.api import InProcess
from tests.support.platform import make_settings
from tests.support.world import open_world

ROUTES = Path(__file__).parents[3] / "functions/api/routes"


def paths_of(name: str) -> list[str]:
    module = importlib.import_module(f"functions.api.routes.{name}")
    router = getattr(module, "router", None) or module.secured
    return [re.sub(r"{[^}]+}", "abc_01", route.path) for route in router.routes]


@pytest.fixture(params=[False, True], ids=["at the start", "lazily"])
def app(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[TamlilApi]:
    with open_world(tmp_path / "data") as world:
        yield create_app(world.platform, make_settings(tmp_path), lazily=request.param)


def test_every_module_of_routes_is_a_section() -> None:
    found = {path.stem for path in ROUTES.glob("[!_]*.py")} - {"sections"}
    assert found == set(PATHS)


@pytest.mark.parametrize("name", PATHS)
def test_a_path_is_in_its_own_section_and_in_no_other(name: str) -> None:
    assert paths_of(name)
    for path in paths_of(name):
        assert [other for other, own in PATHS.items() if own.fullmatch(path)] == [name]


@pytest.mark.parametrize("name", PATHS)
def test_every_path_is_known_when_it_is_the_first_that_is_asked_for(
    app: TamlilApi, name: str
) -> None:
    for path in paths_of(name):
        answer = httpx.Client(transport=InProcess(app), base_url="http://t").get(path)
        assert answer.status_code in (200, 401, 405), path


def test_an_unknown_path_and_an_unknown_method_are_told_alike(app: TamlilApi) -> None:
    client = httpx.Client(transport=InProcess(app), base_url="http://t")
    assert client.get("/api/v1/jobs/a/b").status_code == 404
    assert client.get("/api/v1/jobs/").status_code == 404
    refused = client.put("/api/v1/jobs/abc_01")
    assert (refused.status_code, refused.headers["allow"]) == (405, "DELETE, GET, HEAD")


def test_the_document_is_the_same_whatever_was_asked_for_before(tmp_path: Path) -> None:
    with open_world(tmp_path / "data") as world:
        eager = create_app(world.platform, make_settings(tmp_path))
        lazy = create_app(world.platform, make_settings(tmp_path), lazily=True)
        client = httpx.Client(transport=InProcess(lazy), base_url="http://t")
        for path in ("/metrics", "/api/v1/keys", "/health"):
            client.get(path)
        found = client.get("/openapi.json").json()
        assert found == eager.openapi()
        assert list(found["paths"]) == list(eager.openapi()["paths"])
        assert len(found["paths"]) == len({p for name in PATHS for p in paths_of(name)})


def test_what_no_request_needed_is_not_even_imported() -> None:
    code = (
        "import sys; from types import SimpleNamespace as N;"
        " from functions.api.factory import create_app; from shared.ports.platform import Limits;"
        " options = N(cors_origins=(), max_body_bytes=1, metrics_public=False);"
        " app = create_app(N(limits=Limits()), options, lazily=True); app.sections.need('/health');"
        " heavy = ('httpx', 'functions.schemas.submit', 'shared.formats', 'pydantic_settings');"
        " print([name for name in heavy if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROUTES.parents[2], capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout.strip()) == (0, "[]"), ended.stderr


def test_requests_at_the_same_time_make_a_section_once(tmp_path: Path) -> None:
    async def ask(app: TamlilApi) -> set[int]:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://t"
        ) as client:
            answers = await asyncio.gather(*(client.get("/health") for _ in range(20)))
            return {answer.status_code for answer in answers}

    with open_world(tmp_path / "data") as world:
        app = create_app(world.platform, make_settings(tmp_path), lazily=True)
        before = len(app.router.routes)
        assert asyncio.run(ask(app)) == {200}
        assert len(app.router.routes) == before + 1
