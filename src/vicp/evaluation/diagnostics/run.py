"""The diagnosis of one category with one method: errors, suspect labels, leaks, and probes."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.data.records import PhotoTable
from vicp.data.seeds import derive_seed
from vicp.evaluation.diagnostics.errors import identity_errors, leak_sentences
from vicp.evaluation.diagnostics.label_errors import suspect_labels
from vicp.evaluation.diagnostics.perturbations import chance_map, probe_verdict, run_probes
from vicp.evaluation.diagnostics.plots import plot_diagnosis
from vicp.evaluation.diagnostics.rank_lists import make_rank_lists, sample_queries
from vicp.evaluation.results import Diagnosis, Estimate, IdentityErrors, SuspectLabel
from vicp.evaluation.task import EvaluationTask, LoadedTask, RetrievalTask, Rows
from vicp.metrics import Retrieval

MOST_PROBED = 300


@dataclass(frozen=True, eq=False)
class ProbeSample:
    """Which photos the probes are about, as positions among those of the task.

    Attributes:
        query: (P,) drawn.
        gallery: (H,) they are looked up in; it begins with `query` where `leave_one_out`.
        leave_one_out: A query's own photo is in the gallery and is left out for it.
    """

    query: Rows
    gallery: Rows
    leave_one_out: bool

    def embedded(self, loaded_task: LoadedTask, embeddings: Tensor) -> RetrievalTask:
        """Return queries and gallery with embeddings (m, D) of the task's photos."""
        return RetrievalTask(
            embeddings[self.query],
            embeddings[self.gallery],
            loaded_task.identities[self.query],
            loaded_task.identities[self.gallery],
            own_rows=np.arange(len(self.query)) if self.leave_one_out else None,
        )


def diagnose_task(
    embedder: Embedder,
    prompt: Prompt | None,
    table: PhotoTable,
    loaded_task: LoadedTask,
    result: Retrieval,
    *,
    method: str,
    adaptation: str,
    mirror: bool,
    seed: int,
) -> Diagnosis:
    """Return what there is to say about a task beyond its numbers.

    The probes change at most 300 queries, drawn by the seed among those that have an answer; where the task has
    groups, one query of each identity. Memory grows with the number of photos, not with its square.

    Args:
        embedder: The method.
        prompt: Of the method to the category; None is the bare backbone.
        table: The photos that the rows of the task point into.
        loaded_task: The task, m photos.
        result: Of `embedder.embed_pixels(loaded_task.pixels, prompt, mirror=mirror)`.
        method: Its name on the command line.
        adaptation: See `Row`.
        mirror: Embeddings are f(photo) + f(mirrored photo); the probes do without.
        seed: Of every draw.

    Raises:
        ValueError: A result that does not fit the task, or no query has an answer.
        DataError: A photo that cannot be read.
        PromptError: The prompt belongs to another model.
    """
    task, pixels = loaded_task.task, loaded_task.pixels
    if len(result.first_hit) != len(task.query) or not (result.first_hit > 0).any():
        raise ValueError(
            f"{len(task.query)} queries and {len(result.first_hit)} results, {result.num_queries} of them with an "
            "answer; expected equal numbers and an answer"
        )
    embeddings = embedder.embed_pixels(pixels, prompt, mirror=mirror)  # (m, D)
    plain = embedder.embed_pixels(pixels, prompt, mirror=False) if mirror else embeddings  # (m, D)
    queries = sample_queries(result, seed=seed)
    probes, verdict = _probe(embedder, prompt, loaded_task, plain, result, seed)
    return Diagnosis(
        category=task.category,
        method=method,
        adaptation=adaptation,
        errors=_errors(table, task, result),
        suspects=_suspects(table, loaded_task, embeddings),
        leaks=leak_sentences(table, task),
        probes=probes,
        probe_verdict=verdict,
        pictures=plot_diagnosis(embedder, prompt, table, loaded_task, embeddings, queries=queries, seed=seed),
        rank_lists=make_rank_lists(table, loaded_task, embeddings, queries),
    )


def sample_probed(loaded_task: LoadedTask, result: Retrieval, *, seed: int) -> ProbeSample:
    """Return the queries to probe, and their gallery.

    With groups each query has gallery photos of its own that are left out. One query of each identity is drawn then,
    and what is left out for it leaves the gallery: it shows that query's identity, so the others miss wrong photos
    only.
    """
    task = loaded_task.task
    rng = np.random.default_rng(derive_seed(seed, "probed queries"))
    drawn = rng.permutation(np.flatnonzero(result.first_hit > 0))
    if task.groups is not None:
        drawn = drawn[np.unique(loaded_task.identities[loaded_task.query[drawn]], return_index=True)[1]]
        drawn = rng.permutation(drawn)
    drawn = np.sort(drawn[:MOST_PROBED])
    query, gallery = loaded_task.query[drawn], loaded_task.gallery
    if task.groups is not None:
        return ProbeSample(query, gallery[~_left_out(loaded_task, query)], leave_one_out=False)
    if task.leave_one_out:
        return ProbeSample(query, np.concatenate([query, np.setdiff1d(gallery, query)]), leave_one_out=True)
    return ProbeSample(query, gallery, leave_one_out=False)


def _left_out(loaded_task: LoadedTask, query: Rows) -> NDArray[np.bool_]:
    """Return which gallery photos (G,) are left out for one of these queries (P,), each of another identity."""
    groups, gallery = loaded_task.task.groups, loaded_task.gallery
    if groups is None:
        return np.zeros(len(gallery), dtype=np.bool_)
    order = np.argsort(loaded_task.identities[query])
    place = np.searchsorted(loaded_task.identities[query][order], loaded_task.identities[gallery]).clip(
        max=len(query) - 1
    )
    asker = query[order][place]  # (G,) the query of a gallery photo's identity, if there is one
    codes = groups[loaded_task.rows]  # (n,)
    same_group = (codes[asker] == codes[gallery]) & (codes[gallery] >= 0)
    own = (asker == gallery) & loaded_task.task.leave_one_out
    left_out: NDArray[np.bool_] = (loaded_task.identities[asker] == loaded_task.identities[gallery]) & (
        same_group | own
    )
    return left_out


def _probe(
    embedder: Embedder, prompt: Prompt | None, loaded_task: LoadedTask, plain: Tensor, result: Retrieval, seed: int
) -> tuple[dict[str, Estimate], str]:
    """Return the probes and their verdict, from embeddings (m, D) without the mirror image."""
    sample = sample_probed(loaded_task, result, seed=seed)
    task = sample.embedded(loaded_task, plain)
    estimates = run_probes(
        lambda pixels: embedder.embed_pixels(pixels, prompt, mirror=False),
        loaded_task.pixels[torch.from_numpy(sample.query)],
        task,
        seed=seed,
    )
    return estimates, probe_verdict(estimates, chance=chance_map(task))


def _errors(table: PhotoTable, task: EvaluationTask, result: Retrieval) -> tuple[IdentityErrors, ...]:
    gallery_names, query_names = (
        np.array(table.frame["identity"].iloc[side], dtype=np.str_) for side in (task.gallery, task.query)
    )
    wrong_first = gallery_names[result.mistake]  # without a mistake -1 names the last photo, which counts nowhere
    return identity_errors(result.average_precision, result.first_hit, query_names, wrong_first)


def _suspects(table: PhotoTable, loaded_task: LoadedTask, embeddings: Tensor) -> tuple[SuspectLabel, ...]:
    tested = np.union1d(loaded_task.query, loaded_task.gallery)
    frame = table.frame.iloc[loaded_task.rows[tested]]
    return suspect_labels(embeddings[tested], frame["identity"].astype(str).to_list(), frame["path"].to_list())
