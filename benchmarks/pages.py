"""The local page: how long each of its pages takes with many rows, and what watching a run costs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final
from urllib.parse import quote
from uuid import uuid4

import httpx
from sqlalchemy import create_engine, text

from benchmarks.local import Size
from benchmarks.measuring import REPOSITORY
from benchmarks.sheets import Badness, write_csv
from benchmarks.table import Line

ROWS: Final = 20_000
"""Rows of the batch and of the draft, at most."""
FEW: Final = 5_000
"""Rows of the draft in which one amount is corrected, at most."""
_MOST: Final = 0.3
"""Seconds that a page may take."""
_MOST_CPU: Final = 0.1
"""Seconds of CPU that a correction may take."""
_OPEN: Final = 3
"""Progress pages that are open while a run is measured."""
SERVER: Final = os.environ.get("FLINKS_BENCH_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/")
"""Where a database is created for the measurement and dropped after it; left out where no server answers."""


def pages(size: Size, folder: Path) -> Iterator[Line]:
    """Every page with a batch of 20,000 sent rows and a draft of as many, in SQLite and in PostgreSQL."""
    yield from _of_journal("SQLite", None, size, folder / "sqlite")
    with _database() as journal:
        if journal:
            yield from _of_journal("PostgreSQL", journal, size, folder / "postgresql")
    yield from _watched(size, folder / "watched")


def _of_journal(name: str, journal: str | None, size: Size, folder: Path) -> Iterator[Line]:
    folder.mkdir()
    count = min(size.rows, ROWS)
    sent = write_csv(folder / "sent.csv", count)
    drafted = write_csv(folder / "drafted.csv", count, Badness.SOME)
    drafted.write_text(drafted.read_text("utf-8").replace("INV-", "NEXT-").replace("payor", "client"), "utf-8")
    few = write_csv(folder / "few.csv", min(size.rows, FEW))
    with _serving(folder, journal) as site:
        batch = f"batches/{quote(site.send(sent))}"
        for path in (f"{batch}/sending", "", batch, f"{batch}/rows/{count // 2}", f"{batch}/paid", f"{batch}/unknown"):
            yield site.timed(name, _called(path), path, size.times)
        for what, query in (("paid, waiting", "?state=waiting"), ("paid, last page", f"?page={count // 50}")):
            yield site.timed(name, what, f"{batch}/paid{query}", size.times)
        site.post(f"{batch}/paid", {"q": "Gagnon"})
        yield site.timed(name, "paid, with a search", f"{batch}/paid", size.times)
        draft = site.draft(drafted)
        for step in ("sheet", "columns", "check", "fix", "repeats", "changes", "summary"):
            yield site.timed(name, f"draft: {step}", f"{draft}/{step}", size.times)
        plan = site.planned(draft)
        yield site.timed(name, "plan", plan, size.times)
        yield site.timed(name, "purge", "purge", size.times)
        draft = site.draft(few)
        costs = []
        for at in range(size.times * 3):
            before, _ = (
                site.cpu(),
                site.post(f"{draft}/correct", {"row": "9", "cell-5": f"{20 + at}.00"}, fragment=True),
            )
            costs.append(site.cpu() - before)
        what = f"{name}: correcting an amount, {min(size.rows, FEW):,} rows"
        yield Line("pages", what, "100 ms of CPU", median(costs), _MOST_CPU, "s CPU", target=1.0)


def _called(path: str) -> str:
    """What the table calls a page of a batch."""
    parts = path.split("/")[2:]
    return {0: "batch" if path else "home", 1: "".join(parts).replace("sending", "done")}.get(len(parts), "row")


def _watched(size: Size, folder: Path) -> Iterator[Line]:
    """Rows a second of a run that nobody watches, against one that three open pages show."""
    folder.mkdir()
    rates: dict[int, list[float]] = {0: [], _OPEN: []}
    for turn in range(size.times):
        for count, found in rates.items():
            place = folder / f"{turn}-{count}"
            place.mkdir()
            sheet = write_csv(place / "sheet.csv", min(size.rows, FEW))
            with _serving(place, None) as site, ExitStack() as stack:
                found.append(site.rate(sheet, partial(_watch, stack, site, count)))
    what = f"rows a second, {_OPEN} progress pages open"
    yield Line("pages", what, "none open", median(rates[_OPEN]), median(rates[0]), "rows/s", "high", target=0.97)


def _watch(stack: ExitStack, site: _Site, count: int, path: str) -> None:
    """Read so many streams of progress until they end."""
    for _ in range(count):
        thread = threading.Thread(target=site.follow, args=(path,))
        thread.start()
        stack.callback(thread.join)


@dataclass
class _Site:
    """A page that runs, and a browser's cookie for it."""

    client: httpx.Client
    pid: int

    def timed(self, journal: str, what: str, path: str, times: int) -> Line:
        """What a page costs: seconds of CPU where the page's process does all of it, else the fewest that it took."""
        seconds, asked = [], times * 3
        self._shown(path)
        before = self.cpu()
        for _ in range(asked):
            began = time.perf_counter()
            self._shown(path)
            seconds.append(time.perf_counter() - began)
        cpu = (self.cpu() - before) / asked
        cost, unit = (cpu, "s CPU") if journal == "SQLite" else (min(seconds), "s")
        return Line("pages", f"{journal}: {what}", "300 ms", cost, _MOST, unit, target=1.0)

    def _shown(self, path: str) -> None:
        answer = self.client.get(f"/practice/{path}")
        assert answer.status_code == httpx.codes.OK, (path, answer.status_code, answer.text[:500])

    def get(self, path: str) -> str:
        """A page, wherever it leads."""
        return self.client.get(f"/practice/{path}", follow_redirects=True).text

    def post(self, path: str, form: Mapping[str, str], *, fragment: bool = False) -> httpx.Response:
        """Send a form with its token; the response leads on."""
        token = re.search(r'name="token" value="([^"]+)"', self.get("purge"))
        assert token is not None
        headers = {"x-fragment": "yes"} if fragment else {}
        return self._sent(path, data={"token": token[1], **form}, headers=headers)

    def _sent(self, path: str, **content: object) -> httpx.Response:
        answer = self.client.post(f"/practice/{path}", **content)  # type: ignore[arg-type]
        assert answer.status_code in {httpx.codes.OK, httpx.codes.SEE_OTHER}, (path, answer.text[:2000])
        return answer

    def draft(self, sheet: Path) -> str:
        """Drop a sheet and have it checked; the path of its draft."""
        token = re.search(r'name="token" value="([^"]+)"', self.get("purge"))
        assert token is not None
        with sheet.open("rb") as file:
            dropped = self._sent("new", data={"token": token[1]}, files={"sheet": (sheet.name, file)})
        draft = dropped.headers["location"].removeprefix("/practice/").removesuffix("/sheet")
        self.post(f"{draft}/sheet", {"batch": f"{sheet.stem}-2026-11", "hidden": "skip"})
        return str(draft)

    def planned(self, draft: str) -> str:
        """Ask for approval; the path of the plan."""
        answer = self.post(f"{draft}/plan", {"digest": self._digest(draft)})
        return str(answer.headers["location"]).removeprefix("/practice/")

    def send(self, sheet: Path) -> str:
        """Send a sheet; the name of its batch, once all is sent."""
        self.rate(sheet, lambda _path: None)
        return f"{sheet.stem}-2026-11"

    def rate(self, sheet: Path, begun: Callable[[str], None]) -> float:
        """Send a sheet; its rows a second from the first to the last, as its own progress counts them."""
        draft = self.draft(sheet)
        batch = f"batches/{quote(f'{sheet.stem}-2026-11')}"
        self.post(f"{draft}/send", {"digest": self._digest(draft)})
        begun(f"{batch}/progress")
        first = last = (0.0, 0)
        while "data-progress" in (page := self.get(f"{batch}/sending")):
            done = re.search(r'value="(\d+)"></progress>', page)
            if done is not None and int(done[1]):
                last = (time.perf_counter(), int(done[1]))
                first = first if first[1] else last
            time.sleep(0.5)
        return (last[1] - first[1]) / (last[0] - first[0]) if last[0] > first[0] else 0.0

    def _digest(self, draft: str) -> str:
        found = re.search(r'name="digest" value="([^"]+)"', self.get(f"{draft}/summary"))
        assert found is not None
        return found[1]

    def follow(self, path: str) -> None:
        """Read a stream of progress as an open page does, until it ends."""
        with self.client.stream("GET", f"/practice/{path}", timeout=None) as stream:
            for _ in stream.iter_raw():
                pass

    def cpu(self) -> float:
        """Seconds of CPU that the page has used so far."""
        spent = Path(f"/proc/{self.pid}/stat").read_text("utf-8").rpartition(") ")[2].split()
        return (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _serving(folder: Path, journal: str | None) -> Iterator[_Site]:
    """The page in a process of its own, far from anybody's settings."""
    line = [sys.executable, "-m", "pipeline", "web", "--no-open", "--sandbox"]
    if journal:
        line += ["--journal", journal]
    places = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "PYTHONPATH": str(REPOSITORY)}
    ours = {name: value for name, value in os.environ.items() if not name.startswith("FLINKS_")} | places
    with subprocess.Popen(line, cwd=folder, env=ours, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        origin, _, key = process.stdout.readline().strip().partition("/#")
        try:
            with httpx.Client(base_url=origin, headers={"origin": origin}, timeout=600) as client:
                client.post("/enter", data={"key": key})
                yield _Site(client, process.pid)
        finally:
            process.terminate()
            process.wait()


@contextmanager
def _database() -> Iterator[str]:
    """A new database with a journal; "" where no server answers."""
    engine = create_engine(SERVER.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    name = f"bench_{uuid4().hex[:12]}"
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except OSError:
        yield ""
        return
    try:
        place = f"{SERVER.rpartition('/')[0]}/{name}"
        subprocess.run([sys.executable, "-m", "pipeline", "journal", "create", place], check=True)  # noqa: S603
        yield place
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()
