"""The local page: what the commands do, for people who never open a terminal (docs/web.md).

It knows no rule of its own: every page calls the use cases of `pipeline.commands`, and what it keeps is in the journal.
"""
