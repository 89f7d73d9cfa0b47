"""The plain modules: framing, errors, results, the task catalog, cancellation."""
