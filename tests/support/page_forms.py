"""The local page without a browser: what its forms send, and the text of what they answer."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from support.local_page import PATIENCE, Serving

_TOKEN: Final = re.compile(r'name="token" value="([^"]+)"')


class Visitor:
    """Somebody who was let in. `status` and `path` are of the last answer, `page` is its HTML."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.status = 0
        self.path = ""
        self.page = ""

    def get(self, path: str, place: str = "practice") -> str:
        """The text of a page, without its markup."""
        return self._seen(self._client.get(f"/{place}/{path}"))

    def post(self, path: str, fields: dict[str, str | list[str]], place: str = "practice") -> str:
        """Send a form with the token of the page that was seen last; the text of the page that it leads to."""
        return self._seen(self._client.post(f"/{place}/{path}", data={"token": self._token(), **fields}))

    def upload(self, path: str, name: str, file: Path) -> str:
        """Send a file with a form; the text of the page that it leads to."""
        files = {name: (file.name, file.read_bytes())}
        return self._seen(self._client.post(f"/practice/{path}", data={"token": self._token()}, files=files))

    def download(self, path: str) -> bytes:
        """The bytes of a file."""
        return self._client.get(f"/practice/{path}").raise_for_status().content

    def drop(self, path: Path) -> int:
        """Drop a sheet; the number of its draft."""
        self.get("new")
        self.upload("new", "sheet", path)
        found = re.search(r"/drafts/(\d+)/sheet$", self.path)
        assert found, self.text
        return int(found[1])

    def named(self, path: Path, batch: str) -> int:
        """Drop a sheet and name its batch; the number of its draft, which is checked."""
        draft = self.drop(path)
        self.post(f"drafts/{draft}/sheet", {"batch": batch})
        assert self.path.endswith("/check"), self.text
        return draft

    @property
    def text(self) -> str:
        """The words of the last page, in one line."""
        main = self.page.partition("<main")[2].partition("</main>")[0]
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", f"<{main}")).split())

    def value(self, name: str) -> str:
        """The value of a field of the last page."""
        found = re.search(rf'name="{re.escape(name)}" value="([^"]*)"', self.page)
        assert found, self.text
        return html.unescape(found[1])

    def send(self, draft: int) -> str:
        """Send a draft as its summary shows it, and wait for the end; the text of the page Done."""
        self.get(f"drafts/{draft}/summary")
        self.post(f"drafts/{draft}/send", {"digest": self.value("digest")})
        batch = self.path
        assert batch.endswith("/sending"), self.text
        for _ in range(int(PATIENCE * 10)):
            if "What became of the rows" in self.text:
                return self.text
            self._seen(self._client.get(batch))
        raise AssertionError(self.text)

    def _token(self) -> str:
        found = _TOKEN.search(self.page)
        assert found, self.page
        return found[1]

    def _seen(self, response: httpx.Response) -> str:
        self.status, self.page, self.path = response.status_code, response.text, response.url.path
        assert self.status in {200, 409, 422}, (self.status, self.path, self.page)
        return self.text


@contextmanager
def visiting(serving: Serving) -> Iterator[Visitor]:
    """Come in by the one-use address."""
    key = serving.address.partition("#")[2]
    with httpx.Client(base_url=serving.origin, headers={"origin": serving.origin}, follow_redirects=True) as client:
        client.timeout = PATIENCE
        client.post("/enter", data={"key": key})
        visitor = Visitor(client)
        visitor.get("")
        yield visitor
