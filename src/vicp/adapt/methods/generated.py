"""The paper's prompt: the LLM reads the support and emits a visual prompt and, in some models, a metric."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.embedder import Embedder, as_tensors
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.linear_transform import LinearTransform
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import PromptTokens
from vicp.data.seeds import derive_seed
from vicp.data.support.support import Support
from vicp.errors import ConfigError
from vicp.model.qformer import Latents
from vicp.model.vicp import VICP
from vicp.model.visual_prompt import VisualPrompt


def generated_prompt(embedder: Embedder, support: EncodedSupport) -> Prompt:
    """Return photos embedded under all that the LLM emits for the support: prompt tokens and, of some models, a metric.

    Raises:
        ConfigError: A bare backbone, which has no LLM.
    """
    latents = embedder.latents(support.tensor) if support.latents is None else support.latents
    return Prompt.of(infer_prompt(embedder, latents, support.pairs, category=support.category, seed=support.seed))


def prompt_tokens(generated: Prompt) -> Prompt:
    """Return the paper's prompt: the tokens of a generated prompt, without the metric that some models emit."""
    assert generated.visual is not None, "a generated prompt has tokens"
    return replace(generated, recipe=PromptTokens(), visual=replace(generated.visual, category_metric=None))


def emitted_metric(embedder: Embedder, prompt: Prompt) -> LinearTransform:
    """Return the metric that the LLM emitted with its prompt, for frozen embeddings.

    Raises:
        ConfigError: This model emits no metric.
    """
    head = embedder.full_model.metric_head
    metric = None if prompt.visual is None else as_tensors(prompt.visual.category_metric)
    if metric is None or head is None:
        raise ConfigError("this model emits prompt tokens alone, and no metric of the readout: choose another method")
    with torch.inference_mode():
        return LinearTransform(head.centre_of(metric).cpu().numpy(), head.matrix(metric).cpu().numpy())


def infer_prompt(
    embedder: Embedder, latents: Latents, pairs: Support, *, category: str, seed: int | None = None
) -> VisualPrompt:
    """Return the visual prompt of a category from its labelled pairs.

    Args:
        embedder: Of a VICP model.
        latents: Of every photo the pairs point into (n).
        pairs: K of them; none gives the null prompt. Of more than the LLM takes, a random part is read.
        category: What the photos show.
        seed: Of the support draw, for the record.

    Raises:
        ConfigError: A bare backbone, which has no LLM.
    """
    model = embedder.full_model
    pairs = _pairs_that_fit(pairs, model.max_pairs, seed or 0)
    left, right, same = pair_tensors(latents, pairs)
    return model.infer_prompt(left, right, same, category=category, seed=seed, fingerprint=embedder.fingerprint)


def null_prompt(embedder: Embedder, latents: Latents) -> VisualPrompt:
    """Return what the LLM emits when it reads no pair at all."""
    nothing = np.zeros(0, dtype=np.int64)
    empty = Support(nothing, nothing, np.zeros(0, dtype=np.bool_))
    return infer_prompt(embedder, latents, empty, category="nothing")


def pair_tensors(latents: Latents, pairs: Support) -> tuple[Latents, Latents, Tensor]:
    """Return latents (K) of both sides and labels (K,)."""
    left, right = torch.from_numpy(pairs.left), torch.from_numpy(pairs.right)
    return latents[left], latents[right], torch.from_numpy(pairs.same)


def unread_pairs(model: VICP, num_pairs: int) -> str:
    """Return a sentence that says how many of so many pairs the model's LLM reads; empty where it reads all."""
    if model.max_pairs is None or num_pairs <= model.max_pairs:
        return ""
    return (
        f"The LLM reads {model.max_pairs} of the {num_pairs} pairs, drawn at random: its context holds no more. Give "
        "fewer pairs, or take a model whose LLM has a longer context."
    )


def _pairs_that_fit(pairs: Support, max_pairs: int | None, seed: int) -> Support:
    if max_pairs is None or len(pairs) <= max_pairs:
        return pairs
    rng = np.random.default_rng(derive_seed(seed, "pairs that fit"))
    rows = np.sort(rng.permutation(len(pairs))[:max_pairs])
    return Support(pairs.left[rows], pairs.right[rows], pairs.same[rows])
