"""The contexts a category's photos are ranked under: its own support, and those that should not help (design.md 4)."""

from dataclasses import dataclass

import numpy as np
import torch

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport, sample_same_size
from vicp.adapt.methods.generated import infer_prompt, null_prompt
from vicp.data.procedural.world import FACTORS
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.data.support import Support
from vicp.errors import DataError
from vicp.model.visual_prompt import VisualPrompt


@dataclass(frozen=True, eq=False)
class ControlContexts:
    """What the LLM makes of each context.

    Attributes:
        prompts: by the keys of `results.CONTEXTS`.
    """

    prompts: dict[str, VisualPrompt]

    def cosine(self, a: str, b: str) -> float:
        """The cosine of two prompts, all their tokens in a row."""
        left, right = (self.prompts[name].tokens.flatten().double() for name in (a, b))
        return float(torch.nn.functional.cosine_similarity(left, right, dim=0))


def build_controls(
    embedder: Embedder, support: EncodedSupport, other: EncodedSupport, *, relabelled: EncodedSupport | None, seed: int
) -> ControlContexts:
    """Prompts from the own support, another category's, the own with labels shuffled, and none.

    Args:
        embedder: of a VICP model.
        support: of the category.
        other: of another one.
        relabelled: photos of the own support's identities, paired by another rule; None where there is no such rule.
        seed: of the shuffling.
    """
    assert support.latents is not None
    assert other.latents is not None
    category, latents = support.category, support.latents
    prompts = {
        "own": infer_prompt(embedder, latents, support.pairs, category=category, seed=seed),
        "other": infer_prompt(embedder, other.latents, other.pairs, category=other.category, seed=seed),
        "shuffled": infer_prompt(embedder, latents, support.pairs.shuffled(seed), category=category, seed=seed),
        "null": null_prompt(embedder, latents),
    }
    if relabelled is not None and relabelled.latents is not None:
        prompts["other_rule"] = infer_prompt(
            embedder, relabelled.latents, relabelled.pairs, category=category, seed=seed
        )
    return ControlContexts(prompts)


def pairs_by_another_rule(table: PhotoTable, num_pairs: int, *, seed: int) -> Support | None:
    """Pairs of the same photos, labelled by a factor that is none of the category's own rule.

    None outside the procedural world, or where the photos give no such pairs.
    """
    if "rule" not in table.frame or not set(FACTORS) <= set(table.frame.columns):
        return None
    own = str(table.frame["rule"].iloc[0]).split("+")
    free = [name for name in FACTORS if name not in own]
    for factor in np.random.default_rng(derive_seed(seed, "another rule")).permutation(free).tolist():
        try:
            return sample_same_size([str(value) for value in table.frame[factor]], num_pairs, seed=seed)
        except DataError:
            continue
    return None
