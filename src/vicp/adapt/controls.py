"""Control contexts: what the LLM reads in place of a category's own pairs, to measure what these are worth.

A model can ignore its context. So whatever the own context is said to add is measured against contexts that should
not help: the pairs of another category, the own pairs with wrong labels, no pairs, or one learned prompt for all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport, sample_same_size
from vicp.adapt.methods.generated import infer_prompt
from vicp.data.procedural.world import FACTORS
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.data.support.support import Support, sample_support
from vicp.errors import DataError
from vicp.model.qformer import Latents
from vicp.model.visual_prompt import VisualPrompt

CONTROLS = ("other", "shuffled", "repaired", "other_rule", "null", "static")
"""Names of the contexts that should not help, in the order of reports; "static" is a learned prompt, not read."""

CONTEXTS: dict[str, str] = {
    "own": "Prompt from this category's own labelled pairs.",
    "other": "Prompt from another category's pairs.",
    "shuffled": "Own pairs, but with their labels shuffled.",
    "repaired": "Own photos and labels, but paired anew.",
    "other_rule": "Own pairs, labelled by another rule.",
    "null": "Prompt from no pairs at all.",
    "static": "A prompt learned in training, the same for every category.",
}
"""The own context and every control, and one plain sentence for each."""

_DEALS = 1000  # attempts at pairing photos anew

Photos = TypeVar("Photos")


@dataclass(frozen=True, eq=False)
class Context(Generic[Photos]):
    """What the LLM reads about a category.

    Attributes:
        photos: n photos, as the reader takes them: latents, tokens or pixels.
        pairs: K labelled pairs, positions among the photos.
        category: What the photos show.
    """

    photos: Photos
    pairs: Support
    category: str


def build_controls(
    own: Context[Photos],
    names: Iterable[str],
    *,
    seed: int,
    other: Context[Photos] | None = None,
    other_rule: Context[Photos] | None = None,
) -> dict[str, Context[Photos]]:
    """Return the own context and the named controls, by name.

    Args:
        own: The category's own pairs.
        names: Of CONTROLS, without "static"; "other" and "other_rule" are left out where they are not given.
        seed: Of shuffling and pairing anew.
        other: The pairs of another category.
        other_rule: Photos of the category with labels of another rule.

    Raises:
        DataError: The pairs share too few photos to be paired anew.
        ValueError: No such control.
    """
    contexts = {"own": own}
    for name in names:
        match name:
            case "other" | "other_rule":
                given = other if name == "other" else other_rule
                contexts |= {} if given is None else {name: given}
            case "shuffled":
                contexts[name] = replace(own, pairs=own.pairs.shuffled(seed))
            case "repaired":
                contexts[name] = replace(own, pairs=repair_pairs(own.pairs, seed))
            case "null":
                contexts[name] = replace(own, pairs=_no_pairs())
            case _:
                raise ValueError(f"no control context {name!r}: take some of {', '.join(CONTROLS)} that are read")
    return contexts


def support_context(support: EncodedSupport) -> Context[Latents]:
    """Return the context that the LLM of a VICP model reads from a support.

    Raises:
        ValueError: The support of a bare backbone, which has no latents.
    """
    if support.latents is None:
        raise ValueError("this support has no latents: encode it with a VICP model")
    return Context(support.latents, support.pairs, support.category)


def control_prompts(
    embedder: Embedder, contexts: Mapping[str, Context[Latents]], *, seed: int
) -> dict[str, VisualPrompt]:
    """Return the prompt that the LLM emits for each context, by name.

    Raises:
        ConfigError: A bare backbone, which has no LLM.
    """
    return {
        name: infer_prompt(embedder, context.photos, context.pairs, category=context.category, seed=seed)
        for name, context in contexts.items()
    }


def prompt_cosine(left: VisualPrompt, right: VisualPrompt) -> float:
    """Return the cosine of two prompts, all their tokens concatenated; 1 for the same prompt."""
    one, other = (prompt.tokens.ravel().astype(np.float64) for prompt in (left, right))  # (M * D,)
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def repair_pairs(pairs: Support, seed: int) -> Support:
    """Return the same first photos and labels with the second photos permuted: a label fits by chance only.

    No photo is paired with itself; a permutation that would do so is drawn again.

    Raises:
        DataError: Too few photos for such a permutation.
    """
    rng = np.random.default_rng(derive_seed(seed, "repaired"))
    for _ in range(_DEALS):
        right = rng.permutation(pairs.right)
        if not (right == pairs.left).any() and (len(pairs) < 2 or (right != pairs.right).any()):
            return Support(pairs.left, right, pairs.same)
    raise DataError("these pairs share too few photos to be paired anew")


def permute_photos(support: EncodedSupport) -> EncodedSupport:
    """Return the support with its photos permuted under fixed labels: as many of each kind, and none says anything."""
    order = np.random.default_rng(derive_seed(support.seed or 0, "dealt anew")).permutation(len(support))
    latents = None if support.latents is None else support.latents[order]
    return replace(support, pixels=support.tensor[order], frozen=support.frozen[order], latents=latents)


def pairs_by_another_rule(
    identities_by_rule: Mapping[str, Sequence[str]], num_pairs: int, *, seed: int
) -> tuple[str, Support] | None:
    """Return pairs labelled by the first rule that gives `num_pairs` of them, and its name.

    Where none does, as many as the first gives that gives any; None where none gives any.

    Args:
        identities_by_rule: By the name of a rule, the identity of each of n photos under it.
        num_pairs: K.
        seed: Of the draw.
    """
    for draw in (sample_support, sample_same_size):
        for rule, identities in identities_by_rule.items():
            try:
                return rule, draw(identities, num_pairs, seed=seed)
            except DataError:
                continue
    return None


def identities_by_factor(table: PhotoTable, *, seed: int) -> dict[str, list[str]]:
    """Return the values of every factor that is not in a category's own rule, in random order.

    Empty outside the procedural world, whose photos have a column for the rule and one per factor.
    """
    if "rule" not in table.frame or not set(FACTORS) <= set(table.frame.columns):
        return {}
    own = str(table.frame["rule"].iloc[0]).split("+")
    free = [name for name in FACTORS if name not in own]
    order = np.random.default_rng(derive_seed(seed, "another rule")).permutation(free).tolist()
    return {factor: [str(value) for value in table.frame[factor]] for factor in order}


def _no_pairs() -> Support:
    nothing = np.zeros(0, dtype=np.int64)
    return Support(nothing, nothing, np.zeros(0, dtype=np.bool_))
