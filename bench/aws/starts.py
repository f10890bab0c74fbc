"""What is started cold: each function with an event of its own, and the bare ones beside them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.aws.cold_start import Start
from tests.support.aws_stage import AwsStage, aws_stage
from tests.support.bundles import Bundles
from tests.support.functions_aws import documented

#: State of the art, as times of the bare function's milliseconds.
_API_AT_MOST, _OTHERS_AT_MOST = 1.35, 1.5
_BARE = Path(__file__).with_name("bare")


@contextmanager
def all_starts(bundles: Bundles, folder: Path) -> Iterator[list[Start]]:
    """Build everything and stage the cloud."""
    with aws_stage(folder / "stage") as stage:
        bare = _bare(bundles, stage)
        yield [*bare, *_api(bundles, stage), *_others(bundles, stage)]


def _bare(bundles: Bundles, stage: AwsStage) -> list[Start]:
    web = ("fastapi", "mangum")
    named = {
        "bare handler": ("bare_handler", ()),
        "bare boto3": ("bare_boto3", ()),
        "bare FastAPI": ("bare_fastapi", web),
        "bare FastAPI and boto3": ("bare_fastapi_boto3", web),
    }
    return [
        Start(
            name=name,
            bundle=bundles.bare(_BARE / f"{module}.py", *packages),
            handler=f"{module}.handler",
            env=stage.environment,
            event=lambda: stage.get("/health"),
        )
        for name, (module, packages) in named.items()
    ]


def _api(bundles: Bundles, stage: AwsStage) -> list[Start]:
    job = stage.job()
    events = {
        "api, GET /health": (lambda: stage.get("/health"), "bare FastAPI"),
        "api, GET a job": (
            lambda: stage.get(f"/api/v1/jobs/{job.id}"),
            "bare FastAPI and boto3",
        ),
        "api, submit a URL": (stage.submit, "bare FastAPI and boto3"),
    }
    return [
        Start(
            name=name,
            bundle=bundles.function("ApiFunction"),
            handler="functions.api.app.handler",
            env=stage.environment,
            event=event,
            peer=peer,
            at_most=_API_AT_MOST,
        )
        for name, (event, peer) in events.items()
    ]


def _others(bundles: Bundles, stage: AwsStage) -> list[Start]:
    numbers = itertools.count()
    events = {
        "intake": lambda: stage.dropped(f"call {next(numbers)}"),
        "dispatch": lambda: stage.queued(stage.job()),
        "webhook": stage.ended,
        "sweep": lambda: documented("sweep/schedule"),
    }
    return [
        Start(
            name=name,
            bundle=bundles.function(f"{name.title()}Function"),
            handler=f"functions.{name}.app.handler",
            env=stage.environment,
            event=event,
            peer="bare boto3",
            at_most=_OTHERS_AT_MOST,
        )
        for name, event in events.items()
    ]
