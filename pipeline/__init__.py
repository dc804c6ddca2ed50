"""flinks-import: a billing sheet becomes Interac e-Transfer payment requests, and nobody is asked twice."""

from importlib.metadata import version

__version__ = version("flinks-import")
