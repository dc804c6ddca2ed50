"""The set-up: the settings that a person needs, and the checks of `doctor`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from pipeline.commands import doctor, setup
from pipeline.commands.doctor import Check, CheckState
from pipeline.commands.setup import CREATE_JOURNAL, FIELDS, PASSWORD, Setup, Wanted
from pipeline.config.passwords import without_password
from pipeline.config.settings import default_journal
from pipeline.domain.errors import RunError
from pipeline.messages import Message, explain
from pipeline.web.routes import Pages
from pipeline.web.visit import Visit

pages: Final = Pages()

_FIXED_BY: Final = {
    "base_url": "base_url",
    "dns": "base_url",
    "tls": "base_url",
    "api": "base_url",
    "credentials": "username",
    "journal": "journal",
}
"""The field of the set-up that most likely fixes a check."""


@pages.get("setup")
def show(visit: Visit) -> Response:
    """The settings as they are, and where each comes from."""
    try:
        now = setup.look(visit.site.resolved())
    except RunError as failure:
        return visit.page("setup.html", setup=None, told=explain(failure, visit.lang))
    return _form(visit, now)


@pages.post("setup")
def keep(visit: Visit) -> Response:
    """Keep what was typed, and check it; with a mistake, say which, and keep nothing."""
    try:
        now = setup.look(visit.site.resolved())
    except RunError as failure:
        return visit.page("setup.html", 409, setup=None, told=explain(failure, visit.lang))
    texts = {name: visit.text(name) for name in FIELDS if name in visit.form}
    wanted = Wanted(texts, visit.text(PASSWORD), create_journal=bool(visit.text(CREATE_JOURNAL)))
    try:
        mistakes = setup.change(now, wanted, visit.lang)
    except RunError as failure:
        return _form(visit, now, texts, told=explain(failure, visit.lang))
    if mistakes:
        return _form(visit, now, texts, mistakes)
    if texts.get("lang") in {"en", "fr"}:
        visit.session.lang = "fr" if texts["lang"] == "fr" else "en"
    return visit.go("setup/checks", kept="yes")


@pages.get("setup/checks")
def checks(visit: Visit) -> Response:
    """Every check of `doctor`: what is right, or how to fix it."""
    found = list(doctor.examine(visit.site.resolved, os.environ))
    wrong = sum(check.state is CheckState.FAIL for check in found)
    return visit.page(
        "checks.html",
        checks=[_shown(visit, check) for check in found],
        wrong=wrong,
        kept=visit.request.query_params.get("kept") == "yes",
    )


def _shown(visit: Visit, check: Check) -> Mapping[str, str]:
    return {
        "name": visit.say(doctor.NAMES[check.name]),
        "state": visit.say(doctor.STATES[check.state]),
        "kind": {"pass": "good", "note": "warn", "fail": "bad", "skip": ""}[check.state],
        "told": check.told(visit.lang),
        "field": _FIXED_BY.get(check.name, "") if check.state is CheckState.FAIL else "",
    }


def _form(
    visit: Visit,
    now: Setup,
    typed: Mapping[str, str] | None = None,
    mistakes: Mapping[str, Message] | None = None,
    told: str = "",
) -> Response:
    """The form; what was typed stays in it, but for a password and an address that holds one."""
    texts = {name: one.value for name, one in now.fields.items()} | dict(typed or {})
    texts["journal"] = without_password(texts["journal"])
    return visit.page(
        "setup.html",
        setup=now,
        texts=texts,
        mistakes={name: message.in_language(visit.lang) for name, message in (mistakes or {}).items()},
        told=told,
        default_journal=default_journal(now.settings.base_url),
        origins={name: one.origin.in_language(visit.lang) for name, one in now.fields.items()},
    )
