"""The way to the API: its client, and step by step as `doctor` walks it: proxy, name, certificate, clock."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Final, Literal
from urllib.parse import urlsplit

import httpx

from pipeline.client.api import Api, Credentials
from pipeline.client.transport import (
    AtMostOnceTransport,
    MaybeSent,
    NotSent,
    Timeouts,
    connect_request,
    proxies_named,
    system_trust,
)
from pipeline.commands.environment import Environment
from pipeline.config.passwords import without_password
from pipeline.config.settings import Settings
from pipeline.domain.errors import UsageError
from pipeline.domain.responses import NotSentKind, http_date
from pipeline.sender.engine import TOKENS_AHEAD

_CREDENTIAL_FORMS: Final[dict[str, Literal["basic", "form"]]] = {"basic": "basic", "form": "form"}
_MOST_OF_A_HEAD: Final = 65536


class NotTrusted(Exception):
    """The certificate is not accepted; its words say why."""


class Unreachable(Exception):
    """No answer came; its words say why."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a base URL is reached: directly, or by the proxy that the environment names (`""`: none).

    `ignored` is a proxy that the environment names and that can't be used.
    """

    host: str
    port: int
    secure: bool
    proxy: str = ""
    ignored: str = ""

    @property
    def first_host(self) -> str:
        """Whose name this machine has to know."""
        return urlsplit(self.proxy).hostname or "" if self.proxy else self.host

    @property
    def proxy_shown(self) -> str:
        """The proxy without its password."""
        return without_password(self.proxy)

    @property
    def ignored_shown(self) -> str:
        """The same for the one that is ignored."""
        return without_password(self.ignored)


def way_to(base_url: str) -> Way:
    """How the base URL is reached: by the same rules as `pipeline.client.transport` has."""
    parts = urlsplit(base_url)
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    used, ignored = proxies_named(host) if secure else ("", "")
    return Way(host, parts.port or (443 if secure else 80), secure, proxy=used, ignored=ignored)


def addresses(host: str) -> int:
    """How many addresses a name has. Raises OSError when it has none."""
    return len({found[4][0] for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})


def certificate_ends(way: Way, settings: Settings) -> datetime | None:
    """When the certificate of the API ends; None where the system checks it and does not say.

    Raises NotTrusted when it is not accepted, UsageError when `ca_file` can't be read, OSError without a connection.
    """
    context = trust_of(settings)
    with _connected(way, settings.connect_timeout) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=way.host) as spoken:
                found = spoken.getpeercert() or {}
        except ssl.SSLCertVerificationError as error:
            raise NotTrusted(error.verify_message or type(error).__name__) from None
    ends = found.get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC).astimezone() if isinstance(ends, str) else None


def trust_of(settings: Settings) -> ssl.SSLContext:
    """The certificates that are trusted. Raises UsageError when `ca_file` can't be read."""
    path = Path(settings.ca_file).expanduser() if settings.ca_file else None
    try:
        return system_trust(path)
    except OSError:
        raise UsageError(
            "Can't read the certificates in {path} (ca_file). Give a PEM file.", path=settings.ca_file
        ) from None


@asynccontextmanager
async def api_of(settings: Settings, place: Environment) -> AsyncIterator[Api]:
    """The API of an environment, with a connection for each request that may be in flight."""
    transport = AtMostOnceTransport(
        connections=settings.concurrency * (1 + TOKENS_AHEAD),
        timeouts=Timeouts(settings.connect_timeout, settings.answer_timeout),
        trust=trust_of(settings),
    )
    api = Api(
        place.base_url,
        transport,
        Credentials(place.username, place.password, _CREDENTIAL_FORMS[settings.credentials]),
        settings.client_id,
    )
    try:
        yield api
    finally:
        await api.aclose()


def _connected(way: Way, seconds: float) -> socket.socket:
    if not way.proxy:
        return socket.create_connection((way.host, way.port), seconds)
    parts = urlsplit(way.proxy)
    connection = socket.create_connection((parts.hostname or "", parts.port or 80), seconds)
    try:
        _ask_through(connection, way)
    except BaseException:
        connection.close()
        raise
    return connection


def _ask_through(connection: socket.socket, way: Way) -> None:
    """Ask an HTTP proxy for a connection to the API. Raises OSError when it refuses."""
    connection.sendall(connect_request(way.host, way.port, httpx.URL(way.proxy)))
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _MOST_OF_A_HEAD:
        got = connection.recv(1)  # a byte at a time: what follows the head is TLS
        if not got:
            break
        head += got
    status = head.partition(b"\r\n")[0].split(b" ")[1:2]
    if status != [b"200"]:
        said = status[0].decode("ascii", "replace")[:3] if status else "-"
        raise OSError(0, f"the proxy answered HTTP {said}")


def days_until(moment: datetime) -> int:
    """Whole days from now; negative when it is past."""
    return (moment - datetime.now(UTC)).days


async def clock_skew(settings: Settings) -> float | None:
    """Seconds by which the API's clock is ahead of ours; None if it does not give the time.

    Asks for the base URL itself: that creates nothing, whatever the answer. Raises Unreachable without one, NotTrusted
    when the certificate is not accepted.
    """
    transport = AtMostOnceTransport(
        connections=1,
        timeouts=Timeouts(settings.connect_timeout, settings.answer_timeout),
        trust=trust_of(settings),
    )
    try:
        began = time()
        answer = await transport.handle_async_request(httpx.Request("HEAD", settings.base_url))
        middle = (began + time()) / 2
    except (NotSent, MaybeSent) as error:
        raise (NotTrusted if error.kind is NotSentKind.CERTIFICATE else Unreachable)(str(error)) from None
    finally:
        await transport.aclose()
    dates = answer.headers.get_list("Date")
    said = http_date(dates[0].strip()) if len(dates) == 1 else None
    if said is None:
        return None
    # The header has whole seconds: on average it is half a second behind.
    return said.timestamp() + 0.5 - middle
