"""Every sentence of `shared.ports.job_queue`, for every adapter."""

from __future__ import annotations

from collections import Counter

import pytest

from shared.ports.job_queue import JobQueue
from tests.support import racers
from tests.support.contracts import Adapters, bodies
from tests.support.races import RACES, Race


@pytest.fixture
def queue(platform: Adapters) -> JobQueue:
    return platform.job_queue()


def counts(queue: JobQueue) -> tuple[int, int, int]:
    depth = queue.depth()
    return depth.waiting, depth.in_flight, depth.dead


def test_messages_come_oldest_first_with_their_ids(platform: Adapters, queue: JobQueue) -> None:
    ids = []
    for body in ("a", "b", "שלום\n\u2028"):
        ids.append(queue.send(body))
        platform.pass_time(1)
    received = queue.receive()
    assert [message.body for message in received] == ["a", "b", "שלום\n\u2028"]
    assert [message.id for message in received] == ids
    assert [message.receive_count for message in received] == [1, 1, 1]
    assert len({message.receipt for message in received}) == 3


def test_every_group_s_messages_come_and_none_waits_for_another_of_its_group(
    queue: JobQueue,
) -> None:
    for number in range(3):
        queue.send(f"a{number}", group="acme")
    queue.send("b", group="globex")
    queue.send("c")
    assert Counter(bodies(queue)) == Counter(["a0", "a1", "a2", "b", "c"])


def test_a_message_of_a_group_may_be_delayed(platform: Adapters, queue: JobQueue) -> None:
    queue.send("later", delay_seconds=2, group="acme")
    assert bodies(queue) == []
    platform.pass_time(2)
    assert bodies(queue) == ["later"]


def test_receive_takes_no_more_than_its_limit(queue: JobQueue) -> None:
    for number in range(5):
        queue.send(str(number))
    assert len(queue.receive(limit=2)) == 2
    assert len(queue.receive(limit=9)) == 3


def test_an_empty_queue_gives_nothing_at_once(queue: JobQueue) -> None:
    assert list(queue.receive()) == []


def test_a_delayed_message_becomes_visible_after_its_delay(
    platform: Adapters, queue: JobQueue
) -> None:
    queue.send("later", delay_seconds=2)
    assert bodies(queue) == []
    platform.pass_time(1)
    assert bodies(queue) == []
    platform.pass_time(1)
    assert bodies(queue) == ["later"]


def test_the_depth_tells_delayed_messages_from_those_that_can_be_taken(
    platform: Adapters, queue: JobQueue
) -> None:
    queue.send("now")
    queue.send("later", delay_seconds=2)
    depth = queue.depth()
    assert (depth.waiting, depth.delayed) == (2, 1)
    queue.receive()
    depth = queue.depth()
    assert (depth.waiting, depth.delayed, depth.in_flight) == (1, 1, 1)
    platform.pass_time(2)
    depth = queue.depth()
    assert (depth.waiting, depth.delayed) == (1, 0)


def test_a_message_in_hand_is_hidden_until_its_visibility_ends(
    platform: Adapters, queue: JobQueue
) -> None:
    queue.send("a")
    first = queue.receive(visibility_seconds=2)[0]
    platform.pass_time(1)
    assert bodies(queue) == []
    platform.pass_time(1)
    second = queue.receive()[0]
    assert second.id == first.id
    assert second.receipt != first.receipt
    assert second.receive_count == 2


def test_a_deleted_message_never_comes_again(platform: Adapters, queue: JobQueue) -> None:
    queue.send("a")
    queue.delete(queue.receive(visibility_seconds=2)[0].receipt)
    platform.pass_time(3)
    assert bodies(queue) == []
    assert counts(queue) == (0, 0, 0)


def test_delete_with_a_stale_receipt_is_ignored(platform: Adapters, queue: JobQueue) -> None:
    queue.send("a")
    stale = queue.receive(visibility_seconds=2)[0].receipt
    platform.pass_time(3)
    queue.receive(visibility_seconds=2)
    queue.delete(stale)
    queue.delete("no receipt at all")
    platform.pass_time(3)
    assert bodies(queue) == ["a"]


def test_extend_hides_for_so_long_from_now(platform: Adapters, queue: JobQueue) -> None:
    queue.send("a")
    receipt = queue.receive(visibility_seconds=3)[0].receipt
    platform.pass_time(2)
    queue.extend(receipt, visibility_seconds=4)
    platform.pass_time(3)
    assert bodies(queue) == []
    platform.pass_time(1)
    assert bodies(queue) == ["a"]


def test_extend_by_0_gives_the_message_back_at_once(queue: JobQueue) -> None:
    queue.send("a")
    queue.extend(queue.receive()[0].receipt, visibility_seconds=0)
    assert bodies(queue) == ["a"]


def test_extend_with_a_stale_receipt_is_ignored(platform: Adapters, queue: JobQueue) -> None:
    queue.send("a")
    stale = queue.receive(visibility_seconds=2)[0].receipt
    platform.pass_time(3)
    queue.receive(visibility_seconds=300)
    queue.extend(stale, visibility_seconds=0)
    assert bodies(queue) == []


def test_a_message_received_too_often_becomes_a_dead_letter(platform: Adapters) -> None:
    queue = platform.job_queue(max_receives=2)
    sent = queue.send("poison")
    for _ in range(2):
        assert bodies(queue, visibility_seconds=2) == ["poison"]
        platform.pass_time(3)
    assert bodies(queue) == []
    dead = queue.dead_letters()
    assert [(letter.id, letter.body) for letter in dead] == [(sent, "poison")]
    assert queue.dead_letters() == dead, "looking does not take"
    assert queue.depth().dead == 1


def test_a_poisonous_message_does_not_hold_up_the_others(platform: Adapters) -> None:
    queue = platform.job_queue(max_receives=1)
    queue.send("poison")
    queue.receive(visibility_seconds=1)
    platform.pass_time(2)
    queue.send("good")
    assert bodies(queue, limit=1) == ["good"]


def test_dead_letters_come_oldest_first_up_to_the_limit(platform: Adapters) -> None:
    queue = platform.job_queue(max_receives=1)
    for body in ("a", "b", "c"):
        queue.send(body)
        platform.pass_time(1)
    queue.receive(visibility_seconds=1)
    platform.pass_time(2)
    queue.receive()
    assert [letter.body for letter in queue.dead_letters()] == ["a", "b", "c"]
    assert [letter.body for letter in queue.dead_letters(limit=2)] == ["a", "b"]


def test_a_dead_letter_can_no_longer_be_deleted_by_its_slow_consumer(
    platform: Adapters,
) -> None:
    queue = platform.job_queue(max_receives=1)
    queue.send("poison")
    receipt = queue.receive(visibility_seconds=1)[0].receipt
    platform.pass_time(2)
    queue.receive()
    queue.delete(receipt)
    assert queue.depth().dead == 1


def test_redrive_gives_dead_letters_a_fresh_start(platform: Adapters) -> None:
    queue = platform.job_queue(max_receives=1)
    for body in ("a", "b"):
        queue.send(body)
    queue.receive(visibility_seconds=1)
    platform.pass_time(2)
    queue.receive()
    assert queue.redrive() == 2
    assert queue.redrive() == 0
    assert queue.dead_letters() == ()
    assert [message.receive_count for message in queue.receive()] == [1, 1]


def test_depth_counts_what_waits_is_in_hand_and_is_dead(platform: Adapters) -> None:
    queue = platform.job_queue(max_receives=1)
    assert counts(queue) == (0, 0, 0)
    assert queue.depth().oldest_seconds in (0.0, None)
    queue.send("dies")
    queue.receive(visibility_seconds=1)
    assert counts(queue) == (0, 1, 0)
    platform.pass_time(2)
    queue.receive()
    queue.send("in hand")
    queue.receive(visibility_seconds=300)
    queue.send("waits")
    platform.pass_time(2)
    queue.send("waits, too")
    queue.send("is delayed", delay_seconds=60)
    depth = queue.depth()
    assert (depth.waiting, depth.in_flight, depth.dead) == (3, 1, 1)
    assert depth.oldest_seconds is None or depth.oldest_seconds == pytest.approx(2, abs=1)


def test_queues_of_other_names_are_other_queues(platform: Adapters) -> None:
    jobs, events = platform.job_queue("jobs"), platform.job_queue("events")
    jobs.send("job")
    assert bodies(events) == []
    receipt = jobs.receive(visibility_seconds=2)[0].receipt
    events.delete(receipt)
    events.extend(receipt, visibility_seconds=0)
    assert jobs.depth().in_flight == 1
    assert counts(events) == (0, 0, 0)


@pytest.mark.parametrize("race", RACES)
def test_racing_consumers_never_hold_the_same_message(platform: Adapters, race: Race) -> None:
    queue = platform.job_queue()
    sent = [queue.send(f"message {number}") for number in range(racers.MESSAGES)]
    taken = Counter(body for answer in race(platform, racers.drain) for body in answer)
    assert set(taken.values()) == {1}
    assert len(taken) == len(sent)
    assert counts(queue) == (0, 0, 0)
