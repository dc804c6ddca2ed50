"""What people read: the workbook, the summaries and the figures in them.

Everything here is made from what the journal tells (`Report` and a stream of `ReportRow`), never from the memory of
the engine, so that the workbook after a crash and three weeks later is made by the same lines.
"""
