"""How long a run still takes: by what it reached, by the limit on its pace, and by the pauses that the API asks for."""

import io
from dataclasses import dataclass

import pytest
from rich.console import Console

from pipeline.cli.watching import Bar, Estimate, Lines, bar


@dataclass(slots=True)
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def ended(estimate: Estimate, rows: int) -> None:
    for _ in range(rows):
        estimate.ended(failed=False)


def test_nothing_is_known_before_the_first_row() -> None:
    assert Estimate(1000, None, Clock()).seconds_left is None


def test_a_limit_is_known_before_the_first_row() -> None:
    assert Estimate(1000, 5.0, Clock()).seconds_left == 200


def test_what_was_reached_goes_on() -> None:
    clock = Clock()
    estimate = Estimate(1000, None, clock)
    ended(estimate, 250)
    clock.now += 10
    assert estimate.pace == 25
    assert estimate.seconds_left == 30


def test_the_first_rows_that_leave_in_one_go_promise_no_more_than_the_limit() -> None:
    clock = Clock()
    estimate = Estimate(1000, 5.0, clock)
    ended(estimate, 16)
    clock.now += 0.1
    assert estimate.seconds_left == pytest.approx((1000 - 16) / 5)


def test_an_api_that_is_slower_than_the_limit_says_how_long() -> None:
    clock = Clock()
    estimate = Estimate(1000, 50.0, clock)
    ended(estimate, 100)
    clock.now += 10
    assert estimate.seconds_left == 90


def test_a_pause_is_waited_for_and_slows_nothing_down_behind_it() -> None:
    clock = Clock()
    estimate = Estimate(1000, None, clock)
    ended(estimate, 100)
    clock.now += 10
    estimate.pause(300)
    assert estimate.seconds_left == 390
    clock.now += 100
    assert estimate.pace == 10
    assert estimate.seconds_left == 290
    estimate.pause(250)  # 50 more than was left
    assert estimate.seconds_left == 340
    clock.now += 250
    assert estimate.seconds_left == 90
    ended(estimate, 100)
    clock.now += 10
    assert estimate.pace == 10


def test_the_bar_shows_what_is_known_and_counts_a_pause_down() -> None:
    clock, said = Clock(), io.StringIO()
    with bar(Console(file=said, force_terminal=True, width=120)) as drawn:
        estimate = Estimate(1000, None, clock)
        mine = Bar(drawn, estimate, "en")
        assert mine.words().plain == "0/s -:--"
        ended(estimate, 100)
        clock.now += 10
        estimate.ended(failed=True)
        assert mine.words().plain == "10/s 1:29 1 without a session"
        estimate.pause(3600)
        assert mine.words().plain.startswith("10/s 1:01:29")
        drawn.refresh()
    assert "10/s 1:01:29" in said.getvalue()


def test_a_run_that_was_stopped_has_nothing_left() -> None:
    """Its last line says what was done; what is left will not come."""
    said = io.StringIO()
    clock = Clock()
    lines = Lines(Console(file=said, width=120), estimate := Estimate(1000, None, clock), "en")
    ended(estimate, 300)
    clock.now += 10
    lines.last()
    assert said.getvalue().strip() == "300 sent, 30 a second, 0 without a session"
