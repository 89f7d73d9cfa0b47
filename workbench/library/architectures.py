"""From a config's class names to what a model is for, where its card does not say."""

from __future__ import annotations

from functools import lru_cache

from workbench.library.model import Contents
from workbench.tasks.catalog import TASKS

__all__ = ["needs_own_code", "tasks_of"]

# Values of ``model_type``.
# fmt: off
SPEECH = frozenset([
    "whisper", "moonshine", "speech_to_text", "speecht5", "wav2vec2", "wav2vec2-bert", "wav2vec2-conformer",
    "hubert", "wavlm", "unispeech", "unispeech-sat", "sew", "sew-d", "data2vec-audio",
    "audio-spectrogram-transformer", "clap", "encodec", "mctct", "parakeet", "granite_speech", "seamless_m4t",
    "seamless_m4t_v2",
])
VISION = frozenset([
    "vit", "vit_mae", "vit_msn", "deit", "beit", "swin", "swinv2", "swin2sr", "convnext", "convnextv2",
    "resnet", "regnet", "mobilenet_v1", "mobilenet_v2", "mobilevit", "mobilevitv2", "efficientnet", "dinov2",
    "dinov2_with_registers", "dinov3_vit", "dinov3_convnext", "dpt", "glpn", "levit", "poolformer", "pvt",
    "pvt_v2", "segformer", "yolos", "detr", "hiera", "ijepa", "siglip_vision_model", "clip_vision_model",
    "data2vec-vision", "timm_wrapper", "depth_anything", "focalnet", "cvt", "bit", "perceiver", "sam",
    "superpoint", "vitpose", "rt_detr", "rt_detr_v2", "d_fine", "conditional_detr", "deformable_detr",
    "table-transformer", "maskformer", "mask2former", "upernet", "zoedepth", "depth_pro",
])
# Read a picture and a text together; their text heads are not those of a text model.
MIXED = frozenset([
    "layoutlm", "layoutlmv2", "layoutlmv3", "lilt", "bros", "markuplm", "vilt", "visual_bert", "lxmert",
    "clip", "siglip", "chinese_clip", "metaclip_2", "owlvit", "owlv2",
])
SEQ2SEQ_TEXT = frozenset([
    "t5", "mt5", "umt5", "longt5", "switch_transformers", "bart", "mbart", "mbart-50", "marian", "pegasus",
    "pegasus_x", "m2m_100", "nllb-moe", "blenderbot", "blenderbot-small", "led", "prophetnet",
    "xlm-prophetnet", "bigbird_pegasus", "fsmt", "plbart", "mvp", "encoder-decoder", "t5gemma",
])
# Text models that transformers knows by itself. Their repositories may still name code of their own, from the time
# before it did; the exporter leaves that away.
TEXT = frozenset([
    "albert", "bert", "bloom", "camembert", "codegen", "cohere", "convbert", "deberta", "deberta-v2", "distilbert",
    "electra", "ernie", "esm", "falcon", "flaubert", "gemma", "gemma2", "gemma3_text", "gpt2", "gpt_bigcode", "gpt_neo",
    "gpt_neox", "gptj", "granite", "helium", "ibert", "llama", "megatron-bert", "mistral", "mobilebert", "modernbert",
    "mpnet", "mpt", "nemotron", "nystromformer", "olmo", "olmo2", "opt", "phi", "phi3", "qwen2", "qwen3", "rembert",
    "roberta", "roformer", "smollm3", "squeezebert", "stablelm", "starcoder2", "xlm", "xlm-roberta",
])
# What a text with an encoder and a decoder may have been taught; nothing but a card tells which.
SEQ2SEQ_TASKS = ("text2text-generation", "translation", "summarization")
NO_TEXT = SPEECH | VISION | MIXED
KNOWN_TYPES = SPEECH | VISION | MIXED | SEQ2SEQ_TEXT | TEXT
# fmt: on

# Endings of class names, the more telling ones first.
ENDINGS: tuple[tuple[str, str], ...] = (
    ("ForZeroShotImageClassification", "zero-shot-image-classification"),
    ("ForImageClassification", "image-classification"),
    ("ForVideoClassification", "video-classification"),
    ("ForAudioClassification", "audio-classification"),
    ("ForSequenceClassification", "text-classification"),
    ("ForTokenClassification", "token-classification"),
    ("ForVisualQuestionAnswering", "visual-question-answering"),
    ("ForQuestionAnswering", "question-answering"),
    ("ForMaskedLM", "fill-mask"),
    ("ForPreTraining", "fill-mask"),
    ("ForCausalLM", "text-generation"),
    ("LMHeadModel", "text-generation"),
    ("MTModel", "translation"),
    ("ForCTC", "automatic-speech-recognition"),
    ("ForSpeechSeq2Seq", "automatic-speech-recognition"),
    ("ForTextToSpeech", "text-to-speech"),
    ("ForZeroShotObjectDetection", "zero-shot-object-detection"),
    ("ForObjectDetection", "object-detection"),
    ("ForSemanticSegmentation", "image-segmentation"),
    ("ForInstanceSegmentation", "image-segmentation"),
    ("ForUniversalSegmentation", "image-segmentation"),
    ("ForSegmentation", "image-segmentation"),
    ("ForDepthEstimation", "depth-estimation"),
    ("ForImageSuperResolution", "image-to-image"),
    ("ForImageTextToText", "image-text-to-text"),
)
WHOLE = {
    # Tells which words were replaced, and has no vocabulary to choose from.
    "ElectraForPreTraining": "feature-extraction",
    "VisionEncoderDecoderModel": "image-to-text",
    "SpeechEncoderDecoderModel": "automatic-speech-recognition",
    "VitsModel": "text-to-speech",
    "CLIPModel": "zero-shot-image-classification",
    "ChineseCLIPModel": "zero-shot-image-classification",
    "MetaClip2Model": "zero-shot-image-classification",
    "SiglipModel": "zero-shot-image-classification",
    "Siglip2Model": "zero-shot-image-classification",
    "ClapModel": "zero-shot-audio-classification",
    "SamModel": "mask-generation",
    "Sam2Model": "mask-generation",
    "Owlv2ForObjectDetection": "zero-shot-object-detection",
    "OwlViTForObjectDetection": "zero-shot-object-detection",
    "GroundingDinoForObjectDetection": "zero-shot-object-detection",
    "MusicgenForConditionalGeneration": "text-to-audio",
    "BarkModel": "text-to-speech",
    "TapasForQuestionAnswering": "table-question-answering",
}


def needs_own_code(contents: Contents) -> bool:
    """Whether the model cannot be loaded without code out of its repository, as far as its config tells."""
    return contents.remote_code and contents.model_type not in KNOWN_TYPES


def tasks_of(contents: Contents, names: frozenset[str]) -> tuple[str | None, tuple[str, ...]]:
    """What a model is for, the hub's tag, and our own tasks that it can do, its main one first.

    The tag comes from its card, its modules, its classes; None when nothing tells. ``names`` are those of its files.
    """
    return _tasks_of(
        contents.pipeline_tag,
        contents.library,
        contents.architectures,
        contents.model_type,
        "modules.json" in names,
        "model_index.json" in names and "config.json" not in names,
        contents.label_count,
        contents.entails,
    )


@lru_cache(maxsize=1024)  # many models of a cache are of a few kinds
def _tasks_of(
    tag: str | None,
    library: str | None,
    architectures: tuple[str, ...],
    model_type: str | None,
    has_modules: bool,
    is_pipeline: bool,
    label_count: int | None,
    entails: bool,
) -> tuple[str | None, tuple[str, ...]]:
    by_class = _of_classes(architectures, model_type, is_pipeline)
    if tag is None:
        tag = _of_library(by_class, library, has_modules, label_count)
    wanted = [tag, by_class]
    if by_class == "text-classification":
        # A graph of classes does what its labels are fit for. One label alone may be a class, or how well texts fit.
        fit = {"zero-shot-classification": entails, "text-ranking": label_count == 1}
        wanted += [name for name, fits in fit.items() if fits]
        if label_count is not None:  # whatever the card says
            wanted = [name for name in wanted if fit.get(name or "", True)]
    if "sentence-similarity" in wanted or "feature-extraction" in wanted:
        wanted += ["sentence-similarity", "feature-extraction"]
    elif by_class == "fill-mask":
        wanted.append("feature-extraction")
    if model_type in SEQ2SEQ_TEXT:
        wanted += SEQ2SEQ_TASKS
    possible = [name for name in wanted if name in TASKS and _fits(name, architectures, model_type, by_class)]
    return tag, tuple(dict.fromkeys(possible))


def _of_library(by_class: str | None, library: str | None, has_modules: bool, label_count: int | None) -> str | None:
    """What a model is for whose card does not tell. Those of sentence-transformers make vectors of sentences by their
    modules, or read pairs (cross-encoders) to tell how well they fit."""
    if library == "sentence-transformers" and by_class == "text-classification" and label_count == 1:
        return "text-ranking"
    return "sentence-similarity" if has_modules and library in (None, "sentence-transformers") else by_class


def _fits(task: str, architectures: tuple[str, ...], model_type: str | None, by_class: str | None) -> bool:
    info = TASKS[task]
    if info.modality == "text" and model_type in NO_TEXT:
        return False
    if not info.architectures or not architectures:
        return by_class in (None, task) or not info.architectures
    return any(name.endswith(info.architectures) for name in architectures)


def _of_classes(architectures: tuple[str, ...], model_type: str | None, is_pipeline: bool) -> str | None:
    if not architectures:
        return None
    name = architectures[0]
    if name in WHOLE:
        return WHOLE[name]
    if is_pipeline:
        return "text-to-video" if "Video" in name else "text-to-image"
    if name.endswith("ForConditionalGeneration"):
        return _of_generation(model_type)
    found = next((task for ending, task in ENDINGS if name.endswith(ending)), None)
    if found == "text-classification" and model_type in SPEECH:
        return "audio-classification"
    if found == "question-answering" and model_type in MIXED:
        return "visual-question-answering" if model_type == "vilt" else "document-question-answering"
    if found is None and name.endswith("Model"):
        if model_type in VISION:
            return "image-feature-extraction"
        return None if model_type in MIXED else "feature-extraction"
    return found


def _of_generation(model_type: str | None) -> str:
    """``…ForConditionalGeneration`` writes text down from speech, from text, or from pictures."""
    if model_type in SPEECH:
        return "automatic-speech-recognition"
    return "text2text-generation" if model_type in SEQ2SEQ_TEXT else "image-text-to-text"
