"""The pictures of a diagnosis, each with the sentence that stands below it."""

import numpy as np
import torch
from torch import Tensor

from vicp.adapt.adaptation import Adaptation
from vicp.adapt.embedding import Embedder
from vicp.data.records import PhotoTable
from vicp.errors import ConfigError
from vicp.evaluation.answer import Paper, pair_similarities
from vicp.evaluation.pictures.figures import draw_identities, draw_similarities
from vicp.evaluation.pictures.prompted import attention_picture, match_picture
from vicp.evaluation.protocols.exam import Rows
from vicp.evaluation.rank_lists import best_right
from vicp.metrics import verification
from vicp.model.prompt import CategoryPrompt

NUM_LOOKED = 2
_LEAST_MAPPED = 5  # photos that t-SNE can place
Pictures = dict[str, bytes]


def draw_pictures(
    embedder: Embedder,
    adaptation: Adaptation | None,
    table: PhotoTable,
    paper: Paper,
    embeddings: Tensor,
    *,
    queries: Rows,
    seed: int,
) -> Pictures:
    """PNG by caption: similarities, the map of identities, matched patches, and what the prompt changes.

    Without verification pairs there are no similarities, without a prompt in the features nothing it changes.

    Args:
        embedder: the method.
        adaptation: None is the bare backbone.
        table: the photos that the paper's exam is about.
        paper: n photos.
        embeddings: (n, D) of these.
        queries: numbers of queries in the exam that have an answer; at least one.
        seed: of the map.
    """
    prompt = None if adaptation is None else adaptation.views[-1]
    return {
        **_similarities(paper, embeddings),
        **_map(table, paper, embeddings, seed),
        **_matches(embedder, prompt, table, paper, embeddings, int(queries[0])),
        **_looks(embedder, prompt, table, paper, queries[:NUM_LOOKED]),
    }


def _similarities(paper: Paper, embeddings: Tensor) -> Pictures:
    pairs = paper.exam.pairs
    if pairs is None or pairs.same.all() or not pairs.same.any():
        return {}
    scores = pair_similarities(paper, embeddings)
    best = verification(scores, pairs.same).best_threshold
    picture = draw_similarities(scores[pairs.same], scores[~pairs.same], threshold=best if np.isfinite(best) else None)
    return {"How similar two photos are, of one identity and of two, and the threshold that parts them best.": picture}


def _map(table: PhotoTable, paper: Paper, embeddings: Tensor, seed: int) -> Pictures:
    tested = np.union1d(paper.query, paper.gallery)
    if len(tested) < _LEAST_MAPPED:
        return {}
    identities = table.frame["identity"].iloc[paper.rows[tested]].astype(str).to_list()
    picture = draw_identities(embeddings[torch.from_numpy(tested)], identities, seed=seed)
    return {"A map of the photos: close together where the method finds them alike, coloured by identity.": picture}


def _matches(
    embedder: Embedder,
    prompt: CategoryPrompt | None,
    table: PhotoTable,
    paper: Paper,
    embeddings: Tensor,
    query: int,
) -> Pictures:
    hit = best_right(paper, embeddings, query)
    both = np.array([paper.query[query], paper.gallery[hit]])  # (2,)
    left, right = (table.photo_bytes(int(row)) for row in paper.rows[both])
    picture = match_picture(embedder, prompt, paper.pixels[torch.from_numpy(both)], (left, right))
    one, other = table.frame["path"].iloc[paper.rows[both]]
    return {f"Which patches match in {one} and {other}, the most similar photo of its identity.": picture}


def _looks(
    embedder: Embedder, prompt: CategoryPrompt | None, table: PhotoTable, paper: Paper, queries: Rows
) -> Pictures:
    """Where the backbone looks in these queries; none without a prompt, or where it has no CLS token to look with."""
    if prompt is None:
        return {}
    pictures = {}
    for place in paper.query[queries]:
        row = int(paper.rows[place])
        try:
            picture = attention_picture(embedder, prompt, paper.pixels[[int(place)]], table.photo_bytes(row))
        except ConfigError:
            return {}
        pictures[f"Where the model looks in {table.frame['path'].iloc[row]}, and what the prompt changes."] = picture
    return pictures
