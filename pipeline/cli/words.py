"""Asking what a status word means, once: before the reports are matched, and only where a person can answer."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

from schemas.reports import Meaning

if TYPE_CHECKING:
    from pipeline.cli.screen import Manner
    from pipeline.commands.reconcile import ReconcileRequest
    from pipeline.commands.status_words import Unknown

_ANSWERS: Final = {str(number): meaning for number, meaning in enumerate(Meaning, 1)}

_MEANINGS: Final = {
    Meaning.SETTLED: "reconcile.ask_settled",
    Meaning.PAID: "reconcile.ask_paid",
    Meaning.OPEN: "reconcile.ask_open",
    Meaning.ENDED: "reconcile.ask_ended",
    Meaning.FAILED: "reconcile.ask_failed",
    Meaning.RETURNED: "reconcile.ask_returned",
    Meaning.LOOK: "reconcile.ask_look",
}


def taught(request: ReconcileRequest, manner: Manner) -> ReconcileRequest:
    """The request with the mapping file that says what the reports' words mean.

    It is the one that was named, else `reports.mapping.toml` beside the first report. On a terminal each status word
    that it does not know is asked about, and the answers are kept in it. Raises what reading a report does.
    """
    from pipeline.commands.status_words import keep_words, mapping_beside, unknown_words
    from pipeline.messages import say

    path = request.mapping or mapping_beside(request.reports)
    is_there = path.exists()
    if is_there and request.mapping is None and not manner.quiet:
        click.echo(say("reconcile.mapping_found", manner.lang, path=str(path)), err=True)
    if _can_answer(manner):
        unknown = unknown_words(request.reports, path if is_there else None)
        if answers := {one.word: _ask(one, manner) for one in unknown}:
            keep_words(path, answers)
            click.echo(say("reconcile.words_kept", manner.lang, path=str(path)), err=True)
            is_there = True
    return replace(request, mapping=path) if is_there else request


def _can_answer(manner: Manner) -> bool:
    silent = manner.as_json or manner.quiet or manner.yes
    return not silent and sys.stdin.isatty() and sys.stdout.isatty()


def _ask(one: Unknown, manner: Manner) -> Meaning:
    """What a person says that the word means. Raises click's Abort when the person goes."""
    from pipeline.messages import say

    files = ", ".join(one.files)
    click.echo(say("reconcile.ask_word", manner.lang, word=one.word, count=one.lines, files=files), err=True)
    for number, meaning in _ANSWERS.items():
        click.echo(f"  {number}  {say(_MEANINGS[meaning], manner.lang)}", err=True)
    question = say("reconcile.ask_answer", manner.lang, most=len(_ANSWERS))
    while (answer := click.prompt(question, err=True).strip()) not in _ANSWERS:
        pass
    return _ANSWERS[answer]
