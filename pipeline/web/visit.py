"""One request of a person who is let in: what they ask for, where, in which language; and how a page answers it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment as Templates
from jinja2 import PackageLoader, StrictUndefined, select_autoescape
from starlette.background import BackgroundTask
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from pipeline.config.settings import SANDBOX, Resolved, Settings, environment_name, resolve
from pipeline.domain.errors import RunError, UsageError
from pipeline.domain.events import Event
from pipeline.domain.model import Status
from pipeline.messages import Message, Plural, explain, translate
from pipeline.report.formatting import fault_for_people, format_day, format_moment, written_by_people
from pipeline.web.access import Session
from pipeline.web.jobs import Job, Jobs
from schemas.faults import NO_COLUMNS, Fault
from schemas.languages import Lang
from schemas.money import format_amount, format_number
from schemas.workbook_names import word

PRACTICE: Final = "practice"
REAL: Final = "real"
"""The two places of every page, as its address names them."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was said on the command line: settings by name, their file and its profile, and practice alone."""

    settings: Mapping[str, object] = field(default_factory=dict)
    config: Path | None = None
    profile: str | None = None
    practice_only: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """What all pages share. `folder` is private: uploaded sheets and what comes of them."""

    options: Options
    folder: Path
    jobs: Jobs
    report_fault: Callable[[BaseException], Message]
    lang: Lang = "en"
    checked_by: dict[tuple[str, int], Settings] = field(default_factory=dict, repr=False)
    """The settings by which a draft of a place was checked last, as far as this process knows."""
    sandbox: str = ""
    """Where the built-in sandbox answers."""

    def settings(self) -> Settings:
        """The settings as they are now. Raises UsageError."""
        return self.resolved().settings

    def resolved(self) -> Resolved:
        """The same, with where each came from. Raises UsageError."""
        return resolve(self.options.settings, os.environ, self.options.config, self.options.profile)

    def is_set_up(self) -> bool:
        """Whether real requests could be sent: an address is set."""
        try:
            return bool(self.settings().base_url)
        except UsageError:
            return False


@dataclass(frozen=True)
class Visit:
    """A request, its session and its place. `form` is empty but for a POST."""

    request: Request
    site: Site
    session: Session
    place: str
    form: FormData

    @property
    def lang(self) -> Lang:
        """The language of the session."""
        return self.session.lang

    @property
    def in_sandbox(self) -> bool:
        """Whether this is practice."""
        return self.place == PRACTICE

    @cached_property
    def settings(self) -> Settings:
        """The settings, read once for the request."""
        return self.site.settings()

    @property
    def environment(self) -> str:
        """The environment of this place, as the journal names it."""
        return environment_name(self.settings, in_sandbox=self.in_sandbox)

    @property
    def account(self) -> str:
        """What the banner says of where the money goes; nothing when no settings say it, or they can't be read."""
        try:
            return self.environment
        except UsageError:
            return ""

    def called(self, environment: str) -> str:
        """What the pages call an environment."""
        return self.say("practice: no money moves") if environment == SANDBOX else environment

    def text(self, name: str) -> str:
        """A field of the form, or "" where it is not there."""
        value = self.form.get(name, "")
        return value if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """A field of the form that may come several times."""
        return [value for value in self.form.getlist(name) if isinstance(value, str)]

    @property
    def page_number(self) -> int:
        """Which page of a list the address asks for, from 1."""
        return max(1, whole_number(self.request.query_params.get("page", "")))

    def address(self, path: str = "", **query: object) -> str:
        """The address of a page of this place; what stands in `path` is quoted."""
        given = {name: str(value) for name, value in query.items() if value not in {None, ""}}
        return f"/{self.place}/{quote(path)}" + (f"?{urlencode(given)}" if given else "")

    def say(self, text: str | Plural, **params: object) -> str:
        """A sentence in the session's language."""
        return _spaced(translate(text, self.lang, **params), self.lang)

    def say_status(self, status: Status) -> str:
        """The word of a row's status."""
        return word(status, self.lang)

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """A page made from a template."""
        return HTMLResponse(rendered(template, self, **values), status)

    def money(self, amount: Decimal) -> str:
        """An amount as people of the session's language write it."""
        return format_amount(amount, self.lang)

    def day(self, when: datetime | date | None) -> str:
        """A day in local time, as people of the session's language write it."""
        if when is None:
            return ""
        return format_day(when.astimezone() if isinstance(when, datetime) else when, self.lang)

    def moment(self, when: datetime | None) -> str:
        """A day with its time, the same."""
        return "" if when is None else format_moment(when.astimezone(), self.lang)

    def written(self, text: str) -> str:
        """A day or a moment of a file or the journal, the same; another text as it is."""
        return written_by_people(text, self.lang)

    def fault(self, fault: Fault, columns: Mapping[str, str] = NO_COLUMNS) -> str:
        """What is wrong with a cell or a row; `columns` are what the sheet's columns are called."""
        return _spaced(fault_for_people(fault, self.lang, columns), self.lang)

    @property
    def wants_fragment(self) -> bool:
        """Whether a script of the page asks, which shows the part that changed."""
        return self.request.headers.get("x-fragment") == "yes"

    def download(self, make: Callable[[Path], Path]) -> Response:
        """A file that is made in a private folder for this answer alone."""
        folder = Path(mkdtemp(dir=self.site.folder))
        try:
            path = make(folder)
        except BaseException:
            rmtree(folder, ignore_errors=True)
            raise
        return FileResponse(path, filename=path.name, background=BackgroundTask(rmtree, folder, ignore_errors=True))

    def say_why(self, job: Job) -> str:
        """Why a job has no result; "" for one that has."""
        if job.failure is not None:
            return explain(job.failure, self.lang)
        return job.fault.in_language(self.lang) if job.fault is not None else ""

    def failed(self, told: RunError | Message, status: int = 409) -> Response:
        """The page for what can't go on: one sentence, and the way back."""
        text = explain(told, self.lang) if isinstance(told, RunError) else told.in_language(self.lang)
        return self.page("failed.html", status, told=_spaced(text, self.lang), to_setup=self.say("Set-up") in text)

    def go(self, path: str = "", **query: object) -> Response:
        """Go on to another page of this place: what was posted is not posted again."""
        return RedirectResponse(self.address(path, **query), status_code=303)


def whole_number(text: str) -> int:
    """The number that somebody sent; 0 for what is none, and for one longer than any that a page has."""
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else 0


_DIGITS: Final = 9


def ignore(_event: Event) -> None:
    """What happens in a command that ends before its page is shown is told by its result."""


# ---------------------------------------------------------------------------------------------------------------
# Templates


_templates: Final = Templates(
    loader=PackageLoader("pipeline.web"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def language_of(request: Request, site: Site) -> Lang:
    """The language of somebody who comes in: as the settings say, else the browser's, else the system's."""
    with suppress(UsageError):
        if chosen := site.settings().lang:
            return "fr" if chosen == "fr" else "en"
    wanted = request.headers.get("accept-language", "").casefold()
    return "fr" if wanted.startswith("fr") else "en" if wanted.startswith("en") else site.lang


def entrance(lang: Lang, *, refused: bool, was_here: bool) -> str:
    """The only page for who is not let in: it takes the key from the address, and shows nothing of anybody's."""
    return _plain("entrance.html", lang, refused=refused, was_here=was_here)


def lost(lang: Lang, title: str, told: str) -> str:
    """The page in place of one that is not there, or can't be shown: with the way to the first page."""
    return _plain("lost.html", lang, title=translate(title, lang), told=translate(told, lang))


def _plain(template: str, lang: Lang, **values: object) -> str:
    def say(text: str, **params: object) -> str:
        return translate(text, lang, **params)

    return _templates.get_template(template).render(t=say, lang=lang, **values)


def rendered(template: str, visit: Visit, **values: object) -> str:
    """A template in the language of the visit: with `t` and `tn` for sentences, and filters for what people read."""
    lang = visit.lang
    says: dict[str, Any] = {
        "t": visit.say,
        "tn": lambda one, many, **params: visit.say(Plural(one, many), **params),
        "money": lambda amount: _money(amount, lang),
        "number": lambda count: format_number(count, lang),
        "day": visit.day,
        "moment": visit.moment,
        "status_word": lambda status: word(Status(status), lang),
        "fault_sentence": visit.fault,
    }
    return _templates.get_template(template).render(
        visit=visit,
        lang=lang,
        place=visit.place,
        address=visit.address,
        practice=visit.in_sandbox,
        token=visit.session.form_token,
        **says,
        **values,
    )


def _money(amount: Decimal | None, lang: Lang) -> str:
    return "-" if amount is None else format_amount(amount, lang)


def _spaced(text: str, lang: Lang) -> str:
    """A sentence whose French punctuation stays on the line of its word, as only a page can break it."""
    return _FRENCH_SPACE.sub("\N{NO-BREAK SPACE}", text) if lang == "fr" else text


_FRENCH_SPACE: Final = re.compile(r" (?=[:;?!»])|(?<=«) ")
