"""The drop folder: which of its files may be taken, where each goes, and how it gets there whatever crashes.

Decisions are pure (`candidates`, `outcomes`); `folder` moves files and does nothing else. Neither reads a
sheet, asks the journal or sends anything: what was sent is known by the journal alone, what was taken care of by the
folder alone (docs/decisions/0006-inbox.md).
"""
