"""Makes the sample sheets: one month of two property managers who do not exist.

    make samples

Every person, company and account is invented; every address is at example.com. The sheets are as billing programs
export them: a title above the headings, columns of the user's own, a total below. Some rows are wrong on purpose, one
of each kind that people really make: see `MISTAKES` and `ERREURS`. `tests/cli/test_samples.py` runs each file and says
what comes of each row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, Final

import xlsxwriter

FOLDER: Final = Path(__file__).parent
MADE_AT: Final = datetime(2026, 10, 30, 9, 0)  # noqa: DTZ001 - workbooks know no time zones
NO_BREAK_SPACE: Final = "\u00a0"


@dataclass(frozen=True, slots=True)
class Formula:
    """A workbook's formula, its saved result, and what an export as text shows of it."""

    formula: str
    result: float | str
    shown: str


Value = str | int | Decimal | date | Formula | None
"""What a person left in a cell: a number where they typed one (zeros in front are lost), text where they typed text."""


@dataclass(frozen=True, slots=True)
class Building:
    """A building: where its rents are collected, and what they are about."""

    name: str
    place: str
    institution: str
    transit: str
    account: str
    rent: Decimal


@dataclass(frozen=True, slots=True)
class Bill:
    """One row, cell by cell."""

    reference: Value
    unit: Value
    building: Value
    place: Value
    first: Value
    middle: Value
    last: Value
    email: Value
    amount: Value
    currency: Value
    kind: Value
    due: Value
    send_link: Value
    institution: Value
    transit: Value
    account: Value
    notes: Value


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a sheet: its heading, the part of the bill that it shows, its width and look in the workbook."""

    heading: str
    part: str
    width: float = 12
    look: str = "text"


# ---------------------------------------------------------------------------------------------------------------
# Harbour & Prairie Property Management: English, a workbook and the same as text

BUILDINGS: Final = (
    Building("The Aldergrove", "Vancouver BC", "010", "00320", "7418250", Decimal("2140.00")),
    Building("Bow River Lofts", "Calgary AB", "003", "02819", "1046627", Decimal("1685.00")),
    Building("Portage Court", "Winnipeg MB", "879", "51607", "100384172", Decimal("1295.00")),
    Building("Harbord House", "Toronto ON", "004", "10202", "5223901", Decimal("2375.00")),
    Building("Citadel Row", "Halifax NS", "002", "70243", "0083925", Decimal("1540.00")),
)

TENANTS: Final = """
    Amelia Rose Fraser, Liam O'Connor, Zoé Tremblay, Harpreet Kaur Gill, Wei Zhang, Charlotte MacLeod, Noah Bouchard,
    Oksana Shevchenko, Marisol Reyes, Ethan Whitehead, Thi Lan Nguyen, Fatima Al-Sayed, Jean-François Lévesque,
    Sophie Campbell, Arjun Patel, Emily Redsky, Mateo Fernández, Hannah Friesen, Olivier Gagnon, Grace Okafor,
    Benjamin Cohen, Isla Murray, Min-jun Park, Gabrielle Côté, Owen Sinclair, Priya Sharma, Lucas Pereira,
    Chloé Desjardins, Samuel Adeyemi, Anika Johansson, Dmytro Kovalenko, Maya Cardinal, Thomas Nguyen, Élise Bergeron,
    Jasdeep Sandhu, Abigail Fournier, Kenji Tanaka, Nora Haddad, William Penner, Léa Cormier, Daniel Kowalczyk,
    Aisha Mohamed, Connor Gallant, Valérie Roy, Rohan Mehta, Molly Cunningham, Xavier Pelletier, Ingrid Halvorsen,
    Tyler Moosomin, Camille Arsenault, David Goldberg, Siobhan Doyle, Antonio Rossi, Jade Lalonde, Mohammed Rahman,
    Katherine Ross, Étienne Bélanger, Linh Tran, Peter Dueck, Rosalie Chiasson, Victor Popescu, Naomi Blackstar,
    Hugo Lapointe, Ruth Wiebe, Yasmin Karimi, George Papadakis
"""

MISTAKES: Final[dict[str, dict[str, Value]]] = {
    # Rows that can't be sent until somebody has fixed them.
    "Wei Zhang": {"email": "wei.zhang@@example.com"},
    "Noah Bouchard": {"last": None},
    "Ethan Whitehead": {"amount": Decimal("-150.00"), "notes": "Credit for the broken dryer"},
    "Sophie Campbell": {"amount": Decimal("1462.125"), "notes": "Rent plus 2.5 %"},
    "Hannah Friesen": {"account": 83925, "notes": "Account as the building's bank wrote it"},
    "Benjamin Cohen": {"kind": "EFT", "notes": "Asked for pre-authorized debit"},
    "Owen Sinclair": {"currency": "USD", "notes": "Pays from Seattle"},
    "Samuel Adeyemi": {"amount": Decimal("26450.00"), "notes": "Paid the year in advance last time"},
    "Maya Cardinal": {"amount": None, "notes": "New lease, ask Denise"},
    "Jasdeep Sandhu": {"email": "jasdeep@example.com; manpreet@example.com"},
    "Kenji Tanaka": {"transit": None},
    "Daniel Kowalczyk": {"account": "7O41826"},
    "Valérie Roy": {"send_link": "maybe"},
    "Xavier Pelletier": {"amount": "see lease"},
    "Camille Arsenault": {"institution": "70243", "transit": "002"},
    "Antonio Rossi": {"amount": Decimal("0.00"), "notes": "Paid in cash"},
    "Katherine Ross": {"email": Formula("=NA()", "#N/A", "#N/A"), "notes": "E-mail by look-up, not in the list yet"},
    "Linh Tran": {"transit": "516070"},
    # Rows that are sent, with something to look at.
    "Liam O'Connor": {"amount": Decimal("3215.50"), "notes": "Rent and parking, two months"},
    "Marisol Reyes": {"email": "Marisol Reyes <marisol.reyes@example.com>"},
    "Fatima Al-Sayed": {"first": "Dr. Fatima"},
    "Arjun Patel": {"institution": 10, "transit": 320},
    "Grace Okafor": {"first": "Grace & Emeka"},
    "Gabrielle Côté": {"account": "522-3901"},
    "Chloé Desjardins": {"last": " Desjardins  "},
    "Anika Johansson": {"amount": Formula("=1540+0.1+0.2", 1540.3000000000002, "1540.30"), "notes": "Rent + laundry"},
    "Élise Bergeron": {"email": "thomas.nguyen@example.com", "notes": "Shares the flat with Thomas"},
    "Nora Haddad": {"first": "N."},
    "Connor Gallant": {"last": "Gallant Holdings Ltd."},
    "Molly Cunningham": {"reference": None},
    "Siobhan Doyle": {"institution": "509", "notes": "Building moved to a new credit union"},
    # References that mean something to the sandbox: a refusal, and a payment that is settled at once.
    "Rosalie Chiasson": {"reference": "Refuse400-1161", "notes": "Practice row: the sandbox refuses it"},
    "Victor Popescu": {"reference": "Happy3-1162", "notes": "Practice row: the sandbox has it paid at once"},
}
TWICE: Final = ("Isla Murray", "Rohan Mehta")
"""Rows that stand in the sheet a second time: one by mistake, one with another amount."""

ENGLISH: Final = (
    Column("Invoice #", "reference", 16),
    Column("Unit", "unit", 6, "center"),
    Column("Building", "building", 16),
    Column("Region", "place", 14),
    Column("First Name", "first", 15),
    Column("Middle Name", "middle", 13),
    Column("Last Name", "last", 21),
    Column("E-mail", "email", 42),
    Column("Amount Due", "amount", 12, "sum"),
    Column("Currency", "currency", 10, "center"),
    Column("Payment Type", "kind", 13),
    Column("Due Date", "due", 12, "date"),
    Column("Send Link", "send_link", 10, "center"),
    Column("Institution", "institution", 12, "center"),
    Column("Transit", "transit", 9, "center"),
    Column("Account", "account", 12),
    Column("Notes", "notes", 38),
)
TITLE: Final = "Harbour & Prairie Property Management, rent roll, November 2026"


def english_bills() -> list[Bill]:
    """The rent roll: one bill a tenant, and those that stand there twice."""
    bills = []
    for number, name in enumerate(_people(TENANTS), 1):
        building = BUILDINGS[number % len(BUILDINGS)]
        bill = replace(_bill(f"HP-2611-{number:04}", number, name, building, "CAD"), send_link=_yes(number))
        bills.append(replace(bill, **MISTAKES.get(_known_as(name), {})))
    same, other = (bill for bill in bills if f"{bill.first} {bill.last}" in TWICE)
    bills.insert(30, replace(same, notes="Copied from the October roll"))
    bills.append(replace(other, amount=Decimal("85.00"), notes="Parking, same invoice"))
    return bills


# ---------------------------------------------------------------------------------------------------------------
# Gestion Deux-Rives: French, a text file as Excel in Québec writes it

IMMEUBLES: Final = (
    Building("Le Gouverneur", "Québec", "815", "20167", "5403918", Decimal("1125.00")),
    Building("Place du Quai", "Lévis", "006", "11211", "0427716", Decimal("980.00")),
    Building("Les Cèdres", "Gatineau", "815", "30264", "1182753", Decimal("1340.00")),
)

LOCATAIRES: Final = """
    Geneviève Savard, Marc-André Dubé, Noémie Lachance, Yves Thibault, Rachida Benali, Éloi St-Pierre, Josée Caron,
    Pierre-Luc Girard, Anne-Sophie Morin, Nguyen Van Minh, Solange Ouellet, Frédéric Plourde, Lucie Hébert,
    Karim Haddad, Océane Fortin, Réjean Beaulieu, Marie-Ève Leclerc, Laurie Lebœuf, Ghislain Paré, Sylvie Bélisle,
    Jean-Philippe Nadeau, Hélène Dufresne, Boubacar Diallo, Mylène Lavoie, Raphaël Guérin, Carmen Vásquez,
    Stéphane Larouche, Ariane Boisvert, Denis Veilleux, Françoise Mercier, Guy Bernier, Laurence Simard
"""

ERREURS: Final[dict[str, dict[str, Value]]] = {
    "Noémie Lachance": {"email": "noemie.lachance(at)example.com"},
    "Rachida Benali": {"amount": Decimal("1340.505")},
    "Josée Caron": {"first": None},
    "Anne-Sophie Morin": {"amount": Decimal("-75.25"), "notes": "Crédit, chauffage"},
    "Lucie Hébert": {"account": "1,18275E+11"},
    "Océane Fortin": {"institution": "815-30264"},
    "Ghislain Paré": {"send_link": "à voir"},
    "Hélène Dufresne": {"amount": "1340,00 US$"},
    "Carmen Vásquez": {"account": None},
    "Frédéric Plourde": {"amount": Decimal("3480.00"), "notes": "Trois mois; bail commercial"},
    "Réjean Beaulieu": {"first": "M. Réjean"},
    "Mylène Lavoie": {"institution": "6", "transit": "1211"},
    "Françoise Mercier": {"first": "Fran?oise"},
    "Denis Veilleux": {"first": "Denis et Lise"},
}
EN_DOUBLE: Final = "Yves Thibault"

FRENCH: Final = (
    Column("Numéro de facture", "reference"),
    Column("Logement", "unit"),
    Column("Immeuble", "building"),
    Column("Région", "place"),
    Column("Prénom", "first"),
    Column("Nom", "last"),
    Column("Courriel", "email"),
    Column("Montant dû", "amount"),
    Column("Échéance", "due"),
    Column("Envoyer le lien", "send_link"),
    Column("Institution", "institution"),
    Column("Transit", "transit"),
    Column("Compte", "account"),
    Column("Remarques", "notes"),
)
TITRE: Final = "Gestion Deux-Rives, facturation des loyers, novembre 2026"


def french_bills() -> list[Bill]:
    """The same for the other company."""
    bills = []
    for number, name in enumerate(_people(LOCATAIRES), 1):
        bill = _bill(f"DR-2611-{number:03}", number, name, IMMEUBLES[number % len(IMMEUBLES)], None)
        bill = replace(bill, send_link="oui" if number % 3 else "non")
        bills.append(replace(bill, **ERREURS.get(_known_as(name), {})))
    again = next(bill for bill in bills if f"{bill.first} {bill.last}" == EN_DOUBLE)
    return [*bills, replace(again, notes="Copie")]


# ---------------------------------------------------------------------------------------------------------------
# People and bills


def _people(names: str) -> list[list[str]]:
    return [name.split() for name in " ".join(names.split()).split(", ")]


def _known_as(name: list[str]) -> str:
    return f"{name[0]} {name[-1]}"


def _yes(number: int) -> Value:
    """Most rows say nothing: the default decides."""
    return {0: "yes", 1: "no"}.get(number % 7)


def _bill(reference: str, number: int, name: list[str], building: Building, currency: str | None) -> Bill:
    floor, door = divmod(number, 8)
    return Bill(
        reference=reference,
        unit=f"{floor + 1}{door + 1:02}",
        building=building.name,
        place=building.place,
        first=name[0],
        middle=" ".join(name[1:-1]),
        last=name[-1],
        email=f"{_plain(name[0])}.{_plain(name[-1])}@example.com",
        amount=building.rent + Decimal("32.50") * floor + Decimal("7.25") * (door % 3),
        currency=currency,
        kind="e-Transfer" if currency else None,
        due=date(2026, 11, 1),
        send_link=None,
        institution=building.institution,
        transit=building.transit,
        account=building.account,
        notes=None,
    )


def _plain(name: str) -> str:
    """A name as it stands in an address."""
    plain = name.lower().translate(str.maketrans("éèêëàâçîïôöûùñáó", "eeeeaaciioouunao")).replace("œ", "oe")
    return "".join(letter for letter in plain if letter.isalpha() or letter == "-")


def total(bills: Iterable[Bill]) -> Decimal:
    """What a spreadsheet's SUM makes of the amounts: text and blanks do not count."""
    amounts = (bill.amount for bill in bills)
    sums = (Decimal(amount.shown) if isinstance(amount, Formula) else amount for amount in amounts)
    return sum((amount for amount in sums if isinstance(amount, Decimal)), Decimal(0))


def shown_total(bills: Iterable[Bill]) -> Decimal:
    """The total as a spreadsheet shows it at two decimals."""
    return total(bills).quantize(Decimal("0.01"), ROUND_HALF_UP)


# ---------------------------------------------------------------------------------------------------------------
# Writing


def write_workbook(path: Path, columns: Sequence[Column], bills: Sequence[Bill]) -> None:
    """The workbook: a title, a blank row, headings, bills, a total by formula."""
    with xlsxwriter.Workbook(path) as book:
        book.set_properties({"title": TITLE, "created": MADE_AT})
        looks = _looks(book)
        sheet = book.add_worksheet("Rent roll")
        sheet.write_string(0, 0, TITLE, looks["title"])
        for at, column in enumerate(columns):
            sheet.set_column(at, at, column.width)
            sheet.write_string(2, at, column.heading, looks[f"heading_{column.look}"])
        for line, bill in enumerate(bills, 3):
            for at, column in enumerate(columns):
                _write_cell(sheet, (line, at), getattr(bill, column.part), looks[column.look], looks["text"])
        _write_total(sheet, columns, bills, looks)
        sheet.set_row(0, 26)
        sheet.set_row(2, 20)
        sheet.freeze_panes(3, 1)
        sheet.set_landscape()
        sheet.set_paper(8)  # A3
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(2)


def _looks(book: Any) -> dict[str, Any]:
    """Formats by name: `sum`, its `heading_sum` and its `total_sum`, and so on."""
    places = {"text": "left", "center": "center", "date": "center", "sum": "right"}
    forms = {"sum": "#,##0.00", "date": "yyyy-mm-dd"}
    body = {"bottom": 1, "bottom_color": "#D9E2E5"}
    heading = {"bold": True, "bg_color": "#1F4E5F", "font_color": "#FFFFFF", "valign": "vcenter"}
    last = {"top": 1, "top_color": "#1F4E5F", "bold": True}
    looks = {"title": book.add_format({"bold": True, "font_size": 16, "font_color": "#1F4E5F"})}
    for name, place in places.items():
        form = {"align": place} | ({"num_format": forms[name]} if name in forms else {})
        looks[name] = book.add_format(body | form)
        looks[f"heading_{name}"] = book.add_format(heading | {"align": place})
        looks[f"total_{name}"] = book.add_format(last | form)
    return looks


def _write_cell(sheet: Any, at: tuple[int, int], value: Value, look: Any, plain: Any) -> None:
    match value:
        case None | "":
            sheet.write_blank(*at, None, look)
        case Formula():
            sheet.write_formula(*at, value.formula, look, value.result)
        case date():
            sheet.write_datetime(*at, value, look)
        case Decimal():
            sheet.write_number(*at, float(value), look)
        case int():
            sheet.write_number(*at, value, plain)
        case str():
            sheet.write_string(*at, value, look)


def _write_total(sheet: Any, columns: Sequence[Column], bills: Sequence[Bill], looks: dict[str, Any]) -> None:
    line = len(bills) + 3
    for at, column in enumerate(columns):
        if column.part == "amount":
            letter = chr(ord("A") + at)
            formula = f"=SUM({letter}4:{letter}{line})"
            sheet.write_formula(line, at, formula, looks["total_sum"], float(total(bills)))
        else:
            sheet.write(line, at, "Total" if at == 0 else "", looks[f"total_{column.look}"])


def english_text(columns: Sequence[Column], bills: Sequence[Bill]) -> bytes:
    """The same sheet as a spreadsheet exports it: UTF-8, commas, cells as they look."""
    lines = [[TITLE], [], [column.heading for column in columns]]
    lines += [[_english(getattr(bill, column.part)) for column in columns] for bill in bills]
    lines.append(_total_line(columns, "Total", _english(shown_total(bills))))
    return _text(lines, ",").encode("utf-8")


def french_text(columns: Sequence[Column], bills: Sequence[Bill]) -> bytes:
    """A sheet as Excel writes it in Québec: Windows-1252, semicolons, decimal commas, no-break spaces."""
    lines = [[TITRE], [], [column.heading for column in columns]]
    lines += [[_french(getattr(bill, column.part)) for column in columns] for bill in bills]
    lines.append(_total_line(columns, "Total", _french(shown_total(bills))))
    return _text(lines, ";").encode("windows-1252")


def _english(value: Value) -> str:
    match value:
        case None:
            return ""
        case Formula():
            return value.shown
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def _french(value: Value) -> str:
    if isinstance(value, Decimal):
        return f"{value:,f}".replace(",", NO_BREAK_SPACE).replace(".", ",")
    return _english(value)


def _total_line(columns: Sequence[Column], word: str, amount: str) -> list[str]:
    cells = [amount if column.part == "amount" else "" for column in columns]
    return [word, *cells[1:]]


def _text(lines: Iterable[Sequence[str]], delimiter: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(lines)
    return out.getvalue()


def make(folder: Path) -> list[Path]:
    """Write every sample into `folder`; returns their paths."""
    workbook, text, french = (
        folder / name for name in ("billing-2026-11.xlsx", "billing-2026-11.csv", "facturation-2026-11.csv")
    )
    write_workbook(workbook, ENGLISH, english_bills())
    text.write_bytes(english_text(ENGLISH, english_bills()))
    french.write_bytes(french_text(FRENCH, french_bills()))
    return [workbook, text, french]


if __name__ == "__main__":
    for made in make(FOLDER):
        print(f"Made {made.relative_to(FOLDER.parent)}")
