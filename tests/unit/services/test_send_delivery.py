from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.domain.deliveries import Delivery
from shared.domain.errors import LimitExceeded, TamlilError, Unavailable
from shared.ports.job_queue import LONGEST_DELAY_SECONDS
from shared.services.send_delivery import send_delivery
from tests.support.functions_aws import open_aws_world, told
from tests.support.world import HOOK, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_aws_world(tmp_path / "data") as opened:
        yield opened


def due_in(world: World, seconds: float) -> Delivery:
    world.completed(webhook=HOOK)
    (delivery,) = world.record_events()
    later = replace(delivery, next_attempt_at=world.clock.now() + seconds)
    return world.platform.deliveries.replace(later)


def test_a_delivery_is_told_when_it_is_due(world: World) -> None:
    delivery = due_in(world, LONGEST_DELAY_SECONDS)
    assert send_delivery(world.platform, delivery)
    world.clock.advance(LONGEST_DELAY_SECONDS - 1)
    assert told(world) == []
    world.clock.advance(1)
    assert told(world) == [delivery.id]


def test_what_is_due_later_than_a_queue_holds_back_is_left_to_the_sweep(world: World) -> None:
    assert not send_delivery(world.platform, due_in(world, LONGEST_DELAY_SECONDS + 1))
    world.clock.advance(LONGEST_DELAY_SECONDS + 1)
    assert told(world) == []


@pytest.mark.parametrize(
    "error", [Unavailable("away"), LimitExceeded("too long", code="delay_too_long")]
)
def test_a_queue_that_does_not_take_it_leaves_it_to_the_sweep(
    world: World, error: TamlilError
) -> None:
    class Queue:
        def send(self, *_args: Any, **_more: Any) -> str:
            raise error

    queue: Any = Queue()
    world.platform = replace(world.platform, webhook_queue=queue)
    assert not send_delivery(world.platform, due_in(world, 0.0))
