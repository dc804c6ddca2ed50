"""Local time: what the journal's times become, how many days a request is open, how the zone is called."""

import time
from collections.abc import Callable, Iterator

import pytest

from pipeline.domain.model import Report, ReportRow, SheetRow, SourceFile, Status
from pipeline.domain.payment_summary import days_open
from pipeline.journal import serialization
from pipeline.report.formatting import zone


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Moves this process into a zone, and back at the end."""

    def move(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("place", "text", "read"),
    [
        ("America/Toronto", "2026-12-01T00:30:00.000000+00:00", "2026-11-30T19:30:00-05:00"),
        ("America/Toronto", "2026-07-01T03:59:59.000000+00:00", "2026-06-30T23:59:59-04:00"),
        ("America/St_Johns", "2026-12-01T03:29:00.000000+00:00", "2026-11-30T23:59:00-03:30"),
        ("Pacific/Auckland", "2026-11-30T12:30:00.000000+00:00", "2026-12-01T01:30:00+13:00"),
        ("UTC", "2026-12-01T00:30:00.000000+00:00", "2026-12-01T00:30:00+00:00"),
    ],
)
def test_a_time_of_the_journal_is_read_in_the_offset_that_held_then(
    at: Callable[[str], None], place: str, text: str, read: str
) -> None:
    """Summer's times in winter too; what is written is UTC again, to the letter."""
    at(place)
    assert serialization.time(text).isoformat() == read
    assert serialization.dump_time(serialization.time(text)) == text


def test_days_open_are_days_of_the_calendar(at: Callable[[str], None]) -> None:
    """Asked for in the evening and looked at in the morning after: one day, though no 24 hours."""
    at("America/Toronto")
    created, asked = serialization.time("2026-12-01T00:30:00+00:00"), serialization.time("2026-12-01T14:00:00+00:00")
    report = Report("b", SourceFile("b.csv", ""), "sandbox", (), created, created, (), asked_at=asked)
    row = ReportRow(SheetRow(2, (), ""), Status.CREATED, None, None, created_at=created)
    assert days_open(row, report) == 1


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("America/Toronto", "EST/EDT (UTC-05:00/-04:00)"),
        ("America/St_Johns", "NST/NDT (UTC-03:30/-02:30)"),
        ("America/Regina", "CST (UTC-06:00)"),
        ("Asia/Kathmandu", "UTC+05:45"),
        ("Etc/GMT+12", "UTC-12:00"),
        ("UTC", "UTC+00:00"),
    ],
)
def test_the_zone_has_its_name_and_its_offsets(at: Callable[[str], None], place: str, told: str) -> None:
    """As a person knows it, and as the times beside it have it; a zone without a name is its offset."""
    at(place)
    assert zone() == told
