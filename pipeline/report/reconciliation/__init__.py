"""The reconciliation beside its pure core: reading the daily reports, its figures, and its workbook."""
