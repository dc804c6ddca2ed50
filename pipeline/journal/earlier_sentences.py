"""Why a run stopped, as journals of earlier versions name it: by a key; now the sentence itself is stored."""

from typing import Final

EARLIER_SENTENCES: Final = {
    "batches.not_confirmed": "You answered no. Nothing was removed.",
    "cancel.not_confirmed": "You answered no. Nothing was cancelled.",
    "cancel.some_missed": (
        "Requests without a usable response: {count} ({reason}). Nothing was cancelled. "
        "Run the same command again later."
    ),
    "exports.not_written": (
        "Can't write {path} ({reason}): the file for {option} is missing. Everything "
        "else is done. Run the same command again to write it; no request is sent twice."
    ),
    "inbox.interrupted": ("Stopped at your request. Unprocessed files are still in the folder. The next pass resumes."),
    "inbox.unreachable": "Can't read the folder {folder}: {reason}. The next pass tries again.",
    "journal.batch_is_busy": (
        "Another run is using batch {batch}. Wait until it ends, then run the same command again."
    ),
    "journal.broken": (
        "Can't write a record to the journal {place} ({error}). What was sent is recorded. Run the same command again."
    ),
    "journal.gone": (
        "The journal {place} was removed or replaced during the run. Nothing more is "
        "sent. Put it back, or restore a backup, and run the same command again. No "
        "journal has what the workbook shows of this run."
    ),
    "journal.locked": (
        "Another program locks the journal {place} (waited {seconds} s). Close it, then run the same command again."
    ),
    "journal.purge_busy": (
        "Personal data was removed from the records, but another program is reading the "
        "journal, so its files still contain copies. Close that program, then run the "
        "same command again."
    ),
    "journal.taken_over": (
        "Another program is sending rows of this batch. This run stopped so that no "
        "request is sent twice. Run the same command again when the other has ended."
    ),
    "journal.unreachable": (
        "Can't reach the journal's database {place} ({error}). Check the server and the "
        "address, then run the same command again."
    ),
    "report.disk_full": (
        "The disk of the folder {folder} is full. Free some space, or choose another "
        "place with -o. Nothing was sent. Run the same command again to resume."
    ),
    "report.not_written": (
        "Can't write the workbook {path}, nor write it elsewhere ({reason}). Nothing is "
        "lost. Free some space, then run the same command again; no request is sent "
        "twice."
    ),
    "resolve.not_confirmed": "You answered no. Nothing was recorded.",
    "run.interrupted": (
        "Stopped at your request. Requests in progress were completed; the other rows "
        "were not sent. Run the same command again to resume."
    ),
    "run.interrupted_before": "Stopped before sending. Run the same command again to start over.",
    "run.not_confirmed": "You answered no. Nothing was sent.",
    "run.some_failed": (
        "Rows whose request was not created (failed): {count}. Run the same command again to send them."
    ),
    "run.stopped_first": (
        "Stopped as requested after the first rows ({count}). Check them, then run again "
        "without this limit to send the others."
    ),
    "send.authorize_unreachable": (
        "The API gave no access token: {reason}. Nothing more was sent. Run the same command again later to continue."
    ),
    "send.credentials_refused": (
        "The API refused the credentials (HTTP {status}). Check FLINKS_USERNAME and "
        "FLINKS_PASSWORD, and that the base URL is that of your account."
    ),
    "send.not_trusted": (
        "The API's certificate is not trusted ({reason}). If your company's proxy "
        "inspects traffic, set its certificates in ca_file; otherwise inform Flinks and "
        "stop here. Nothing more was sent."
    ),
    "send.stopped_fault": (
        "The run stopped because the program failed. The journal has what was sent. Run "
        "the same command again to resume."
    ),
    "send.stopped_forbidden": (
        'The API answered "forbidden" (HTTP 403) to every request so far ({count}). '
        "Nothing more was sent. Ask Flinks whether your account can create e-Transfer "
        "requests, then run the same command again."
    ),
    "send.stopped_refused": (
        "Stopped after consecutive rows were rejected for the same reason ({count}). The "
        "workbook gives the reason. The other rows were not sent. Run the same command "
        "again to resume."
    ),
    "send.stopped_uncertain": (
        "Consecutive requests without a usable response: {count}. The API seems to be "
        "down. The run stopped so that no more rows become unknown. Run the same command "
        "again later."
    ),
    "send.stopped_unreachable": (
        "Consecutive rows that could not be sent: {count}. The API can't be reached or "
        "accepts nothing. The other rows were not sent. Run the same command again later."
    ),
    "send.stopped_until": (
        "Stopped at {time}, as requested. The other rows were not sent. Run the same command again to resume."
    ),
    "send.token_refused": (
        "The API refused a new access token (HTTP 401). Nothing more was sent. Check "
        "that the API user can create e-Transfer requests, then run the same command "
        "again."
    ),
    "send.wrong_address": (
        "The base URL is not that of the API: it gave no access token ({reason}). Set "
        "FLINKS_BASE_URL (base_url in the settings file) to the address of your account. "
        "Nothing was sent."
    ),
    "status.forbidden": (
        'The API answered "forbidden" (HTTP 403). Ask Flinks whether your account can '
        "read e-Transfer requests, then run the same command again."
    ),
    "status.interrupted": (
        "Stopped at your request. States received so far are kept. Run the same command again to resume."
    ),
    "status.some_missed": (
        "Requests without a usable response: {count} ({reason}). The other states are kept. Run the same command again."
    ),
    "status.token_refused": (
        "The API refused a new access token (HTTP 401). States received so far are kept. "
        "Check the API user, then run the same command again."
    ),
    "status.unreachable": (
        "The API gives no usable response ({reason}). States received so far are kept. "
        "Run the same command again later."
    ),
}
