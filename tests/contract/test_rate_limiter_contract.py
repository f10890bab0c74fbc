"""Every sentence of `shared.ports.rate_limiter`, for every adapter."""

from __future__ import annotations

import pytest

from shared.ports.rate_limiter import RateDecision, RateLimiter, RateRule
from tests.support import racers
from tests.support.contracts import Adapters
from tests.support.races import RACES, Race
from tests.support.records import NOW

RULE = RateRule(limit=2, window_seconds=10.0, burst=3)  # one every 5 seconds


@pytest.fixture
def limiter(platform: Adapters) -> RateLimiter:
    return platform.rate_limiter()


def test_a_burst_is_allowed_at_once_and_no_more(limiter: RateLimiter) -> None:
    decisions = [limiter.hit("a", RULE, now=NOW) for _ in range(4)]
    assert decisions == [
        RateDecision(allowed=True, remaining=2, retry_after=0.0, reset_after=5.0),
        RateDecision(allowed=True, remaining=1, retry_after=0.0, reset_after=10.0),
        RateDecision(allowed=True, remaining=0, retry_after=0.0, reset_after=15.0),
        RateDecision(allowed=False, remaining=0, retry_after=5.0, reset_after=15.0),
    ]


def test_a_refused_request_costs_nothing(limiter: RateLimiter) -> None:
    for _ in range(3):
        limiter.hit("a", RULE, now=NOW)
    for _ in range(50):
        assert not limiter.hit("a", RULE, now=NOW + 1).allowed
    assert limiter.hit("a", RULE, now=NOW + 5).allowed


def test_after_retry_after_exactly_one_more_is_allowed(limiter: RateLimiter) -> None:
    rule = RateRule(limit=7, window_seconds=3.0, burst=2)  # an interval that is no round number
    now = NOW + 0.123
    for _ in range(30):
        while (decision := limiter.hit("a", rule, now=now)).allowed:
            pass
        assert not limiter.hit("a", rule, now=now + decision.retry_after * 0.9).allowed
        now += decision.retry_after
        assert limiter.hit("a", rule, now=now).allowed


def test_after_reset_after_the_full_burst_is_there_again(limiter: RateLimiter) -> None:
    for _ in range(2):
        decision = limiter.hit("a", RULE, now=NOW)
    later = NOW + decision.reset_after
    assert [limiter.hit("a", RULE, now=later).remaining for _ in range(3)] == [2, 1, 0]
    assert not limiter.hit("a", RULE, now=later).allowed


def test_waiting_longer_saves_up_no_more_than_a_burst(limiter: RateLimiter) -> None:
    limiter.hit("a", RULE, now=NOW)
    assert sum(limiter.hit("a", RULE, now=NOW + 1e6).allowed for _ in range(9)) == 3


def test_in_the_long_run_the_limit_holds(limiter: RateLimiter) -> None:
    allowed = sum(limiter.hit("a", RULE, now=NOW + second / 2).allowed for second in range(400))
    assert allowed == 3 + (199.5 // 5)


def test_keys_have_limits_of_their_own(limiter: RateLimiter) -> None:
    for _ in range(3):
        limiter.hit("a", RULE, now=NOW)
    assert limiter.hit("b", RULE, now=NOW).remaining == 2


@pytest.mark.parametrize("race", RACES)
def test_racing_callers_share_one_burst(platform: Adapters, race: Race) -> None:
    assert sum(race(platform, racers.hit_limit)) == racers.RULE.burst
