"""Pictures: reading them, making them what a model takes, naming what they show."""
