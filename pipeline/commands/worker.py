"""What a task of the Dask cluster does: a worker sends one share of a run, with settings and secrets of its own.

What comes to it through the scheduler is which share, how fast and by which rules: nothing about people, and no secret.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

import msgspec
from sqlalchemy import make_url

from pipeline import __version__
from pipeline.client.tokens import TOKEN_USES
from pipeline.commands import environment
from pipeline.commands.connectivity import api_of
from pipeline.commands.environment import Environment
from pipeline.config.settings import Settings, load
from pipeline.domain.attempt_rules import Permissions
from pipeline.domain.errors import RunError, ShareLostError
from pipeline.journal import runs, shares
from pipeline.journal.attempts import RepeatSearch
from pipeline.journal.journal import Journal, open_journal
from pipeline.messages import explain
from pipeline.sender.cancellation import CancelToken
from pipeline.sender.engine import Assignment, SendRules, Sent, send
from pipeline.sender.held_share import HeldShare, now

DONE = "done"
LEFT = "left"
"""Answers of `work`: all rows of the share were sent; they were not, and the journal says what became of them."""
CUT_OFF = "cut-off"
"""The worker can't use the journal."""
OTHER_VERSION = "version"
OTHER_ENVIRONMENT = "environment"
OTHER_JOURNAL = "journal"
UNSET = "settings"
"""Why a worker refuses: its program, its base URL, its journal are others, or a setting is wrong or missing."""


@dataclass(frozen=True, slots=True)
class Order:
    """How the workers send a run: `word` says which journal's, `life` is a claim's in seconds.

    `concurrency` and `rate` are one worker's part of the whole.
    """

    run: int
    word: str
    life: float
    concurrency: int
    rate: float | None
    max_failures: int
    until: datetime | None
    permissions: Permissions
    search: RepeatSearch


class _UnfitError(Exception):
    """This worker can't send the run: one of the words above, and what it has instead."""

    def __init__(self, why: str, found: str) -> None:
        super().__init__(why)
        self.why = why
        self.found = found


Answer = tuple[str, str, str]
"""One of the words above, what is to be said of it, and the worker's address."""


def check(version: str, order: bytes) -> Answer:
    """Why this worker can't send a run; an empty word when it can."""
    from distributed import get_worker

    address = get_worker().address
    try:
        told, _, place = _read(version, order)
        with _journal(told, place, "") as journal:
            _compare(journal, told, place)
    except _UnfitError as unfit:
        return unfit.why, unfit.found, address
    except RunError as failure:
        return CUT_OFF, explain(failure), address
    return "", "", address


def work(version: str, order: bytes, share: int) -> Answer:
    """Send a share of a run, unless it is another's."""
    from distributed import Status, get_worker

    worker, owner = get_worker(), uuid4().hex
    try:
        told, settings, place = _read(version, order)
        with _journal(told, place, owner) as journal:
            _compare(journal, told, place)
            claimed_at = now()
            claimed = journal.write(shares.claim, share, owner, worker.address)
            if claimed is None:
                return LEFT, "", worker.address
            ending = lambda: worker.status is not Status.running  # noqa: E731 - a name for it would say no more
            held = HeldShare(journal, claimed, told.life, claimed_at, ending)
            sent = asyncio.run(_send(held, journal, told, settings, place))
            return _leave(held, journal, sent), "", worker.address
    except _UnfitError as unfit:
        return unfit.why, unfit.found, worker.address
    except RunError as failure:
        return CUT_OFF, explain(failure), worker.address


def _read(version: str, order: bytes) -> tuple[Order, Settings, Environment]:
    if version != __version__:
        raise _UnfitError(OTHER_VERSION, __version__)
    try:
        settings = load({}, os.environ, None)
        return msgspec.json.decode(order, type=Order), settings, environment.real(settings)
    except RunError as failure:
        raise _UnfitError(UNSET, explain(failure)) from None


def _journal(order: Order, place: Environment, owner: str) -> AbstractContextManager[Journal]:
    """The journal, in sessions by whose name the coordinator ends what a silent worker has locked. Who has lost the
    server for as long as a claim lives, has lost the claim.
    """
    patience = str(max(2, int(order.life)))
    names = {"application_name": shares.session_name(owner), "connect_timeout": patience}
    url = make_url(place.journal).update_query_dict(names)
    return open_journal(url.render_as_string(hide_password=False), make=False)


def _compare(journal: Journal, order: Order, place: Environment) -> None:
    base_url = journal.read(shares.base_url, order.run, order.word)
    if base_url is None:
        raise _UnfitError(OTHER_JOURNAL, journal.place)
    if base_url != place.base_url:
        raise _UnfitError(OTHER_ENVIRONMENT, place.base_url)


async def _send(held: HeldShare, journal: Journal, order: Order, settings: Settings, place: Environment) -> Sent:
    rules = SendRules(
        concurrency=order.concurrency,
        rate=order.rate,
        max_failures=order.max_failures,
        until=order.until,
        token_use=TOKEN_USES[settings.token_use],
        permissions=order.permissions,
        search=order.search,
    )
    claimed = held.claimed
    batch = journal.read(runs.batch_of, claimed.run)
    assignment = Assignment(journal, batch, claimed.run, claimed.after, before=claimed.before, share=held)
    async with api_of(replace(settings, concurrency=order.concurrency), place) as api:
        return await send(assignment, api, rules, held.emit, CancelToken())


def _leave(held: HeldShare, journal: Journal, sent: Sent) -> str:
    """Give the share up, and have all stop where this worker stopped for a reason that is theirs too."""
    reason = sent.stopped
    if reason is not None and not isinstance(reason, ShareLostError) and not held.told_to_stop:
        if not held.may_leave():
            return CUT_OFF  # it can't have been heard of: what it stopped for is its own trouble
        journal.write(shares.ask_to_stop, held.claimed.run, reason)
    journal.write(shares.leave, held.claimed, held.counts, done=reason is None)
    return DONE if reason is None else LEFT
