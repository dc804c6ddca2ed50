"""flinks-import: a billing sheet becomes Interac e-Transfer payment requests, and nobody is asked twice."""

_UNKNOWN = "unknown version"


def __getattr__(name: str) -> str:
    """`__version__`, looked up when it is asked for: the look-up costs more than the rest of `--help`.

    Never fails: who reports a fault of the program must not meet another one (sources that were never installed).
    """
    if name != "__version__":
        raise AttributeError(name)
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - see above

    try:
        return version("flinks-import") or _UNKNOWN  # None where the record is damaged
    except PackageNotFoundError:
        return _UNKNOWN
