"""Measurements against peers; run by hand, not by the test command."""
