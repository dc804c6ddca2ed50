"""The mapping file: TOML, made to be edited by hand. Owns its keys and their check.

[columns]    "Heading" = "field"       [constants]  field = "value"   overrules the sheet
ignore = ["Heading"]                   [defaults]   field = "value"   fills blank cells
split_names = "Heading"                expected = ["Heading", …]      the sheet it was written for

Behind the heading of `split_names` may be `:given-first` or `:surname-first`. The options `--map` and `--split-names`
say the same for one heading.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pipeline.domain.errors import SheetOptionError, UsageError
from pipeline.domain.model import Mapping, NameOrder
from pipeline.reader.headings import fold, toml_text
from pipeline.reader.table import Table
from pipeline.system.atomic_output import put
from schemas.fields import LABELS, Field
from schemas.languages import Lang

_TABLES: Final = ("columns", "constants", "defaults")
_LISTS: Final = ("ignore", "expected")
_TEXTS: Final = ("split_names",)
_KEYS: Final = (*_TABLES, *_LISTS, *_TEXTS)
_FIELDS: Final = tuple(field.value for field in Field)
IGNORE: Final = "ignore"
"""What `--map` says of a column that is none of ours."""
_NAMED: Final = {name.casefold(): name for name in (*_FIELDS, IGNORE)}


@dataclass(frozen=True, slots=True)
class _FieldNames:
    """Every field as it is written, in French with what people call it."""

    def in_language(self, lang: Lang) -> str:
        """The list in `lang`."""
        return ", ".join(field if lang == "en" else f"{field} ({LABELS[lang][field]})" for field in _FIELDS)


def load(path: Path) -> Mapping:
    """The mapping file at `path`. Raises UsageError, naming every mistake at once."""
    table = _read(path)
    mistakes = [*_mistakes(table)]
    if mistakes:
        raise SheetOptionError(
            "The mapping file {path} has errors: {mistakes}. Correct them.",
            path=str(path),
            mistakes="; ".join(mistakes),
        )
    return Mapping(
        columns=table.get("columns", {}),
        ignore=tuple(table.get("ignore", ())),
        constants=table.get("constants", {}),
        defaults=table.get("defaults", {}),
        expected=tuple(table.get("expected", ())),
        **_whole_names(table.get("split_names", "")),
    )


def overruled(mapping: Mapping, maps: Iterable[str], split_names: str | None) -> Mapping:
    """A mapping with what `--map HEADING=FIELD` and `--split-names HEADING[:ORDER]` say instead.

    Raises UsageError for an option that is not of this form, or names a field that does not exist.
    """
    columns, ignore = dict(mapping.columns), {*mapping.ignore}
    given: dict[str, str] = {}
    for option in maps:
        heading, _, name = (part.strip() for part in option.rpartition("="))
        field = _NAMED.get(name.casefold())
        if not heading or field is None:
            raise UsageError(
                "--map {given}: write it as HEADING=FIELD. FIELD is one of: {fields}, ignore.",
                given=option,
                fields=_FieldNames(),
            )
        if field != IGNORE and field in given:
            raise UsageError(
                "--map gives {field} two columns: {one} and {other}. Choose one.",
                field=field,
                one=given[field],
                other=heading,
            )
        given[field] = heading
        columns = {one: of for one, of in columns.items() if fold(one) != fold(heading) and of != field}
        ignore = {one for one in ignore if fold(one) != fold(heading)}
        if field == IGNORE:
            ignore.add(heading)
        else:
            columns[heading] = field
    changed = replace(mapping, columns=columns, ignore=tuple(sorted(ignore)))
    return changed if split_names is None else replace(changed, **_whole_names(split_names))


def _whole_names(given: str) -> dict[str, Any]:
    """The heading of whole names and their order, if it is said."""
    heading, _, order = given.rpartition(":")
    if heading and order.strip().casefold() in set(NameOrder):
        return {"split_names": heading.strip(), "name_order": NameOrder(order.strip().casefold())}
    return {"split_names": given, "name_order": None}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise SheetOptionError(
            "Can't read the mapping file {path} ({reason}). Check its name and folder.",
            path=str(path),
            reason=error.strerror or type(error).__name__,
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SheetOptionError(
            "The mapping file {path} is not valid TOML: {reason}. Correct it.", path=str(path), reason=str(error)
        ) from None


def _mistakes(table: MappingABC[str, Any]) -> Iterable[str]:
    """Every mistake, in symbols that need no language: what stands there, and what was perhaps meant."""
    for key, value in table.items():
        if key not in _KEYS:
            yield _instead(key, _KEYS)
        elif key in _LISTS and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            yield f'{key} = ["…", "…"]'
        elif key in _TEXTS and not isinstance(value, str):
            yield f'{key} = "…"'
        elif key in _TABLES:
            yield from _table_mistakes(key, value)


def _table_mistakes(name: str, table: Any) -> Iterable[str]:
    if not isinstance(table, dict):
        yield f"[{name}]"
        return
    for key, value in table.items():
        if not isinstance(value, str):
            yield f'[{name}] {json.dumps(key, ensure_ascii=False)} = "…"'
            continue
        field = value if name == "columns" else key
        if field not in _FIELDS:
            yield f"[{name}] {_instead(field, _FIELDS)}"
    if name == "columns":
        texts = [value for value in table.values() if isinstance(value, str)]
        yield from (f"[columns] 2 x {field}" for field in _FIELDS if texts.count(field) > 1)


def _instead(wrong: str, right: Iterable[str]) -> str:
    by_fold = {one.casefold(): one for one in right}
    near = get_close_matches(wrong.casefold(), by_fold, n=1, cutoff=0.5)
    return f'"{wrong}" → "{by_fold[near[0]]}"?' if near else f'"{wrong}"'


def write(table: Table, path: Path) -> Path:
    """See `pipeline.reader.write_mapping`."""
    document = _document(table).encode()
    try:
        return put(path, lambda part: part.write_bytes(document))
    except OSError as error:
        raise SheetOptionError(
            "Can't write the mapping file {path} ({reason}). Choose a place where you can write.",
            path=str(path),
            reason=error.strerror or type(error).__name__,
        ) from None


def _document(table: Table) -> str:
    mapping = table.mapping
    fields = [(column.heading, column.field) for column in table.columns if column.field]
    own = [column.heading for column in table.columns if not column.field and column.heading.strip()]
    lines = [
        "# How the columns of a billing sheet are understood. Use it with --mapping.",
        "# Comment lire les colonnes d'une feuille de facturation. À utiliser avec --mapping.",
        "",
        "# Columns that are not ours; they come back untouched. / Vos propres colonnes, rendues telles quelles.",
        f"ignore = {_list(dict.fromkeys(own))}",
        "",
        "# The sheet is refused when its headings are no longer these. Remove the line to allow any.",
        "# La feuille est refusée si ses en-têtes changent. Supprimez la ligne pour tout permettre.",
        f"expected = {_list(column.heading for column in table.columns if column.heading.strip())}",
        "",
        '# A column of whole names, "Surname, Given". / Une colonne de noms complets, « Nom, Prénom ».',
        '# In another order / Dans un autre ordre : "Name:given-first", "Name:surname-first".',
        f"split_names = {toml_text(_split(mapping))}" if mapping.split_names else '# split_names = "Name"',
        "",
        "# Heading in the sheet = field. / En-tête de la feuille = champ.",
        *(f"#   {field:<16} {LABELS['en'][field]} / {LABELS['fr'][field]}" for field in _FIELDS),
        "[columns]",
        *(f"{toml_text(heading)} = {toml_text(field)}" for heading, field in fields),
        "",
        "# The same value for every row, whatever the sheet says. / La même valeur pour chaque ligne.",
        "[constants]",
        *(f"{field} = {toml_text(value)}" for field, value in mapping.constants.items()),
        "",
        "# Fills blank cells only. / Ne remplit que les cellules vides.",
        "[defaults]",
        *(f"{field} = {toml_text(value)}" for field, value in mapping.defaults.items()),
        "",
    ]
    return "\n".join(lines)


def _split(mapping: Mapping) -> str:
    return f"{mapping.split_names}:{mapping.name_order}" if mapping.name_order else mapping.split_names


def _list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(map(toml_text, texts)) + "]"
