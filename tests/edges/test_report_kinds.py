"""Reports of the field: statements of Canadian banks, QuickBooks, pasted tables; their sums, signs and damage."""

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest
import xlsxwriter

from pipeline.domain.errors import InputError
from pipeline.messages import explain
from pipeline.reconciliation.daily_reports import Daily, read_report
from pipeline.reconciliation.vocabulary import load_vocabulary
from schemas.languages import LANGUAGES, Lang
from schemas.reports import Meaning


def read(folder: Path, content: str | bytes, mapping: str = "") -> Daily:
    path, words = folder / "report.csv", folder / "words.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    words.write_text(mapping, encoding="utf-8")
    return read_report(path, load_vocabulary(words))


def said(daily: Daily, sentence: str) -> list[str]:
    return [remark.in_language("en") for remark in (*daily.remarks, *daily.disagrees) if remark.what == sentence]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, and the (day, amount, memo) of its lines. `mapping` is for those without headings."""

    name: str
    content: str | bytes
    lines: list[tuple[str, str, str]]
    mapping: str = ""
    aside: int = 0
    totals: list[str] = field(default_factory=list)


FEE, IN = ("2026-11-28", "-10.95", "Fee"), ("2026-11-27", "1125.40", "e-Transfer R-1")
HEADLESS = 'headings = ["Date", "Description", "Debit", "Credit", "Balance"]'
DESJARDINS = (
    'headings = ["", "", "Account", "Date", "", "Description", "", "Debit", "Credit", "", "", "", "", "Balance"]'
)
STATEMENTS = [
    Statement(
        "RBC",
        '"Account Type","Account Number","Transaction Date","Cheque Number",'
        '"Description 1","Description 2","CAD$","USD$"\n'
        'Chequing,00010-1234567,11/27/2026,,"e-Transfer","R-1",1125.40,\n'
        'Chequing,00010-1234567,11/28/2026,,"Fee",,-10.95,,\n',
        [IN, FEE],
    ),
    Statement(
        "TD, without headings",
        "11/27/2026,e-Transfer R-1,,1125.40,2125.40\n11/28/2026,Fee,10.95,,2114.45\n",
        [IN, FEE],
        HEADLESS,
    ),
    Statement(
        "TD, its headings",
        "Date,Description,Withdrawals ($),Deposits ($),Balance ($)\n"
        '11/27/2026,e-Transfer R-1,,"1,125.40","2,125.40"\n11/28/2026,Fee,10.95,,"2,114.45"\n',
        [IN, FEE],
    ),
    Statement(
        "BMO",
        "Following data is valid as of 20261129093000 (Year/Month/Day/Hour/Minute/Second)\n\n\n"
        "First Bank Card,Transaction Type,Date Posted, Transaction Amount,Description\n\n"
        "'5510290000000000',CREDIT,20261127,1125.4,e-Transfer R-1\n'5510290000000000',DEBIT,20261128,-10.95,Fee\n",
        [IN, FEE],
    ),
    Statement(
        "Scotiabank, amounts without a sign",
        "Filter,Date,Description,Sub-description,Type of Transaction,Amount,Balance\n"
        '"Current statement","2026-11-27","e-Transfer","R-1","Credit","1125.40","2125.40"\n'
        '"","2026-11-28","Fee","","Debit","10.95","2114.45"\n',
        [IN, FEE],
    ),
    Statement(
        "Scotiabank in French",
        "Filtre,Date,Description,Sous-description,État,Type d\u2019opération,Montant\n"
        ",2026-11-27,e-Transfer,R-1,posted,Crédit,1125.40\n,2026-11-28,Fee,,Inscrit,Débit,10.95\n",
        [IN, FEE],
    ),
    Statement(
        "CIBC, without headings or a balance",
        "2026-11-27,e-Transfer R-1,,1125.40\n2026-11-28,Fee,10.95,\n",
        [IN, FEE],
        'headings = ["Date", "Description", "Debit", "Credit"]',
    ),
    Statement(
        "Desjardins, 14 columns without headings",
        '"Laval","123456","EOP","2026/11/27",00001,"e-Transfer R-1","","","1125.40","","","","","2125.40"\n'
        '"Laval","123456","EOP","2026/11/28",00002,"Fee","","10.95","","","","","","2114.45"\n',
        [IN, FEE],
        DESJARDINS,
    ),
    Statement(
        "Desjardins, with headings, in Windows-1252",
        "Date;Description;Retrait;Dépôt;Solde\r\n;Solde reporté;;;1 000,00\r\n"
        "27/11/2026;e-Transfer R-1;;1 125,40;2 125,40\r\n28/11/2026;Fee;10,95;;2 114,45\r\n"
        "30/11/2026;Solde de fermeture;;;2 114,45\r\n".encode("cp1252"),
        [IN, FEE],
        aside=2,
    ),
    Statement(
        "National Bank: whole lines in quotes, 0 for nothing",
        "Date;Description;Category;Debit;Credit;Balance\n"
        '"2026-11-27;""e-Transfer R-1"";Deposits;""0"";""1125.40"";""2125.40"""\n'
        '"2026-11-28;""Fee"";Fees;""10.95"";""0"";""2114.45"""\n',
        [IN, FEE],
    ),
    Statement(
        "debits with a minus",
        "Date,Details,Money in,Money out,Running balance\n"
        "2026-11-27,e-Transfer R-1,1125.40,,9\n2026-11-28,Fee,,-10.95,9\n",
        [IN, FEE],
    ),
    Statement(
        "sides behind the amounts, totals of both directions",
        "Posting date,Particulars,Debit,Credit\n"
        "2026-11-27,e-Transfer R-1,,1125.40\n2026-11-28,Fee,10.95,\n2026-11-30,Closing balance,,\n"
        "Totals,,10.95,1125.40\n",
        [IN, FEE],
        aside=1,
        totals=["$1,125.40", "$10.95"],
    ),
    Statement(
        "CR and DR",
        "Date,Libellé,Montant,Solde\n2026-11-27,e-Transfer R-1,1 125.40 CR,1\n2026-11-28,Fee,10.95 DR,1\n",
        [IN, FEE],
    ),
]


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.name)
def test_a_bank_statement_is_understood(tmp_path: Path, statement: Statement) -> None:
    """What is booked is settled on the bank's day, with its sign; balances are left out and said, totals checked."""
    daily = read(tmp_path, statement.content, statement.mapping)
    assert [(line.settled, str(line.amount), line.memo) for line in daily.lines] == statement.lines
    assert {(line.meaning, line.statement, line.completed) for line in daily.lines} == {(Meaning.SETTLED, True, "")}
    assert (
        daily.damaged,
        daily.disagrees,
        len(
            said(
                daily,
                (
                    "{file} has no status column: only lines with a settlement date count as paid. "
                    "If all its payments are settled, add to a mapping file: [constants] status = "
                    '"Settled".'
                ),
            )
        ),
    ) == ((), (), 0)
    assert len(said(daily, "{file}: balances, group names and notes left out (lines {lines}).")) == bool(
        statement.aside
    )
    assert [
        text.rpartition("(")[2].rstrip(").")
        for text in said(daily, "{file}: the total on line {line} agrees with the lines above it ({told_amount}).")
    ] == statement.totals


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("row", "headings"),
    [
        ("11/27/2026,FEE,10.95,,2114.45", HEADLESS),
        ("2026-11-27,FEE,10.95,", HEADLESS.replace(', "Balance"', "")),
        ('"Laval","1","EOP","2026/11/27",1,"Fee","","10.95","","","","","","2114.45"', DESJARDINS),
    ],
)
def test_a_file_without_headings_is_refused_with_what_to_write(
    tmp_path: Path, lang: Lang, row: str, headings: str
) -> None:
    """The line that the sentence gives, put into a mapping file, is enough."""
    with pytest.raises(InputError) as failure:
        read(tmp_path, f"{row}\n{row}\n")
    assert failure.value.text == (
        "Can't read {file}: it starts with dates and amounts, without headings for its "
        "{columns} columns. Name them in a mapping file (--mapping), with an empty name "
        "for a column that you do not need. For the usual columns of a bank: {toml}."
    )
    assert failure.value.params["toml"] == headings
    assert headings in explain(failure.value, lang)
    assert [line.amount for line in read(tmp_path, f"{row}\n{row}\n", headings).lines] == [Decimal("-10.95")] * 2


def test_headings_of_the_mapping_file_leave_those_of_a_report_alone(tmp_path: Path) -> None:
    content = "Reference,Amount\nR-1,5.00\n"
    assert [line.reference for line in read(tmp_path, content, HEADLESS).lines] == ["R-1"]


NO_REPORTS = [
    "Date,Name,Amount\n2026-11-28,Zoé,1\n",
    "Date,Description,Balance\n2026-11-28,Fee,1\n",
    "Description,Credit\nFee,1\n",
    "Name,E-mail,Amount\nZoé,zoe@example.com,1\n",
    "Num,Amount\nR-1,1\n",
    "Invoice date,Name,Amount,Balance\n2026-11-28,Zoé,1,1\n",
]


@pytest.mark.parametrize("content", NO_REPORTS)
def test_what_lacks_a_part_of_a_statement_is_no_report(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError, match="no row in it names an amount"):
        read(tmp_path, content)


def test_an_invoice_list_with_a_balance_is_no_statement(tmp_path: Path) -> None:
    """What is still due is not what is in an account: nothing there was settled."""
    (line,) = read(tmp_path, "Invoice number,Date,Customer,Amount,Balance\nR-1,2026-11-28,Zoé,10.00,10.00\n").lines
    assert (line.statement, line.meaning) == (False, Meaning.LOOK)


SPOILT = [
    ("both directions", "2026-11-28,R-2,10.00,20.00,5", "has both a credit", None),
    ("neither", "2026-11-28,R-2,,,5", "no amount", None),
    ("unreadable", "2026-11-28,R-2,,1o.00,5", '"1o.00" is not', None),
    ("too many cells", "2026-11-28,R-2,,1,250.00,5", "6 cells", None),
    ("cut off", "2026-11-28,R-2,10.0", "3 cells", None),
    ("a broken quote", '2026-11-28,"R-2,,10.00,5', "quotation", "10.00"),
    ("a NUL byte", "2026-11-28,R-\x002,10.00,,5", "NUL", "-10.00"),
]


@pytest.mark.parametrize(("line", "why", "amount"), [case[1:] for case in SPOILT], ids=[case[0] for case in SPOILT])
def test_a_damaged_line_of_a_statement_keeps_what_is_certain(
    tmp_path: Path, line: str, why: str, amount: str | None
) -> None:
    good = "2026-11-27,e-Transfer R-1,,1125.40,5\n"
    daily = read(tmp_path, f"Date,Description,Debit,Credit,Balance\n{good}{line}\n{good}")
    (damaged,) = daily.damaged
    assert (len(daily.lines), damaged.number, why in damaged.why.in_language("en")) == (2, 3, True)
    assert damaged.why.in_language("fr") != damaged.why.in_language("en")
    assert (damaged.amount and str(damaged.amount)) == amount


LOST = [
    ("an error value", "R-2,#N/A,12.00,CAD,Settled", "12.00", Meaning.SETTLED),
    ("a declined one", "R-2,#N/A,12.00,CAD,Declined", "12.00", Meaning.ENDED),
    ("a reversal", "R-2,#N/A,(12.00),CAD,Settled", "-12.00", Meaning.SETTLED),
    ("no amount to be read", "R-2,Zoé,12.0x,CAD,Settled", None, Meaning.SETTLED),
    ("another currency", "R-2,#N/A,12.00,USD,Settled", None, Meaning.SETTLED),
    ("cut off before the status", "R-2,Zoé,12.00,CAD", "12.00", Meaning.LOOK),
    ("cut off in the amount", "R-2,Zoé,12", None, Meaning.LOOK),
    ("shifted", "R-2,Zoé,1,250.00,CAD,Settled", None, Meaning.LOOK),
]


@pytest.mark.parametrize(("line", "amount", "meaning"), [case[1:] for case in LOST], ids=[case[0] for case in LOST])
def test_what_a_damaged_line_was_worth_is_known_when_it_is_certain(
    tmp_path: Path, line: str, amount: str | None, meaning: Meaning
) -> None:
    """By it is said how much could not be read; nothing that was shifted or cut is believed."""
    (damaged,) = read(tmp_path, f"Reference,Name,Amount,Currency,Status\n{line}\nR-1,Ana,1.00,CAD,Settled\n").damaged
    assert (damaged.amount and str(damaged.amount), damaged.meaning) == (amount, meaning)


SIGNS = {
    "-10.00": "-10.00", "10.00-": "-10.00", "(10.00)": "-10.00", "($10.00)": "-10.00", "10.00 DR": "-10.00",
    "10.00dr": "-10.00", "-10.00 DR": "-10.00", "10.00 CR": "10.00", "$10.00CR": "10.00", "10,00 $ CR": "10.00",
    "10.00 DT": "-10.00", "+10.00": "10.00", "-10.00 CR": None, "10.00 XR": None,
}  # fmt: skip


@pytest.mark.parametrize(("text", "amount"), SIGNS.items())
def test_the_sign_of_an_amount_is_read_in_every_form(tmp_path: Path, text: str, amount: str | None) -> None:
    daily = read(tmp_path, f'Reference,Amount,Status\nR-1,"{text}",Settled\n')
    assert [str(line.amount) for line in daily.lines] == ([amount] if amount else [])
    assert len(daily.damaged) == (amount is None)


# ---------------------------------------------------------------------------------------------------------------
# Totals

HEAD = "Reference,Name,Amount,Status\n"
R1, R2, R3 = "R-1,Ana,10.00,Settled\n", "R-2,Bo,5.00,Declined\n", "R-3,Wei,7.00,Settled\n"
TOTALS = [
    ("of everything", R1 + R2 + "Total,,15.00,\n", 1, 0),
    ("of what was paid", R1 + R2 + "Total paid,,10.00,\n", 1, 0),
    ("of groups and of all", R1 + "Subtotal,,10.00,\n" + R2 + R3 + "Sous-total,,12.00,\nTOTAL GÉNÉRAL,,22.00,\n", 3, 0),
    ("of groups by their names", "Monday,,,\n" + R1 + "Tuesday,,,\n" + R3 + "Total for Tuesday 24,,7.00,\n", 1, 0),
    ("of pages", R1 + "Page total:,,10.00,\n" + R3 + "Total de la page 2,,7.00,\nTotal du rapport,,17.00,\n", 3, 0),
    ("in many words", R1 + "Total (1 payment),,10,\n" + R3 + "Daily total:,,7,\nSomme,,17,\nNET TOTAL $,,17,\n", 4, 0),
    ("a cent off", R1 + R2 + "Total,,15.01,\n", 0, 1),
    ("of another group", R1 + "Subtotal,,10.00,\n" + R3 + "Subtotal,,10.00,\n", 1, 1),
    ("short of empty cells", R1 + R3 + "Total,,17.00\n", 1, 0),
]


@pytest.mark.parametrize(("rows", "agree", "differ"), [case[1:] for case in TOTALS], ids=[case[0] for case in TOTALS])
def test_a_total_is_checked_and_is_no_payment(tmp_path: Path, rows: str, agree: int, differ: int) -> None:
    daily = read(tmp_path, HEAD + rows)
    assert {line.reference for line in daily.lines} <= {"R-1", "R-2", "R-3"}
    assert (
        len(said(daily, "{file}: the total on line {line} agrees with the lines above it ({told_amount}).")),
        len(daily.disagrees),
        daily.damaged,
    ) == (agree, differ, ())


def test_a_payor_called_total_is_no_total(tmp_path: Path) -> None:
    content = "Name,Reference,Amount,Status\nTotal Plumbing,R-1,10.00,Settled\nTotal,R-2,5.00,Settled\nTotal,,15.00,\n"
    daily = read(tmp_path, content)
    assert [line.name for line in daily.lines] == ["Total Plumbing", "Total"]
    assert len(said(daily, "{file}: the total on line {line} agrees with the lines above it ({told_amount}).")) == 1
    statement = (
        "Date,Description,Amount,Balance\n2026-11-28,TOTAL PLUMBING LTD,10.00,1\n2026-11-28,Total deposits,10.00,\n"
    )
    assert [line.memo for line in read(tmp_path, statement).lines] == ["TOTAL PLUMBING LTD"]


def test_every_line_of_a_file_is_told_somewhere(tmp_path: Path) -> None:
    """A label, a payment, a repeated heading, a damaged line, a total and a note: each number once."""
    rows = ["Monday,,,", R1.strip(), HEAD.strip(), "R-4,Ana", "Total,,10.00,", R3.strip(), "Thank you,,,"]
    daily = read(tmp_path, HEAD + "\n".join(rows) + "\n")
    assert [line.number for line in daily.lines] == [3, 7]
    assert [line.number for line in daily.damaged] == [5]
    assert said(daily, "{file}: the total on line {line} agrees with the lines above it ({told_amount}).")[0].count(
        "line 6"
    )
    assert "lines 2, 8" in said(daily, "{file}: balances, group names and notes left out (lines {lines}).")[0]
    assert any("rows 4" in remark.in_language("en") for remark in daily.remarks)


@pytest.mark.parametrize("again", ["Reference,Amount,Name,Status\n", "Invoice,Date,Total,Status\n"])
def test_headings_of_another_order_end_the_table(tmp_path: Path, again: str) -> None:
    """What stands below them is never read under the first ones."""
    daily = read(tmp_path, HEAD + R1 + again + "R-4,50.00,1.00,Settled\nR-5,60.00,1.00,Settled\n")
    assert [line.reference for line in daily.lines] == ["R-1"]
    assert [(one.number, one.amount) for one in daily.damaged] == [(3, None), (4, None), (5, None)]
    assert all("row 3" in one.why.in_language("en") for one in daily.damaged)


# ---------------------------------------------------------------------------------------------------------------
# QuickBooks

BOOKS = "Date,Transaction Type,Num,Name,Memo/Description,Account,Amount\n1000 Chequing,,,,,,\n"
DEPOSIT = "11/28/2026,Deposit,,,Interac,1000 Chequing,{}\n"
PARTS = "11/28/2026,Payment,R-1,Ana Roy,,Undeposited Funds,{}\n,Payment,R-2,Bo Li,,Undeposited Funds,{}\n"
DEPOSITS = [
    ("parts below", DEPOSIT.format(15) + PARTS.format(10, 5) + "TOTAL,,,,,,15.00\n", ["10.00", "5.00"], 0),
    ("parts with a minus", DEPOSIT.format(15) + PARTS.format(-10, -5) + "TOTAL,,,,,,-15.00\n", ["10.00", "5.00"], 0),
    ("two deposits", 2 * (DEPOSIT.format(15) + PARTS.format(10, 5)) + "TOTAL,,,,,,30\n", 2 * ["10.00", "5.00"], 0),
    ("a fee was kept back", DEPOSIT.format(14) + PARTS.format(10, 5) + "TOTAL,,,,,,15\n", ["10.00", "5.00"], 1),
    ("deposits alone", DEPOSIT.format(15) + DEPOSIT.format(7) + "TOTAL,,,,,,22\n", ["15.00", "7.00"], 0),
]


@pytest.mark.parametrize(
    ("rows", "amounts", "differ"), [case[1:] for case in DEPOSITS], ids=[case[0] for case in DEPOSITS]
)
def test_a_deposit_and_its_payments_count_once(tmp_path: Path, rows: str, amounts: list[str], differ: int) -> None:
    daily = read(tmp_path, BOOKS + rows)
    assert [str(line.amount) for line in daily.lines] == amounts
    assert {line.settled for line in daily.lines} == {"2026-11-28"}
    assert ({line.statement for line in daily.lines}, daily.damaged, len(daily.disagrees)) == ({True}, (), differ)


def test_quickbooks_in_french(tmp_path: Path) -> None:
    content = (
        "Date;Type d'opération;Num;Nom;Mémo/Description;Compte;Montant\n"
        "28/11/2026;Dépôt;;;;1000 Chèques;1 015,00\n28/11/2026;Paiement;R-1;Ana Roy;Loyer;Fonds non déposés;1 015,00\n"
        "Total pour 1000 Chèques;;;;;;1 015,00\n"
    )
    (line,) = read(tmp_path, content).lines
    assert (line.reference, line.name, line.memo, str(line.amount)) == ("R-1", "Ana Roy", "Loyer", "1015.00")


# ---------------------------------------------------------------------------------------------------------------
# The e-mail's table, and words

TABLE = (
    ("referenceId", "amount", "Customer name", "E-mail", "Created", "Completed"),
    ("R-1", "$1,125.40", "Zoé Tremblay", "zoe@example.com", "Nov 27, 2026", "Nov 28, 2026"),
    ("R-2", "81.00", "Bo Li", "bo@example.com", "Nov 27, 2026", "Nov 28, 2026"),
)
PAGE = "<table>" + "".join("<tr><td>" + "</td><td>".join(row) + "</td></tr>" for row in TABLE) + "</table>"
PASTED = {
    "spaces": "Hello,\n\n" + "\n".join("   ".join(row) for row in TABLE) + "\n\nThank you\n",
    "aligned": "\n".join("".join(cell.ljust(24) for cell in row) for row in TABLE),
    "no-break spaces": "\n".join("\u00a0\u00a0".join(row) for row in TABLE),
    "tabs": "\n".join("\t".join(row) for row in TABLE),
    "a web page": f"<html><body><table><tr><td>Hello {PAGE}</td></tr></table></body></html>",
}


@pytest.mark.parametrize("content", PASTED.values(), ids=PASTED)
def test_the_table_of_the_e_mail_is_read_however_it_was_kept(tmp_path: Path, content: str) -> None:
    daily = read(tmp_path, content, '[constants]\nstatus = "Accepted"\n')
    assert [(line.reference, str(line.amount), line.email) for line in daily.lines] == [
        ("R-1", "1125.40", "zoe@example.com"),
        ("R-2", "81.00", "bo@example.com"),
    ]
    assert {(line.created, line.completed, line.meaning) for line in daily.lines} == {
        ("2026-11-27", "2026-11-28", Meaning.PAID)
    }
    assert daily.damaged == ()


def test_a_pasted_line_that_lacks_a_cell_is_not_shifted(tmp_path: Path) -> None:
    """Without a separator the name could be the e-mail address: the line is damaged, and so is none other."""
    (damaged,) = read(tmp_path, PASTED["spaces"].replace("Bo Li   ", "")).damaged
    assert (damaged.amount, "nothing shows which cell" in damaged.why.in_language("en")) == (None, True)


COMPLETED = [
    ("Status", "Reference,Amount,{}\nR-1,1,{}\n", "Completed", Meaning.PAID),
    ("Statut", "Reference,Amount,{}\nR-1,1,{}\n", "Complété", Meaning.PAID),
    ("Payment status", "Session Id,Amount,{}\nS-1,1,{}\n", "Completed", Meaning.PAID),
    ("Statut de la transaction", "Session Id,Amount,{}\nS-1,1,{}\n", "Terminé", Meaning.PAID),
    ("Session status", "Reference,Amount,{}\nR-1,1,{}\n", "Completed", Meaning.LOOK),
    ("Statut de la session", "Reference,Amount,{}\nR-1,1,{}\n", "Terminée", Meaning.LOOK),
    ("Status", "Session Id,Amount,{}\nS-1,1,{}\n", "Completed", Meaning.LOOK),
    ("Status", "Reference,Amount,{}\nR-1,1,{}\nR-2,1,In progress\n", "Completed", Meaning.LOOK),
    ("Payment status", "Reference,Amount,{}\nR-1,1,{}\nR-2,1,In progress\n", "Completed", Meaning.PAID),
]


@pytest.mark.parametrize(("heading", "content", "word", "meaning"), COMPLETED)
def test_completed_is_paid_unless_it_is_said_of_a_session(
    tmp_path: Path, heading: str, content: str, word: str, meaning: Meaning
) -> None:
    """A session that is completed is no proof of payment (API notes, "State"); it is said, and not called unknown."""
    daily = read(tmp_path, content.format(heading, word))
    assert daily.lines[0].meaning is meaning
    assert (
        len(
            said(
                daily,
                (
                    '{file}: "{word}" (lines: {count}) describes a session, and a completed session '
                    "is not proof of payment. Check the status of the transaction. If it means paid, "
                    "add under [statuses] in a mapping file: {toml}."
                ),
            )
        ),
        daily.unknown,
    ) == (meaning is Meaning.LOOK, {})
    taught = read(tmp_path, content.format(heading, word), f'[statuses]\n"{word}" = "paid"\n')
    assert (
        taught.lines[0].meaning,
        said(
            taught,
            (
                '{file}: "{word}" (lines: {count}) describes a session, and a completed session '
                "is not proof of payment. Check the status of the transaction. If it means paid, "
                "add under [statuses] in a mapping file: {toml}."
            ),
        ),
    ) == (Meaning.PAID, [])


def test_a_refund_that_succeeded_is_no_payment(tmp_path: Path) -> None:
    """Card processors have a type and a status: what was approved may be money that goes back."""
    rows = "R-1,10,Purchase,Approved\nR-1,10,Refund,Approved\nR-2,5,Chargeback,\nR-3,5,Remboursement,Declined\n"
    daily = read(tmp_path, "Reference,Amount,Transaction type,Status\n" + rows)
    meanings = [Meaning.PAID, Meaning.RETURNED, Meaning.RETURNED, Meaning.ENDED]
    assert [line.meaning for line in daily.lines] == meanings


def test_a_column_of_directions_gives_the_sign(tmp_path: Path) -> None:
    content = "Date,Description,Amount,DR/CR\n2026-11-28,Fee,10.95,D\n2026-11-28,e-Transfer,5.00,C\n"
    assert [str(line.amount) for line in read(tmp_path, content).lines] == ["-10.95", "5.00"]


def test_an_unknown_word_is_told_once_with_its_lines(tmp_path: Path) -> None:
    content = "Reference,Amount,Status\nR-1,1,Zigzag\nR-2,1,ZIGZAG\nR-3,1,Settled\nR-4,1,\nR-5,1,Zut\n"
    daily = read(tmp_path, content, '[statuses]\nZut = "look"\n')
    assert daily.unknown == {"Zigzag": 2}
    (told,) = said(
        daily,
        (
            '{file}: the program does not know the status "{word}" (lines: {count}), and '
            "concludes nothing from it. Add its meaning under [statuses] in a mapping file: "
            "{toml}, or settled, open, ended, returned."
        ),
    )
    assert '"Zigzag" (lines: 2)' in told
    assert '"Zigzag" = "paid"' in told


def test_a_workbook_of_a_bank_is_a_statement_too(tmp_path: Path) -> None:
    path = tmp_path / "statement.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate((
            ("Date", "Description", "Debit", "Credit", "Balance"),
            ("", "Opening balance", "", "", 1000.0),
            ("28-Nov-26", "e-Transfer R-1", "", 1125.4, 2125.4),
            ("", "Totals", "", 1125.4, ""),
        )):  # fmt: skip
            sheet.write_row(at, 0, row)
    daily = read_report(path, load_vocabulary(None))
    assert [(str(line.amount), line.settled, line.statement) for line in daily.lines] == [
        ("1125.40", "2026-11-28", True)
    ]
    assert (
        daily.damaged,
        len(said(daily, "{file}: the total on line {line} agrees with the lines above it ({told_amount}).")),
        len(said(daily, "{file}: balances, group names and notes left out (lines {lines}).")),
    ) == (
        (),
        1,
        1,
    )
