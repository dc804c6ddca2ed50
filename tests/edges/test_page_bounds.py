"""How much the local page takes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from pipeline.messages import Message
from pipeline.web.access import Access
from pipeline.web.application import application
from pipeline.web.jobs import Jobs
from pipeline.web.visit import Options, Site


def test_what_is_too_large_is_told(tmp_path: Path) -> None:
    """After all of it was read: a browser that can't send everything shows no answer."""
    status, read, text = asyncio.run(send_too_much(tmp_path))
    assert (status, read) == (413, 4000)
    assert "That file is too large" in text


async def send_too_much(folder: Path) -> tuple[int, int, str]:
    """Send 4,000 bytes where 1,000 are allowed; the status, the bytes that were taken, and the page."""

    def report_fault(error: BaseException) -> Message:
        raise error

    site = Site(Options(practice_only=True), folder, Jobs(report_fault), report_fault)
    access = Access(80)
    cookies = {access.cookie: access.enter(access.new_key(), "en") or ""}
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(40):
            read += 100
            yield b"x" * 100

    transport = httpx.ASGITransport(application(site, access, most=1000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:80", cookies=cookies) as client:
        headers = {"host": "127.0.0.1:80", "origin": "http://127.0.0.1:80"}
        headers["content-type"] = "application/x-www-form-urlencoded"
        answer = await client.post("/practice/new", content=body(), headers=headers)
    return answer.status_code, read, answer.text
