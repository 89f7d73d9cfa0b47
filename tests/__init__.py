"""The tests, one package for each area. ``python3 packaging/bootstrap.py test`` prepares all they need."""
