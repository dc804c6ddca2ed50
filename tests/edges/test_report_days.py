"""Days and times of reports: every way to write them, none guessed, and each in its own zone."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import xlsxwriter

from pipeline.domain.errors import UsageError
from pipeline.reconciliation.daily_reports import read_report
from pipeline.reconciliation.dates import DateOrder, moment_of, order_of
from pipeline.reconciliation.vocabulary import load_vocabulary

MONTHS = [
    ("January", "Jan", "janvier", "janv."),
    ("February", "Feb", "février", "févr."),
    ("March", "Mar", "mars", "mars"),
    ("April", "Apr", "avril", "avr."),
    ("May", "May", "mai", "mai"),
    ("June", "Jun", "juin", "juin"),
    ("July", "Jul", "juillet", "juil."),
    ("August", "Aug", "août", "août"),
    ("September", "Sept", "septembre", "sept."),
    ("October", "Oct", "octobre", "oct."),
    ("November", "Nov", "novembre", "nov."),
    ("December", "Dec", "décembre", "déc."),
]
WEEKDAYS = [
    *("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Tues", "Thurs", "Monday", "Wednesday", "Saturday"),
    *("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim.", "mar", "lundi", "mardi", "vendredi", "dimanche"),
]
FORMS = [
    *(
        "28 {} 2026",
        "28-{}-26",
        "28 {} 26",
        "{} 28, 2026",
        "28{}2026",
        "2026-{}-28",
        "Saturday 28 {} 26",
        "le 28 {} 26",
    ),
]


@pytest.fixture
def toronto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process in Toronto."""
    monkeypatch.setenv("TZ", "America/Toronto")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def settled(folder: Path, *days: str, mapping: str = "", created: str = "") -> list[str]:
    """The days of settlement of a report that has these."""
    path, words = folder / "report.csv", folder / "words.toml"
    rows = "".join(f'R-{number},1.00,Settled,"{day}",{created}\n' for number, day in enumerate(days))
    path.write_text("Reference,Amount,Status,Settled Date,Created\n" + rows, encoding="utf-8")
    words.write_text(mapping, encoding="utf-8")
    return [line.settled for line in read_report(path, load_vocabulary(words)).lines]


@pytest.mark.parametrize("month", range(1, 13))
def test_every_month_is_known_by_all_its_names(month: int) -> None:
    """In full and shortened, in both languages, with and without accents, before and behind the day, short years."""
    names = {*MONTHS[month - 1]}
    names |= {name.upper() for name in names} | {name.translate(str.maketrans("éû", "eu")) for name in names}
    expected = f"2026-{month:02}-28"
    wrong = {
        text: found
        for name in sorted(names)
        for form in FORMS
        if (found := moment_of(text := form.format(name), "s", DateOrder.UNKNOWN)) != expected
    }
    assert wrong == {}


@pytest.mark.parametrize("name", WEEKDAYS)
def test_a_weekday_says_nothing(name: str) -> None:
    for form in ("24 nov. 2026", "11/24/2026", "2026-11-24", "24-Nov-26", "Nov 24, 26"):
        assert moment_of(f"{name} {form}", "s", DateOrder.UNKNOWN) == "2026-11-24"
        assert moment_of(f"{name}, {form}", "s", DateOrder.UNKNOWN) == "2026-11-24"


NO_DATES = [
    *("jui 24, 2026", "24 jui 26", "32 nov. 26", "30 févr. 26", "24 novem 20266", "11/31/26", "Mar", "Mon", "45", ""),
]


@pytest.mark.parametrize("text", NO_DATES)
def test_what_is_no_day_is_none(text: str) -> None:
    """`jui` is June and July, and a month has no thirty-second day."""
    assert moment_of(text, "s", DateOrder.UNKNOWN) is None


COLUMNS = [
    ("day first, by one date", ["03/04/26", "25/11/26"], ["2026-04-03", "2026-11-25"]),
    ("month first, by one date", ["03/04/26", "11/25/26"], ["2026-03-04", "2026-11-25"]),
    ("nothing proves it", ["03/04/26", "04/03/26"], ["", ""]),
    ("both are proven", ["03/04/26", "25/11/26", "11/25/26"], ["", "2026-11-25", "2026-11-25"]),
    ("long and short years", ["03/04/2026", "25/11/26"], ["2026-04-03", "2026-11-25"]),
    ("many forms", ["28-Nov-26", "11/30/26", "30 nov. 26", "2026-11-28", "11/05/26"],
     ["2026-11-28", "2026-11-30", "2026-11-30", "2026-11-28", "2026-11-05"]),
    ("a year in front, or behind?", ["26-11-28", "26-11-28"], ["", ""]),
    ("a year in front: else they lie years apart", ["26-11-27", "26-11-28"], ["2026-11-27", "2026-11-28"]),
    ("a year in front, by another date", ["2026-11-27", "26-11-28"], ["2026-11-27", "2026-11-28"]),
    ("a year behind: else they lie years apart", ["28-11-26", "03-11-26"], ["2026-11-28", "2026-11-03"]),
    ("slashes and dots have the year behind", ["28/11/26", "28.11.26"], ["2026-11-28", "2026-11-28"]),
    ("one day, whichever number it is", ["05/05/26"], ["2026-05-05"]),
]  # fmt: skip


@pytest.mark.parametrize(("days", "read"), [case[1:] for case in COLUMNS], ids=[case[0] for case in COLUMNS])
def test_the_column_decides_which_number_is_which(tmp_path: Path, days: list[str], read: list[str]) -> None:
    assert settled(tmp_path, *days) == read


def test_other_dates_of_the_line_show_where_the_year_stands(tmp_path: Path) -> None:
    assert settled(tmp_path, "26-11-28", created="2026-11-20") == ["2026-11-28"]
    assert settled(tmp_path, "28-11-26", created="20 nov. 2026") == ["2026-11-28"]


MAPPED = [
    ("day-first", "03/04/26", "2026-04-03"),
    ("month-first", "03/04/26", "2026-03-04"),
    ("year-first", "26-11-28", "2026-11-28"),
    ("year-first", "26/11/28", "2026-11-28"),
    ("year-first", "26-nov-28", "2026-11-28"),
    ("year-first", "25/11/2026", "2026-11-25"),
    ("month-first", "25/11/26", ""),
    ("month-first", "2026-11-28", "2026-11-28"),
]


@pytest.mark.parametrize(("dates", "day", "read"), MAPPED)
def test_the_mapping_file_says_the_order(tmp_path: Path, dates: str, day: str, read: str) -> None:
    """It wins over everything, and makes no day of what is none in this order."""
    assert settled(tmp_path, day, mapping=f'dates = "{dates}"') == [read]


def test_a_wrong_order_is_told_with_the_other_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "words.toml"
    path.write_text('dates = "day_first"\nheadings = "Date"\n[statuses]\nA = "payed"\n', encoding="utf-8")
    with pytest.raises(UsageError) as failure:
        load_vocabulary(path)
    mistakes = str(failure.value.params["mistakes"]).split("; ")
    assert mistakes == ['dates = "day_first" → "day-first"?', 'headings = ["…", "…"]', '[statuses] "payed" → "paid"?']


ZONED = [
    ("2026-11-28T02:30:00Z", "2026-11-27T21:30:00"),
    ("2026-11-28T02:30:00.123Z", "2026-11-27T21:30:00"),
    ("2026-11-28 02:30:00+00:00", "2026-11-27T21:30:00"),
    ("2026-11-28 02:30 UTC", "2026-11-27T21:30:00"),
    ("11/28/2026 2:30 AM GMT", "2026-11-27T21:30:00"),
    ("Nov 28, 2026 12:30 a.m. AST", "2026-11-27T23:30:00"),
    ("27 nov. 2026 22 h 15 HNP", "2026-11-28T01:15:00"),
    ("2026-11-27 23:10:00 -0800", "2026-11-28T02:10:00"),
    ("2026-07-01T02:30:00Z", "2026-06-30T22:30:00"),
    ("2026-11-27T21:30:00-05:00", "2026-11-27T21:30:00"),
    ("2026-11-28 02:30", "2026-11-28T02:30:00"),
    ("2026-11-28", "2026-11-28"),
]


@pytest.mark.usefixtures("toronto")
@pytest.mark.parametrize(("text", "here"), ZONED)
def test_a_time_of_another_zone_is_told_in_the_time_here(tmp_path: Path, text: str, here: str) -> None:
    """Created and completed become local; the bank's own day stays, and so does what names no zone."""
    path = tmp_path / "report.csv"
    path.write_text(
        f'Reference,Amount,Status,Created,Completed,Settled Date\nR-1,1,Settled,"{text}","{text}","{text}"\n'
    )
    daily = read_report(path, load_vocabulary(None))
    (line,) = daily.lines
    assert (line.created, line.completed) == (here, here)
    assert line.settled == moment_of(text, "s", DateOrder.UNKNOWN)
    says = [remark.in_language("en") for remark in daily.remarks if "EST/EDT" in remark.in_language("en")]
    assert len(says) == (text not in {"2026-11-28", "2026-11-28 02:30"})


def test_days_and_serials_of_a_workbook_are_what_it_shows(tmp_path: Path) -> None:
    """A date cell, a bare count of days, and a text beside them; a time is right to the second."""
    path = tmp_path / "report.xlsx"
    at = datetime(2026, 11, 28, 23, 59, 59)  # noqa: DTZ001
    serial = (at - datetime(1899, 12, 30)) / timedelta(days=1)  # noqa: DTZ001
    with xlsxwriter.Workbook(path, {"default_date_format": "dd/mm/yy"}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ("Reference", "Amount", "Settled Date"))
        for row, day in enumerate((datetime(2026, 11, 28), int(serial), serial, "28-Nov-26"), 1):  # noqa: DTZ001
            sheet.write_row(row, 0, (f"R-{row}", 1.5, day))
    days = [line.settled for line in read_report(path, load_vocabulary(None)).lines]
    assert days == ["2026-11-28", "2026-11-28", "2026-11-28T23:59:59", "2026-11-28"]


def test_no_order_of_a_column_is_believed_without_dates() -> None:
    assert order_of([]) is DateOrder.UNKNOWN
    assert order_of(["soon", "2026-11-28"]) is DateOrder.UNKNOWN
