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
    "settings-unknown": "there is no setting {name!r}; known: {known}",
    "settings-fixed": "{name} is not kept in the settings; set the environment variable {variable} instead",
    "settings-bad-value": "the setting {name} cannot be {value!r}: {expected}",
    "settings-bad-entry": "{file} has an entry {name!r} that cannot be used ({reason}); correct it or remove it",
    "settings-bad-variable": "the environment variable {variable} cannot be used ({reason})",
    "settings-unreadable": "the settings file {file} cannot be read ({reason}); correct it or remove it",
    "settings-not-written": "the settings file {file} cannot be written ({reason})",
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
    "manifest-broken": "the manifest {file} cannot be read ({reason}); export the model again with --force",
    "manifest-newer": "the manifest {file} has version {schema}, this workbench knows up to version {known}; update the workbench",
    # --- runtime ---
    "model-graph-unreadable": "{file} is not an ONNX graph that onnxruntime can load ({reason}); export or download it again",
    "model-external-data": "the weights beside {file} cannot be used ({reason}); export or download it again",
    "graph-failed": "the graph {file} failed on this input ({reason})",
    "provider-unknown": "there is no provider {provider!r}; known: {known}",
    "provider-not-got": "{provider} was asked for, but {model} could only be loaded on {got}; see `workbench doctor`, or allow the fallback",
    "provider-fallback": "{wanted} could not be had, the model runs on {got}; `workbench doctor` says why",
    # --- export ---
    "export-no-config": "{folder} has no config.json, so nobody can tell what model it is; download the model again",
    "export-no-weights": "{folder} holds no weights that can be exported (model*.safetensors); download the model again",
    "export-pickle-only": "{folder} has its weights only in pickles ({files}), which can run code when they are loaded; allow them with --allow-pickle if you trust who made them",
    "export-link-dangling": "{file} leads to a file that is not there; download the model again",
    "export-link-outside": "{file} leads out of the cache, to {target}; it is not followed. Download the model again",
    "export-source-unreadable": "{file} cannot be read ({reason}); download the model again",
    "export-disk-too-small": "the export needs about {needed_mb} MB, but only {free_mb} MB are free at {folder}; free some space, or choose another folder for artifacts",
    "export-disk-full": "the disk became full during the stage {stage!r}; nothing was published. Free some space and export again",
    "export-out-of-memory": "there was not enough memory during the stage {stage!r}; close other programs, or choose a smaller model",
    "export-locked": "{model} is being exported for {task} by another process; wait until that is done",
    "export-unknown-architecture": "the exporter does not know the architecture {architecture!r}; near it, it knows {near} ({count} in all, see `workbench toolchain status`)",
    "export-unsupported-task": "the exporter cannot export {architecture} for {task}; it can for {known}",
    "export-remote-code": "the model needs code of its own from its repository, which the workbench never runs; look for a version of it that transformers supports by itself",
    "export-load-failed": "the checkpoint cannot be loaded ({reason}); download the model again, or choose another task",
    "export-tokenizer": "the tokenizer cannot be turned into a tokenizer.json ({reason}); look for a version of the model that has one",
    "export-no-tokenizer": "the model has no tokenizer (tokenizer.json, vocab.txt …), which {task} needs; download the model again",
    "export-sample": "the sample {sample} cannot be answered by the checkpoint itself ({reason}); this is not a model for {task}",
    "export-no-reference": "speech models of the architecture {architecture} cannot be checked against torch yet, so they are not exported",
    "export-no-recipe": "there is no recipe for the precision {precision}; known: {known}",
    "export-quantize-convolutions": "{precision} is not offered for convolutional networks ({percent} % of this one): quantized as they run they get slower, and static quantization is not there yet. Choose fp32 or fp16",
    "export-nothing-to-quantize": "{file} has no matrices that could be quantized; choose fp32 or fp16",
    "export-failed": "the export failed in the stage {stage!r} ({reason}); the log has the details",
    "export-stopped": "the export worker stopped in the stage {stage!r} ({how}); nothing was published. Most often memory is short: close other programs, or choose a smaller model",
    "export-in-use": "{folder} cannot be replaced ({reason}); close what uses it and export again",
    "export-disagrees": "the {precision} graph does not compute what the checkpoint does: the output {output} has a cosine of {cosine} to torch's (at least {floor} is asked for, largest difference {difference}); nothing was published",
    # --- toolchain ---
    "toolchain-missing": "the export toolchain {name!r} is not installed; install it with `workbench toolchain install {name}`",
    "toolchain-unfinished": "the installation of the export toolchain {name!r} was broken off; finish it with `workbench toolchain install {name}`",
    "toolchain-unknown": "there is no toolchain {name!r}; known: {known}",
    "toolchain-python-missing": "the setting toolchain_python names {python}, which is not there; correct the setting",
    "toolchain-broken": "the export toolchain does not work: {python} ({reason}); install it again with `workbench toolchain install`",
    "toolchain-no-python": "no Python 3.11 to 3.13 that can make virtual environments was found (tried {tried}); install one, on Debian and Ubuntu also the package python3-venv",
    "toolchain-no-wheelhouse": "there is no folder {folder} with wheels",
    "toolchain-install-failed": "installing the toolchain failed at {step!r}: {reason}. Run the command again to resume; the log is {log}",
    "toolchain-being-installed": "the toolchain {name!r} is being installed by another process; wait until that is done",
    "toolchain-not-removed": "{folder} cannot be removed ({reason}); close what uses it and try again",
}
