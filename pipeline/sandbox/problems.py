"""Refusals in the shape of ASP.NET: ProblemDetails, as `application/problem+json` (`api.md`, "Create a session")."""

import json
import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from starlette.responses import Response

_VALIDATION_TITLE = "One or more validation errors occurred."


def problem(
    status: int,
    detail: str | None = None,
    *,
    errors: Mapping[str, Sequence[str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A refusal. `errors` maps a field as `Payor.Email` to its sentences."""
    content: dict[str, object] = {
        "type": f"https://httpstatuses.io/{status}",
        "title": _VALIDATION_TITLE if errors else HTTPStatus(status).phrase,
        "status": status,
    }
    if detail is not None:
        content["detail"] = detail
    content["traceId"] = f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-00"
    if errors:
        content["errors"] = errors
    return Response(json.dumps(content), status, headers=headers, media_type="application/problem+json")
