"""The plots of a diagnosis, each with its caption."""

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.data.records import PhotoTable
from vicp.errors import ConfigError
from vicp.evaluation.diagnostics.rank_lists import first_match
from vicp.evaluation.plots.figures import plot_identities, plot_similarities
from vicp.evaluation.plots.prompted import plot_attention, plot_match
from vicp.evaluation.scoring import pair_similarities
from vicp.evaluation.task import LoadedTask, Rows
from vicp.metrics import verification
from vicp.model.visual_prompt import VisualPrompt

NUM_LOOKED = 2
_LEAST_MAPPED = 5  # photos that t-SNE can place
Pictures = dict[str, bytes]


def plot_diagnosis(
    embedder: Embedder,
    prompt: Prompt | None,
    table: PhotoTable,
    loaded_task: LoadedTask,
    embeddings: Tensor,
    *,
    queries: Rows,
    seed: int,
) -> Pictures:
    """Return PNG by caption: similarities, a map of identities, matched patches, and moved attention.

    Without verification pairs there are no similarities, without a prompt in the features nothing it changes.

    Args:
        embedder: The method.
        prompt: None is the bare backbone.
        table: The photos that the task is about.
        loaded_task: n photos.
        embeddings: (n, D) of these.
        queries: Numbers of queries in the task that have an answer; at least one.
        seed: Of the map.
    """
    visual = None if prompt is None else prompt.feature_sources[-1]
    return {
        **_similarities(loaded_task, embeddings),
        **_map(table, loaded_task, embeddings, seed),
        **_matches(embedder, visual, table, loaded_task, embeddings, int(queries[0])),
        **_looks(embedder, visual, table, loaded_task, queries[:NUM_LOOKED]),
    }


def _similarities(loaded_task: LoadedTask, embeddings: Tensor) -> Pictures:
    pairs = loaded_task.task.pairs
    if pairs is None or pairs.same.all() or not pairs.same.any():
        return {}
    scores = pair_similarities(loaded_task, embeddings)
    best = verification(scores, pairs.same).best_threshold
    picture = plot_similarities(scores[pairs.same], scores[~pairs.same], threshold=best if np.isfinite(best) else None)
    return {"How similar two photos are, of one identity and of two, and the threshold that parts them best.": picture}


def _map(table: PhotoTable, loaded_task: LoadedTask, embeddings: Tensor, seed: int) -> Pictures:
    tested = np.union1d(loaded_task.query, loaded_task.gallery)
    if len(tested) < _LEAST_MAPPED:
        return {}
    identities = table.frame["identity"].iloc[loaded_task.rows[tested]].astype(str).to_list()
    picture = plot_identities(embeddings[torch.from_numpy(tested)], identities, seed=seed)
    return {"A map of the photos: close together where the method finds them alike, coloured by identity.": picture}


def _matches(
    embedder: Embedder,
    visual: VisualPrompt | None,
    table: PhotoTable,
    loaded_task: LoadedTask,
    embeddings: Tensor,
    query: int,
) -> Pictures:
    hit = first_match(loaded_task, embeddings, query)
    both = np.array([loaded_task.query[query], loaded_task.gallery[hit]])  # (2,)
    left, right = (table.photo_bytes(int(row)) for row in loaded_task.rows[both])
    picture = plot_match(embedder, visual, loaded_task.pixels[torch.from_numpy(both)], (left, right))
    one, other = table.frame["path"].iloc[loaded_task.rows[both]]
    return {f"Which patches match in {one} and {other}, the most similar photo of its identity.": picture}


def _looks(
    embedder: Embedder, visual: VisualPrompt | None, table: PhotoTable, loaded_task: LoadedTask, queries: Rows
) -> Pictures:
    """Return attention pictures of these queries; none without a prompt or without a CLS token."""
    if visual is None:
        return {}
    pictures = {}
    for place in loaded_task.query[queries]:
        row = int(loaded_task.rows[place])
        try:
            picture = plot_attention(embedder, visual, loaded_task.pixels[[int(place)]], table.photo_bytes(row))
        except ConfigError:
            return {}
        pictures[f"Where the model looks in {table.frame['path'].iloc[row]}, and what the prompt changes."] = picture
    return pictures
