"""The views of results, and the widgets that they are made of."""
