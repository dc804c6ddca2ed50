"""Why something failed outside of the program is French in a French sentence: a connection's words and the system's."""

import ast
import errno
import os
from pathlib import Path

import pytest

from pipeline.domain.errors import ApiUnreachableError, InputError
from pipeline.messages import explain
from schemas.causes import FRENCH, cause_in
from schemas.faults import Fault, sentence

ROOT = Path(__file__).parents[2] / "pipeline"
CARRY_A_CAUSE = {"NotSent", "MaybeSent", "Lost", "NotHttp", "NoTunnel", "NotTold", "OfAnother", "Unusable"}


def causes_of_the_code() -> set[str]:
    """What each of these is made with: whole texts, and what stands before the bracket in others."""
    found = set()
    for path in [*(ROOT / "client").glob("*.py"), *(ROOT / "domain").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in CARRY_A_CAUSE:
                for argument in node.args:
                    texts = [part.value for part in ast.walk(argument) if isinstance(part, ast.Constant)]
                    found |= {text.removesuffix(" (") for text in texts if isinstance(text, str)}
    return found - {")", "HTTP "}


def test_every_cause_of_the_code_has_its_french() -> None:
    """Those that the connection, and what reads an answer, may give."""
    causes = causes_of_the_code()
    assert {"no connection", "the answer broke off", "the answer names no session"} <= causes
    assert causes <= set(FRENCH)


@pytest.mark.skipif(os.strerror(errno.ENOENT) != "No such file or directory", reason="another system's words")
@pytest.mark.parametrize(
    "name",
    [
        *("EACCES", "ENOENT", "ENOSPC", "EROFS", "EISDIR", "ENOTDIR", "EEXIST", "EPERM", "EIO", "EDQUOT", "EMFILE"),
        *("ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "EPIPE", "EADDRINUSE"),
    ],
)
def test_the_systems_own_words_have_theirs(name: str) -> None:
    """Of files, disks and networks."""
    assert os.strerror(getattr(errno, name)) in FRENCH


@pytest.mark.parametrize(
    ("text", "french"),
    [
        ("no connection (Connection refused)", "pas de connexion (connexion refusée)"),
        ("the proxy opens no way (HTTP 407)", "le serveur mandataire n'ouvre aucun passage (HTTP 407)"),
        (
            "the proxy opens no way (the connection was lost (Broken pipe))",
            "le serveur mandataire n'ouvre aucun passage (la connexion a été perdue (le lien est rompu))",
        ),
        ("row 12: the answer names no session", "ligne 12 : la réponse ne nomme aucune session"),
        ("HTTP 500", "HTTP 500"),
        ("my own words (Broken pipe)", "my own words (Broken pipe)"),
        ("", ""),
    ],
)
def test_what_is_known_is_french(text: str, french: str) -> None:
    """Also in brackets; what is not known stays as it is."""
    assert cause_in(text, "fr") == french
    assert cause_in(text, "en") == text


def test_sentences_and_faults_say_it_in_their_language() -> None:
    """The cause comes in English, from wherever it is."""
    failure = ApiUnreachableError(
        "The API gives no usable response ({reason}). States received so far are kept. Run the same command again "
        "later.",
        reason="no connection in time",
    )
    assert "(pas de connexion à temps)" in explain(failure, "fr")
    assert "(no connection in time)" in explain(failure)
    unreadable = InputError("Can't open {path} ({reason}). Copy it to a local folder and try again.", path="x.csv")
    unreadable.params["reason"] = "Permission denied"
    assert "(permission refusée)" in explain(unreadable, "fr")
    fault = Fault("not-created-connection", details=(("cause", "no connection (Connection refused)"),))
    assert sentence(fault, "fr").endswith(": pas de connexion (connexion refusée)")
