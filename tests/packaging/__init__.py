"""The wheel, and the steps of ``packaging/bootstrap.py``."""
