"""Code → English sentence, for every error, warning and state reason of the core. Sorted by area.

A sentence says what happened, to which file, and what the user can do. ``{fields}`` are the arguments of the code.
"""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    # --- use ---
    "usage-unknown-task": "there is no task {task!r}; known tasks: {known}",
    "usage-unknown-param": "the task {task} has no parameter {name!r}; it has: {known}",
    "usage-bad-param": "the parameter {name} cannot be {value!r}: {expected}",
    "usage-unknown-precision": "there is no precision {precision!r}; known: {known}",
    "usage-no-input": "the task {task} needs an input: {expected}",
    "usage-not-name-value": "{word!r} is not NAME=VALUE",
    "usage-bad-json": "the value of --input is not JSON ({reason})",
    # --- engine ---
    "engine-bug": "an unexpected error in the engine (please report it): {detail}",
    "engine-stopped": "the engine stopped while {doing} ({how}); it was started again, nothing else was lost",
    "engine-keeps-stopping": "the engine stopped {count} times in {seconds} s, last while {doing}. It starts again with the next request; try another precision, model or provider",
    "engine-not-started": "the engine did not start: {detail}",
    "engine-over-budget": "{model} needs about {needed_mb} MB, more than the memory budget of {budget_mb} MB; choose a smaller precision, or raise memory_budget_bytes in the settings",
    "engine-out-of-memory": "there was not enough memory for {model}; choose a smaller precision, or unload other models",
    "engine-unknown-method": "the engine knows no method {method!r}",
    "reference-unreadable": "the reference answers in {folder} cannot be read ({reason}); export the model again",
    "reference-misfit": "the output {output} of sample {sample} has the shape {got}, the reference has {wanted}: the graph or its preprocessing is not that of the checkpoint",
    # --- children ---
    "child-version": "{name} is of another version ({got}) than the app ({wanted}); install the app again",
    # --- input ---
    "input-not-found": "there is no file {file}",
    "input-unreadable": "{file} cannot be read ({reason})",
    # --- library ---
    "model-bad-file": "{file} cannot be read ({reason}); download the model again",
    "model-file-missing": "{file} is missing; download the model again or export it again",
    # --- runtime ---
    "model-graph-unreadable": "{file} is not an ONNX graph that onnxruntime can load ({reason}); export or download it again",
    "model-external-data": "the weights beside {file} cannot be used ({reason}); export or download it again",
    "graph-failed": "the graph {file} failed on this input ({reason})",
    "provider-unknown": "there is no provider {provider!r}; known: {known}",
    "provider-not-got": "{provider} was asked for, but {model} could only be loaded on {got}; see `workbench doctor`, or allow the fallback",
    "provider-fallback": "{wanted} could not be had, the model runs on {got}; `workbench doctor` says why",
    # --- export ---
    "export-disagrees": "the {precision} graph does not compute what the checkpoint does: the output {output} has a cosine of {cosine} to torch's (at least {floor} is asked for, largest difference {difference}); nothing was published",
    # --- toolchain ---
}
