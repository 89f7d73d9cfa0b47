"""The tasks that read text."""

from __future__ import annotations

from workbench.tasks.generation_params import LANGUAGE_MODEL_PARAMS
from workbench.tasks.info import ENCODER_DECODER, Field, Layout, Param, TaskInfo
from workbench.tasks.shared_params import FUNCTION, NUM_BEAMS, TOP_K, WRITTEN_TOKENS

__all__ = ["TEXT_TASKS"]

ENCODER = Layout("feature-extraction")
CLASSIFIER = Layout("text-classification", ("ForSequenceClassification",))
SEQ2SEQ = Layout(
    "text2text-generation-with-past",
    ("ForConditionalGeneration", "MTModel"),
    graphs=ENCODER_DECODER,
)
# An export writes no more for each sample; exporters/answers_text.py does the same.
VERIFIED_TOKENS = {"max_new_tokens": 48}

TEXT_TASKS = (
    TaskInfo(
        id="feature-extraction",
        title="Text embeddings",
        input="text",
        result="Embedding",
        layouts=(ENCODER,),
        params=(
            Param(
                "pooling",
                str,
                "none",
                "How token vectors become one: 'model' does what the model's own files say",
                choices=("none", "model", "mean", "cls", "max"),
            ),
            Param("normalize", bool, None, "Scale a pooled vector to length 1"),
        ),
    ),
    TaskInfo(
        id="sentence-similarity",
        title="Sentence similarity",
        input="fields",
        fields=(Field("source_sentence"), Field("sentences", "texts")),
        gathers=True,
        result="Similarity",
        layouts=(ENCODER,),
        verified_as="feature-extraction",
        verified_with={"pooling": "model"},
    ),
    TaskInfo(
        id="text-classification",
        title="Text classification",
        input="text",
        result="Labels",
        layouts=(CLASSIFIER,),
        params=(TOP_K, FUNCTION),
    ),
    TaskInfo(
        id="token-classification",
        title="Token classification",
        input="text",
        result="Spans",
        layouts=(Layout("token-classification", ("ForTokenClassification",)),),
        params=(
            Param(
                "aggregation_strategy",
                str,
                "simple",
                "How tokens are grouped into entities",
                choices=("none", "simple", "first", "average", "max"),
            ),
        ),
    ),
    TaskInfo(
        id="zero-shot-classification",
        title="Zero-shot text classification",
        input="text",
        result="Labels",
        layouts=(CLASSIFIER,),
        params=(
            Param("candidate_labels", list, (), "The labels to choose from; in a text, divided by commas"),
            Param(
                "hypothesis_template",
                str,
                "This example is {}.",
                "The sentence that a label makes; {} stands for the label",
            ),
            Param("multi_label", bool, False, "Whether several labels can be right, each with a score of its own"),
        ),
    ),
    TaskInfo(
        id="question-answering",
        title="Question answering",
        input="fields",
        fields=(Field("question"), Field("context")),
        result="Answers",
        layouts=(Layout("question-answering", ("ForQuestionAnswering", "ForQuestionAnsweringSimple")),),
        params=(
            Param("top_k", int, 1, "How many answers to return, the likeliest first", minimum=1, maximum=1000),
            Param("handle_impossible_answer", bool, False, "Let the model say that the context has no answer"),
            Param("max_answer_len", int, 15, "How many tokens an answer has at most", minimum=1),
            Param("max_seq_len", int, None, "How many tokens are read at once, the question among them", minimum=8),
            Param("doc_stride", int, None, "How many tokens neighbouring stretches of a context share", minimum=0),
            Param("max_question_len", int, None, "How many tokens of the question to read", minimum=1),
            Param("align_to_words", bool, True, "Widen answers to whole words"),
        ),
    ),
    TaskInfo(
        id="fill-mask",
        title="Fill in the blank",
        input="text",
        result="Fills",
        layouts=(Layout("fill-mask", ("ForMaskedLM", "ForPreTraining")),),
        params=(
            Param("top_k", int, 5, "How many words to return for each mask, the likeliest first", minimum=1),
            Param("targets", list, None, "Only these words; none: all of the vocabulary"),
        ),
    ),
    TaskInfo(
        id="text-ranking",
        title="Text ranking",
        input="fields",
        fields=(Field("query"), Field("texts", "texts")),
        result="Ranking",
        layouts=(CLASSIFIER,),
        params=(
            Param("top_k", int, None, "How many texts to return, the best first", minimum=1),
            Param("function_to_apply", str, "none", "How scores become probabilities", choices=("none", "sigmoid")),
        ),
    ),
    TaskInfo(
        id="text-generation",
        title="Text generation",
        input="text",
        result="Text",
        layouts=(
            Layout(
                "text-generation-with-past",
                ("ForCausalLM", "LMHeadModel"),
                graphs=(("model", "decoder_model_merged"),),
            ),
        ),
        params=LANGUAGE_MODEL_PARAMS,
    ),
    TaskInfo(
        id="text2text-generation",
        title="Text to text",
        input="text",
        result="Text",
        layouts=(SEQ2SEQ,),
        verified_with=VERIFIED_TOKENS,
        params=(WRITTEN_TOKENS, NUM_BEAMS),
    ),
    TaskInfo(
        id="summarization",
        title="Summarization",
        input="text",
        result="Text",
        layouts=(SEQ2SEQ,),
        verified_with=VERIFIED_TOKENS,
        params=(WRITTEN_TOKENS, NUM_BEAMS),
    ),
    TaskInfo(
        id="translation",
        title="Translation",
        input="text",
        result="Text",
        layouts=(SEQ2SEQ,),
        verified_with=VERIFIED_TOKENS,
        params=(
            Param("src_lang", str, None, "The language of the text, as the model names it; none: the model's own"),
            Param("tgt_lang", str, None, "The language to translate into, as the model names it"),
            WRITTEN_TOKENS,
            NUM_BEAMS,
        ),
    ),
)
