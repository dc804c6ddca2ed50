"""The room that judges: rows of text become payments, or faults.

It cleans, validates with the pandera schema, finds identities, total lines and what only a whole column can tell. It
never reads a file, and never remembers a row: repeats are the journal's to find.
"""

from pipeline.validation.options import CheckableTable, CheckOptions
from pipeline.validation.table import CheckedTable, check_table

__all__ = ["CheckOptions", "CheckableTable", "CheckedTable", "check_table"]
