"""Which files of a drop folder are taken, where each goes and under which name."""

import pytest

from pipeline.domain.errors import ExitCode
from pipeline.inbox.candidates import FileStat, has_marker, is_named_as_results, markers_of, may_be_sheet
from pipeline.inbox.outcomes import FileOutcome, free_name, free_stem, most_serious, outcome_of, stem_of

SECOND = 1_000_000_000

NAMES = [
    ("billing.xlsx", True),
    ("BILLING.CSV", True),
    ("facturation été.ods", True),
    ("no ending", True),
    ("invoice.pdf", True),
    ("parts.xlsx", True),
    (".billing.xlsx", False),
    (".~lock.billing.ods#", False),
    ("~$billing.xlsx", False),
    ("billing.xlsx.part", False),
    ("billing.xlsx.TMP", False),
    ("billing.xlsx.crdownload", False),
    ("billing.xlsx.filepart", False),
    ("billing.done", False),
    ("billing.csv.ready", False),
    ("flinks-import.toml", False),
    ("Thumbs.db", False),
    ("desktop.ini", False),
]


@pytest.mark.parametrize(("name", "taken"), NAMES, ids=[name for name, _ in NAMES])
def test_only_what_can_be_a_whole_sheet_is_taken_by_its_name(name: str, taken: bool) -> None:
    """Partial uploads, locks, markers, settings and hidden files are left, all else is tried."""
    assert may_be_sheet(name) is taken


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ({"a.csv", "a.csv.done"}, ("a.csv.done",)),
        ({"a.csv", "a.ready"}, ("a.ready",)),
        ({"a.csv", "A.CSV.DONE", "a.done"}, ("A.CSV.DONE", "a.done")),
        ({"a.csv", "b.done", "a.xlsx.done", "aa.done"}, ()),
    ],
    ids=["whole name", "stem", "letter case", "of others"],
)
def test_a_marker_bears_the_name_or_the_stem_of_its_file(names: set[str], found: tuple[str, ...]) -> None:
    """`billing.csv.done` and `billing.done` both speak of `billing.csv`, and of no other file."""
    assert markers_of("a.csv", names) == found


@pytest.mark.parametrize(
    ("marker", "vouched"),
    [(100, True), (99, True), (98, True), (97, False), (None, False)],
    ids=["same moment", "a second before", "as FAT rounds", "older", "none"],
)
def test_a_marker_older_than_its_file_says_nothing(marker: int | None, vouched: bool) -> None:
    """What was left by last month's file must not vouch for half of this month's."""
    markers = [] if marker is None else [FileStat(0, marker * SECOND)]
    assert has_marker(FileStat(10, 100 * SECOND), markers) is vouched


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("billing.results.xlsx", True),
        ("billing.results (2).xlsx", True),
        ("Billing.Results.XLSX", True),
        ("billing.results.csv", False),
        ("results.xlsx", False),
        ("billing.sandbox.results (3).xlsx", True),
        ("billing.status.xlsx", True),
        ("BILLING.Reconciliation (2).XLSX", True),
        ("billing (old).results.xlsx", True),
        ("billing.results of june.xlsx", False),
        ("billing.results (copy).xlsx", False),
        ("billing.results corrected.xlsx", False),
    ],
)
def test_results_are_known_by_the_name_under_which_a_run_writes_them(name: str, ours: bool) -> None:
    """Under any other name a workbook of ours was given back on purpose."""
    assert is_named_as_results(name) is ours


@pytest.mark.parametrize("code", list(ExitCode), ids=lambda code: code.name)
def test_each_exit_code_has_its_folder(code: ExitCode) -> None:
    """0 is done, 1 and 5 (and a fault of ours) need a person, 2 and 3 are refused, the rest waits for the next pass."""
    folders = {0: FileOutcome.DONE, 1: FileOutcome.ATTENTION, 5: FileOutcome.ATTENTION, 70: FileOutcome.ATTENTION}
    folders |= {2: FileOutcome.REFUSED, 3: FileOutcome.REFUSED}
    assert outcome_of(code) is folders.get(code, FileOutcome.LEFT)


@pytest.mark.parametrize(
    ("codes", "most"),
    [
        ([], 0),
        ([0, 7], 7),
        ([7, 1, 0], 1),
        ([1, 6], 6),
        ([6, 3], 3),
        ([3, 2], 2),
        ([2, 4], 4),
        ([4, 5], 5),
        ([5, 70, 0], 70),
    ],
    ids=str,
)
def test_the_most_serious_file_decides_the_exit_code(codes: list[int], most: int) -> None:
    """What only a person can fix counts before what the next pass fixes by itself."""
    assert most_serious(map(ExitCode, codes)) == most


@pytest.mark.parametrize(
    ("stem", "taken", "free"),
    [
        ("a", [], "a"),
        ("a", ["a.csv"], "a (2)"),
        ("a", ["A.XLSX", "a (2).csv"], "a (3)"),
        ("a", ["a.results.xlsx"], "a (2)"),
        ("a", ["a.why.txt"], "a (2)"),
        ("a", ["ab.csv", "b.results.xlsx"], "a"),
        ("a.results", ["a.results.xlsx"], "a.results (2)"),
        ("a.why", ["a.why.txt"], "a.why (2)"),
        ("é" * 200, [], "é" * 100),
    ],
    ids=["free", "taken", "letter case", "workbook", "explanation", "others", "like a workbook", "like a why", "long"],
)
def test_a_file_gets_a_name_that_is_free_for_its_workbook_too(stem: str, taken: list[str], free: str) -> None:
    """Nothing is written over: file, workbook and explanation share a stem that nothing there has."""
    assert free_stem(stem, taken) == free


def test_a_single_name_is_numbered_before_its_ending() -> None:
    """What comes beside another of the same name keeps its ending."""
    assert free_name("a.results.xlsx", ["b"]) == "a.results.xlsx"
    assert free_name("a.results.xlsx", ["A.results.xlsx"]) == "a.results (2).xlsx"


@pytest.mark.parametrize(
    ("name", "stem"), [("a.csv", "a"), ("a.b.results.xlsx", "a.b"), ("a (2).why.txt", "a (2)"), ("a", "a")]
)
def test_what_belongs_to_a_file_has_its_stem(name: str, stem: str) -> None:
    """The workbook and the explanation are found from the file, and the file from them."""
    assert stem_of(name) == stem
