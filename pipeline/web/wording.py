"""What a page says in place of a sentence of the commands that names an option, a command or a variable.

A sentence of the program says what is wrong and how to fix it. Where the way out is typed in a terminal, the page has
another: here is the whole sentence again, as a page says it. It is translated as any other. A sentence that a page may
show and that names what only a terminal has must have its line here (tests/unit/test_words_of_pages.py).
"""

from __future__ import annotations

from typing import Final

from pipeline.messages import N_

ON_PAGES: Final = {
    # client
    (
        "The API refused the credentials (HTTP {status}). Check FLINKS_USERNAME and FLINKS_PASSWORD, and "
        "that the base URL is that of your account."
    ): N_(
        "The API refused the user or the password (HTTP {status}). Correct them on the page Set-up, "
        "and check that the address is that of your account."
    ),
    (
        "The base URL is not that of the API: it gave no access token ({reason}). Set FLINKS_BASE_URL "
        "(base_url in the settings file) to the address of your account. Nothing was sent."
    ): N_(
        "The address is not that of the API: it gave no access token ({reason}). Give the address of "
        "your account on the page Set-up. Nothing was sent."
    ),
    (
        "The API gave no access token: {reason}. Nothing more was sent. Run the same command again later to continue."
    ): N_("The API gave no access token: {reason}. Nothing more was sent. Continue later."),
    # commands
    "Stopped before sending. Run the same command again to start over.": N_(
        "Stopped before anything was sent. Look at it again, then start over."
    ),
    "{variable} is set, but no setting has this name. Did you mean {nearest}?": N_(
        "{variable} is set on this computer, but no setting has this name: {nearest} is perhaps "
        "meant. Who looks after this computer can correct it."
    ),
    "{variable} is set, but no setting has this name. To list them: flinks-import config show": N_(
        "{variable} is set on this computer, but no setting has this name. Who looks after this computer can remove it."
    ),
    (
        "No base URL is set. Set it in FLINKS_BASE_URL or base_url of flinks-import.toml, or practise with --sandbox."
    ): N_("No address of Flinks is set. Give it on the page Set-up, or practise."),
    (
        "A second person must approve what is sent (second_person). First: flinks-import plan "
        '"{file}"{sandbox}. Another person: flinks-import approve PLAN{sandbox}. Then: flinks-import run '
        '"{file}"{sandbox} --plan PLAN. Nothing was sent.'
    ): N_(
        "A second person must approve what is sent. Press Ask for approval on the page Summary of "
        "the sheet. Nothing was sent."
    ),
    (
        "The plan is for batch {planned}, not {found}. Name the batch with --batch, or create a new "
        "plan. Nothing was sent."
    ): N_(
        "The plan is for batch {planned}, not {found}. Open the sheet, and ask for approval again. Nothing was sent."
    ),
    (
        "{path} is a plan file of an earlier version: nobody can approve it. Make a plan in the journal "
        "with the command plan, and have it approved. Nothing was sent."
    ): N_(
        "{path} is a plan file of an earlier version: nobody can approve it. Open the sheet, and ask "
        "for approval again. Nothing was sent."
    ),
    (
        "Nobody has approved plan {plan}. Another person than {maker} approves it: flinks-import approve "
        '"{plan}"{sandbox}. Nothing was sent.'
    ): N_(
        "Nobody has approved plan {plan}. Another person than {maker} approves it on the page of the "
        "plan. Nothing was sent."
    ),
    (
        "There is no plan {path}. Create one with the command plan, or check the name given with --plan. "
        "Nothing was sent."
    ): N_("There is no plan {path}. Open the sheet, and ask for approval again. Nothing was sent."),
    "{path} is not a plan of this program. Create one with the command plan. Nothing was sent.": N_(
        "{path} is not a plan of this program. Open the sheet, and ask for approval. Nothing was sent."
    ),
    (
        "There is no batch {batch}: the journal has no batches here yet. Check --journal, --sandbox and "
        "FLINKS_BASE_URL."
    ): N_(
        "There is no batch {batch}: the journal has no batches here yet. Check whether you are in "
        "practice or with real money, and which journal is used (page Set-up)."
    ),
    ("Several sheets of batch {batch} have a row {row}: {files}. Choose one, for example --file {first}."): N_(
        "Several sheets of batch {batch} have a row {row}: {files}. Open the row from the page Who has paid."
    ),
    (
        "No sheet of batch {batch} has a row {row}. Give a number from the row column of the workbook; "
        "with --file, the name of the sheet."
    ): N_("No sheet of batch {batch} has a row {row}. The page Who has paid lists all rows."),
    "Batch {batch} was sent to {environments}. Set FLINKS_BASE_URL to one of them.": N_(
        "Batch {batch} was sent to {environments}. Set this address on the page Set-up to see it."
    ),
    "Batch {batch} was sent to the built-in sandbox. Add --sandbox.": N_(
        "Batch {batch} is one of practice. Go to practice to see it."
    ),
    (
        "Batch {batch} was sent to {environments}, not to {here}. Add --sandbox, or set FLINKS_BASE_URL "
        "to its environment."
    ): N_(
        "Batch {batch} was sent to {environments}, not to {here}. Go there to see it: to practice, "
        "or to that address on the page Set-up."
    ),
    "There is no batch {batch}. The last one is {latest}. To list them all: `flinks-import batches`.": N_(
        "There is no batch {batch}. The last one is {latest}. The page Batches lists them all."
    ),
    "There is no batch {batch}. The nearest is {nearest}. To list them all: `flinks-import batches`.": N_(
        "There is no batch {batch}. The nearest is {nearest}. The page Batches lists them all."
    ),
    (
        "Stopped at your request. Requests in progress were completed; the other rows were not sent. Run "
        "the same command again to resume."
    ): N_(
        "Stopped at your request. Requests in progress were completed; the other rows were not sent. "
        "Send the sheet again to go on."
    ),
    (
        "Requests without a usable response: {count} ({reason}). Nothing was cancelled. Run the same "
        "command again later."
    ): N_("Requests without a usable response: {count} ({reason}). Nothing was cancelled. Try again later."),
    (
        "None of these rows of batch {batch} has a request. Give numbers from the row column of the "
        "workbook, for example --rows 5,7-9."
    ): N_("None of these rows of batch {batch} has a request. Tick rows that have one on the page Who has paid."),
    ("Several sheets of batch {batch} have these row numbers: {files}. Choose one, for example --file {first}."): N_(
        "Several sheets of batch {batch} have these row numbers: {files}. Tick the rows on the page Who has paid."
    ),
    "There is no batch {batch} in this environment. To list the batches: `flinks-import batches`.": N_(
        "There is no batch {batch} in this environment. The page Batches lists them all."
    ),
    "no settings file: the environment and the defaults apply (flinks-import config init writes one)": N_(
        "no settings file yet: the page Set-up writes one"
    ),
    'refused as "{form}", accepted as "{other}". Set credentials = "{other}" (or {variable}={other})': N_(
        'refused as "{form}", accepted as "{other}". In the settings file, set credentials = "{other}"'
    ),
    (
        "can't write in {path} ({error}). Give yourself write access, or choose another place with "
        "XDG_DATA_HOME or --journal"
    ): N_("can't write in {path} ({error}). Give yourself write access, or choose another journal on the page Set-up"),
    (
        "can't write {place} ({error}). Give yourself write access to the file and its folder, or choose "
        "another with --journal"
    ): N_(
        "can't write {place} ({error}). Give yourself write access to the file and its folder, or "
        "choose another journal on the page Set-up"
    ),
    (
        "A newer version of flinks-import created the journal {place}. Install that version, or choose "
        "another journal with --journal."
    ): N_(
        "A newer version of this program created the journal {place}. Install that version, or "
        "choose another journal on the page Set-up."
    ),
    "{place}: {told}. Run flinks-import journal check": N_(
        "{place}: {told}. Restore it from a backup before you send anything"
    ),
    "flinks-import {program}, Python {python}, {system}; packages: {count}": N_(
        "version {program}, Python {python}, {system}; packages: {count}"
    ),
    (
        "No API credentials are set. Set FLINKS_USERNAME and FLINKS_PASSWORD (or FLINKS_PASSWORD_FILE), "
        "keep them with flinks-import login, or practise with --sandbox."
    ): N_("No user or password is set. Give them on the page Set-up, or practise."),
    "Can't create the journal {place} ({error}). Choose a place where you can write with --journal.": N_(
        "Can't create the journal {place} ({error}). Choose a place where you can write on the page Set-up."
    ),
    (
        "The journal {place} lacks tables or columns: it is damaged, or another program changed it. "
        "Nothing more is sent. Restore it from a backup, or choose another with --journal."
    ): N_(
        "The journal {place} lacks tables or columns: it is damaged, or another program changed it. "
        "Nothing more is sent. Restore it from a backup, or choose another on the page Set-up."
    ),
    (
        "There is no system keyring here. Put the password in a file that only you can read and name it "
        "in FLINKS_PASSWORD_FILE, or install flinks-import[keyring] on a system with a keyring."
    ): N_(
        "There is no system keyring here. Put the password in a file that only you can read, and "
        "give its path on the page Set-up."
    ),
    (
        "The system keyring refused access ({error}). Unlock it and try again, or put the password in a "
        "file and name it in FLINKS_PASSWORD_FILE."
    ): N_(
        "The system keyring refused access ({error}). Unlock it and try again, or put the password "
        "in a file and give its path on the page Set-up."
    ),
    "Say with --send-back why you send the plan back. The reason is kept.": N_(
        "Say why you send the plan back. The reason is kept."
    ),
    (
        "{who} sent plan {plan} on {time}. To undo it, cancel its requests: flinks-import cancel. Nothing was changed."
    ): N_(
        "{who} sent plan {plan} on {time}. To undo it, cancel its requests on the page Who has paid. "
        "Nothing was changed."
    ),
    "Plan {plan} exists for {environments}. Set FLINKS_BASE_URL to one of them.": N_(
        "Plan {plan} exists for {environments}. Set this address on the page Set-up to see it."
    ),
    "Plan {plan} is for the built-in sandbox. Add --sandbox.": N_(
        "Plan {plan} is one of practice. Go to practice to see it."
    ),
    "Plan {plan} is for {planned}, not for {here}. Set FLINKS_BASE_URL to its environment.": N_(
        "Plan {plan} is for {planned}, not for {here}. Go there to see it: to practice, or to that "
        "address on the page Set-up."
    ),
    ("There is no plan {plan}: the journal has no plans here yet. Check --journal, --sandbox and FLINKS_BASE_URL."): N_(
        "There is no plan {plan}: the journal has no plans here yet. Check whether you are in "
        "practice or with real money, and which journal is used (page Set-up)."
    ),
    ("There is no plan {plan}. The last one is {latest}. To list those that wait: flinks-import approve"): N_(
        "There is no plan {plan}. The last one is {latest}. The page Batches lists those that wait."
    ),
    ("{path} was removed while the program read it. Put it back and run the same command again. Nothing was sent."): N_(
        "{path} was removed while the program read it. Drop it again. Nothing was sent."
    ),
    (
        "{file} is a workbook of batch {batch}, but --batch names {given}. Remove --batch to resume that "
        "batch, or give the sheet itself for a new one. Nothing was sent."
    ): N_(
        "{file} is a workbook of batch {batch}, but the batch is named {given}. Name it {batch} on "
        "the page Sheet to go on with that batch, or drop the sheet itself for a new one. Nothing "
        "was sent."
    ),
    (
        "{file} is identical to the file sent on {date} as batch {batch}. To resume that batch: --batch "
        '"{batch}". For the next month, give a new batch name, more than {days} days after the last run: '
        '--batch "{fresh}". To send all its requests again now: --allow-repeats. Nothing was sent.'
    ): N_(
        "{file} is identical to the file sent on {date} as batch {batch}. Name it {batch} on the "
        "page Sheet to go on with that batch. For the next month, name it for example {fresh}, more "
        "than {days} days after the last time. Nothing was sent."
    ),
    (
        "{file} is identical to the file sent on {date} as batch {batch}. To resume that batch: --batch "
        '"{batch}". To send all its requests again: --allow-repeats. Nothing was sent.'
    ): N_(
        "{file} is identical to the file sent on {date} as batch {batch}. Name it {batch} on the "
        "page Sheet to go on with that batch. Nothing was sent."
    ),
    (
        "Batch {batch} was last run on {date}, more than {days} days ago, with another file. For a new "
        'month, give it a new name: --batch "{fresh}". To resume the old batch: --batch "{batch}". '
        "Nothing was sent."
    ): N_(
        "Batch {batch} was last sent on {date}, more than {days} days ago, with another file. For a "
        "new month, give it a new name on the page Sheet, such as {fresh}. Nothing was sent."
    ),
    ("Explain with --note how you know that no request was created: what you checked, and when. The note is kept."): N_(
        "Write how you know that no request exists: what you checked, and when. The note is kept."
    ),
    (
        "--created takes a sessionId (such as 1b4e28ba-2fa1-11d2-883f-0016d3cca427) or the link that "
        "contains it, as shown in the dashboard."
    ): N_(
        "Paste the sessionId (such as 1b4e28ba-2fa1-11d2-883f-0016d3cca427) or the link that "
        "contains it, as shown in the Flinks dashboard."
    ),
    "Give either the number of the row or --reference REF.": N_(
        "Say which row it is: open the page of the unknown rows again."
    ),
    (
        "Row {row} of batch {batch} is {status} today. Another row, sent under this number and no longer "
        "in the sheet, is unknown. To resolve that one, add --gone."
    ): N_(
        "Row {row} of batch {batch} is {status} today. Another row, sent under this number and no "
        "longer in the sheet, is unknown. Open the page of the unknown rows again."
    ),
    (
        "Stopped as requested after the first rows ({count}). Check them, then run again without this "
        "limit to send the others."
    ): N_("Stopped as requested after the first rows ({count}). Check them, then send the others."),
    (
        "Requests without a usable response: {count} ({reason}). The other states are kept. Run the same command again."
    ): N_("Requests without a usable response: {count} ({reason}). The other states are kept. Ask again."),
    "Stopped at your request. States received so far are kept. Run the same command again to resume.": N_(
        "Stopped at your request. States received so far are kept. Ask again to go on."
    ),
    (
        "Can't write the meanings to {path}: {reason}. Nothing was matched. Give yourself write access, "
        "or choose another mapping file with --mapping."
    ): N_(
        "Can't write the meanings to {path}: {reason}. Nothing was matched. Give yourself write access, then try again."
    ),
    (
        "{workbook} has requests of batch {batch} that the journal {journal} does not know ({count}): a "
        "run would send them again. Name their journal with --journal, or restore it from a backup. To "
        "send them again anyway, move the workbook to another folder. Nothing was sent."
    ): N_(
        "{workbook} has requests of batch {batch} that the journal {journal} does not know "
        "({count}): they would be sent again. Choose their journal on the page Set-up, or restore it "
        "from a backup. Nothing was sent."
    ),
    (
        "Workers of a Dask cluster are sending another run of this journal. Wait until it ends, then run "
        "the same command again."
    ): N_("Workers of a Dask cluster are sending another run of this journal. Wait until it ends, then try again."),
    "Another program took over these rows. Run the same command again to resume.": N_(
        "Another program took over these rows. Send the sheet again to go on."
    ),
    (
        "The journal {place} is a file and has no password. Name a PostgreSQL journal: --journal "
        "postgresql://USER@HOST/DATABASE"
    ): N_(
        "The journal {place} is a file and has no password. A password is for a PostgreSQL journal: "
        "choose one on the page Set-up."
    ),
    (
        "Another program is working on a batch of the journal {place}, which this newer version must "
        "upgrade first. Wait until it ends, then run the same command again."
    ): N_(
        "Another program is working on a batch of the journal {place}, which this newer version must "
        "upgrade first. Wait until it ends, then try again."
    ),
    (
        "While the connection to the journal was lost, another run used batch {batch}. This run stopped "
        "so that no request is sent twice. Run the same command again when the other has ended."
    ): N_(
        "While the connection to the journal was lost, another run used batch {batch}. Sending "
        "stopped so that no request is sent twice. Continue when the other has ended."
    ),
    (
        "The server of the journal {place} refused the user or the password. Check the user in the "
        "address. Keep the password with flinks-import login --for-journal, in ~/.pgpass or in "
        "PGPASSWORD."
    ): N_(
        "The server of the journal {place} refused the user or the password. Check the user in the "
        "address on the page Set-up; who looks after this computer keeps its password."
    ),
    (
        "The server of the journal {place} ended a query that took longer than its limit "
        "(statement_timeout). Nothing is lost. Ask its administrator for a longer one, then run the same "
        "command again."
    ): N_(
        "The server of the journal {place} ended a query that took longer than its limit "
        "(statement_timeout). Nothing is lost. Ask its administrator for a longer one, then try "
        "again."
    ),
    (
        "The journal {place} is in use: a query waited for others for longer than allowed "
        "(lock_timeout). Nothing is lost. Run the same command again in a moment."
    ): N_(
        "The journal {place} is in use: a query waited for others for longer than allowed "
        "(lock_timeout). Nothing is lost. Try again in a moment."
    ),
    (
        "The server of the journal {place} ended a connection that was idle or busy for longer than its "
        "limit (idle_in_transaction_session_timeout and the like). Nothing is lost. Ask its "
        "administrator for a longer one, then run the same command again."
    ): N_(
        "The server of the journal {place} ended a connection that was idle or busy for longer than "
        "its limit (idle_in_transaction_session_timeout and the like). Nothing is lost. Ask its "
        "administrator for a longer one, then try again."
    ),
    (
        "The server of the journal {place} has no connection left. Ask its administrator for more "
        "(max_connections), or run the same command again later."
    ): N_(
        "The server of the journal {place} has no connection left. Ask its administrator for more "
        "(max_connections), or try again later."
    ),
    (
        "A newer version of flinks-import has changed the journal {place}. What was sent is recorded. "
        "Install that version, then run the same command again to resume."
    ): N_(
        "A newer version of this program has changed the journal {place}. What was sent is recorded. "
        "Install that version, then continue."
    ),
    (
        "The server of the journal {place} does not say whether it kept the last record. Nothing more is "
        "sent. Check the server, then run the same command again to resume."
    ): N_(
        "The server of the journal {place} does not say whether it kept the last record. Nothing "
        "more is sent. Check the server, then continue."
    ),
    "files that other users of this computer can read: {count} (fix it with: chmod 600 {place}*)": N_(
        "files that other users of this computer can read: {count} (have {place} be readable by you "
        "alone, in its properties)"
    ),
    "other users of this computer can read {path}. Fix it with: chmod 600 {path}": N_(
        "other users of this computer can read {path}. Have it be readable by you alone, in its properties"
    ),
    (
        "{proxy} is ignored: only http:// and https:// proxies work. If the API can't be reached, set "
        "one in HTTPS_PROXY"
    ): N_(
        "{proxy} is ignored: only http:// and https:// proxies work. If the API can't be reached, "
        "who looks after this computer sets one"
    ),
    "missing packages: {missing}. Reinstall flinks-import": N_(
        "missing packages: {missing}. Install the program again"
    ),
    # config
    "There is no settings file {path}. Check the path given with --config or FLINKS_IMPORT_CONFIG.": N_(
        "There is no settings file {path}. Put it back where it was, then try again."
    ),
    (
        'There is no settings file for the profile "{name}". Create one with flinks-import config init, '
        "or name it with --config."
    ): N_('There is no settings file for the profile "{name}". Put it back where it was, then try again.'),
    (
        "{origin}: settings can't contain a password. Put it in FLINKS_PASSWORD, or in a file named by password_file."
    ): N_(
        "{origin}: settings can't contain a password. Remove the line from the file, then type the "
        "password on the page Set-up."
    ),
    '{origin}: there is no setting "{name}". To list all settings: flinks-import config show.': N_(
        '{origin}: there is no setting "{name}". Correct its name in the file, or remove the line.'
    ),
    (
        '{path}: there is no profile "{name}". Add a line [profile.{name}] with its settings below it, '
        "or remove --profile and FLINKS_IMPORT_PROFILE."
    ): N_('{path}: there is no profile "{name}". Add a line [profile.{name}] with its settings below it.'),
    ("FLINKS_IMPORT_JOURNAL is {place}, which means another journal in each folder. Give its full path."): N_(
        "The journal is set to {place}, which means another file in each folder. Give its full path."
    ),
    ("Can't read the password file {path}. Check the path in FLINKS_PASSWORD_FILE and that you can read it."): N_(
        "Can't read the password file {path}. Check its path on the page Set-up, and that you can read it."
    ),
    # domain
    (
        "The API refused a new access token (HTTP 401). Nothing more was sent. Check that the API user "
        "can create e-Transfer requests, then run the same command again."
    ): N_(
        "The API refused a new access token (HTTP 401). Nothing more was sent. Check that the API "
        "user can create e-Transfer requests, then continue."
    ),
    # journal
    (
        "Another program is sending rows of this batch. This run stopped so that no request is sent "
        "twice. Run the same command again when the other has ended."
    ): N_(
        "Another program is sending rows of this batch. This run stopped so that no request is sent "
        "twice. Continue when the other has ended."
    ),
    (
        "There is no journal at {place}. Is a drive disconnected, or the name misspelt? Without its "
        "journal, the program would send every request again. To create a new one: flinks-import journal "
        'create "{place}"'
    ): N_(
        "There is no journal at {place}. Is a drive disconnected, or the name misspelt? Without its "
        "journal, the program would send every request again. If you have none yet, create one on "
        "the page Set-up."
    ),
    "The journal {place} is a folder. Choose a file with --journal.": N_(
        "The journal {place} is a folder. Choose a file on the page Set-up."
    ),
    ("Can't read the journal {place} ({error}). Give yourself read access, or choose another with --journal."): N_(
        "Can't read the journal {place} ({error}). Give yourself read access, or choose another on the page Set-up."
    ),
    (
        "The file {place} is empty: it is not a journal. Restore it from a backup, or choose another "
        "with --journal. Nothing was written to it."
    ): N_(
        "The file {place} is empty: it is not a journal. Restore it from a backup, or choose another "
        "on the page Set-up. Nothing was written to it."
    ),
    (
        "{place} belongs to another program: it is not a journal. Choose another place with --journal. "
        "Nothing was written to it."
    ): N_(
        "{place} belongs to another program: it is not a journal. Choose another place on the page "
        "Set-up. Nothing was written to it."
    ),
    ("Another program locks the journal {place} (waited {seconds} s). Close it, then run the same command again."): N_(
        "Another program locks the journal {place} (waited {seconds} s). Close it, then try again."
    ),
    ("The disk of the journal {place} is full. Free some space, then run the same command again to resume."): N_(
        "The disk of the journal {place} is full. Free some space, then continue."
    ),
    "Can't write the journal {place}. Give yourself write access, or choose another with --journal.": N_(
        "Can't write the journal {place}. Give yourself write access, or choose another on the page Set-up."
    ),
    (
        "The file {place} is not a journal, or it is damaged. Nothing more is sent. Restore it from a "
        "backup, or choose another with --journal."
    ): N_(
        "The file {place} is not a journal, or it is damaged. Nothing more is sent. Restore it from "
        "a backup, or choose another on the page Set-up."
    ),
    (
        "Can't open the journal {place}. Check that its folder exists and that you can write there, or "
        "choose another with --journal."
    ): N_(
        "Can't open the journal {place}. Check that its folder exists and that you can write there, "
        "or choose another on the page Set-up."
    ),
    (
        "The disk of the journal {place} reports an error. Check the disk or the network drive, then run "
        "the same command again."
    ): N_("The disk of the journal {place} reports an error. Check the disk or the network drive, then continue."),
    (
        "There is no journal at {place}: the server has no such database. Is the name misspelt? To "
        'create one, use the server\'s own tool (createdb), then: flinks-import journal create "{place}"'
    ): N_(
        "There is no journal at {place}: the server has no such database. Is the name misspelt? If "
        "it is right, who looks after the server creates the database; then choose it again on the "
        "page Set-up."
    ),
    (
        "Can't reach the journal's database {place} ({error}). Check the server and the address, then "
        "run the same command again."
    ): N_("Can't reach the journal's database {place} ({error}). Check the server and the address, then try again."),
    (
        "Can't write a record to the journal {place} ({error}). What was sent is recorded. Run the same command again."
    ): N_(
        "Can't write a record to the journal {place} ({error}). What was sent is recorded. Continue "
        "when it can be written again."
    ),
    (
        "The journal {place} was removed or replaced during the run. Nothing more is sent. Put it back, "
        "or restore a backup, and run the same command again. No journal has what the workbook shows of "
        "this run."
    ): N_(
        "The journal {place} was removed or replaced while the program sent. Nothing more is sent. "
        "Put it back, or restore a backup, then continue. No journal has what the workbook shows of "
        "this run."
    ),
    "Another run is using batch {batch}. Wait until it ends, then run the same command again.": N_(
        "Another run is using batch {batch}. Wait until it ends, then try again."
    ),
    (
        "Personal data was removed from the records, but another program is reading the journal, so its "
        "files still contain copies. Close that program, then run the same command again."
    ): N_(
        "Personal data was removed from the records, but another program is reading the journal, so "
        "its files still contain copies. Close that program, then remove it again."
    ),
    # reader
    (
        "Several columns could be {field}: {columns}. A mapping file can't distinguish equal headings. "
        "Give the columns different headings in the sheet."
    ): N_("Several columns could be {field}: {columns}. Give the columns different headings in the sheet."),
    (
        "Several columns could be {field}: {columns}. Put the line of the right one in a mapping file "
        "(--mapping): {lines}"
    ): N_(
        "Several columns could be {field}: {columns}. Choose the right one on the page Columns, and "
        "take the others as your own."
    ),
    (
        "There is no column for: {missing}. Column {column} seems to contain full names. The program "
        "does not guess how to split them, because the bank compares first and last names. Make two "
        'columns of it or, if it is written "Surname, Given", add --split-names "{heading}"; in another '
        'order, "{heading}:given-first" or "{heading}:surname-first".'
    ): N_(
        "There is no column for: {missing}. Column {column} seems to contain full names. On the page "
        'Columns, say how names are written in "{heading}": the bank compares first and last names, '
        "so the program does not guess."
    ),
    (
        "There is no column for: {missing}. The headings are: {found}. Did you mean {near}? Correct the "
        'heading, or add --map "HEADING=FIELD".'
    ): N_(
        "There is no column for: {missing}. The headings are: {found}. Did you mean {near}? Choose "
        "its column on the page Columns."
    ),
    (
        "There is no column for: {missing}. The headings are: {found}. Add the column, or name it with "
        '--map "HEADING=FIELD".'
    ): N_(
        "There is no column for: {missing}. The headings are: {found}. Choose its column on the page "
        "Columns, or add it to the sheet and drop that again."
    ),
    "The mapping file {path} has errors: {mistakes}. Correct them.": N_(
        "The file {path} has errors: {mistakes}. Forget the words that you explained, and explain them again."
    ),
    "--map gives {field} two columns: {one} and {other}. Choose one.": N_(
        "Two columns are {field}: {one} and {other}. Choose one."
    ),
    "Can't read the mapping file {path} ({reason}). Check its name and folder.": N_(
        "Can't read the file {path} ({reason}). Check that you can read it."
    ),
    "The mapping file {path} is not valid TOML: {reason}. Correct it.": N_(
        "The file {path} is damaged: {reason}. Forget the words that you explained, and explain them again."
    ),
    "Can't write the mapping file {path} ({reason}). Choose a place where you can write.": N_(
        "Can't write the file {path} ({reason}). Give yourself write access, then try again."
    ),
    ("Several sheets have the same headings: {sheets}. Choose with --sheet, once for each sheet, or --sheet all."): N_(
        "Several sheets have the same headings: {sheets}. Tick those that are billed on the page Sheet."
    ),
    'This file is plain text and has no sheets. Remove --sheet "{sheet}".': N_(
        "This file is plain text and has no sheets. Drop it again."
    ),
    "The sheet has no rows. Export it again, or choose another with --sheet.": N_(
        "The sheet has no rows. Export it again, or choose another sheet."
    ),
    (
        "There is no row of headings: row {row} seems to belong to the list. Required: {needed}. Add a "
        "row of headings above the list, or map the columns with --mapping."
    ): N_(
        "There is no row of headings: row {row} seems to belong to the list. Required: {needed}. Add "
        "a row of headings above the list, then drop the sheet again."
    ),
    (
        "There is no row of headings. Required: {needed}. Row {row} has: {found}. Did you mean {near}? "
        "Correct the headings, or map the columns with --mapping."
    ): N_(
        "There is no row of headings. Required: {needed}. Row {row} has: {found}. Did you mean "
        "{near}? Correct the headings, then drop the sheet again."
    ),
    (
        "There is no row of headings. Required: {needed}. Row {row} has: {found}. Add a row of headings "
        "above the list, or map the columns with --mapping."
    ): N_(
        "There is no row of headings. Required: {needed}. Row {row} has: {found}. Add a row of "
        "headings above the list, then drop the sheet again."
    ),
    (
        "The program can't find out which rows of this {format} workbook are hidden or filtered out: its "
        "structure is damaged or unusual. Save it as .xlsx and use that, or bill all its rows with "
        "--hidden include."
    ): N_(
        "The program can't find out which rows of this {format} workbook are hidden or filtered out: "
        "its structure is damaged or unusual. Save it as .xlsx and drop that, or choose on the page "
        "Sheet that hidden rows are billed too."
    ),
    (
        "Rows that are hidden, filtered out or struck through: {count} ({rows}). Show them, or use "
        "--hidden skip to leave them out or --hidden include to bill them."
    ): N_(
        "Rows that are hidden, filtered out or struck through: {count} ({rows}). Choose on the page "
        "Sheet whether they are left out or billed too."
    ),
    # reconciliation
    (
        "Can't read {file}: it starts with dates and amounts, without headings for its {columns} "
        "columns. Name them in a mapping file (--mapping), with an empty name for a column that you do "
        "not need. For the usual columns of a bank: {toml}."
    ): N_(
        "Can't read {file}: it starts with dates and amounts, without headings for its {columns} "
        "columns. Add a row of headings above them, for example Date, Description, Amount, then drop "
        "the file again."
    ),
    (
        "Can't read {file}: no row in it names an amount and a reference or sessionId, nor the date, "
        "description and amounts of a bank statement. The headings in row {row} are: {found}. If this is "
        "a payment report, map its headings in a mapping file (--mapping), for example [columns] "
        '"Heading" = "reference".'
    ): N_(
        "Can't read {file}: no row in it names an amount and a reference or sessionId, nor the date, "
        "description and amounts of a bank statement. The headings in row {row} are: {found}. If "
        "this is a payment report, name these headings so, then drop the file again."
    ),
    (
        "{file} has no status column: only lines with a settlement date count as paid. If all its "
        'payments are settled, add to a mapping file: [constants] status = "Settled".'
    ): N_(
        "{file} has no status column: only lines with a settlement date count as paid. If all its "
        "payments are settled, add a column Status with the word Settled."
    ),
    (
        "{file}: unreadable or ambiguous dates left out (lines {lines}). Set their order in a mapping "
        'file: dates = "day-first", month-first or year-first.'
    ): N_("{file}: unreadable or ambiguous dates left out (lines {lines}). Write them as year-month-day in the file."),
    (
        "Times with a time zone are shown in local time, {zone}; the environment variable TZ sets "
        "another. Settlement dates are the bank's."
    ): N_("Times with a time zone are shown in local time, {zone}. Settlement dates are the bank's."),
    (
        '{file}: "{word}" (lines: {count}) describes a session, and a completed session is not proof of '
        "payment. Check the status of the transaction. If it means paid, add under [statuses] in a "
        "mapping file: {toml}."
    ): N_(
        '{file}: "{word}" (lines: {count}) describes a session, and a completed session is not proof '
        "of payment. Check the status of the transaction in the Flinks dashboard."
    ),
    (
        '{file}: the program does not know the status "{word}" (lines: {count}), and concludes nothing '
        "from it. Add its meaning under [statuses] in a mapping file: {toml}, or settled, open, ended, "
        "returned."
    ): N_(
        '{file}: the program does not know the status "{word}" (lines: {count}), and concludes '
        "nothing from it. Say on this page what it means."
    ),
    "look for each in the dashboard, and add the status to the mapping file.": N_(
        "look for each in the Flinks dashboard, and say on this page what the status means."
    ),
    "add the reports of the following days, or check the current state with `status`.": N_(
        "add the reports of the following days, or ask the API on the page Who has paid."
    ),
    (
        "{file}: several columns could be {field}: {columns}. Choose one in a mapping file (--mapping), "
        'or ignore the other: ignore = ["Heading"].'
    ): N_("{file}: several columns could be {field}: {columns}. Rename the wrong one in the file, then drop it again."),
    # report
    (
        "--marked-copy copies an .xlsx workbook, and {file} is not one. Correct the sheet Errors "
        "instead, or save the file as .xlsx first."
    ): N_(
        "Only an .xlsx workbook can have a marked copy, and {file} is not one. Correct the rows on "
        "the page Fix instead."
    ),
    (
        "{file} is a workbook of this program. Its sheet Errors already shows what --marked-copy would. "
        "Remove --marked-copy."
    ): N_("{file} is a workbook of this program. Its sheet Errors already shows what a marked copy would."),
    (
        "A marked copy of {file} would lose {what}. Remove --marked-copy, and correct the sheet Errors "
        "or the file itself."
    ): N_("A marked copy of {file} would lose {what}. Correct the rows on the page Fix, or in the file itself."),
    "The request was not created. The same command sends it again.": N_(
        "The request was not created. It is sent the next time."
    ),
    (
        "Correct the coloured cells in the sheet Errors, then run that sheet or the corrected file with "
        "the same command."
    ): N_("Correct the rows on the page Fix, then send again."),
    "Read the reason in the sheet Errors, correct the row, then run the same command again.": N_(
        "Read the reason, correct the row on the page Fix, then send again."
    ),
    "Run the same command again. It sends only these rows.": N_("Send the sheet again. Only these rows are sent."),
    (
        "Do not send these rows again yet. Look for them in the dashboard by their reference, then "
        "record what you find with `resolve`."
    ): N_(
        "Do not send these rows again yet. Look for them in the Flinks dashboard by their reference, "
        "then record what you find on the page of the unknown rows."
    ),
    (
        "Compare with the earlier request named in the sheet Errors. If this is a new charge, allow "
        "possible repeats and run again."
    ): N_("Compare with the earlier request. If this is a new charge, say so on the page Repeats."),
    "Run the same command again to send them.": N_("Send the sheet again to send them."),
    (
        "Then flinks-import validate FILE shows every error and sends nothing; flinks-import run FILE "
        "sends the requests."
    ): N_("Then drop the sheet on the page New month: it shows every error before anything is sent."),
    # sender
    (
        "Consecutive requests without a usable response: {count}. The API seems to be down. The run "
        "stopped so that no more rows become unknown. Run the same command again later."
    ): N_(
        "Consecutive requests without a usable response: {count}. The API seems to be down. Sending "
        "stopped so that no more rows become unknown. Continue later."
    ),
    (
        'The API answered "forbidden" (HTTP 403) to every request so far ({count}). Nothing more was '
        "sent. Ask Flinks whether your account can create e-Transfer requests, then run the same command "
        "again."
    ): N_(
        'The API answered "forbidden" (HTTP 403) to every request so far ({count}). Nothing more was '
        "sent. Ask Flinks whether your account can create e-Transfer requests, then continue."
    ),
    (
        "Stopped after consecutive rows were rejected for the same reason ({count}). The workbook gives "
        "the reason. The other rows were not sent. Run the same command again to resume."
    ): N_(
        "Stopped after consecutive rows were rejected for the same reason ({count}): see the rows "
        "below. The other rows were not sent. Correct what is wrong, then continue."
    ),
    (
        "Consecutive rows that could not be sent: {count}. The API can't be reached or accepts nothing. "
        "The other rows were not sent. Run the same command again later."
    ): N_(
        "Consecutive rows that could not be sent: {count}. The API can't be reached or accepts "
        "nothing. The other rows were not sent. Continue later."
    ),
    ("Stopped at {time}, as requested. The other rows were not sent. Run the same command again to resume."): N_(
        "Stopped at {time}, as requested. The other rows were not sent. Send the sheet again to go on."
    ),
    (
        "The run stopped because the program failed. The journal has what was sent. Run the same command "
        "again to resume."
    ): N_("Sending stopped because the program failed. The journal has what was sent. Send the sheet again to go on."),
    (
        "The API refused a new access token (HTTP 401). States received so far are kept. Check the API "
        "user, then run the same command again."
    ): N_(
        "The API refused a new access token (HTTP 401). States received so far are kept. Check the "
        "API user, then ask again."
    ),
    (
        'The API answered "forbidden" (HTTP 403). Ask Flinks whether your account can read e-Transfer '
        "requests, then run the same command again."
    ): N_(
        'The API answered "forbidden" (HTTP 403). Ask Flinks whether your account can read '
        "e-Transfer requests, then ask again."
    ),
    (
        "The API gives no usable response ({reason}). States received so far are kept. Run the same "
        "command again later."
    ): N_("The API gives no usable response ({reason}). States received so far are kept. Ask again later."),
    # system
    ("The folder {folder} for the output workbook does not exist. Create it, or choose another place with -o."): N_(
        "The folder {folder} does not exist. Drop the file again."
    ),
    (
        "The disk of the folder {folder} is full. Free some space, or choose another place with -o. "
        "Nothing was sent. Run the same command again to resume."
    ): N_("The disk of the folder {folder} is full. Free some space, then continue. Nothing was sent."),
    "Can't write the output workbook in {folder} ({reason}). Choose another place with -o.": N_(
        "Can't write the workbook in {folder} ({reason}). Give yourself write access, then try again."
    ),
    (
        "Can't write the workbook {path}, nor write it elsewhere ({reason}). Nothing is lost. Free some "
        "space, then run the same command again; no request is sent twice."
    ): N_(
        "Can't write the workbook {path}, nor write it elsewhere ({reason}). Nothing is lost. Free "
        "some space, then download it from the page of the batch; no request is sent twice."
    ),
    # validation
    (
        '--identity names "{name}", which is neither a field nor a heading of this sheet. Use one of its '
        "headings: {headings}."
    ): N_(
        'The setting identity names "{name}", which is neither a field nor a heading of this sheet. '
        "Name one of its headings in the settings file: {headings}."
    ),
    ('--identity names "{name}", but several columns have this heading. Rename one of them in the sheet.'): N_(
        'The setting identity names "{name}", but several columns have this heading. Rename one of them in the sheet.'
    ),
}
"""By the sentence of the commands."""
