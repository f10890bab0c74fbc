from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_job.progress import Progress, Step, fraction, shares
from shared.domain.job import Stage

_reports = st.lists(
    st.tuples(
        st.sampled_from(list(Step)[:-2]),
        st.floats(min_value=-10, max_value=1e6),
        st.none() | st.floats(min_value=0, max_value=1e6),
    )
)


@pytest.mark.parametrize("diarize", [True, False])
def test_shares_sum_to_one(diarize: bool) -> None:  # noqa: FBT001 - a parameter
    assert sum(shares(diarize=diarize).values()) == pytest.approx(1.0)


def test_a_job_without_diarization_has_no_share_for_it() -> None:
    assert Step.DIARIZE not in shares(diarize=False)
    assert Step.DIARIZE in shares(diarize=True)


@pytest.mark.parametrize(
    ("done", "total", "expected"),
    [(5, 10, 0.5), (10, 10, 1.0), (12, 10, 1.0), (-1, 10, 0.0), (5, None, 0.0), (5, 0, 0.0)],
)
def test_a_fraction_is_measured_or_nothing(
    done: float, total: float | None, expected: float
) -> None:
    assert fraction(done, total) == expected


def test_nothing_done_is_zero() -> None:
    assert Progress(diarize=True).value == 0.0


def test_work_of_unknown_size_counts_nothing_until_it_has_ended() -> None:
    progress = Progress(diarize=False)
    progress.advance(Step.FETCH, 1_000_000, None)
    assert progress.value == 0.0
    progress.finish(Step.FETCH)
    assert progress.value == pytest.approx(shares(diarize=False)[Step.FETCH])


def test_half_the_audio_transcribed_is_half_of_that_share() -> None:
    progress = Progress(diarize=True)
    progress.advance(Step.TRANSCRIBE, 30.0, 60.0)
    assert progress.value == pytest.approx(shares(diarize=True)[Step.TRANSCRIBE] / 2)


def test_all_steps_ended_is_one() -> None:
    progress = Progress(diarize=True)
    for step in Step:
        progress.finish(step)
    assert progress.value == pytest.approx(1.0)


@given(_reports)
def test_it_never_goes_back_and_stays_below_one_before_the_end(
    reports: list[tuple[Step, float, float | None]],
) -> None:
    progress = Progress(diarize=True)
    before = 0.0
    for step, done, total in reports:
        progress.advance(step, done, total)
        assert before <= progress.value < 1.0
        before = progress.value


def test_stages_follow_the_steps() -> None:
    progress = Progress(diarize=True)
    seen = [progress.stage]
    for step in Step:
        progress.enter(step)
        seen.append(progress.stage)
    assert seen == [
        Stage.STARTING,
        Stage.FETCHING,
        Stage.FETCHING,
        Stage.TRANSCRIBING,
        Stage.DIARIZING,
        Stage.SAVING,
    ]


def test_a_reporter_speaks_for_its_step() -> None:
    progress = Progress(diarize=False)
    progress.reporter(Step.DECODE)(1.0, 4.0)
    assert progress.value == pytest.approx(shares(diarize=False)[Step.DECODE] / 4)
