"""What people see in a browser: the payor at the launch URL, the operator at the base URL.

HTML only; every text of the request is escaped.
"""

from dataclasses import dataclass
from html import escape
from string import Template

from pipeline.sandbox.session import Language, SandboxSession, SandboxState, Verb


@dataclass(frozen=True, slots=True)
class _PageText:
    """Every sentence of the pages in one language. `final` is keyed by the transaction's state."""

    lang: str
    title: str
    banner: str
    intro: str
    amount: str
    choose: str
    amount_fault: str
    payor: str
    email: str
    reference: str
    accept: str
    decline: str
    final: dict[str, tuple[str, str]]
    other: tuple[str, str]
    missing: tuple[str, str]
    welcome: tuple[str, str]
    so_far: str
    all: str
    settlement: str
    processing: str


_ENGLISH = _PageText(
    lang="en",
    title="Payment request",
    banner="Sandbox: no money moves",
    intro="You are asked to pay by Interac e-Transfer.",
    amount="Amount",
    choose="Amount that you want to pay, in dollars",
    amount_fault="Enter an amount above 0 with at most 2 decimals, such as 120.50.",
    payor="Payor",
    email="E-mail",
    reference="Reference",
    accept="Accept",
    decline="Decline",
    final={
        "Accepted": ("Accepted", "The payment was accepted. You can close this page."),
        "Processed": ("Accepted", "The payment was accepted and is on its way. You can close this page."),
        "Settled": ("Paid", "The payment was accepted and has arrived. You can close this page."),
        "Declined": ("Declined", "This request was declined. Nothing will be paid."),
        "Cancelled": ("Cancelled", "This request was cancelled by the business that made it."),
        "Expired": ("Expired", "This request has expired and can no longer be paid."),
        "Failed": ("Failed", "This payment failed. Nothing was paid."),
    },
    other=("Closed", "This request can no longer be paid here."),
    missing=(
        "This link leads to no payment request",
        "Check that the whole link was copied, or ask the business that sent it for a new one.",
    ),
    welcome=(
        "The sandbox is running",
        "It stands in for the Flinks Pay API. Its payment requests open at the links in the results workbook.",
    ),
    so_far="Payment requests so far",
    all="All of them",
    settlement="Today's settlement report",
    processing="Today's processing report",
)
_FRENCH = _PageText(
    lang="fr",
    title="Demande de paiement",
    banner="Bac à sable : aucun argent ne circule",
    intro="On vous demande de payer par Virement Interac.",
    amount="Montant",
    choose="Montant que vous voulez payer, en dollars",
    amount_fault="Entrez un montant supérieur à 0 avec au plus 2 décimales, par exemple 120,50.",
    payor="Payeur",
    email="Courriel",
    reference="Référence",
    accept="Accepter",
    decline="Refuser",
    final={
        "Accepted": ("Acceptée", "Le paiement a été accepté. Vous pouvez fermer cette page."),
        "Processed": (
            "Acceptée",
            "Le paiement a été accepté et est en route. Vous pouvez fermer cette page.",
        ),
        "Settled": ("Payée", "Le paiement a été accepté et est arrivé. Vous pouvez fermer cette page."),
        "Declined": ("Refusée", "Cette demande a été refusée. Rien ne sera payé."),
        "Cancelled": ("Annulée", "Cette demande a été annulée par l'entreprise qui l'a faite."),
        "Expired": ("Expirée", "Cette demande a expiré et ne peut plus être payée."),
        "Failed": ("Échouée", "Ce paiement a échoué. Rien n'a été payé."),
    },
    other=("Fermée", "Cette demande ne peut plus être payée ici."),
    missing=(
        "Ce lien ne mène à aucune demande de paiement",
        "Vérifiez que le lien a été copié en entier, ou demandez-en un nouveau à l'entreprise qui l'a envoyé.",
    ),
    welcome=(
        "Le bac à sable fonctionne",
        "Il tient lieu de l'API Flinks Pay. Ses demandes de paiement s'ouvrent par les liens du classeur de résultats.",
    ),
    so_far="Demandes de paiement jusqu'ici",
    all="Toutes les demandes",
    settlement="Rapport de règlement du jour",
    processing="Rapport de traitement du jour",
)
_WORDS: dict[Language, _PageText] = {"EN": _ENGLISH, "FR": _FRENCH}
_PAID = ("Accepted", "Processed", "Settled")

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #52606f; --line: #d9dfe6; --paper: #fff; --ground: #eef1f5;
  --go: #0b6b4f; --warn-ink: #4a3200; --warn: #ffdd8a; --bad: #a3262a; }
@media (prefers-color-scheme: dark) { :root { --ink: #eef2f6; --soft: #aab6c3; --line: #3a4653; --paper: #1c242d;
  --ground: #11161c; --go: #0e7a5a; --bad: #f0a0a2; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 17px/1.5 system-ui, sans-serif; }
.banner { margin: 0; padding: .6rem 1rem; background: var(--warn); color: var(--warn-ink); text-align: center;
  font-weight: 600; }
main { width: min(34rem, 100% - 2rem); margin: 2.5rem auto; padding: clamp(1.25rem, 5vw, 2rem);
  background: var(--paper); border: 1px solid var(--line); border-radius: 14px; }
h1, h2 { margin: 0 0 .25rem; font-size: 1.5rem; line-height: 1.25; }
h2 { margin-top: 2rem; }
a { color: inherit; }
p { margin: .25rem 0 1.25rem; color: var(--soft); }
p:last-child { margin-bottom: 0; }
dl { margin: 0; }
dl div { display: flex; gap: 1rem; justify-content: space-between; padding: .7rem 0;
  border-top: 1px solid var(--line); }
dt { flex: none; color: var(--soft); }
dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
dl .sum { padding: 1rem 0; align-items: baseline; }
dl .sum dd { font-size: 1.9rem; font-weight: 650; line-height: 1.2; font-variant-numeric: tabular-nums; }
form { border-top: 1px solid var(--line); padding-top: 1.5rem; }
label { display: block; margin-bottom: .35rem; font-weight: 600; }
input[type=text] { width: 100%; margin-bottom: 1.25rem; padding: .65rem .75rem; font: inherit; color: inherit;
  background: var(--paper); border: 1px solid var(--soft); border-radius: 8px; }
.buttons { display: flex; flex-wrap: wrap; gap: .75rem; }
button { flex: 1 1 8rem; padding: .8rem 1rem; font: inherit; font-weight: 600; border-radius: 8px; cursor: pointer;
  border: 1px solid var(--soft); background: transparent; color: inherit; }
button.go { border-color: var(--go); background: var(--go); color: #fff; }
button:focus-visible, input:focus-visible, a:focus-visible { outline: 3px solid #3b82f6; outline-offset: 2px; }
.state { margin: 1.5rem 0 0; padding: 1rem 1.25rem; border: 1px solid var(--line); border-left: 5px solid var(--soft);
  border-radius: 8px; }
.state.good { border-left-color: var(--go); } .state strong { display: block; color: var(--ink); }
.fault { color: var(--bad); font-weight: 600; margin: 0 0 .5rem; }
"""

_PAGE = Template("""<!doctype html>
<html lang="$lang">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>$title</title>
<style>$style</style>
</head>
<body>
<p class="banner">$banner</p>
<main>
$content
</main>
</body>
</html>
""")


def session_page(
    session: SandboxSession, state: SandboxState, language: Language, *, amount_fault: bool = False
) -> str:
    """The page of a session: what is asked and the two buttons or, when it is final, how it ended.

    language: of a payment request that names none. amount_fault: the amount that the payor chose could not be used.
    """
    words = _WORDS[session.language or language]
    below = _outcome(words, state) if state.final else _form(words, session, amount_fault)
    content = f"<h1>{words.title}</h1>\n<p>{words.intro}</p>\n{_facts(words, session)}\n{below}"
    return _page(words, words.title, content)


def missing_page(language: Language) -> str:
    """The page of a session that does not exist, in both languages since the payor's is unknown."""
    words, others = (_FRENCH, _ENGLISH) if language == "FR" else (_ENGLISH, _FRENCH)
    content = (
        f"<h1>{words.missing[0]}</h1>\n<p>{words.missing[1]}</p>\n"
        f'<div lang="{others.lang}"><h2>{others.missing[0]}</h2>\n<p>{others.missing[1]}</p></div>'
    )
    return _page(words, words.missing[0], content)


def welcome_page(sessions: int, language: Language) -> str:
    """The page at the base URL, for a person who opened it to see what is there."""
    words = _WORDS[language]
    count = f"{sessions:,}" if words is _ENGLISH else f"{sessions:,}".replace(",", "\u00a0")
    content = (
        f"<h1>{words.welcome[0]}</h1>\n<p>{words.welcome[1]}</p>\n"
        f'<dl><div class="sum"><dt>{words.so_far}</dt><dd>{count}</dd></div>\n'
        f'<div><dt>{words.all}</dt><dd><a href="/sandbox/sessions">JSON</a></dd></div>\n'
        f'<div><dt>{words.settlement}</dt><dd><a href="/sandbox/reports/settlement.csv">CSV</a></dd></div>\n'
        f'<div><dt>{words.processing}</dt><dd><a href="/sandbox/reports/processing.csv">CSV</a></dd></div></dl>'
    )
    return _page(words, words.welcome[0], content)


def _page(words: _PageText, title: str, content: str) -> str:
    return _PAGE.substitute(lang=words.lang, title=title, banner=words.banner, style=_STYLE, content=content)


def _facts(words: _PageText, session: SandboxSession) -> str:
    facts = [(words.payor, session.payor.full_name), (words.email, session.payor.email)]
    if session.reference_id:
        facts.append((words.reference, session.reference_id))
    lines = "\n".join(f"<div><dt>{label}</dt><dd>{escape(value)}</dd></div>" for label, value in facts)
    return f"<dl>\n{_sum(words, session)}{lines}\n</dl>"


def _sum(words: _PageText, session: SandboxSession) -> str:
    if session.amount_due is None:
        return ""
    return f'<div class="sum"><dt>{words.amount}</dt><dd>{_dollars(session, words)}</dd></div>\n'


def _dollars(session: SandboxSession, words: _PageText) -> str:
    """`$1,250.00 CAD` in English, `1 250,00 $ CA` in French, with spaces that do not break."""
    plain = f"{session.amount_due:,.2f}"
    if words is _FRENCH:
        return plain.replace(",", "\u00a0").replace(".", ",") + "\u00a0$\u00a0CA"
    return f"${plain}\u00a0{escape(session.currency)}"


def _form(words: _PageText, session: SandboxSession, amount_fault: bool) -> str:
    chosen = "" if session.amount is not None else _amount_field(words, amount_fault)
    return (
        '<form method="post" action="/app/">\n'
        f'<input type="hidden" name="sessionId" value="{escape(session.session_id)}">\n{chosen}'
        '<div class="buttons">\n'
        f'<button class="go" name="decision" value="{Verb.ACCEPTED}">{words.accept}</button>\n'
        f'<button name="decision" value="{Verb.DECLINED}">{words.decline}</button>\n'
        "</div>\n</form>"
    )


def _amount_field(words: _PageText, fault: bool) -> str:
    sentence = f'<p class="fault" id="fault" role="alert">{words.amount_fault}</p>\n' if fault else ""
    marks = ' aria-invalid="true" aria-describedby="fault"' if fault else ""
    return (
        f'{sentence}<label for="amount">{words.choose}</label>\n'
        f'<input type="text" id="amount" name="amount" inputmode="decimal" autocomplete="off"{marks}>\n'
    )


def _outcome(words: _PageText, state: SandboxState) -> str:
    heading, sentence = words.final.get(state.transaction, words.other)
    tone = " good" if state.transaction in _PAID else ""
    return f'<p class="state{tone}" role="status"><strong>{heading}</strong>{sentence}</p>'
