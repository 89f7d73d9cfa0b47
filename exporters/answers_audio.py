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


def _audio_classification(model: Any, source: Path, samples: int) -> Answerer:
    from transformers import AutoFeatureExtractor

    extractor = AutoFeatureExtractor.from_pretrained(str(source))

    def answer(sample: Any) -> Answer:
        sound = _read_sound(sample, extractor.sampling_rate)
        inputs = extractor(sound, sampling_rate=extractor.sampling_rate, return_tensors="pt")
        return Answer({"logits": as_numpy(model(**inputs).logits)})

    return answer


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
        sound = _read_sound(sample, extractor.sampling_rate)
        inputs = extractor(sound, sampling_rate=extractor.sampling_rate, return_tensors="pt")
        return Answer({"logits": as_numpy(model(**inputs).logits)})

    return answer


def _whisper(model: Any, source: Path, samples: int) -> Answerer:
    """Greedy text with timestamps, and the logits of the first 30 s when the first tokens of their text are fed back
    in."""
    import torch
    from transformers import AutoFeatureExtractor

    extractor = AutoFeatureExtractor.from_pretrained(str(source))
    tokenizer = load_tokenizer(source, "automatic-speech-recognition")
    recorded = recorded_tokens(model.config, samples)
    settings = model.generation_config
    # Without a task a model of many languages skips words; the app always names one.
    of_many = getattr(settings, "is_multilingual", False) and getattr(settings, "task_to_id", None)
    task = {"task": "transcribe"} if of_many else {}

    greedy = {"return_timestamps": True, "do_sample": False, "num_beams": 1, **task}

    def answer(sample: Any) -> Answer:
        sound = _read_sound(sample)
        is_long = len(sound) > WINDOW_S * SAMPLE_RATE
        whole = {"truncation": False, "padding": "longest", "return_attention_mask": True} if is_long else {}
        inputs = extractor(sound, sampling_rate=SAMPLE_RATE, return_tensors="pt", **whole)
        features = inputs.input_features[:, :, : extractor.nb_max_frames]
        generated = model.generate(
            features,
            max_new_tokens=min(MAX_NEW_TOKENS, model.config.max_target_positions - 8),
            return_dict_in_generate=True,
            force_unique_generate_call=True,
            **greedy,
        )
        written = generated.sequences[0]
        if is_long:
            (written,) = model.generate(inputs.input_features, attention_mask=inputs.attention_mask, **greedy)
        text = tokenizer.decode(written, skip_special_tokens=True).strip()
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


def _voice(model: Any, source: Path, samples: int) -> Answerer:
    """Spectrum and length of what is spoken without noise: with it, no two runs agree.

    The waveform itself is not kept: where a less precise variant gives one letter a frame more, all behind it moves.
    A text in letters that the voice does not know is replaced by letters that it knows.
    """
    if model.config.model_type != "vits":
        raise ExportFailure("export-no-reference", architecture=model.config.model_type)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(source))
    known = [name for name in tokenizer.encoder if len(name) == 1 and name.isalpha()]

    def answer(sample: Any) -> Answer:
        text = str(sample)
        letters = [sign for sign in text.lower() if sign.isalpha()]
        if known and 2 * sum(sign in tokenizer.encoder for sign in letters) < len(letters):
            chosen = np.random.default_rng(len(text)).choice(known, len(letters))
            text = "".join(chosen.tolist())
        noise = model.noise_scale, model.noise_scale_duration
        model.noise_scale = model.noise_scale_duration = 0.0
        try:
            waveform = as_numpy(model(**tokenizer(text, return_tensors="pt")).waveform)[0]
        finally:
            model.noise_scale, model.noise_scale_duration = noise
        seconds = np.array([len(waveform) / model.config.sampling_rate], np.float32)
        return Answer({"spectrum": _spectrum(waveform), "duration_s": seconds}, sample=text)

    return answer


def _spectrum(waveform: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """As ``workbench.runtime.spectrum.mean_spectrum`` computes it: float32 [64], decibels above -80."""
    frames = max(1, -(-len(waveform) // 512))
    padded = np.zeros(frames * 512)
    padded[: len(waveform)] = waveform
    power = np.abs(np.fft.rfft(padded.reshape(frames, 512) * np.hanning(512), axis=1)[:, 1:]) ** 2
    bands = power.reshape(frames, 64, 4).mean(axis=(0, 2)) / np.square(np.hanning(512).sum())
    return np.asarray(np.maximum(0.0, 80.0 + 10.0 * np.log10(bands + 1e-20)), np.float32)


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


def _read_sound(path: str, rate_hz: int = SAMPLE_RATE) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A sound file as float32 mono at this rate."""
    import math

    import soundfile
    from scipy.signal import resample_poly

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    if rate != rate_hz:
        common = math.gcd(rate, rate_hz)
        mono = resample_poly(mono, rate_hz // common, rate // common)
    return np.asarray(mono, np.float32)


# Export task without its "-with-past" → what answers its samples.
AUDIO_ANSWERERS: dict[str, MakeAnswerer] = {
    "audio-classification": _audio_classification,
    "automatic-speech-recognition": _speech,
    "text-to-audio": _voice,
}
