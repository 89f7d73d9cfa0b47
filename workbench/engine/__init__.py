"""The process that runs models: its host (parent side) and its loop (child side)."""
