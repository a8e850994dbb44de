"""The context report of one category: the same photos ranked with the category's own pairs and without their help."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import sample_same_size
from vicp.adapt.methods import whitening
from vicp.adapt.methods.generated import infer_prompt, null_prompt
from vicp.adapt.prompt import Prompt
from vicp.data.records import PhotoTable
from vicp.data.support import Support, split_identities
from vicp.errors import DataError
from vicp.metrics import Retrieval, retrieval
from vicp.model.visual_prompt import VisualPrompt


@dataclass(frozen=True)
class DemoTask:
    """One category with disjoint identities for the support and for the test.

    Attributes:
        category: its name.
        support_table: photos of the support's identities (n_s rows).
        support_pixels: (n_s, 3, S, S) uint8.
        test_table: photos of the other identities (n_t rows).
        test_pixels: (n_t, 3, S, S) uint8.
        support: K pairs within `support_table`.
    """

    category: str
    support_table: PhotoTable
    support_pixels: Tensor
    test_table: PhotoTable
    test_pixels: Tensor
    support: Support


@dataclass(frozen=True)
class ContextReport:
    """What each row of the report found on the test photos, and the embeddings and prompt of row "own"."""

    rows: dict[str, Retrieval]
    own: Tensor
    prompt: VisualPrompt


def make_demo_task(
    table: PhotoTable, pixels: Tensor, category: str, *, num_pairs: int, share_support: float, seed: int
) -> DemoTask:
    """Divides a category and draws its support: as many pairs as there are, up to `num_pairs`, halving.

    Args:
        table: photos of one category.
        pixels: the same, decoded (n, 3, S, S) uint8.
        category: its name.
        num_pairs: K wanted.
        share_support: share of identities to teach from.
        seed: of the division and the draw.

    Raises:
        DataError: too few identities or photos.
    """
    support_rows, test_rows = split_identities(table.identities, share_support=share_support, seed=seed)
    support_table, test_table = table.select(support_rows), table.select(test_rows)
    photos_of = Counter(test_table.identities)
    if sum(count >= 2 for count in photos_of.values()) < 2:
        raise DataError("fewer than two identities outside the support have two photos, so there is little to rank")
    return DemoTask(
        category=category,
        support_table=support_table,
        support_pixels=pixels[torch.from_numpy(support_rows)],
        test_table=test_table,
        test_pixels=pixels[torch.from_numpy(test_rows)],
        support=sample_same_size(support_table.identities, num_pairs, seed=seed),
    )


def report_context(embedder: Embedder, task: DemoTask, other: DemoTask, *, seed: int) -> ContextReport:
    """Ranks the test photos under every row of the report.

    Rows: own, other (the pairs of another category), shuffled (own pairs, labels shuffled), null (no pairs),
    frozen (no prompt), metric (closed form from the same-pairs, on frozen features).
    """
    support = task.support
    latents = embedder.latents(task.support_pixels)
    own = infer_prompt(embedder, latents, support, category=task.category, seed=seed)
    prompts = {
        "own": own,
        "other": infer_prompt(
            embedder, embedder.latents(other.support_pixels), other.support, category=other.category, seed=seed
        ),
        "shuffled": infer_prompt(embedder, latents, support.shuffled(seed), category=task.category, seed=seed),
        "null": null_prompt(embedder, latents),
        "frozen": None,
    }
    embeddings = {
        name: embedder.embed_pixels(task.test_pixels, None if prompt is None else Prompt.of(prompt))
        for name, prompt in prompts.items()
    }
    embeddings["metric"] = _metric(embedder, task, embeddings["frozen"])
    identities = np.array(task.test_table.identities)
    return ContextReport(
        rows={
            name: retrieval(rows, rows, identities, identities, leave_one_out=True) for name, rows in embeddings.items()
        },
        own=embeddings["own"],
        prompt=own,
    )


def _metric(embedder: Embedder, task: DemoTask, test: Tensor) -> Tensor:
    frozen = embedder.embed_pixels(task.support_pixels)
    left, right = torch.from_numpy(task.support.left), torch.from_numpy(task.support.right)
    try:
        fitted = whitening.fit_pairs(frozen[left], frozen[right], torch.from_numpy(task.support.same))
    except ValueError as error:
        raise DataError(f"{task.category}: the same-pairs give no metric ({error})") from error
    return whitening.apply(fitted, test)
