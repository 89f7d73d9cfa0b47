"""What torch answers to the sample inputs, written beside the graphs so that anyone can check a variant without torch.

``reference/samples.json`` tells the inputs and which array of ``reference/answers.npz`` belongs to which output;
pictures and sounds are copied to ``reference/media/``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from exporters.failure import ExportFailure
from exporters.model_files import SLOW_TOKENIZER_FILES
from exporters.protocol import ExportRequest

if TYPE_CHECKING:
    from exporters.__main__ import Reporter

__all__ = ["REFERENCE_SCHEMA", "write_reference"]

REFERENCE_SCHEMA = 1
SAMPLE_RATE = 16_000
WINDOW_S = 30
MAX_NEW_TOKENS = 200
# Logits of a generating model are recorded for so many numbers in all (64 MB); texts are cut to stay below it.
MAX_LOGITS = 16 << 20
MIN_TOKENS = 4
# A tokenizer without a limit of its own says 1e30.
NO_LIMIT = 1_000_000


@dataclass(frozen=True)
class Answer:
    """Arrays by the names of the graph's outputs, and what was generated."""

    arrays: Mapping[str, np.ndarray[Any, Any]]
    answer: Mapping[str, Any] = field(default_factory=dict)


Answerer = Callable[[Any], Answer]
# Model, folder of the checkpoint, number of samples.
MakeAnswerer = Callable[[Any, Path, int], Answerer]


def write_reference(model: Any, request: ExportRequest, source: Path, output: Path, report: Reporter) -> int:
    """Answer each sample with the torch model; returns how many. Tasks that nobody answers here write an empty list."""
    import torch

    folder = output / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    maker = ANSWERERS.get(request.export_task.removesuffix("-with-past"))
    samples = list(request.samples) if maker else []
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    rows: list[dict[str, Any]] = []
    if maker and samples:
        answerer = _answerer(maker, model, source, samples, request.task)
        for number, sample in enumerate(samples):
            with torch.inference_mode():
                answer = _answered(answerer, sample, request.task)
            keys = {name: f"{number}/{name}" for name in answer.arrays}
            arrays.update({keys[name]: value for name, value in answer.arrays.items()})
            row = {"input": _portable(sample, folder), "outputs": keys}
            rows.append(row | {"answer": dict(answer.answer)} if answer.answer else row)
            report.progress(number + 1, len(samples), "samples")
    # Not compressed: numbers of a model hardly shrink, and every verification reads them.
    np.savez(folder / "answers.npz", **arrays)  # type: ignore[arg-type]
    # Similar sentences are compared through their embeddings, which is what the graph gives.
    task = "feature-extraction" if request.task == "sentence-similarity" else request.task
    document = {"schema": REFERENCE_SCHEMA, "task": task, "samples": rows}
    (folder / "samples.json").write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return len(rows)


def _answerer(maker: MakeAnswerer, model: Any, source: Path, samples: list[Any], task: str) -> Answerer:
    try:
        return maker(model, source, len(samples))
    except (ExportFailure, MemoryError):
        raise
    except Exception as error:  # each tokenizer and processor has its own for a file that is missing or damaged
        raise ExportFailure("export-no-inputs", task=task, reason=_first_line(error)) from error


def _answered(answerer: Answerer, sample: Any, task: str) -> Answer:
    try:
        return answerer(sample)
    except (ExportFailure, MemoryError):
        raise
    except Exception as error:  # whatever a model of another kind, or a file that is none, makes the libraries raise
        shown = Path(sample).name if isinstance(sample, str) and _is_media(sample) else str(sample)[:60]
        raise ExportFailure("export-sample", sample=shown, task=task, reason=_first_line(error)) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _tokenizer(source: Path, task: str) -> Any:
    from transformers import AutoTokenizer

    if not any((source / name).exists() for name in ("tokenizer.json", *SLOW_TOKENIZER_FILES)):
        raise ExportFailure("export-no-tokenizer", task=task)
    return AutoTokenizer.from_pretrained(str(source))


def _portable(sample: Any, folder: Path) -> Any:
    """The sample as the artifact tells it: a media file becomes a copy, named relative to ``reference/``."""
    if not (isinstance(sample, str) and _is_media(sample)):
        return sample
    media = folder / "media"
    media.mkdir(exist_ok=True)
    shutil.copyfile(sample, media / Path(sample).name)
    return f"media/{Path(sample).name}"


def _is_media(sample: str) -> bool:
    return Path(sample).suffix.lower() in MEDIA_SUFFIXES and Path(sample).is_absolute()


MEDIA_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".png", ".jpg", ".jpeg", ".webp", ".bmp")


def _text_encoder(task: str, output: str) -> MakeAnswerer:
    """Answers of a text encoder: one output, by the attribute's name, for a text or a pair of texts."""

    def make(model: Any, source: Path, samples: int) -> Answerer:
        tokenizer = _tokenizer(source, task)
        limit = _max_tokens(tokenizer, model.config)

        def answer(sample: Any) -> Answer:
            pair = [sample] if isinstance(sample, str) else [sample["text"], sample["text_pair"]]
            inputs = tokenizer(*pair, return_tensors="pt", truncation=True, max_length=limit)
            return Answer({output: _numpy(model(**inputs)[output])})

        return answer

    return make


def _max_tokens(tokenizer: Any, config: Any) -> int:
    """How many tokens the model takes: what the tokenizer says, else the positions it has.

    Position ids of the RoBERTa family start behind the padding id, so two of its positions cannot be used.
    """
    if tokenizer.model_max_length < NO_LIMIT:
        return int(tokenizer.model_max_length)
    positions = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None) or 512
    return int(positions) - (2 if config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet") else 0)


def _image_classification(model: Any, source: Path, samples: int) -> Answerer:
    from PIL import Image, ImageOps
    from transformers import AutoImageProcessor

    processor = AutoImageProcessor.from_pretrained(str(source), use_fast=False)

    def answer(sample: Any) -> Answer:
        with Image.open(sample) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
        return Answer({"logits": _numpy(model(**processor(upright, return_tensors="pt")).logits)})

    return answer


def _speech(model: Any, source: Path, samples: int) -> Answerer:
    if model.config.model_type == "whisper":
        return _whisper(model, source, samples)
    if hasattr(model, "generate") and model.can_generate():
        raise ExportFailure("export-no-reference", architecture=model.config.model_type)
    from transformers import AutoFeatureExtractor

    extractor = AutoFeatureExtractor.from_pretrained(str(source))

    def answer(sample: Any) -> Answer:
        inputs = extractor(_read_sound(sample), sampling_rate=SAMPLE_RATE, return_tensors="pt")
        return Answer({"logits": _numpy(model(inputs.input_values).logits)})

    return answer


def _whisper(model: Any, source: Path, samples: int) -> Answerer:
    """Greedy text with timestamps of the first 30 s, and the logits when the first tokens of it are fed back in."""
    import torch
    from transformers import AutoFeatureExtractor

    extractor = AutoFeatureExtractor.from_pretrained(str(source))
    tokenizer = _tokenizer(source, "automatic-speech-recognition")
    recorded = _recorded_tokens(model.config, samples)
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
                "encoder.last_hidden_state": _numpy(encoded.last_hidden_state),
                "decoder.logits": _numpy(logits),
            },
            {"text": text, "token_ids": torch.flatten(tokens).tolist()},
        )

    return answer


def _text_generation(model: Any, source: Path, samples: int) -> Answerer:
    tokenizer = _tokenizer(source, "text-generation")
    limit = min(_max_tokens(tokenizer, model.config), _recorded_tokens(model.config, samples))

    def answer(sample: Any) -> Answer:
        inputs = tokenizer(sample, return_tensors="pt", truncation=True, max_length=limit)
        logits = model(input_ids=inputs.input_ids, attention_mask=inputs.attention_mask).logits
        return Answer({"logits": _numpy(logits)}, {"token_ids": inputs.input_ids[0].tolist()})

    return answer


def _recorded_tokens(config: Any, samples: int) -> int:
    """For how many tokens of each sample the logits over the whole vocabulary are recorded."""
    return int(max(MIN_TOKENS, MAX_LOGITS // samples // config.get_text_config().vocab_size))


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


def _numpy(tensor: Any) -> np.ndarray[Any, Any]:
    return np.asarray(tensor.detach().cpu().numpy())


# Export task without its "-with-past" → what answers its samples.
ANSWERERS: dict[str, MakeAnswerer] = {
    "feature-extraction": _text_encoder("feature-extraction", "last_hidden_state"),
    "text-classification": _text_encoder("text-classification", "logits"),
    "token-classification": _text_encoder("token-classification", "logits"),
    "image-classification": _image_classification,
    "automatic-speech-recognition": _speech,
    "text-generation": _text_generation,
}
