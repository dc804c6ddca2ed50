"""The mapping file: written, edited by hand, and refused when it no longer fits."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.domain.errors import InputError, UsageError
from pipeline.domain.model import Mapping
from pipeline.messages import explain
from pipeline.reader import ReadOptions, load_mapping, open_table, write_mapping
from pipeline.reader.table import Table

HEAD = 'Invoice #,First name,Last name,Email,Amount,"Say ""hi""\\"\n'


def opened(tmp_path: Path, head: str = HEAD, **options: Any) -> Table:
    path = tmp_path / "sheet.csv"
    path.write_text(head + "1,A,B,a@example.com,5,x\n")
    return open_table(path, ReadOptions(**options))


def test_a_written_mapping_reads_the_same_sheet_the_same(tmp_path: Path) -> None:
    """Every heading survives, whatever signs are in it, and nothing is overwritten."""
    table = opened(tmp_path, mapping=Mapping(constants={"currency": "CAD"}, defaults={"type": "e-Transfer"}))
    path = tmp_path / "mapping.toml"
    write_mapping(table, path)
    mapping = load_mapping(path)
    again = opened(tmp_path, mapping=mapping)
    assert [column.field for column in again.columns] == [column.field for column in table.columns]
    assert (mapping.constants, mapping.defaults) == ({"currency": "CAD"}, {"type": "e-Transfer"})
    assert mapping.expected == tuple(column.heading for column in table.columns)
    before = path.read_bytes()
    assert write_mapping(table, path) == tmp_path / "mapping (2).toml"
    assert path.read_bytes() == before


def test_a_sheet_whose_headings_changed_is_refused(tmp_path: Path) -> None:
    """New and missing headings are named: read by guess, the wrong column would be billed."""
    path = tmp_path / "mapping.toml"
    write_mapping(opened(tmp_path), path)
    with pytest.raises(InputError) as caught:
        opened(tmp_path, HEAD.replace("Amount", "Balance"), mapping=load_mapping(path))
    assert caught.value.text == (
        "The headings differ from those of the mapping file. New: {added}. Missing: "
        "{missing}. If this is intended, write a new mapping file: columns FILE "
        "--write-mapping."
    )
    assert "Balance" in explain(caught.value)
    assert "Amount" in explain(caught.value, "fr")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colums = {}", '"colums" → "columns"?'),
        ("[columns]\nTotal = 'amuont'", '"amuont" → "amount"?'),
        ("[constants]\nCurency = 'CAD'", '"Curency" → "currency"?'),
        ("[columns]\nA = 'amount'\nB = 'amount'", "2 x amount"),
        ("ignore = 'Notes'", "ignore = "),
        ("[defaults]\namount = 5", '"amount" = "…"'),
        ("split_names = 1", "split_names = "),
        ("columns = 1", "[columns]"),
    ],
)
def test_a_mistake_in_a_mapping_is_named(tmp_path: Path, text: str, said: str) -> None:
    """Unknown keys are errors, with the nearest known one."""
    path = tmp_path / "mapping.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_mapping(path)
    assert said in explain(caught.value)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    """Nobody fixes a file mistake by mistake."""
    path = tmp_path / "mapping.toml"
    path.write_text("x = 1\n[columns]\nA = 'b'\n[constants]\nc = 'd'")
    with pytest.raises(UsageError) as caught:
        load_mapping(path)
    assert str(caught.value.params["mistakes"]).count(";") == 2


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "Can't read the mapping file {path} ({reason}). Check its name and folder."),
        ("a = ", "The mapping file {path} is not valid TOML: {reason}. Correct it."),
    ],
)
def test_a_mapping_that_is_no_mapping_gets_one_sentence(tmp_path: Path, content: str | None, sentence: str) -> None:
    """A missing file, and one that is not TOML."""
    if content is not None:
        (tmp_path / "m.toml").write_text(content)
    with pytest.raises(UsageError) as caught:
        load_mapping(tmp_path / "m.toml")
    assert caught.value.text == sentence


def test_whole_names_may_be_split_when_the_mapping_says_so(tmp_path: Path) -> None:
    """The column is named; the split itself is the business of the check room."""
    table = opened(tmp_path, "Ref,Name,Date,Email,Amount,Note\n", mapping=Mapping(split_names="Name"))
    assert [(column.heading, column.why) for column in table.columns if column.why == "why_split"] == [
        ("Name", "why_split")
    ]


def test_options_overrule_the_mapping_file(tmp_path: Path) -> None:
    """`--map` gives a heading another field, or none; the file's other lines stay."""
    file = tmp_path / "m.toml"
    file.write_text('ignore = ["Old"]\nsplit_names = "Name"\n[columns]\n"A" = "email"\n"B" = "referenceId"\n')
    mapping = load_mapping(file, ["old = Amount", "C=email", "b=ignore"], "Who: a name:given-first")
    assert mapping.columns == {"old": "amount", "C": "email"}
    assert mapping.ignore == ("b",)
    assert (mapping.split_names, mapping.name_order) == ("Who: a name", "given-first")
    assert load_mapping(None, ["x=y=email"]).columns == {"x=y": "email"}
    assert load_mapping(None).split_names == ""


def test_the_order_of_whole_names_is_kept_with_the_mapping(tmp_path: Path) -> None:
    """A written mapping splits the names of the next sheet the same way."""
    table = opened(tmp_path, "Ref,Name,Date,Email,Amount,Note\n", mapping=load_mapping(None, (), "Name:surname-first"))
    write_mapping(table, tmp_path / "m.toml")
    again = load_mapping(tmp_path / "m.toml")
    assert (again.split_names, again.name_order) == ("Name", "surname-first")


@pytest.mark.parametrize("wrong", [["Mail"], ["=email"], ["Mail=emial"], ["Mail="], ["A=email", "B=email"]], ids=str)
def test_a_wrong_map_option_gets_one_sentence(wrong: list[str]) -> None:
    """No heading, no field, a field that does not exist, two columns for one field."""
    with pytest.raises(UsageError) as caught:
        load_mapping(None, wrong)
    assert explain(caught.value).startswith("--map ")
