"""Text tasks on graphs made by hand: no torch, no real model."""
