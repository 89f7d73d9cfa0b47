"""Decoders whose attention is one node (``GroupQueryAttention``), made by the model builder of onnxruntime-genai.

Such a graph has a twentieth of the nodes that tracing gives, and its keys and values may stay in one buffer. The
builder maps the torch model that is in memory anyway: nothing is loaded again, and no code of the model's folder runs.
What the builder would get wrong without a word is refused here, and Optimum's graph made instead.
"""

from __future__ import annotations

import contextlib
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporters.protocol import BUILT_ARCHITECTURES

if TYPE_CHECKING:
    from exporters.__main__ import Reporter

__all__ = ["build_decoder", "has_builder", "reason_against"]

TASK = "text-generation-with-past"
BUILDER_PACKAGE = "onnxruntime-genai"
# The builder spreads embeddings out by a factor with two decimals; these models mean the square root of the width.
SCALED_BY_WIDTH = frozenset({"GemmaForCausalLM", "Gemma3ForCausalLM"})
# Models whose layers differ in what they see: the builder has a method or an attribute for it.
WINDOWED_IN_TURNS = frozenset({"Gemma3ForCausalLM", "SmolLM3ForCausalLM"})
# Longer contexts by scaled rotary embeddings: which kinds the builder's class takes into account.
SCALED_ROTATIONS = {"LlamaForCausalLM": frozenset({"llama3"}), "SmolLM3ForCausalLM": frozenset({"llama3"})}
# What the attention operator wants each head's channels to be a multiple of.
HEAD_SIZES = 8
# The graph's own input, under the name that the exporters of others have for it.
KEEP = "num_logits_to_keep"
END = (1 << 63) - 1  # of an axis, whatever its length
TABLE, HEAD = "model.embed_tokens.weight", "lm_head.MatMul.weight"
HEAD_NODE = "/lm_head/MatMul"


def has_builder() -> bool:
    """Whether this toolchain has the builder. Nothing is imported for the answer."""
    try:
        version(BUILDER_PACKAGE)
    except PackageNotFoundError:
        return False
    return find_spec("onnx_ir") is not None and _models_folder() is not None


def reason_against(config: Any, architecture: str, export_task: str) -> str | None:
    """Why the builder must not make this model's graph, in a few words for the manifest; None where it may.

    ``config`` is transformers' config of the loaded model, ``architecture`` the class of it.
    """
    if export_task != TASK or architecture not in BUILT_ARCHITECTURES:
        return f"the builder is not used for {architecture} as {export_task}"
    if not has_builder():
        return "this toolchain has no builder; install it again"
    if getattr(config, "quantization_config", None):
        return "the checkpoint is quantized"
    rotation = getattr(config, "rope_scaling", None) or {}
    kind = rotation.get("rope_type", rotation.get("type", "default"))
    if kind != "default" and kind not in SCALED_ROTATIONS.get(architecture, frozenset()):
        return f"rotary embeddings are scaled by {kind}"
    kinds = set(getattr(config, "layer_types", None) or ())
    if len(kinds) > 1 and architecture not in WINDOWED_IN_TURNS:
        return "only some layers have a sliding window"
    if getattr(config, "attn_logit_softcapping", None):
        return "attention logits are capped"
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if size % HEAD_SIZES:
        return f"heads have {size} channels, and the attention operator takes multiples of {HEAD_SIZES} alone"
    return None


def build_decoder(model: Any, architecture: str, target: Path, report: Reporter) -> None:
    """Write the float32 graph of a loaded torch model to ``target``, its weights beside it in ``.onnx_data``.

    All positions have logits, since verification and drafts of several tokens need them, unless fewer are asked for by
    the input :data:`KEEP`. Raises what the builder raises for a model that it cannot map: NotImplementedError,
    AttributeError, and others.
    """
    _find_builder()
    import builders
    import onnx_ir as ir
    import torch

    from exporters.graphs import EXTERNAL_MIN_BYTES

    config = model.config
    options = {"hf_token": False, "hf_remote": False, "shared_embeddings": False, "filename": target.name}
    kind = getattr(builders, BUILT_ARCHITECTURES[architecture])
    config.architectures = [architecture]
    with torch.no_grad(), contextlib.redirect_stdout(sys.stderr):
        builder = kind(config, ir.DataType.FLOAT, ir.DataType.FLOAT, "cpu", str(target.parent), options)
        if architecture in SCALED_BY_WIDTH:
            builder.embed_attrs["scale"] = float(config.hidden_size) ** 0.5
        _see_as_configured(builder, config)
        builder.load_weights = lambda source: model
        _count_layers(builder, report)
        builder.make_model("")
        graph = builder.model.graph
        if config.tie_word_embeddings:
            _tie_head(ir, graph)
        _name_head_size(ir, graph, builder.head_size)
        _let_keep(ir, graph)
        graph.sort()
        # One weight after the other is written, so no second copy of them is ever held.
        ir.save(
            builder.model,
            target,
            external_data=f"{target.name}_data",
            size_threshold_bytes=EXTERNAL_MIN_BYTES,
        )


def _models_folder() -> Path | None:
    spec = find_spec("onnxruntime_genai")
    folder = Path(spec.origin).parent / "models" if spec and spec.origin else None
    return folder if folder and (folder / "builders" / "base.py").exists() else None


def _find_builder() -> None:
    """Its modules are imported by their own folder, as its command does: the package itself would load the runtime."""
    folder = str(_models_folder())
    if folder not in sys.path:
        sys.path.append(folder)


def _see_as_configured(builder: Any, config: Any) -> None:
    """Let each layer see what the config says. The builder has rules of its own, and not always the right ones."""
    kinds = getattr(config, "layer_types", None)
    if kinds and hasattr(builder, "is_local"):
        builder.is_local = lambda number: kinds[number] == "sliding_attention"
    rotated = getattr(config, "no_rope_layers", None)
    if rotated:
        make_attention = builder.make_attention

        def make(number: int, *words: Any, **named: Any) -> None:
            # A layer without rotation must not get a node for it either.
            builder.attention_attrs["rope"] = bool(rotated[number])
            make_attention(number, *words, **named)
            builder.attention_attrs["rope"] = True

        builder.make_attention = make


def _count_layers(builder: Any, report: Reporter) -> None:
    make_layer, total = builder.make_layer, int(builder.num_layers)

    def make(number: int, layer: Any) -> None:
        make_layer(number, layer)
        report.progress(number + 1, total, "layers")

    builder.make_layer = make


def _tie_head(ir: Any, graph: Any) -> None:
    """Let the head multiply by the table of embeddings, turned, instead of by a copy of it."""
    table, head = graph.initializers[TABLE], graph.initializers[HEAD]
    turned = ir.node("Transpose", [table], {"perm": [1, 0]}, name="/lm_head/Transpose")
    user = next(iter(head.uses())).node
    graph.insert_before(user, turned)
    head.replace_all_uses_with(turned.outputs[0])
    del graph.initializers[HEAD]


def _let_keep(ir: Any, graph: Any) -> None:
    """Give the graph an input that has a default: how many tokens have logits, counted from the end; 0 is all of them.

    Of a prompt only the last token's are wanted, and the head is a fifth of SmolLM2-135M's products: in 4 bits it reads
    a prompt of 512 at 495 tokens a second instead of 374.
    """
    product = next(node for node in graph if node.name == HEAD_NODE)
    numbers: dict[str, Any] = {KEEP: 0, f"{KEEP}_axis": [0], f"{KEEP}_end": [END], f"{KEEP}_tokens": [1]}
    keep, axis, end, tokens = (
        ir.val(name, const_value=ir.tensor(number, dtype=ir.DataType.INT64)) for name, number in numbers.items()
    )
    for value in (keep, axis, end, tokens):
        graph.register_initializer(value)
    graph.inputs.append(keep)
    back = ir.node("Neg", [keep], name=f"/{KEEP}/Neg")
    start = ir.node("Unsqueeze", [back.outputs[0], axis], name=f"/{KEEP}/Unsqueeze")
    kept = ir.node("Slice", [product.inputs[0], start.outputs[0], end, tokens], name=f"/{KEEP}/Slice")
    graph.insert_before(product, [back, start, kept])
    product.replace_input_with(0, kept.outputs[0])
    value = product.outputs[0]
    while value is not None:  # whatever lies between the product and the logits
        value.shape = ir.Shape([value.shape[0], "kept_length", value.shape[2]])
        value = next((use.node.outputs[0] for use in value.uses()), None)


def _name_head_size(ir: Any, graph: Any, head_size: int) -> None:
    """The last axis of the cache is a number: whoever feeds the graph makes the first, empty cache out of it."""
    for value in (*graph.inputs, *graph.outputs):
        if value.name.startswith(("past_key_values.", "present.")):
            value.shape = ir.Shape([*list(value.shape)[:3], head_size])
