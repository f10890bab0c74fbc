"""The same promises on DynamoDB's stores, whose indexes lag until the test lets them catch up."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule

from tests.integration.test_state_machine import SETTINGS, PipelineMachine
from tests.support.aws_world import DynamoWorld, open_dynamo_world
from tests.support.world import World


class LaggingMachine(PipelineMachine):
    """What happened since indexes caught up last is in no list."""

    def open(self, folder: Path) -> AbstractContextManager[World]:
        return open_dynamo_world(folder, lagging=True, **SETTINGS)

    @rule()
    def settle(self) -> None:
        assert isinstance(self.world, DynamoWorld)
        assert self.world.indexes is not None
        self.world.indexes.catch_up()


TestLaggingPipeline = pytest.mark.slow(LaggingMachine.TestCase)
TestLaggingPipeline.settings = settings(
    max_examples=8,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
