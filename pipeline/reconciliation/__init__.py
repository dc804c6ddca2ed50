"""A batch against the reports: reading them, matching, figures, workbook."""
