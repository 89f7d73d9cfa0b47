"""Samples that a user brings, out of folders and tables."""
