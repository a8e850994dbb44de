"""A prompt for programs without PyTorch: keys and values of its tokens, its maps as matrices, and its decisions."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vicp.adapt.embedder import Embedder, as_tensors
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import Blend
from vicp.decisions.outcome import Threshold
from vicp.decisions.rule import decision_rule
from vicp.decisions.trials import log_similarity
from vicp.errors import ConfigError
from vicp.runtime.export.graph import stack_states

NUM_KNOTS = 512
Arrays = dict[str, NDArray[Any]]


def prompt_arrays(embedder: Embedder, prompt: Prompt) -> Arrays:
    """Return a prompt's keys and values (L, H, M, d), M = 0 without tokens, and its metrics as `mean` and `weight`.

    Raises:
        ConfigError: A prompt of two embeddings or two maps at once, which no single chain of maps holds.
        PromptError: The prompt belongs to another model.
    """
    embedder.check(prompt)
    if prompt.recipe.features == "both" or isinstance(prompt.recipe, Blend):
        raise ConfigError(
            f"the prompt for {prompt.category!r} ({prompt.recipe}) cannot be exported: teach the category with "
            "--adapt generated, prompt or null"
        )
    (visual,) = prompt.feature_sources
    arrays: Arrays = {}
    with torch.inference_mode():
        tokens = torch.zeros(1, embedder.backbone.width) if visual is None else torch.tensor(visual.tokens)
        states = stack_states(embedder.backbone.prompt_states(tokens))
        keys, values = states if visual is not None else (each[:, :, :0] for each in states)
        arrays |= {"prompt_keys": keys.numpy(), "prompt_values": values.numpy()}
        metric = None if visual is None else as_tensors(visual.category_metric)
        head = None if embedder.model is None else embedder.model.metric_head
        if metric is not None and head is not None:
            arrays |= {"metric.mean": head.centre_of(metric).numpy(), "metric.weight": head.matrix(metric).numpy()}
    for name, transform in (("emitted_metric", prompt.emitted_metric), ("whitening", prompt.whitening)):
        if transform is not None:
            arrays |= {f"{name}.mean": transform.mean, f"{name}.weight": transform.weight}
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}


def decision_arrays(prompt: Prompt) -> Arrays:
    """Return the calibration table: P(same) of ascending similarities, for a pair that is as likely same as not.

    It has `decisions.similarity` and `decisions.probability` (NUM_KNOTS,); in between `numpy.interp` is exact to 1e-3.
    """
    score = np.linspace(log_similarity(np.array(-1.0)), log_similarity(np.array(1.0)), NUM_KNOTS)
    similarity = 1 - np.exp(-score)  # close together near 1, where P changes fast
    probability = decision_rule(prompt.held_out, prompt.similarity_kind).probability(similarity)
    return {"decisions.similarity": similarity, "decisions.probability": probability}


def prompt_facts(prompt: Prompt) -> dict[str, str]:
    """Return what a program may want to know of a prompt: category, model, and where same and different part.

    `same_above` and `different_below` are the similarities from which an answer keeps its error rate at `vicp verify`'s
    default targets; absent where too few pairs promise one.
    """
    facts = {"category": prompt.category, "fingerprint": prompt.fingerprint, "recipe": str(prompt.recipe)}
    decision = decision_rule(prompt.held_out, prompt.similarity_kind).decide_pair(0.0)
    limits = {
        "threshold": None if prompt.choice is None else prompt.choice.threshold,
        "same_above": decision.limit.similarity if isinstance(decision.limit, Threshold) else None,
        "different_below": decision.different_below,
    }
    return facts | {name: repr(float(limit)) for name, limit in limits.items() if limit is not None}
