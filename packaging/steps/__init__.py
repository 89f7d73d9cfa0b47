"""What ``packaging/bootstrap.py`` does, one file for each part. Standard library only, Python 3.11 or newer."""
