"""The tasks: a catalog of plain data, and one file per task that only the engine imports."""
