"""How long a run still takes: by what it reached, by the limit on its pace, and by the pauses that the API asks for."""

import io
from dataclasses import dataclass

import pytest
from rich.console import Console

from pipeline.cli.progress import Estimate, SendingProgress
from pipeline.domain.attempt_rules import Created, Denied, Unknown, Unsent, Verdict
from pipeline.domain.events import RowEnded, RowHeld, SendingEnded
from schemas.languages import Lang


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
    progress = SendingProgress(Console(file=said, force_terminal=True, width=120), "en", 1000, None, clock)
    assert progress.words().plain == "0/s -:--"
    ended(progress.estimate, 100)
    clock.now += 10
    progress(RowHeld(2, 2))
    assert progress.words().plain == "10/s 1:29 to review: 1"
    progress.estimate.pause(3600)
    assert progress.words().plain.startswith("10/s 1:01:29")
    progress(SendingEnded(cut=True))
    assert "10/s 1:01:29" in said.getvalue()


@pytest.mark.parametrize(
    ("lang", "created", "others", "said"),
    [
        ("en", 1, [], "Sent 1 request: 1 created"),
        ("en", 1047, [Denied(400, ())], "Sent 1,048 requests: 1,047 created, 1 rejected"),
        ("en", 0, [Unsent(()), Unknown(None, ())], "Sent 2 requests: 1 failed, 1 unknown"),
        ("fr", 2, [Denied(400, ())] * 2, "4 demandes envoyées : 2 créées, 2 refusées"),
        ("fr", 1, [Unknown(None, ())], "2 demandes envoyées : 1 créée, 1 d'issue inconnue"),
    ],
)
@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "no terminal"])
def test_the_last_line_says_what_became_of_the_requests(
    lang: Lang, created: int, others: list[Verdict], said: str, terminal: bool
) -> None:
    """Each status that occurred, with its number."""
    shown = io.StringIO()
    progress = SendingProgress(Console(file=shown, force_terminal=terminal, highlight=False), lang, 2000, None)
    for verdict in [*[Created("id", 200)] * created, *others]:
        progress(RowEnded(1, 1, verdict))
    progress(SendingEnded(cut=False))
    assert shown.getvalue().splitlines()[-1].endswith(said)


def test_a_row_that_was_held_at_the_last_moment_was_not_sent() -> None:
    shown = io.StringIO()
    progress = SendingProgress(Console(file=shown, width=120), "en", 2, None)
    progress(RowEnded(1, 1, Created("id", 200)))
    progress(RowHeld(2, 2))
    progress(SendingEnded(cut=False))
    assert shown.getvalue().strip() == "Sent 1 request: 1 created, 1 held, not sent"
