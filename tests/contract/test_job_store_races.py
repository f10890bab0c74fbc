"""Races for job records, between threads and between processes."""

from __future__ import annotations

import pytest

from shared.domain.job import Status
from tests.support import racers
from tests.support.contracts import Adapters
from tests.support.races import RACES, Race
from tests.support.records import make_job


@pytest.mark.parametrize("race", RACES)
def test_of_racing_creates_with_one_key_one_writes_and_all_get_its_job(
    platform: Adapters, race: Race
) -> None:
    answers = race(platform, racers.create_with_shared_keys)
    for same_round in zip(*answers, strict=True):
        assert len(set(same_round)) == 1
    assert platform.job_store().counts()[Status.PENDING] == racers.ROUNDS


@pytest.mark.parametrize("race", RACES)
def test_each_version_is_written_by_one_of_the_racing_writers(
    platform: Adapters, race: Race
) -> None:
    platform.job_store().create(make_job())
    won = sorted(
        version
        for versions in race(platform, racers.replace_each_version_once)
        for version in versions
    )
    assert won == list(range(2, max(won) + 1)), "no version twice, none left out"
    assert platform.job_store().get("job_1").version == max(won)


@pytest.mark.parametrize("race", RACES)
def test_no_update_is_lost_between_read_and_replace(platform: Adapters, race: Race) -> None:
    platform.job_store().create(make_job())
    answers = race(platform, racers.count_up)
    assert platform.job_store().get("job_1").attempt == len(answers) * racers.ROUNDS
