"""One machine: SQLite, a folder, subprocesses."""
