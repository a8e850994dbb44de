"""What a handful of labelled pairs gives: the prompt tokens that an LLM emits for them, and a map fitted on them.

The pairs show the same objects as the test in other photos, all eight individuals of them.
"""

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from benchmarks.lib.shuffled_tokens import shuffled_tokens
from benchmarks.when_prompts_pay.oracles import mean_average_precision
from benchmarks.when_prompts_pay.tasks import Tasks
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport, encode_pixels
from vicp.adapt.fitting import fit
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import PromptTokens, Whitening
from vicp.data.support.support import sample_support

GENERATED = ("whitening", "generated", "generated_shuffled")


def generated_scores(
    embedder: Embedder, taught: Tasks, test: Tasks, *, num_pairs: int, seed: int
) -> dict[str, np.ndarray]:
    """Return mAP in percent of each task (T,), by way.

    Args:
        embedder: of a VICP model.
        taught: other photos of the tasks' objects, from which the pairs are drawn.
        test: what is looked up.
        num_pairs: K.
        seed: of the draws of pairs.
    """
    found: dict[str, list[float]] = {way: [] for way in GENERATED}
    for number, (pixels, identities) in enumerate(zip(test.pixels, test.identities, strict=True)):
        support = _support(embedder, taught, number, num_pairs, seed)
        for way, prompt in _prompts(embedder, support):
            found[way].append(_score(embedder, prompt, pixels, identities))
    return {way: np.array(scores) for way, scores in found.items()}


def _support(embedder: Embedder, taught: Tasks, number: int, num_pairs: int, seed: int) -> EncodedSupport:
    names = [str(identity) for identity in taught.identities[number].tolist()]
    pairs = sample_support(names, num_pairs, seed=seed + number)
    return encode_pixels(
        embedder, taught.pixels[number], pairs, category=f"task {number}", identities=names, seed=seed + number
    )


def _prompts(embedder: Embedder, support: EncodedSupport) -> Iterator[tuple[str, Prompt]]:
    yield "whitening", fit(embedder, support, Whitening())
    yield "generated", fit(embedder, support, PromptTokens())
    yield "generated_shuffled", shuffled_tokens(embedder, support)


def _score(embedder: Embedder, prompt: Prompt, pixels: Tensor, identities: Tensor) -> float:
    embeddings = embedder.embed_pixels(pixels, prompt)
    return float(mean_average_precision(embeddings[None], identities[None])[0])
