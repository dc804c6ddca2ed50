"""Progress as server-sent events, for as long as the page that shows it is open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from starlette.responses import Response, StreamingResponse

EVERY: Final = 0.4
"""Seconds between two looks at a job."""


def stream(look: Callable[[], Mapping[str, object] | None], there: str) -> Response:
    """Send what `look` gives whenever it differs, until it gives None; then send the page on to the address `there`.

    `texts` are those that change, by the ids of their places; `total` and `done` are the bar's.
    """
    return StreamingResponse(_events(look, there), media_type="text/event-stream")


async def _events(look: Callable[[], Mapping[str, object] | None], there: str) -> AsyncIterator[str]:
    said = ""
    while (now := look()) is not None:
        if (told := json.dumps(now)) != said:
            yield f"data: {told}\n\n"
            said = told
        await asyncio.sleep(EVERY)
    yield f"data: {json.dumps({'go': there})}\n\n"
