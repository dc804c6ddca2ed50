"""Headings: folding, strength of aliases, and what is asked about instead of guessed."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.errors import InputError
from pipeline.domain.model import Mapping
from pipeline.messages import explain
from pipeline.reader.headings import Heading, fold, letter, understand
from schemas.faults import catalogue, sentence
from schemas.fields import Field, alias_tiers, aliases

NEEDED = ["First name", "Last name", "Email"]


def read(
    headings: list[str], mapping: Mapping | None = None, samples: dict[str, list[str]] | None = None, **options: Any
) -> tuple[dict[str, Field], list[str]]:
    """Heading -> field, and the notices."""
    columns = [Heading(at, text) for at, text in enumerate(headings)]
    found = understand(columns, mapping or Mapping(), lambda at: (samples or {}).get(headings[at], []), **options)
    fields = {headings[at]: meaning.field for at, meaning in found.matches.items() if meaning.field}
    return fields, [notice.code for notice in found.notices]


def test_a_heading_stands_under_one_field_only() -> None:
    """No folded alias is known for two fields, or stands in two lists of one."""
    seen: dict[str, tuple[Field, str]] = {}
    for field, tiers in alias_tiers().items():
        for strength, tier in enumerate(tiers):
            for alias in tier:
                assert seen.setdefault(fold(alias), (field, strength)) == (field, strength), alias  # type: ignore[arg-type]


def test_aliases_of_every_field_begin_with_its_name() -> None:
    """`aliases()` keeps its shape: every field, the API's own name first."""
    assert all(aliases()[field][0] == field.value for field in Field)


@pytest.mark.parametrize(
    "heading",
    ["Invoice #", "INVOICE NO.", "invoice-number", "Invoice N°", "invoiceNumber", "  Invoice\nNo ", "Invoice\xa0№"],
)
def test_case_spacing_punctuation_and_number_signs_do_not_matter(heading: str) -> None:
    """Every way of writing an invoice number folds to one heading."""
    assert fold(heading) == fold("invoice number")


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("Prénom", Field.FIRST_NAME),
        ("PRENOM", Field.FIRST_NAME),
        ("Pre\u0301nom", Field.FIRST_NAME),
        ("Nom de famille", Field.LAST_NAME),
        ("Courriel *", Field.EMAIL),
        ("E-mail Address", Field.EMAIL),
        ("Montant dû ($)", Field.AMOUNT),
        ("N° de facture", Field.REFERENCE_ID),
        ("transitNumber", Field.TRANSIT_NUMBER),
        ("TRANSITNUMBER", Field.TRANSIT_NUMBER),
        ("Envoyer le lien", Field.SEND_INTERAC_LINK),
    ],
)
def test_headings_are_known_in_both_languages(heading: str, field: Field) -> None:
    """Accents, composed or not, and capitals do not matter."""
    known = {fold(alias): field for field, names in aliases().items() for alias in names}
    assert known[fold(heading)] is field


@pytest.mark.parametrize(
    ("headings", "field", "taken", "codes"),
    [
        (["Reference", "Invoice #", "Amount"], Field.REFERENCE_ID, "Reference", ["column-yields"]),
        (["referenceId", "Invoice #", "Amount"], Field.REFERENCE_ID, "referenceId", ["column-yields"]),
        (["Invoice #", "Order no", "Amount"], Field.REFERENCE_ID, "Invoice #", ["column-yields"]),
        (["amount", "Description"], Field.AMOUNT, "amount", []),
        (["Nom", "Nom du client", "Amount"], Field.LAST_NAME, None, []),
        (["Account", "Amount"], Field.ACCOUNT_NUMBER, None, ["column-not-account"]),
        (["Bank", "Amount"], Field.INSTITUTION_CODE, None, ["column-not-account"]),
        (["Bank", "Transit", "Account", "Amount"], Field.ACCOUNT_NUMBER, "Account", []),
        (["Date", "Description", "Amount"], Field.AMOUNT, "Amount", []),
    ],
)
def test_a_surer_heading_wins_and_the_other_is_said(
    headings: list[str], field: Field, taken: str | None, codes: list[str]
) -> None:
    """The API's own name wins over an alias, a surer alias over a weaker one; what yields gets a notice."""
    fields, notices = read([*NEEDED, *headings])
    assert next((text for text, one in fields.items() if one is field and text not in NEEDED), None) == taken
    assert [code for code in notices if taken or code != "column-yields"] == codes


@pytest.mark.parametrize(
    "pair",
    [
        ("Amount", "Balance due"),
        ("amount", "Balance due"),
        ("Total", "Montant"),
        ("Ref", "Invoice #"),
        ("Email", "Billing email"),
        ("email", "Name E-Mail"),
        ("Amount", "Total TTC (CAD)"),
    ],
)
def test_an_ambiguous_pair_is_asked_about_and_never_guessed(pair: tuple[str, str]) -> None:
    """Two equally good columns are named with their letters."""
    headings = ["First name", "Last name", *[text for text in ("Email", "Amount") if text not in pair], *pair]
    with pytest.raises(InputError) as caught:
        read(headings)
    assert caught.value.text == (
        "Several columns could be {field}: {columns}. Put the line of the right one in a "
        "mapping file (--mapping): {lines}"
    )
    for text in pair:
        assert f'{letter(headings.index(text))} "{text}"' in explain(caught.value)


@pytest.mark.parametrize("other", ["Balance due", "Balance\ndue", '"Montant"'])
def test_the_lines_that_are_proposed_for_an_ambiguous_pair_decide_it_as_they_are(other: str) -> None:
    """What the refusal shows under its sentence is a mapping file with the sheet's own headings."""
    headings = [*NEEDED, "Amount", other]
    with pytest.raises(InputError) as caught:
        read(headings)
    lines = explain(caught.value).partition("(--mapping): ")[2].split(" | ")
    proposed = [tomllib.loads(line)["columns"] for line in lines]
    assert proposed == [{"Amount": "amount"}, {other: "amount"}]
    for columns in proposed:
        [heading] = columns
        assert read(headings, Mapping(columns=columns))[0][heading] is Field.AMOUNT


def test_equal_headings_are_not_to_be_told_apart_by_a_mapping() -> None:
    """No mapping is proposed that could not work."""
    with pytest.raises(InputError) as caught:
        read([*NEEDED, "Amount", "Amount"])
    assert caught.value.text == (
        "Several columns could be {field}: {columns}. A mapping file can't distinguish "
        "equal headings. Give the columns different headings in the sheet."
    )
    assert 'D "Amount", E "Amount"' in explain(caught.value)


@pytest.mark.parametrize(
    ("values", "field"),
    [(["Invoice", "Credit memo"], None), (["e-Transfer", ""], Field.TYPE), (["EFT"], Field.TYPE), ([], Field.TYPE)],
)
def test_a_column_called_type_is_ours_only_when_its_values_are(values: list[str], field: Field | None) -> None:
    """QuickBooks calls the kind of document Type."""
    fields, _ = read([*NEEDED, "Amount", "Type"], samples={"Type": values})
    assert fields.get("Type") is field


@pytest.mark.parametrize("heading", ["Name", "Customer", "Nom", "Nom complet"])
def test_a_column_of_whole_names_is_explained(heading: str) -> None:
    """A missing first name beside a column of names says what to do with that column."""
    with pytest.raises(InputError) as caught:
        read([heading, "Email", "Amount"])
    assert caught.value.text == (
        "There is no column for: {missing}. Column {column} seems to contain full names. "
        "The program does not guess how to split them, because the bank compares first "
        'and last names. Make two columns of it or, if it is written "Surname, Given", '
        'add --split-names "{heading}"; in another order, "{heading}:given-first" or '
        '"{heading}:surname-first".'
    )
    assert heading in explain(caught.value)
    fields, _ = read([heading, "Email", "Amount"], Mapping(split_names=heading))
    assert fields == {"Email": Field.EMAIL, "Amount": Field.AMOUNT}


@pytest.mark.parametrize(
    ("headings", "samples", "told"),
    [
        (["Name", "Billing Name"], {"Name": ["#1001"], "Billing Name": ["Jane Doe"]}, '"Billing Name"'),
        (["Name", "Item name"], {"Name": ["Jane Doe"]}, '"Name"'),
        (["Prén.", "Nom"], {"Nom": ["Roy"]}, 'first name: A "Prén."'),
        (["Fisrt name", "Lastname", "Customer"], {}, 'first name: A "Fisrt name"'),
    ],
)
def test_only_a_column_of_names_is_called_one(headings: list[str], samples: dict[str, list[str]], told: str) -> None:
    """Shopify calls the number of an order its name; beside a misspelt first name, Nom is the last one."""
    with pytest.raises(InputError) as caught:
        read([*headings, "Email", "Amount"], samples=samples)
    assert told in explain(caught.value)


def test_a_missing_column_is_named_with_its_nearest_heading() -> None:
    """A misspelt heading is suggested, with its letter."""
    with pytest.raises(InputError) as caught:
        read(["First name", "Last name", "E-mial", "Amount"])
    assert "no column for: e-mail." in explain(caught.value)
    assert 'e-mail: C "E-mial"' in explain(caught.value)


def test_what_the_mapping_gives_need_not_be_a_column() -> None:
    """Constants, defaults and an open amount replace a required column."""
    mapping = Mapping(constants={"amount": "10"}, defaults={"email": "a@example.com"})
    assert read(["First name", "Last name"], mapping)[0] == {
        "First name": Field.FIRST_NAME,
        "Last name": Field.LAST_NAME,
    }
    assert read(NEEDED, amount_optional=True)[0].keys() == set(NEEDED)


def test_the_mapping_decides_between_equals() -> None:
    """A heading that the mapping names is the field; its rival is the user's own."""
    mapping = Mapping(columns={"Balance due": "amount"})
    fields, notices = read([*NEEDED, "Amount", "Balance due"], mapping)
    assert fields["Balance due"] is Field.AMOUNT
    assert "Amount" not in fields
    assert notices == []


def test_an_ignored_column_is_no_rival() -> None:
    """`ignore` takes a column out of the choice."""
    fields, _ = read([*NEEDED, "Amount", "Balance due"], Mapping(ignore=("balance due",)))
    assert fields["Amount"] is Field.AMOUNT


@pytest.mark.parametrize(
    ("headings", "key"),
    [
        (
            [*NEEDED, "Amount"],
            ('The mapping names the column "{heading}", but the sheet has: {found}. Correct the mapping or the sheet.'),
        ),
        (
            [*NEEDED, "Amount", "Owed", "Owed"],
            (
                'The mapping names the column "{heading}", but several columns have this '
                "heading ({columns}). Give them different headings."
            ),
        ),
    ],
)
def test_a_mapped_heading_must_be_there_once(headings: list[str], key: str) -> None:
    """A mapping that names what is not there, or there twice, is refused."""
    with pytest.raises(InputError) as caught:
        read(headings, Mapping(columns={"Owed": "amount"}))
    assert caught.value.text == key


@given(st.text())
def test_folding_is_stable(heading: str) -> None:
    """Folding a folded heading changes nothing."""
    assert fold(fold(heading)) == fold(heading)


@pytest.mark.parametrize(("position", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (16_383, "XFD")])
def test_columns_have_a_spreadsheets_letters(position: int, name: str) -> None:
    """A person finds the column by its letter."""
    assert letter(position) == name


DUE_BESIDE = {
    "a word for it": ("Amount", "Reste", ["500.00", "80.00"], ["500.00", "80.00"]),
    "written as one": ("Total", "InvAmtDue", ["500", "80"], ["250", "80"]),
    "in French": ("Montant", "Montant d\u00fb au 30", ["500,00", "80,00"], ["100,00", "0,00"]),
    "capitals": ("AMOUNT", "OPEN BAL.", ["500.00", "80.00"], ["100.00", "0.00"]),
    "no word that we know": ("Invoice amount", "Encaisser", ["500.00", "80.00"], ["100.00", "80.00"]),
    "half of it in every row": ("Total", "Part 2", ["500.00", "81.00"], ["250.00", "40.50"]),
    "whole dollars": ("Loyer", "Suite", ["1250", "845", "900"], ["1250", "400", "900"]),
    "two that are due": ("Balance due", "Past due", ["500.00", "80.00"], ["100.00", "80.00"]),
    "abbreviated": ("Total", "Amt. outst.", ["113.00", "80.00"], ["13.00", "0.00"]),
    "nothing left of some": ("Montant ($)", "Suivi", ["120.00", "80.50", "95.00"], ["20.00", "80.50", "0.00"]),
    "little left of most": ("Amount", "Follow-up", ["120.00", "80.50", "95.00"], ["2.00", "0.00", "95.00"]),
    "in other words": ("Montant factur\u00e9", "\u00c0 r\u00e9gler", ["120,00", "80,00"], ["20,00", "0,00"]),
    "a small part of it": ("Amount", "Patient portion", ["500.00", "400.00"], ["20.00", "16.00"]),
    "mostly smaller": ("Amount", "Net", ["10.00"] * 9 + ["1.00"], ["5.00"] * 9 + ["2.00"]),
}


@pytest.mark.parametrize(("chosen", "other", "amounts", "due"), DUE_BESIDE.values(), ids=DUE_BESIDE)
def test_what_may_be_still_due_is_asked_about_whatever_its_words(
    chosen: str, other: str, amounts: list[str], due: list[str]
) -> None:
    """What was invoiced beside what is left of it: both are named, none is guessed."""
    headings = [*NEEDED, chosen, other]
    with pytest.raises(InputError) as caught:
        read(headings, samples={chosen: amounts, other: due})
    assert caught.value.text == (
        "Several columns could be {field}: {columns}. Put the line of the right one in a "
        "mapping file (--mapping): {lines}"
    )
    assert f'D "{chosen}", E "{other}"' in explain(caught.value)
    mapping = Mapping(columns={other: "amount"})
    assert read(headings, mapping, {chosen: amounts, other: due})[0][other] is Field.AMOUNT
    assert read(headings, Mapping(ignore=(other,)), {chosen: amounts, other: due})[0][chosen] is Field.AMOUNT


NOT_DUE = {
    "a tax": ("Amount", "GST", ["100.00", "80.00"], ["5.00", "4.00"]),
    "a large tax": ("Amount", "Taxes", ["100.00", "80.00"], ["50.00", "40.00"]),
    "a rate": ("Amount", "Rate", ["100.00", "80.00"], ["50.00", "80.00"]),
    "what was paid": ("Amount", "Amount paid", ["100.00", "80.00"], ["100.00", "0.00"]),
    "what was received": ("Montant", "Versements reçus", ["100.00", "80.00"], ["100.00", "0.00"]),
    "a fee that we do not know": ("Amount", "Locker", ["950.00", "800.00"], ["50.00", "50.00"]),
    "a date due": ("Amount", "Due", ["100.00"], ["2026-11-30"]),
    "days": ("Amount", "Days due", ["100.00"], ["30"]),
    "an identifier": ("Amount", "Unit", ["100.00", "200.00"], ["12", "14"]),
    "larger": ("Amount", "Market value", ["100.00", "80.00"], ["900.00", "800.00"]),
    "the same throughout": ("Amount", "Line amount", ["100.00", "80.00"], ["100.00", "80.00"]),
    "beside what is due": ("Balance due", "Charges", ["100.00", "80.00"], ["90.00", "80.00"]),
    "blank": ("Amount", "Open", ["100.00"], [""]),
}


@pytest.mark.parametrize(("chosen", "other", "amounts", "values"), NOT_DUE.values(), ids=NOT_DUE)
def test_other_columns_with_numbers_are_not_asked_about(
    chosen: str, other: str, amounts: list[str], values: list[str]
) -> None:
    """Taxes, rates, payments and identifiers are no rivals of the amount."""
    samples = {chosen: amounts, other: values}
    assert read([*NEEDED, chosen, other], samples=samples)[0][chosen] is Field.AMOUNT


@pytest.mark.parametrize("sign", ["#", "No.", "No", "Num", "Nbr", "n\u00b0", "Number", "Num\u00e9ro"])
@pytest.mark.parametrize(
    "text", ["Invoice {}", "{} facture", "Transit {}", "Inst {}", "invoice{}", "Inv. {}", "{} client"]
)
def test_numbers_are_written_in_many_ways(text: str, sign: str) -> None:
    """All are one, in front or behind, in every heading."""
    heading = text.format(sign)
    assert fold(heading) == fold(text.format("number" if text[0] != "{" else "num\u00e9ro"))
    assert fold(heading) in {fold(alias) for names in aliases().values() for alias in names}


@pytest.mark.parametrize("unit", ["(CAD)", "(CA$)", "($)", "CAD", "[CAD]", "(C$)", "( $ CAD )", "CA$", "$", "(CDN)"])
@pytest.mark.parametrize("text", ["Amount", "Balance due", "Montant d\u00fb", "Loyer", "Total TTC"])
def test_the_unit_of_an_amount_does_not_matter(text: str, unit: str) -> None:
    """Canadian dollars are what it is in; another currency is another heading."""
    assert fold(f"{text} {unit}") == fold(f"{unit} {text}") == fold(text)
    assert fold(f"{text} (USD)") != fold(text)


SYSTEMS = {
    "QuickBooks Desktop": "Balance Total,First Name,M.I.,Last Name,Main Email",
    "QuickBooks Desktop, a report": "Num,First name,Last name,Name E-Mail,Open Balance",
    "QuickBooks in French": "Num,Pr\u00e9nom,Nom de famille,Courriel,Solde impay\u00e9",
    "Sage 50": "Customer ID,Bill to Contact First Name,Bill to Contact Last Name,Customer E-mail,Balance",
    "Sage": "Invoice No.,First name,Last name,E-mail,Amount Owing,Cur.",
    "Xero": "InvoiceNumber,FirstName,LastName,EmailAddress,InvoiceAmountDue,Currency",
    "Shopify, its customers": "First Name,Last Name,Email,Outstanding Balance",
    "Stripe": "Invoice Number,First name,Last name,Customer Email,Amount Remaining,Currency",
    "Google": "First Name,Middle Name,Last Name,E-mail 1 - Value,Amount",
    "Google until 2024": "Given Name,Additional Name,Family Name,E-mail 1 - Value,Amount",
    "Outlook": "First Name,Middle Name,Last Name,E-mail Address,Amount",
    "Outlook in French": "Pr\u00e9nom,Deuxi\u00e8me pr\u00e9nom,Nom,Adresse de messagerie,Montant",
    "with a currency for each customer": "email,contact_first_name,contact_last_name,customer_currency,amount_due",
    "in an office's words": "No pi\u00e8ce,Pr\u00e9nom,Nom,Courriel,Montant TTC ($)",
    "in a shop's words": "Order ID,Billing First Name,Billing Last Name,Email,Amount Due (CAD)",
    "a rent roll": "Tenant ID,Tenant First Name,Tenant Last Name,Tenant E-mail,Rent",
    "a rent roll in French": "N\u00b0 de bail,Pr\u00e9nom du locataire,Nom,Courriel du locataire,Loyer",
    "a clinic": "Patient #,Patient First Name,Patient Last Name,Patient Email,Patient Balance",
    "a day care": "Family No,Parent First Name,Parent Last Name,Parent Email,Total Fees",
    "a bank's form": "Ref,First name,Last name,Email,Amount,Inst #,Branch Transit Nbr,Account No.",
}


@pytest.mark.parametrize("headings", SYSTEMS.values(), ids=SYSTEMS)
def test_the_headings_of_billing_systems_are_known(headings: str) -> None:
    """Each column is a field, by the systems' own words."""
    texts = headings.split(",")
    assert list(read(texts)[0]) == texts


UNUSED = {
    **{heading: ["x"] for heading in [*NEEDED, "amount"]},
    "Bank": ["RBC"],
    "Money": ["CAD", "US$", ""],
    "Inst code 2": ["003", "815"],
    "Bank transit": ["00305", "10202"],
    "Bank acct code": ["1234567", "0012345"],
    "Parle": ["fr", "en", "FR"],
    "Send it": ["oui", "non"],
    "Directions": ["north"],
}
LOOKS = [
    "not-account",
    "like-currency",
    "like-institution",
    "like-transit",
    "like-account",
    "like-language",
    "like-link",
]


def test_an_unused_column_that_looks_like_a_field_is_said() -> None:
    """By what it holds, or nearly by its heading: a misspelt optional column is not dropped in silence."""
    _, notices = read(list(UNUSED), samples=UNUSED)
    assert notices == [*(f"column-{look}" for look in LOOKS), "column-near"]
    found = understand(
        [Heading(at, text) for at, text in enumerate(UNUSED)], Mapping(), lambda at: [*UNUSED.values()][at]
    )
    assert "US$" in sentence(found.notices[1])
    assert not any("1234567" in sentence(notice) for notice in found.notices)


@pytest.mark.parametrize(
    ("heading", "values"),
    [
        ("Active", ["yes", "no"]),
        ("Zip", ["10202", "90210"]),
        ("Language", ["en", "fr"]),
        ("Unit", ["001", "002"]),
        ("F", [""]),
    ],
)
def test_columns_of_the_users_own_are_left_alone(heading: str, values: list[str]) -> None:
    """Digits and yes or no mean nothing by themselves."""
    assert read([*NEEDED, "Amount", heading], samples={heading: values})[1] == []


def test_notices_name_the_column_in_both_languages() -> None:
    """A notice about a column can be shown: every placeholder is filled."""
    columns = [Heading(at, text) for at, text in enumerate(UNUSED)]
    found = understand(columns, Mapping(), lambda at: UNUSED[columns[at].text])
    assert len(found.notices) == len(UNUSED) - len(NEEDED) - 1
    for notice in found.notices:
        assert notice.code in catalogue()
        assert sentence(notice, "en") != sentence(notice, "fr")
