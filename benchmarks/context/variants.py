"""Rows of real photos that no user asks for: controls of adaptations, and what is left without the LLM."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from benchmarks.lib.shuffled_tokens import shuffled_tokens
from vicp.adapt.controls import permute_photos
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.fitting import fit
from vicp.adapt.methods.generated import emitted_metric, pair_tensors
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import EmittedMetric
from vicp.adapt.selection.select import fit_selected

Adapt = Callable[[Embedder, EncodedSupport], Prompt]


@dataclass(frozen=True)
class Variant:
    """A prompt made in another way, scored as an adaptation of `vicp evaluate` is.

    Attributes:
        scored_as: the adaptation whose place it takes.
        adapt: makes the prompt of a support.
        needs: a part that a model must have for it, if any.
    """

    scored_as: str
    adapt: Adapt
    needs: str | None = None

    def is_for(self, embedder: Embedder) -> bool:
        """Whether this model can do it."""
        return self.needs is None or getattr(embedder.full_model, self.needs) is not None


def auto_repaired(embedder: Embedder, support: EncodedSupport) -> Prompt:
    """What "auto" makes of labels that stay while the photos are dealt to them anew."""
    return fit_selected(embedder, permute_photos(support), "auto")


def metric_of_frozen(embedder: Embedder, support: EncodedSupport) -> Prompt:
    """The metric that the model emits, on photos without prompt tokens."""
    return fit(embedder, support, EmittedMetric())


@torch.inference_mode()
def no_llm(embedder: Embedder, support: EncodedSupport) -> Prompt:
    """Everything but what the LLM says: no prompt tokens, and what the pairs say in closed form of gains of zero."""
    model = embedder.full_model
    head, refinement = model.metric_head, model.metric_refinement
    assert head is not None
    assert refinement is not None
    assert support.latents is not None
    left, right, same = pair_tensors(support.latents, support.pairs)
    pairs = model.pair_embeddings(left[None], right[None], same[None])
    metric = refinement(torch.zeros(1, len(head.input_directions)), pairs, head.centre).of_context(0).map(Tensor.numpy)
    emitted = metric_of_frozen(embedder, support)
    assert emitted.visual is not None
    without = replace(emitted, visual=replace(emitted.visual, category_metric=metric))
    return replace(emitted, emitted_metric=emitted_metric(embedder, without))


VARIANTS: Mapping[str, Variant] = {
    "auto_repaired": Variant("auto", auto_repaired),
    "prompt_shuffled": Variant("prompt", shuffled_tokens),
    "emitted_metric": Variant("prompt", metric_of_frozen, needs="metric_head"),
    "no_llm": Variant("prompt", no_llm, needs="metric_refinement"),
}
