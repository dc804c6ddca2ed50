"""What an e-mail address is. The schema judges by it, and the cleaning looks for it in what people paste."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# Addresses that email-validator certainly accepts and leaves as they are (held by a property test); it costs 30 times
# as much. Labels with two hyphens in a row may be encoded ones, and short names may be reserved: those go to it.
SURE: Final = re.compile(
    r"(?=.{6,100}\Z)[A-Za-z0-9_+-]{1,64}(?:\.[A-Za-z0-9_+-]+)*"
    r"@(?P<domain>(?:[A-Za-z0-9](?:[A-Za-z0-9]|-(?!-)){0,61}(?<!-)\.)+(?:com|ca|org|net|edu|info|io|fr|uk|us))"
)
LONGEST_LOCAL_PART: Final = 64
LONGEST_DOMAIN: Final = 255
"""Octets (RFC 5321, 4.5.3.1)."""


def is_address(text: str) -> bool:
    """Whether `text` is one address and nothing else, as the standards define it. No DNS is asked."""
    local, _, domain = text.rpartition("@")
    if len(local.encode()) > LONGEST_LOCAL_PART or len(domain.encode()) > LONGEST_DOMAIN:
        return False
    return SURE.fullmatch(text) is not None or normalised(text) is not None


@lru_cache(maxsize=4096)
def normalised(address: str) -> str | None:
    """`address` when email-validator accepts it, with an internationalised part in NFC; None when it does not.

    No DNS is asked. An ASCII address is kept letter by letter: only what had to change is changed.
    """
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - costs 60 ms, rarely needed

    try:
        valid = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return address if address.isascii() else valid.normalized
