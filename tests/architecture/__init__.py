"""Rules about the source itself: what may import what, and which messages there are."""
