"""The names in our own workbooks: sheets, headings and words of status, in English and French.

The English ones are fixed, and are those of the JSON, CSV and Parquet. The French ones are here and not among the
messages: the reader recognises them in workbooks of every age, so that a name may be added and never changed.
"""

from __future__ import annotations

from typing import Final

from schemas.languages import Lang

_FRENCH_SHEETS: Final = {
    "Summary": "Sommaire",
    "Results": "Résultats",
    "Errors": "Erreurs",
    "Links": "Liens",
    "Open": "En attente",
    "Changes": "Changements",
    "Proof": "Preuve",
    "Deposits": "Dépôts",
    "Matched": "Rapprochées",
    "Paid differently": "Payées autrement",
    "Paid twice": "Payées deux fois",
    "Returned": "Retournées",
    "In report only": "Rapport seulement",
    "Proposals": "Propositions",
    "Waiting": "En cours",
    "Ended unpaid": "Closes impayées",
    "Unknown state": "État inconnu",
    "In batch only": "Lot seulement",
    "Damaged lines": "Lignes illisibles",
    "Other bank lines": "Autres lignes bancaires",
}
_FRENCH_HEADINGS: Final = {
    "row": "ligne",
    "status": "statut",
    "launchUrl": "lien",
    "errors": "erreurs",
    "notices": "avis",
    "referenceSent": "référence envoyée",
    "amountSent": "montant envoyé",
    "attempts": "tentatives",
    "createdAt": "créée le",
    "howToFix": "comment corriger",
    "file": "fichier",
    "sessionStatus": "état de la demande",
    "transactionStatus": "état du paiement",
    "paid": "payée",
    "paidAmount": "montant payé",
    "statusAt": "état au",
    "daysOpen": "jours en attente",
    "firstName": "prenom",
    "lastName": "nom",
    "email": "courriel",
    "amount": "montant",
    "reference": "reference",
    "dueDate": "echeance",
    "language": "langue",
    "link": "lien",
    "open": "ouvrir",
    "subjectEn": "objetAnglais",
    "subjectFr": "objetFrancais",
}
"""`sessionId` is the API's own word in both languages. Those of `Links` are names of merge fields: without blanks and
accents."""
_FRENCH_WORDS: Final = {
    "created": "créée",
    "already-created": "déjà créée",
    "invalid": "invalide",
    "rejected": "refusée",
    "failed": "échouée",
    "unknown": "inconnue",
    "held": "retenue",
    "not-sent": "non envoyée",
    "yes": "oui",
    "not yet": "pas encore",
    "no": "non",
}
"""Of the statuses of a row, and of whether a request was paid."""


def sheet_name(name: str, lang: Lang) -> str:
    """What a sheet of ours is called."""
    return name if lang == "en" else _FRENCH_SHEETS[name]


def heading(name: str, lang: Lang) -> str:
    """What a column of ours is called."""
    return name if lang == "en" else _FRENCH_HEADINGS.get(name, name)


def word(code: str, lang: Lang) -> str:
    """A status of a row, or whether a request was paid, as a workbook shows it."""
    return code if lang == "en" else _FRENCH_WORDS[code]
