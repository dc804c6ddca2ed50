"""The sentences of reconciliation that go with a word of its rules: a column, a pile, a method, a state."""

from __future__ import annotations

from typing import Final

from pipeline.messages import N_
from pipeline.reconciliation.balance import Pile
from pipeline.reconciliation.matching import Difference, MatchMethod
from schemas.reports import Meaning

HEADINGS: Final = {
    "row": N_("Row"),
    "rowFile": N_("Sheet of the row"),
    "payment": N_("Payment"),
    "reference": N_("Reference"),
    "reportedReference": N_("Reported reference"),
    "name": N_("Name"),
    "reportedName": N_("Reported name"),
    "email": N_("E-mail"),
    "reportedEmail": N_("Reported e-mail"),
    "asked": N_("Requested (CAD)"),
    "paid": N_("Paid (CAD)"),
    "difference": N_("Difference"),
    "inSheet": N_("Amount in sheet"),
    "reportedAmount": N_("Reported amount"),
    "currency": N_("Currency"),
    "account": N_("Account"),
    "reportedAccount": N_("Reported account"),
    "kind": N_("Type"),
    "differs": N_("What differs"),
    "otherBatch": N_("Other batch"),
    "status": N_("Reported status"),
    "state": N_("Meaning"),
    "rowStatus": N_("Row status"),
    "how": N_("Matched by"),
    "note": N_("Note"),
    "askedOn": N_("Requested on"),
    "completed": N_("Last date"),
    "deposited": N_("Deposited on"),
    "sessionId": N_("sessionId"),
    "transactionId": N_("Transaction"),
    "file": N_("Report"),
    "sheet": N_("Sheet"),
    "line": N_("Line"),
    "otherLines": N_("Also in"),
    "why": N_("Error"),
    "text": N_("Line text"),
}
"""The heading of each column of the workbook."""

KINDS: Final = {
    Pile.MATCHED: N_("matched"),
    Pile.IN_PARTS: N_("in parts"),
    Pile.UNDERPAID: N_("too little"),
    Pile.OVERPAID: N_("too much"),
    Pile.TOGETHER: N_("together"),
    Pile.CORRECTED: N_("corrected"),
    Pile.OTHER_CURRENCY: N_("currency"),
    Pile.OTHER_NAME_OR_ACCOUNT: N_("name, account or reference"),
    Pile.PAID_TWICE: N_("paid twice"),
    Pile.RETURNED: N_("returned"),
    Pile.UNEXPLAINED: N_("matches no request"),
    Pile.NOT_KNOWN: N_("unknown here"),
    Pile.OTHER_BATCH: N_("other batch"),
    Pile.PROPOSALS: N_("proposal"),
    Pile.WAITING: N_("waiting"),
    Pile.ENDED_UNPAID: N_("ended without payment"),
    Pile.UNKNOWN_STATE: N_("unknown state"),
    Pile.NOT_IN_REPORT: N_("in no report"),
    Pile.NEVER_ASKED: N_("never asked"),
}
"""What the matches of a pile are called."""

LABELS: Final = {
    Pile.MATCHED: N_("Matched"),
    Pile.IN_PARTS: N_("Matched: in parts"),
    Pile.UNDERPAID: N_("Paid differently: too little"),
    Pile.OVERPAID: N_("Paid differently: too much"),
    Pile.TOGETHER: N_("Paid differently: together"),
    Pile.CORRECTED: N_("Paid differently: corrected"),
    Pile.OTHER_CURRENCY: N_("Paid differently: currency"),
    Pile.OTHER_NAME_OR_ACCOUNT: N_("Paid differently: name, account or reference"),
    Pile.PAID_TWICE: N_("Paid twice"),
    Pile.RETURNED: N_("Returned"),
    Pile.UNEXPLAINED: N_("In report only: matches no request"),
    Pile.NOT_KNOWN: N_("In report only"),
    Pile.OTHER_BATCH: N_("In report only: other batches"),
    Pile.PROPOSALS: N_("Proposals"),
    Pile.WAITING: N_("Waiting for the payor"),
    Pile.ENDED_UNPAID: N_("Ended unpaid"),
    Pile.UNKNOWN_STATE: N_("Unknown state"),
    Pile.NOT_IN_REPORT: N_("In batch only"),
    Pile.NEVER_ASKED: N_("In batch only: never asked"),
}
"""What each pile is called in a list of all of them."""

MEANINGS: Final = {
    Pile.MATCHED: N_("Paid as requested."),
    Pile.IN_PARTS: N_("Paid as requested, in several payments."),
    Pile.UNDERPAID: N_("Paid, but less than requested."),
    Pile.OVERPAID: N_("Paid, but more than requested."),
    Pile.TOGETHER: N_("One payment for several requests."),
    Pile.CORRECTED: N_("The reports give two amounts for one request."),
    Pile.OTHER_CURRENCY: N_("Paid in another currency: counts as 0.00 CAD here."),
    Pile.OTHER_NAME_OR_ACCOUNT: N_("Paid as requested, but the report shows another name, account or reference."),
    Pile.PAID_TWICE: N_("Several payments for one request."),
    Pile.RETURNED: N_("Paid, then returned: refunded, failed or reversed."),
    Pile.UNEXPLAINED: N_("In a report; partly known, but matches no request."),
    Pile.NOT_KNOWN: N_("In a report, but this journal has no such request."),
    Pile.OTHER_BATCH: N_("In a report, but of another batch: nothing to do here."),
    Pile.PROPOSALS: N_("Similar only; a person must confirm."),
    Pile.WAITING: N_("Waiting for the payor."),
    Pile.ENDED_UNPAID: N_("Declined, expired, cancelled or failed: nothing was paid."),
    Pile.UNKNOWN_STATE: N_("The status is unknown or contradicts a payment, or the request may not exist."),
    Pile.NOT_IN_REPORT: N_("Requested, but in none of these reports."),
    Pile.NEVER_ASKED: N_("Rows that were never sent: no payment was requested for them."),
}
"""What a pile means, in the proof."""

NEXT_STEPS: Final = {
    Pile.UNDERPAID: N_("ask the payor for the balance."),
    Pile.OVERPAID: N_("refund the excess."),
    Pile.TOGETHER: N_("check that the one payment covers all these requests."),
    Pile.CORRECTED: N_("find out in the dashboard which of the two amounts was received."),
    Pile.OTHER_CURRENCY: N_("compare the coloured cells, and ask Flinks what was credited."),
    Pile.OTHER_NAME_OR_ACCOUNT: N_("compare the coloured cells: did the right person pay, to the right account?"),
    Pile.PAID_TWICE: N_("check both payments, and refund one if there was only one charge."),
    Pile.RETURNED: N_("ask the payor why, and send a new request if the charge is still due."),
    Pile.UNEXPLAINED: N_("the column Note says what is known of each."),
    Pile.NOT_KNOWN: N_(
        "find out where these payments come from: another journal, another environment, "
        "or requests made by hand in the dashboard."
    ),
    Pile.PROPOSALS: N_("check each pair. If all are right, confirm them and reconcile again."),
    Pile.WAITING: N_("remind the payors."),
    Pile.ENDED_UNPAID: N_("send a new request if the charge is still due."),
    Pile.UNKNOWN_STATE: N_("look for each in the dashboard, and add the status to the mapping file."),
    Pile.NOT_IN_REPORT: N_("add the reports of the following days, or check the current state with `status`."),
    Pile.NEVER_ASKED: N_("the column Note says why. Correct the rows and run the batch again."),
}
"""What to do with the matches of a pile; those without a step need none."""

METHODS: Final = {
    MatchMethod.SESSION: N_("sessionId"),
    MatchMethod.CONFIRMED: N_("confirmed by a person"),
    MatchMethod.REFERENCE_AND_AMOUNT: N_("reference and amount"),
    MatchMethod.OTHER_SESSION: N_("reference and amount, ANOTHER REQUEST"),
    MatchMethod.REFERENCE: N_("reference only"),
    MatchMethod.OTHER_BATCH_TOO: N_("PROPOSAL: reference and amount; another batch also has them"),
    MatchMethod.REWRITTEN: N_("PROPOSAL: reference as a spreadsheet shows it"),
    MatchMethod.MEMO: N_("PROPOSAL: reference in the memo, and amount"),
    MatchMethod.PROPOSAL: N_("PROPOSAL: e-mail, amount and date"),
    MatchMethod.NAME: N_("PROPOSAL: name, amount and date"),
    MatchMethod.PAYOR: N_("PROPOSAL: all open requests of this payor together"),
    MatchMethod.NOTHING: N_("-"),
}
"""By what a payment was matched."""

DIFFERENCES: Final = {
    Difference.AMOUNT: N_("amount"),
    Difference.CURRENCY: N_("currency"),
    Difference.NAME: N_("name"),
    Difference.ACCOUNT: N_("account"),
    Difference.REFERENCE: N_("reference"),
    Difference.CORRECTED: N_("two amounts"),
}
"""What differs between a request and its payment."""

STATES: Final = {
    Meaning.SETTLED: N_("settled"),
    Meaning.PAID: N_("paid, not settled yet"),
    Meaning.OPEN: N_("waiting for the payor"),
    Meaning.ENDED: N_("ended without payment"),
    Meaning.FAILED: N_("failed"),
    Meaning.RETURNED: N_("returned"),
    Meaning.LOOK: N_("unknown status: check it; nothing is concluded from it"),
}
"""What a payment's last word means."""

HINTS: Final = {
    "reference": N_("same reference"),
    "rewritten": N_("reference as a spreadsheet shows it"),
    "email": N_("same e-mail address"),
    "name": N_("same name"),
    "amount": N_("same amount"),
}
"""By what a request that was not matched resembles a payment."""
