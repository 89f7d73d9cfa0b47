"""What torch models answer to sounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from exporters.answers import Answer, Answerer, MakeAnswerer, as_numpy, load_tokenizer, recorded_tokens
from exporters.failure import ExportFailure

__all__ = ["AUDIO_ANSWERERS"]

SAMPLE_RATE = 16_000
WINDOW_S = 30
MAX_NEW_TOKENS = 200


def _speech(model: Any, source: Path, samples: int) -> Answerer:
    if model.config.model_type == "whisper":
        return _whisper(model, source, samples)
    if model.config.model_type in ("moonshine", "speech_to_text"):
        return _written(model, source, samples)
    if hasattr(model, "generate") and model.can_generate():
        raise ExportFailure("export-no-reference", architecture=model.config.model_type)
    from transformers import AutoFeatureExtractor

    extractor = AutoFeatureExtractor.from_pretrained(str(source))

    def answer(sample: Any) -> Answer:
        inputs = extractor(_read_sound(sample), sampling_rate=SAMPLE_RATE, return_tensors="pt")
        return Answer({"logits": as_numpy(model(inputs.input_values).logits)})

    return answer


def _whisper(model: Any, source: Path, samples: int) -> Answerer:
    """Greedy text with timestamps of the first 30 s, and the logits when the first tokens of it are fed back in."""
    import torch
    from transformers import AutoFeatureExtractor

    extractor = AutoFeatureExtractor.from_pretrained(str(source))
    tokenizer = load_tokenizer(source, "automatic-speech-recognition")
    recorded = recorded_tokens(model.config, samples)
    settings = model.generation_config
    # Without a task a model of many languages skips words; the app always names one.
    of_many = getattr(settings, "is_multilingual", False) and getattr(settings, "task_to_id", None)
    task = {"task": "transcribe"} if of_many else {}

    def answer(sample: Any) -> Answer:
        sound = _read_sound(sample)[: WINDOW_S * SAMPLE_RATE]
        features = extractor(sound, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
        generated = model.generate(
            features,
            return_timestamps=True,
            do_sample=False,
            num_beams=1,
            max_new_tokens=min(MAX_NEW_TOKENS, model.config.max_target_positions - 8),
            return_dict_in_generate=True,
            force_unique_generate_call=True,
            **task,
        )
        text = tokenizer.decode(generated.sequences[0], skip_special_tokens=True).strip()
        tokens = generated.sequences[:1, :recorded]
        encoded = model.get_encoder()(features)
        logits = model(encoder_outputs=encoded, decoder_input_ids=tokens).logits
        return Answer(
            {
                "encoder.last_hidden_state": as_numpy(encoded.last_hidden_state),
                "decoder.logits": as_numpy(logits),
            },
            {"text": text, "token_ids": torch.flatten(tokens).tolist()},
        )

    return answer


def _written(model: Any, source: Path, samples: int) -> Answerer:
    """What transformers' pipeline writes down, and the logits when the first tokens of it are fed back in."""
    from transformers import AutoFeatureExtractor, pipeline

    extractor = AutoFeatureExtractor.from_pretrained(str(source))
    tokenizer = load_tokenizer(source, "automatic-speech-recognition")
    write = pipeline(
        "automatic-speech-recognition", model=model, tokenizer=tokenizer, feature_extractor=extractor, device="cpu"
    )
    recorded = recorded_tokens(model.config, samples)

    def answer(sample: Any) -> Answer:
        sound = _read_sound(sample)
        inputs = extractor(sound, sampling_rate=SAMPLE_RATE, return_tensors="pt", return_attention_mask=True)
        generated = model.generate(**inputs, generation_config=write.generation_config, do_sample=False)
        tokens = generated[:1, :recorded]
        encoded = model.get_encoder()(**inputs)
        logits = model(attention_mask=inputs.attention_mask, encoder_outputs=encoded, decoder_input_ids=tokens).logits
        return Answer(
            {
                "encoder.last_hidden_state": as_numpy(encoded.last_hidden_state),
                "decoder.logits": as_numpy(logits),
            },
            {"text": tokenizer.decode(generated[0], skip_special_tokens=True), "token_ids": tokens[0].tolist()},
        )

    return answer


def _read_sound(path: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A sound file as float32 mono at 16 kHz."""
    import math

    import soundfile
    from scipy.signal import resample_poly

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    if rate != SAMPLE_RATE:
        common = math.gcd(rate, SAMPLE_RATE)
        mono = resample_poly(mono, SAMPLE_RATE // common, rate // common)
    return np.asarray(mono, np.float32)


# Export task without its "-with-past" → what answers its samples.
AUDIO_ANSWERERS: dict[str, MakeAnswerer] = {
    "automatic-speech-recognition": _speech,
}
