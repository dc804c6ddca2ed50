"""flinks-import: a billing sheet becomes Interac e-Transfer payment requests, and nobody is asked twice."""


def __getattr__(name: str) -> str:
    """`__version__`, looked up when it is asked for: the look-up costs more than the rest of `--help`."""
    if name != "__version__":
        raise AttributeError(name)
    from importlib.metadata import version  # noqa: PLC0415 - see above

    return version("flinks-import")
