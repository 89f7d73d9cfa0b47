"""The exporter: runs in an environment of its own (torch, transformers, optimum), one process a job.

Imports nothing of ``workbench`` but the framing, ``workbench.wire``, a copy of which travels with it.
"""
