"""Plays a whole month against the built-in sandbox: import, payors who accept or decline, status, reconciliation.

`make demo` runs it. Every command is shown as a person would type it, with what it prints; the payors are played by
posting the forms of the hosted page, as a browser would. One payment is refunded the next day, which only the reports
tell: the sandbox gives tomorrow's today. It ends with the reconciliation, open on the screen where there is one.
Everything stays in `out/demo/`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import httpx

HERE = Path(__file__).parent
DESK = HERE.parent / "out" / "demo"
PROGRAM = (sys.executable, "-m", "pipeline")
BATCH = "billing-2026-11"


@contextmanager
def sandbox() -> Iterator[str]:
    """The sandbox in a process of its own, as `flinks-import sandbox` serves it; gives its address."""
    store, port = DESK / "sandbox.jsonl", "0"
    command = [*PROGRAM, "sandbox", "--port", port, "--store", str(store), "--settle-after", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def say(text: str) -> None:
    """Tell what happens next."""
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def type_command(base_url: str, *words: str) -> None:
    """Show a command and run it. The sample has wrong rows on purpose: 1 is a good end."""
    print(f"$ flinks-import {' '.join(words)}", flush=True)
    ours = {
        "FLINKS_BASE_URL": base_url,
        "FLINKS_USERNAME": "sandbox",
        "FLINKS_PASSWORD": "sandbox",
        "FLINKS_IMPORT_JOURNAL": str(DESK / "journal.sqlite"),
    }
    done = subprocess.run([*PROGRAM, *words], cwd=DESK, env=os.environ | ours, check=False)
    if done.returncode not in {0, 1}:
        sys.exit(done.returncode)


def play_payors(base_url: str) -> str:
    """Of every five payors three accept, one declines, and one does nothing; says which payment will be refunded."""
    sessions = httpx.get(f"{base_url}/sandbox/sessions").json()["sessions"]
    sessions.sort(key=lambda session: session["referenceId"] or "")  # they were created side by side
    counts = {"accepted": 0, "declined": 0}
    returned = sessions[1]
    for number, session in enumerate(sessions):
        decision = ("accepted", "accepted", "declined", "accepted", "")[number % 5]
        if decision:
            form = {"sessionId": session["sessionId"], "decision": decision}
            if session is returned:
                form["course"] = "Returned"
            answer = httpx.post(f"{base_url}/app/", data=form, follow_redirects=True)
            counts[decision] += answer.is_success
    print(f"{counts['accepted']} payors accepted, {counts['declined']} declined, the others did nothing yet")
    payor = returned["payor"]
    name = f"{payor['firstName']} {payor['lastName']} ({returned['referenceId']})"
    return f"{returned['amount']:,.2f} is refunded to {name}"


def fetch_reports(base_url: str) -> list[str]:
    """The sandbox's two reports of today and tomorrow's settlement, as files."""
    today = date.today()  # noqa: DTZ011 - the sandbox's days are this machine's
    names = []
    for kind, day in (("settlement", today), ("processing", today), ("settlement", today + timedelta(days=1))):
        report = httpx.get(f"{base_url}/sandbox/reports/{kind}.csv", params={"date": day.isoformat()})
        path = DESK / f"{kind}-{day}.csv"
        path.write_bytes(report.content)
        names.append(path.name)
    return names


def open_on_screen(path: Path) -> None:
    """Open the workbook where there is a screen, and say where it is in any case."""
    opener = {"darwin": "open", "win32": "explorer"}.get(sys.platform, "xdg-open")
    has_screen = sys.platform in {"darwin", "win32"} or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    if has_screen and shutil.which(opener):
        subprocess.run([opener, str(path)], check=False)
    print(f"\nThe reconciliation is in {path}")


def main() -> None:
    """Play the month."""
    shutil.rmtree(DESK, ignore_errors=True)
    DESK.mkdir(parents=True)
    sheet = shutil.copy(HERE / f"{BATCH}.xlsx", DESK)
    with sandbox() as base_url:
        say("0. The journal is made, once, since its place is named.")
        type_command(base_url, "journal", "create", "journal.sqlite")
        say("1. The month's sheet is sent.")
        type_command(base_url, "run", Path(sheet).name, "--yes")
        say("2. The payors open their links.")
        returned = play_payors(base_url)
        say("3. The API is asked who has paid.")
        type_command(base_url, "status", BATCH)
        say(f"4. The daily reports of two days come: on the second, {returned}.")
        reports = fetch_reports(base_url)
        type_command(base_url, "reconcile", BATCH, *reports, "-o", "reconciliation.xlsx")
    open_on_screen(DESK / "reconciliation.xlsx")


if __name__ == "__main__":
    main()
