"""What a task of the Dask cluster does: a worker sends its share of a run, with settings and secrets of its own.

What comes to it through the scheduler is which run, how fast and by which rules: nothing about people, and no secret.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import uuid4

import msgspec
from sqlalchemy import make_url

from pipeline import __version__
from pipeline.client.tokens import TOKEN_USES
from pipeline.commands import environment
from pipeline.commands.connectivity import api_of
from pipeline.commands.environment import Environment
from pipeline.config.settings import Settings, load
from pipeline.domain.errors import RunError, UsageError
from pipeline.journal import runs, shares
from pipeline.journal.journal import Journal, open_journal
from pipeline.sender.cancellation import CancelToken
from pipeline.sender.engine import Assignment, SendRules, Sent, send
from pipeline.sender.held_share import HeldShare


@dataclass(frozen=True, slots=True)
class Order:
    """How each worker sends a run behind position `after`: `word` says which journal's, `life` is for how many seconds
    it may be silent, `size` the rows of a range. Concurrency and rate are one worker's part of the whole.
    """

    run: int
    word: str
    life: float
    after: int
    size: int
    rules: SendRules


def check(version: str, order: bytes) -> str:
    """Why this worker can't send a run, as it is told from one program to another; empty when it can."""
    try:
        with _ready(version, order, ""):
            return ""
    except RunError as failure:
        return shares.told(failure)


def work(version: str, order: bytes) -> str:
    """Send rows of a run until none are left, or all are to stop. Returns as `check` does."""
    from distributed import Status, get_worker

    worker, owner = get_worker(), uuid4().hex
    try:
        with _ready(version, order, owner) as (told, settings, place, journal):
            ending = lambda: worker.status is not Status.running  # noqa: E731 - a name for it would say no more
            share = HeldShare(journal, told.run, owner, worker.address, told.life, ending)
            share.leave(asyncio.run(_send(share, journal, told, settings, place)).stopped)
    except RunError as failure:
        return shares.told(failure)
    return ""


@contextmanager
def _ready(version: str, order: bytes, owner: str) -> Iterator[tuple[Order, Settings, Environment, Journal]]:
    """What a worker sends with. Raises RunError where it can't: UsageError if it never will.

    The sessions of the journal have a name by which the coordinator ends what a silent worker has locked. Who has lost
    the server for as long as a worker may be silent, has lost the share.
    """
    if version != __version__:
        raise UsageError("It has version {found} of flinks-import, not {version}.", found=__version__, version=version)
    told, settings = msgspec.json.decode(order, type=Order), load({}, os.environ, None)
    place = environment.real(settings)
    names = {"application_name": shares.session_name(owner), "connect_timeout": str(max(2, int(told.life)))}
    url = make_url(place.journal).update_query_dict(names).render_as_string(hide_password=False)
    with open_journal(url, make=False) as journal:
        base_url = journal.read(shares.base_url, told.run, told.word)
        if base_url is None:
            raise UsageError("It has another journal ({found}).", found=journal.place)
        if base_url != place.base_url:
            raise UsageError("It sends to {found}, not to the API of this run.", found=place.base_url)
        yield told, settings, place, journal


async def _send(share: HeldShare, journal: Journal, order: Order, settings: Settings, place: Environment) -> Sent:
    rules = replace(order.rules, token_use=TOKEN_USES[settings.token_use])
    batch = journal.read(runs.batch_of, order.run)
    ranges = share.ranges(order.after, order.size)
    assignment = Assignment(journal, batch, order.run, ranges=ranges, share=share)
    async with api_of(replace(settings, concurrency=rules.concurrency), place) as api:
        return await send(assignment, api, rules, share.emit, CancelToken())
