"""Offline AI Workbench: use AI models on your own machine, without a cloud."""

__version__ = "0.1.0"
