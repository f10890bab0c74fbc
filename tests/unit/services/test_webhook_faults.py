"""Faults on our side while a webhook is sent: each costs an attempt, or comes again; none loops."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.deliveries import DEFAULT_SCHEDULE, Delivery
from shared.domain.errors import Stopped, TamlilError, Unavailable
from tests.support.receiver import ModelReceiver
from tests.support.world import HOOK, World


def due(world: World) -> Delivery:
    """A delivery of a completed job, not yet sent."""
    world.completed(webhook=HOOK)
    (delivery,) = world.record_events()
    return delivery


def secrets_raise(world: World, error: TamlilError) -> None:
    class Secrets:
        def __getattr__(self, _name: str) -> Any:
            def call(*_args: object) -> None:
                raise error

            return call

    world.platform = replace(world.platform, secrets=Secrets())


def test_a_secret_that_can_not_be_read_uses_up_the_schedule_instead_of_looping(
    world: World,
) -> None:
    delivery = due(world)
    secrets_raise(
        world, Unavailable("the secret is unreadable", code="secret_unreadable", retryable=False)
    )
    receiver = ModelReceiver()
    after = world.deliver(delivery, receiver)
    assert receiver.requests == []
    assert after is not None
    assert after.next_attempt_at == world.clock.now() + DEFAULT_SCHEDULE[1]
    assert after.attempts[0].error == "the secret is unreadable"


@pytest.mark.parametrize("error", [Unavailable("away"), Stopped("told to end")])
def test_secrets_that_are_away_for_a_moment_cost_no_attempt(
    world: World, error: TamlilError
) -> None:
    delivery = due(world)
    secrets_raise(world, error)
    with pytest.raises(type(error)):
        world.deliver(delivery, ModelReceiver())
    assert world.platform.deliveries.get(delivery.id).attempts == ()


def test_a_job_whose_record_can_not_be_read_uses_up_the_schedule_instead_of_looping(
    world: World,
) -> None:
    delivery = due(world)
    with world.deployment.database.write() as connection:
        connection.execute("UPDATE jobs SET document = '{'")
    after = world.deliver(delivery, ModelReceiver())
    assert after is not None
    assert after.next_attempt_at == world.clock.now() + DEFAULT_SCHEDULE[1]
    assert after.attempts[0].error == "a stored Job can't be read"
