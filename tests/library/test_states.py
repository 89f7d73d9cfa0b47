"""What a model's files make of it: its state, its task, whether it can be exported, whether it runs as it is."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

from tests.library.building import CLASSIFIER, LFS_POINTER, Files, Hub, card, config, safetensors
from workbench.library.model import Model
from workbench.tasks.catalog import TASKS

Listed = Callable[[], Model]
WITHOUT_WEIGHTS: Files = {name: content for name, content in CLASSIFIER.items() if name != "model.safetensors"}
ONNX: Files = {**WITHOUT_WEIGHTS, "onnx/model.onnx": "graph"}
PICKLE: Files = {**WITHOUT_WEIGHTS, "pytorch_model.bin": "pickle"}


def reason(model: Model) -> str:
    assert model.reason
    return model.reason.code


class TestState:
    @pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
    def test_a_file_that_is_only_git_lfs_note(self, hub: Hub, only_model: Listed, name: str) -> None:
        hub.add("org/model", {**CLASSIFIER, name: LFS_POINTER})
        model = only_model()
        assert model.state == "damaged"
        assert reason(model) == "file-is-pointer"
        assert name in str(model.reason)

    @pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "onnx/model.onnx"])
    def test_an_empty_file(self, hub: Hub, only_model: Listed, name: str) -> None:
        hub.add("org/model", {**CLASSIFIER, name: b""})
        model = only_model()
        assert (model.state, reason(model)) == ("damaged", "file-empty")

    def test_an_empty_file_that_may_be_empty(self, hub: Hub, only_model: Listed) -> None:
        hub.add("org/model", {**CLASSIFIER, "merges.txt": b"", "sub/__init__.py": b"", "README.md": b""})
        assert only_model().state == "ready"

    @pytest.mark.parametrize(
        "content",
        [
            b"{",
            b"[]",
            b"1",
            b"\xff\xfe",
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b"9" * 10_000,
            b"\x00" * 9,
        ],
        ids=["cut off", "a list", "a number", "no UTF-8", "deep", "deep maps", "long number", "zeros"],
    )
    def test_a_config_that_is_none(self, hub: Hub, only_model: Listed, content: bytes) -> None:
        hub.add("org/model", {**CLASSIFIER, "config.json": content})
        model = only_model()
        assert model.state == "damaged"
        assert reason(model) == "model-bad-file"
        assert "config.json" in str(model.reason)

    @pytest.mark.parametrize(
        "value",
        [
            {"architectures": "BertModel", "model_type": 5, "quantization_config": "gptq"},
            {"architectures": [None, 3, {}, ["x"]], "quantization_config": {"quant_method": {"a": 1}}},
            {"architectures": {"a": 1}, "quantization_config": None, "auto_map": None},
            {"architectures": ["\ud800\x1b[2J\n" * 1000], "model_type": "\x00"},
        ],
    )
    def test_a_config_of_odd_types_breaks_nothing(self, hub: Hub, only_model: Listed, value: Any) -> None:
        hub.add("org/model", {**WITHOUT_WEIGHTS, "config.json": json.dumps(value), "pytorch_model.bin": "x"})
        model = only_model()
        assert model.state == "ready"
        assert model.revision
        for name in model.revision.contents.architectures:
            assert name.isprintable()
            assert len(name) <= 200
        json.dumps(model.to_json(), ensure_ascii=False).encode("utf-8")

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (safetensors()[:-1], "weights-truncated"),
            (safetensors()[:40], "model-bad-file"),
            (safetensors() + b"x", "weights-truncated"),
            (b"PK\x03\x04", "model-bad-file"),
            (struct.pack("<Q", 1 << 62) + b"{}", "model-bad-file"),
            (struct.pack("<Q", 2) + b"[]", "model-bad-file"),
        ],
        ids=["cut off", "cut in the header", "too long", "a zip file", "an endless header", "a list"],
    )
    def test_weights_that_are_not_whole(self, hub: Hub, only_model: Listed, content: bytes, code: str) -> None:
        hub.add("org/model", {**CLASSIFIER, "model.safetensors": content})
        model = only_model()
        assert (model.state, reason(model)) == ("damaged", code)

    @pytest.mark.parametrize(
        "tensor",
        [
            {"shape": [1 << 62] * 60, "data_offsets": [0, 0]},
            {"shape": [1 << 40], "data_offsets": [0, 8]},
            {"shape": [-1], "data_offsets": [0, -8]},
            {"shape": [1.5], "data_offsets": [0, 8]},
            {"shape": [float("inf")], "data_offsets": [0, float("inf")]},
            {"shape": [2] * 100_000, "data_offsets": [0, 8]},
            {"shape": "ab", "data_offsets": "ab"},
            {"shape": [1]},
            [],
            None,
        ],
    )
    def test_headers_that_promise_nonsense(self, hub: Hub, only_model: Listed, tensor: Any) -> None:
        header = json.dumps({"weight": tensor}).encode()
        hub.add("org/model", {**CLASSIFIER, "model.safetensors": struct.pack("<Q", len(header)) + header + bytes(8)})
        model = only_model()
        assert (model.state, reason(model)) == ("damaged", "model-bad-file")
        json.dumps(model.to_json())

    def test_parts_of_the_weights_that_are_missing_by_their_names(self, hub: Hub, only_model: Listed) -> None:
        files = {f"model-0000{n}-of-00003.safetensors": safetensors(name=str(n)) for n in (1, 3)}
        hub.add("org/model", {**WITHOUT_WEIGHTS, **files})
        model = only_model()
        assert (model.state, reason(model)) == ("incomplete", "shards-missing")
        assert "model-00002-of-00003.safetensors" in str(model.reason)
        assert "1 of 3" in str(model.reason)

    def test_parts_of_the_weights_that_are_missing_by_the_index(self, hub: Hub, only_model: Listed) -> None:
        index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors", "c": 7, "d": None}}
        files = {"model.safetensors.index.json": index, "one.safetensors": safetensors()}
        hub.add("org/model", {**WITHOUT_WEIGHTS, **files})
        model = only_model()
        assert (model.state, reason(model)) == ("incomplete", "shards-missing")
        assert "two.safetensors" in str(model.reason)

    def test_an_index_of_pickles_beside_whole_safetensors(self, hub: Hub, only_model: Listed) -> None:
        index = {"weight_map": {"a": "pytorch_model-a.bin", "b": "pytorch_model-b.bin"}}
        hub.add("org/model", {**CLASSIFIER, "pytorch_model.bin.index.json": index})
        assert only_model().state == "ready"

    def test_all_parts_are_counted(self, hub: Hub, only_model: Listed) -> None:
        files = {f"model-0000{n}-of-00002.safetensors": safetensors(name=str(n)) for n in (1, 2)}
        hub.add("org/model", {**WITHOUT_WEIGHTS, **files})
        model = only_model()
        assert model.state == "ready"
        assert model.revision
        assert model.revision.contents.parameter_count == 12


class TestExport:
    def test_pickles_need_the_users_word(self, hub: Hub, only_model: Listed) -> None:
        hub.add("org/model", PICKLE)
        revision = only_model().revision
        assert revision
        assert revision.formats == ("pickle",)
        assert revision.export.answer == "confirm"
        assert revision.export.reason
        assert "pytorch_model.bin" in str(revision.export.reason)
        assert "--allow-pickle" in str(revision.export.reason)

    @pytest.mark.parametrize(
        ("files", "code"),
        [
            (
                {**CLASSIFIER, "config.json": config("OwnForSequenceClassification", "own", auto_map={})},
                "export-remote-code",
            ),
            (
                {**CLASSIFIER, "config.json": config(quantization_config={"quant_method": "gptq"})},
                "export-quantized-checkpoint",
            ),
            ({**WITHOUT_WEIGHTS, "model-q4.gguf": "GGUF"}, "export-gguf-only"),
            (ONNX, "export-onnx-only"),
            ({**WITHOUT_WEIGHTS, "tf_model.h5": "x", "flax_model.msgpack": "x"}, "export-no-weights"),
            ({"model.safetensors": safetensors()}, "export-no-config"),
            (
                {
                    "config.json": config("TreeModel", "tree", x=1),
                    "tokenizer.json": "{}",
                    "model.safetensors": safetensors(),
                },
                None,
            ),
            ({"config.json": {"model_type": "bert"}, "model.safetensors": safetensors()}, "task-none"),
            (
                {"config.json": config("ViltForQuestionAnswering", "vilt"), "model.safetensors": safetensors()},
                "task-unknown",
            ),
            (
                {
                    "config.json": config("LayoutLMv3ForQuestionAnswering", "layoutlmv3"),
                    "model.safetensors": safetensors(),
                },
                "task-needs-words",
            ),
            (
                {
                    "config.json": config("SpeechEncoderDecoderModel", "speech-encoder-decoder"),
                    "model.safetensors": safetensors(),
                },
                "task-other-architecture",
            ),
            ({**CLASSIFIER, "README.md": card(pipeline_tag="table-question-answering")}, "export-other-task"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_why_not_or_under_which_condition(
        self, hub: Hub, only_model: Listed, files: Files, code: str | None
    ) -> None:
        hub.add("org/model", files)
        revision = only_model().revision
        assert revision
        assert (revision.export.reason and revision.export.reason.code) == code
        assert revision.export.possible == (code in (None, "export-other-task"))

    def test_code_of_its_own_that_is_not_needed_any_more(self, hub: Hub, only_model: Listed) -> None:
        hub.add("org/model", {**CLASSIFIER, "config.json": config(auto_map={"AutoModel": "modeling.Model"})})
        revision = only_model().revision
        assert revision
        assert revision.export.answer == "yes"

    def test_an_unknown_task_is_told_with_those_there_are(self, hub: Hub, only_model: Listed) -> None:
        hub.add("org/model", {**CLASSIFIER, "README.md": card(pipeline_tag="mind-reading"), "config.json": {}})
        revision = only_model().revision
        assert revision
        assert revision.task == "mind-reading"
        assert all(task in str(revision.export.reason) for task in TASKS)


class TestRun:
    def test_graphs_of_others_run_as_they_are(self, hub: Hub, only_model: Listed) -> None:
        hub.add("org/model", {**ONNX, "onnx/model_quantized.onnx": "graph", "onnx/model_q4f16.onnx": "graph"})
        revision = only_model().revision
        assert revision
        assert revision.run.answer == "yes"
        assert revision.run.tasks == ("text-classification",)
        assert dict(revision.precisions) == {"fp32": ("model",), "q8": ("model",), "q4f16": ("model",)}

    @pytest.mark.parametrize(
        ("files", "code", "said"),
        [
            (CLASSIFIER, "run-needs-export", "export the model first"),
            (
                {**ONNX, "README.md": card(pipeline_tag="table-question-answering"), "config.json": {}},
                "run-unknown-task",
                "table-question-answering",
            ),
            (
                {
                    **ONNX,
                    "config.json": config("LayoutLMForQuestionAnswering", "layoutlm"),
                    "README.md": card(pipeline_tag="document-question-answering"),
                },
                "task-needs-words",
                "LayoutLMForQuestionAnswering",
            ),
            (
                {name: content for name, content in ONNX.items() if name != "tokenizer.json"},
                "model-file-missing",
                "tokenizer.json",
            ),
            (
                {
                    **ONNX,
                    "config.json": config("WhisperForConditionalGeneration", "whisper"),
                    "README.md": card(),
                    "onnx/encoder_model.onnx": "x",
                },
                "variant-none",
                "decoder_model_merged",
            ),
            ({**WITHOUT_WEIGHTS, "onnx/model.onnx": b""}, "file-empty", "onnx/model.onnx"),
        ],
        ids=["no graphs", "unknown task", "needs words", "no tokenizer", "half of the graphs", "an empty graph"],
    )
    def test_why_not(self, hub: Hub, only_model: Listed, files: Files, code: str, said: str) -> None:
        hub.add("org/model", files)
        revision = only_model().revision
        assert revision
        assert revision.run.answer == "no"
        assert revision.run.reason
        assert revision.run.reason.code == code
        assert said in str(revision.run.reason)

    def test_an_image_model_needs_its_processor(self, hub: Hub, only_model: Listed) -> None:
        files = {"config.json": config("ViTForImageClassification", "vit"), "onnx/model.onnx": "graph"}
        hub.add("org/model", files)
        revision = only_model().revision
        assert revision
        assert "preprocessor_config.json" in str(revision.run.reason)


class TestTask:
    @pytest.mark.parametrize(
        ("architecture", "model_type", "task"),
        [
            ("BertForSequenceClassification", "bert", "text-classification"),
            ("BertForTokenClassification", "bert", "token-classification"),
            ("BertForMaskedLM", "bert", "fill-mask"),
            ("BertModel", "bert", "feature-extraction"),
            ("LlamaForCausalLM", "llama", "text-generation"),
            ("GPT2LMHeadModel", "gpt2", "text-generation"),
            ("ViTForImageClassification", "vit", "image-classification"),
            ("Dinov2Model", "dinov2", "image-feature-extraction"),
            ("WhisperForConditionalGeneration", "whisper", "automatic-speech-recognition"),
            ("Wav2Vec2ForSequenceClassification", "wav2vec2", "audio-classification"),
            ("T5ForConditionalGeneration", "t5", "text2text-generation"),
            ("MarianMTModel", "marian", "translation"),
            ("Speech2TextForConditionalGeneration", "speech_to_text", "automatic-speech-recognition"),
            ("BlipForConditionalGeneration", "blip", "image-text-to-text"),
            ("VisionEncoderDecoderModel", "vision-encoder-decoder", "image-to-text"),
            ("LayoutLMv3ForQuestionAnswering", "layoutlmv3", "document-question-answering"),
            ("OwlViTForObjectDetection", "owlvit", "zero-shot-object-detection"),
            ("DetrForObjectDetection", "detr", "object-detection"),
            ("SomethingElse", "x", None),
        ],
    )
    def test_from_the_class_when_the_card_does_not_say(
        self, hub: Hub, only_model: Listed, architecture: str, model_type: str, task: str | None
    ) -> None:
        hub.add("org/model", {"config.json": config(architecture, model_type), "model.safetensors": safetensors()})
        assert only_model().task == task

    def test_the_card_goes_before_the_class(self, hub: Hub, only_model: Listed) -> None:
        hub.add("org/model", {**CLASSIFIER, "README.md": card(pipeline_tag="zero-shot-classification")})
        assert only_model().task == "zero-shot-classification"

    def test_modules_of_sentence_transformers(self, hub: Hub, only_model: Listed) -> None:
        files = {"config.json": config("BertModel"), "modules.json": "[]", "model.safetensors": safetensors()}
        hub.add("org/model", files)
        model = only_model()
        assert model.task == "sentence-similarity"
        assert model.revision
        assert model.revision.export.tasks == ("sentence-similarity", "feature-extraction")

    @pytest.mark.parametrize(
        ("labels", "more", "tag", "task", "tasks"),
        [
            (["LABEL_0"], {}, None, "text-classification", ("text-classification", "text-ranking")),
            (["LABEL_0"], {"sentence_transformers": {"version": "5"}}, None, "text-ranking", None),
            (["LABEL_0"], {}, "text-ranking", "text-ranking", ("text-ranking", "text-classification")),
            (["a", "b"], {}, "text-ranking", "text-ranking", ("text-classification",)),
            (
                ["no", "Entailment"],
                {},
                None,
                "text-classification",
                ("text-classification", "zero-shot-classification"),
            ),
            (["no", "entail"], {}, "zero-shot-classification", "zero-shot-classification", None),
            (["a", "b"], {}, "zero-shot-classification", "zero-shot-classification", ("text-classification",)),
            (["a", "b"], {}, None, "text-classification", ("text-classification",)),
        ],
    )
    def test_a_classifier_does_what_its_labels_are_fit_for(
        self,
        hub: Hub,
        only_model: Listed,
        labels: list[str],
        more: dict[str, Any],
        tag: str | None,
        task: str,
        tasks: tuple[str, ...] | None,
    ) -> None:
        files = {**CLASSIFIER, "config.json": config(id2label=dict(enumerate(labels)), **more)}
        hub.add("org/model", {**files, "README.md": card(pipeline_tag=tag) if tag else card()})
        model = only_model()
        assert model.task == task
        assert model.revision
        assert model.revision.export.tasks == (tasks or (task, "text-classification"))

    def test_a_discriminator_has_no_words_to_fill_in(self, hub: Hub, only_model: Listed) -> None:
        files = {"config.json": config("ElectraForPreTraining", "electra"), "model.safetensors": safetensors()}
        hub.add("org/model", files)
        assert only_model().task == "feature-extraction"

    def test_a_diffusers_pipeline(self, hub: Hub, only_model: Listed) -> None:
        files = {
            "model_index.json": {"_class_name": "StableDiffusionPipeline"},
            "unet/model.safetensors": safetensors(),
        }
        hub.add("org/model", files)
        model = only_model()
        assert model.task == "text-to-image"
        assert model.revision
        assert model.revision.contents.architectures == ("StableDiffusionPipeline",)


def test_json_of_a_model_is_complete(hub: Hub, only_model: Listed) -> None:
    hub.add("org/model")
    value = json.loads(json.dumps(only_model().to_json()))
    assert value["id"] == "org/model"
    assert value["state"] == "ready"
    assert value["task"] == "text-classification"
    assert value["licence"] == "mit"
    assert value["parameter_count"] == 6
    assert value["export"] == {"answer": "yes", "reason": None, "tasks": ["text-classification"]}
    assert value["run"]["reason"]["code"] == "run-needs-export"
    assert value["revisions"][0]["refs"] == ["main"]


def test_a_card_in_a_folder_is_not_the_models(hub: Hub, only_model: Listed) -> None:
    files = {"config.json": config(), "model.safetensors": safetensors(), "docs/README.md": card(license="mit")}
    hub.add("org/model", files)
    revision = only_model().revision
    assert revision
    assert revision.contents.licence is None
