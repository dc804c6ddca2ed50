"""Every way in which the sandbox can be made to differ: one frozen value, no other configuration."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pipeline.sandbox.session import Language

PREFERRED_PORT = 8377


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How one sandbox behaves. The variants are those on which the vendor's pages disagree (`api.md`).

    port: preferred port on 127.0.0.1; when it is taken a free one is used. 0 asks for a free one.
    store: the file that keeps the sessions, so that links of an earlier run open again; None keeps them in memory.
    username, password: what `authorize` demands; None accepts any.
    credentials: how they may be sent: HTTP Basic, the form fields Username and Password, or either.
    token_lifetime: seconds for which a token is good (599 and 299 are documented).
    omit_expires_in: leave `expires_in` out of the answer of `authorize`.
    single_use: a token creates one session and is refused for a second.
    require_client_id: refuse calls without the header `x-client-id`.
    latency: seconds to wait before each answer to a create; the session is recorded before the wait.
    session_lifetime: after this an open session is Expired.
    settle_after: from the payor's agreement until Settled; Processed is half-way.
    cancel: "supported", or the status of an API that has no cancel yet.
    default_payee: whether the client has a default account, used when a request names none.
    keep_alive: seconds after which an idle connection is closed.
    language: of the pages, where neither the payment request nor the browser asks for French.
    """

    port: int = PREFERRED_PORT
    store: Path | None = None
    username: str | None = "sandbox"
    password: str | None = "sandbox"  # noqa: S105 - published on purpose: it opens nothing but the sandbox
    credentials: Literal["either", "basic", "form"] = "either"
    token_lifetime: float = 599
    omit_expires_in: bool = False
    single_use: bool = False
    require_client_id: bool = False
    latency: float = 0
    session_lifetime: timedelta = timedelta(days=30)
    settle_after: timedelta = timedelta(seconds=30)
    cancel: Literal["supported", 404, 405, 501] = "supported"
    default_payee: bool = True
    keep_alive: int = 75
    language: Language = "EN"
