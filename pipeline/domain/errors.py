"""What ends a run early, one class for each cause that anybody distinguishes, each with its exit code."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the process says when it ends (interface: "Exit codes")."""

    DONE = 0
    SOME_ROWS_NEED_FIXING = 1
    USAGE = 2
    INPUT = 3
    CREDENTIALS = 4
    UNKNOWN_OUTCOME = 5
    STOPPED_EARLY = 6
    BATCH_IS_BUSY = 7
    BUG = 70


class RunError(Exception):
    """The run can't go on. Carries its sentence in English and what fills its placeholders, never personal data.

    RunError
    ├── UsageError                2  the command line or the configuration is wrong
    │   ├── SheetOptionError      2  an option, or the mapping file, does not fit this sheet
    │   └── WrongAddressError     2  the base URL leads to no API; nothing was sent
    ├── InputError                3  the input can't be read or fails a guard; nothing was sent
    │   ├── FileSentBeforeError   3  these very bytes were sent before
    │   │   └── CustomersFileSentBeforeError  3  the same, where it may be next month's
    │   ├── StaleBatchNameError   3  the batch of this name is an old one
    │   ├── NotApprovedError      3  a second person must approve the plan first
    │   ├── SamePersonError       3  who made the plan can't approve it
    │   └── WrongTotalError       3  the total that was typed is not the plan's
    ├── CredentialsError          4  the API refused the credentials; nothing more was sent
    ├── StoppedEarlyError         6  stopped before the end; the same command continues
    │   ├── ApiUnreachableError   6  the API did not answer, again and again
    │   ├── InterruptedRunError   6  a person, or the system, ended it
    │   ├── JournalUnusableError  6  the journal is locked, full or gone
    │   ├── NeedsPersonError      6  the same, by something that waiting may not help
    │   ├── RequestsRefusedError  6  the API refused row after row for one reason
    │   └── ShareLostError        6  these rows are another worker's now
    └── BatchBusyError            7  another run holds this batch
    """

    exit_code: ClassVar[ExitCode]

    def __init__(self, text: str, /, **params: object) -> None:
        super().__init__(text)
        self.text = text
        self.params = params

    @property
    def code(self) -> str:
        """The cause as logs and JSON name it, from the class: `api-unreachable`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__.removesuffix("Error")).lower()


class UsageError(RunError):
    """The command line or the configuration is wrong."""

    exit_code = ExitCode.USAGE


class SheetOptionError(UsageError):
    """An option, or the mapping file, does not fit this sheet; it may fit another."""


class WrongAddressError(UsageError):
    """The base URL leads to no API: known only when it was asked, before anything was sent."""


class InputError(RunError):
    """The input can't be read, has no heading row, or fails a guard; nothing was sent."""

    exit_code = ExitCode.INPUT


class FileSentBeforeError(InputError):
    """A file with these very bytes was sent before, as this batch or as another."""


class CustomersFileSentBeforeError(FileSentBeforeError):
    """The same where references name customers: it may be next month's file, under its own name."""


class StaleBatchNameError(InputError):
    """The batch of this name is so old that the sheet is probably another one's."""


class NotApprovedError(InputError):
    """Only a plan that a second person approved may be sent, and this is none."""


class SamePersonError(InputError):
    """Who made a plan can't be the one who approves it."""


class WrongTotalError(InputError):
    """The total that the approver typed is not the plan's: nothing is approved."""


class CredentialsError(RunError):
    """The API refused the credentials; nothing more was sent."""

    exit_code = ExitCode.CREDENTIALS


class StoppedEarlyError(RunError):
    """Stopped before the end; the same command continues where it stopped."""

    exit_code = ExitCode.STOPPED_EARLY


class ApiUnreachableError(StoppedEarlyError):
    """The API did not answer, or gave no token, as often as it was asked."""


class InterruptedRunError(StoppedEarlyError):
    """A signal ended it."""


class JournalUnusableError(StoppedEarlyError):
    """The journal's database is locked, full, damaged or gone: no other batch would fare better."""


class RequestsRefusedError(StoppedEarlyError):
    """The API refused so many rows in a row for one reason that the rest was not tried."""


class NeedsPersonError(StoppedEarlyError):
    """Stopped before the end by what waiting may not help: a certificate that is refused, a database out of reach."""


class ShareLostError(StoppedEarlyError):
    """A worker may not go on with its rows: it was silent for too long, or is about to end. Others send them."""


class BatchBusyError(RunError):
    """Another run holds this batch."""

    exit_code = ExitCode.BATCH_IS_BUSY
