"""What the endpoints read from outside themselves: the time, the fields of a form, a browser's language."""

import re
from datetime import date, datetime, time
from urllib.parse import parse_qsl

from starlette.requests import Request

from pipeline.sandbox.session import Language


def local_now() -> datetime:
    """Now, in the machine's time zone: the days of the reports are the days of the person who plays."""
    return datetime.now().astimezone()


def midnight(day: date) -> datetime:
    """The first moment of a day in the machine's time zone. Raises OverflowError at the ends of the calendar."""
    return datetime.combine(day, time()).astimezone()


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form-encoded body; empty when it is something else."""
    if not request.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        return {}
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


_ACCEPTED = re.compile(r"(?:^|,)\s*(en|fr)\b[^,;]*(?:;\s*q=([01](?:\.\d{0,3})?))?", re.IGNORECASE)


def language_of(request: Request, ours: Language) -> Language:
    """French for a browser that prefers it to English; otherwise `ours`."""
    accepted = _ACCEPTED.finditer(request.headers.get("accept-language", ""))
    best = max(accepted, key=lambda language: float(language[2] or 1), default=None)
    return "FR" if best is not None and best[1].lower() == "fr" else ours
