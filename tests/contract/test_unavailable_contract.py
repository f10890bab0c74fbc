"""Every method of every store raises `Unavailable` when its platform does not answer."""

from __future__ import annotations

from shared.domain.errors import Unavailable
from tests.support.contracts import Adapters
from tests.support.every_call import every_call


def test_every_method_of_a_platform_that_does_not_answer_is_unavailable(
    platform: Adapters,
) -> None:
    calls = every_call(platform)
    platform.blob_store().put("a/b", [b"x"])
    platform.fail()
    answered = []
    for name, call in calls.items():
        try:
            call()
        except Unavailable:
            continue
        answered.append(name)
    assert answered == []
