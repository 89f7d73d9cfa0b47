"""English texts that only the window needs.

``MESSAGES`` holds the sentences of :mod:`workbench.messages` that speak of the command line, said for a window;
``TASKS`` titles of pipeline tags that the catalog does not have; ``PARAMS`` and ``CHOICES`` the labels of a form.
"""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    # --- use ---
    "usage-no-samples": "the column and the number belong to samples; choose those first",
    "usage-no-artifact": "choose the exported model to {action}",
    "usage-compare-only": "the value {value} of {option} belongs to a comparison",
    "usage-fallback-twice": "to allow the fallback and to forbid it for single operators contradict each other; choose one",
    "usage-format-without-out": "choose a folder for the results first",
    "usage-needs-fields": "the task {task} needs these fields: {fields}",
    "usage-one-prompt": "a conversation takes one question and {count} were given",
    "usage-chat-json": "a conversation that is to be told as JSON needs a question",
    "usage-bad-json": "the input is not JSON ({reason})",
    "samples-which-column": "{file} has the columns {columns}; name the one that holds the inputs",
    "engine-not-started": "the engine did not start: {detail}; the page “This machine” says what to do",
    # --- library ---
    "manifest-broken": "the manifest {file} cannot be read ({reason}); export the model again",
    "cache-missing": "there is no hub cache at {folder} yet; download a model, or choose another cache in the settings file",
    "export-other-task": "the workbench has no task {task} yet; the model can be exported for {tasks}",
    "variant-missing": "{folder} has no precision {precision}; it has {known}; an export can make {exportable}",
    "model-none-known": "there is no model “{name}”, and none at all in {places}; download one, or choose another cache in the settings file",
    "artifact-misfit": "{file} has {got} bytes where the manifest says {wanted}; export the model again",
    # --- runtime ---
    "provider-not-got": "{provider} was asked for, but {model} could only be loaded on {got} ({reason}); the page “This machine” says what to do. Choose another provider, or allow the fallback",
    "provider-fallback": "{wanted} could not be had ({reason}), the model runs on {got}; the page “This machine” says what to do",
    "provider-node-fallback": "{model} has operators that {provider} leaves to the CPU: {operators}; allow that, or run the model on the CPU",
    "cure-plug-in": "in a terminal: pip install {package}",
    "cure-wheels": "in a terminal: pip uninstall -y {wheels}; then: pip install {keep}",
    "provider-died-before": "{provider} failed while running {model} earlier ({reason}), so the model runs on the CPU until the app is started again; choose {provider} to try it all the same",
    "cure-cuda-libraries": "in a terminal: pip install {package}, or install CUDA {cuda} and cuDNN {cudnn} from NVIDIA",
    # --- receipts ---
    "artifact-changed": "{file} is not the file that was published: its SHA-256 is another than the manifest's. Do not use this copy; get it again, or export the model again",
    "usage-needs-samples": "choose samples before {option}",
    "receipt-stopped": "measuring the receipt was stopped; the export itself is done. You can measure it later",
    "receipt-not-measured": "no receipt could be measured ({reason}); the export itself is done. You can measure it later",
    # --- export ---
    "export-pickle-only": "{folder} has its weights only in pickles ({files}), which can run code when they are loaded; tick the box that allows pickles if you trust who made them",
    "export-toolchain-unfit": "the export toolchain is not made of what was tested ({reason}); install it again on the export page, or correct the setting toolchain_python",
    "export-samples-not-used": "what was asked for was exported already, so your samples were not used; its receipt can be measured on them",
    "export-unknown-architecture": "the exporter does not know the architecture “{architecture}”; near it, it knows {near} ({count} in all)",
    "export-no-calibration": "int8-static needs samples of {task}, and there are none; choose another precision",
    # --- toolchain ---
    "toolchain-missing": "the export toolchain “{name}” is not installed; install it on the export page",
    "toolchain-outdated": "the export toolchain “{name}” was installed from an older list of versions; update it on the export page",
    "toolchain-unfinished": "the installation of the export toolchain “{name}” was broken off; finish it on the export page",
    "toolchain-broken": "the export toolchain does not work: {python} ({reason}); install it again on the export page",
    "toolchain-install-failed": "installing the toolchain failed at “{step}”: {reason}. Install it again, and it resumes; the log is {log}",
}

TASKS: dict[str, str] = {
    # --- text ---
    # --- pictures and video ---
    "mask-generation": "Mask generation",
    "text-to-image": "Text to image",
    "video-classification": "Video classification",
    # --- sound ---
    "zero-shot-audio-classification": "Zero-shot audio classification",
    "text-to-audio": "Text to audio",
    "audio-to-audio": "Audio to audio",
    "voice-activity-detection": "Voice activity detection",
    # --- several at once, and the rest ---
    "image-text-to-text": "Image and text to text",
    "visual-question-answering": "Visual question answering",
    "any-to-any": "Any to any",
    "reinforcement-learning": "Reinforcement learning",
    "tabular-classification": "Tabular classification",
    "tabular-regression": "Tabular regression",
    "time-series-forecasting": "Time series forecasting",
}

PARAMS: dict[str, str] = {
    "pooling": "Pooling",
    "normalize": "Scale to length 1",
    "top_k": "How many of the best",
    "function_to_apply": "Score function",
    "aggregation_strategy": "Grouping of tokens",
    "candidate_labels": "Candidate labels",
    "hypothesis_template": "Hypothesis",
    "multi_label": "Several labels can be right",
    "handle_impossible_answer": "Allow no answer",
    "max_answer_len": "Longest answer in tokens",
    "max_seq_len": "Tokens read at once",
    "doc_stride": "Tokens shared by stretches",
    "max_question_len": "Tokens of the question",
    "align_to_words": "Whole words",
    "targets": "Only these words",
    "language": "Spoken language",
    "task": "What to do",
    "return_timestamps": "Times",
    "fallback": "Write unsure passages again",
    "chunk_length_s": "Seconds a chunk",
    "speaking_rate": "Speed",
    "noise_scale": "Liveliness",
    "noise_scale_duration": "Unevenness of rhythm",
    "max_new_tokens": "New tokens at most",
    "do_sample": "Draw by chance",
    "temperature": "Temperature",
    "top_p": "Likeliest share",
    "min_p": "Lowest share of the likeliest",
    "repetition_penalty": "Repetition penalty",
    "no_repeat_ngram_size": "No sequence twice, of tokens",
    "seed": "Seed",
    "stop": "End before",
    "num_beams": "Number of beams",
    "src_lang": "Language of the text",
    "tgt_lang": "Language to translate into",
    "threshold": "Lowest score",
    "subtask": "Kind of parts",
    "mask_threshold": "Lowest certainty of a place",
    "overlap_mask_area_threshold": "Share that must be left",
    "pool": "One vector",
}

# The same value can belong to several parameters.
CHOICES: dict[str, str] = {
    "none": "None",
    "model": "As the model says",
    "mean": "Mean",
    "cls": "CLS token",
    "max": "Maximum",
    "simple": "Join neighbours",
    "first": "First token of a word",
    "average": "Average over a word",
    "word": "Each word",
    "char": "Each character",
    "transcribe": "Transcribe",
    "translate": "Translate to English",
    "panoptic": "Panoptic",
    "instance": "Instance",
    "semantic": "Semantic",
}

# Fields of structured inputs.
FIELDS: dict[str, str] = {
    "question": "Question",
    "context": "Text to find the answer in",
    "query": "Query",
    "texts": "Texts to rank",
    "text": "Text",
    "text_pair": "Second text",
    "image": "Picture",
    "audio": "Sound",
    "source_sentence": "Sentence",
    "sentences": "Sentences to compare with",
}
