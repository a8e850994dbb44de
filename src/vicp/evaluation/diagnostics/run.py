"""A closer look at one category with one method: whom it misses, what may be wrong in the photos, what it looks at."""

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
from vicp.evaluation.rank_lists import make_rank_lists, sample_queries
from vicp.evaluation.results import Diagnosis, Estimate, IdentityErrors, SuspectLabel
from vicp.evaluation.scoring import LoadedTask, row_identities
from vicp.evaluation.task import EvaluationTask, Rows
from vicp.metrics import Retrieval

MOST_PROBED = 300


@dataclass(frozen=True, eq=False)
class ProbeSample:
    """Which photos the probes are about, as positions among the photos of the task.

    Attributes:
        query: (P,) drawn.
        gallery: (H,) they are looked up in; it begins with `query` where `leave_one_out`.
        leave_one_out: a query's own photo is in the gallery and is left out for it.
    """

    query: Rows
    gallery: Rows
    leave_one_out: bool


def diagnose_task(
    embedder: Embedder,
    prompt: Prompt | None,
    table: PhotoTable,
    task: EvaluationTask,
    *,
    rows: Rows,
    pixels: Tensor,
    found: Retrieval,
    method: str,
    adaptation_name: str,
    mirror: bool,
    seed: int,
) -> Diagnosis:
    """What there is to say about a task beyond its numbers.

    The probes change at most 300 queries, drawn by the seed among those that have an answer; where the task has
    groups, one query of each identity. Memory grows with the number of photos, not with its square.

    Args:
        embedder: the method.
        prompt: of the method to the category; None is the bare backbone.
        table: the photos.
        task: the task.
        rows: (n,) ascending rows of the table, all that the task asks about.
        pixels: (n, 3, S, S) uint8, the photos of these rows.
        found: what the task's queries found by `embedder.embed_pixels(pixels, prompt, mirror=mirror)`.
        method: its name on the command line.
        adaptation_name: see `Row.prompt`.
        mirror: embeddings are f(photo) + f(mirrored photo); the probes do without.
        seed: of every draw.

    Raises:
        ValueError: photos or results that do not fit the task, or no query has an answer.
        DataError: a photo that cannot be read.
        PromptError: the prompt belongs to another model.
    """
    if len(pixels) != len(rows) or len(found.first_hit) != len(task.query) or not (found.first_hit > 0).any():
        raise ValueError(
            f"{len(rows)} rows and {len(pixels)} photos, {len(task.query)} queries and {len(found.first_hit)} results, "
            f"{found.num_queries} of them with an answer; expected equal numbers and an answer"
        )
    loaded_task = LoadedTask(task, rows, row_identities(table, rows), pixels)
    embeddings = embedder.embed_pixels(pixels, prompt, mirror=mirror)  # (n, D)
    plain = embedder.embed_pixels(pixels, prompt, mirror=False) if mirror else embeddings  # (n, D)
    queries = sample_queries(found, seed=seed)
    probes, verdict = _probe(embedder, prompt, loaded_task, plain, found, seed)
    return Diagnosis(
        category=task.category,
        method=method,
        adaptation=adaptation_name,
        errors=_errors(table, task, found),
        suspects=_suspects(table, loaded_task, embeddings),
        leaks=leak_sentences(table, task),
        probes=probes,
        probe_verdict=verdict,
        pictures=plot_diagnosis(embedder, prompt, table, loaded_task, embeddings, queries=queries, seed=seed),
        rank_lists=make_rank_lists(table, loaded_task, embeddings, queries),
    )


def sample_probed(loaded_task: LoadedTask, found: Retrieval, *, seed: int) -> ProbeSample:
    """The queries to probe, and their gallery.

    With groups each query has gallery photos of its own that are left out. One query of each identity is drawn then,
    and what is left out for it leaves the gallery: it shows that query's identity, so the others miss wrong photos
    only.
    """
    rng = np.random.default_rng(derive_seed(seed, "probed queries"))
    drawn = rng.permutation(np.flatnonzero(found.first_hit > 0))
    if loaded_task.task.groups is not None:
        drawn = drawn[np.unique(loaded_task.identities[loaded_task.query[drawn]], return_index=True)[1]]
        drawn = rng.permutation(drawn)
    drawn = np.sort(drawn[:MOST_PROBED])
    query, gallery = loaded_task.query[drawn], loaded_task.gallery
    if loaded_task.task.groups is not None:
        return ProbeSample(query, gallery[~_left_out(loaded_task, query)], leave_one_out=False)
    if loaded_task.task.leave_one_out:
        return ProbeSample(query, np.concatenate([query, np.setdiff1d(gallery, query)]), leave_one_out=True)
    return ProbeSample(query, gallery, leave_one_out=False)


def _left_out(loaded_task: LoadedTask, query: Rows) -> NDArray[np.bool_]:
    """Which gallery photos (G,) are left out for one of these queries (P,), of which no two show one identity."""
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
    embedder: Embedder, prompt: Prompt | None, loaded_task: LoadedTask, plain: Tensor, found: Retrieval, seed: int
) -> tuple[dict[str, Estimate], str]:
    """The probes and their verdict, from embeddings (n, D) without the mirror image."""
    probed = sample_probed(loaded_task, found, seed=seed)
    query_names, gallery_names = loaded_task.identities[probed.query], loaded_task.identities[probed.gallery]
    estimates = run_probes(
        lambda pixels: embedder.embed_pixels(pixels, prompt, mirror=False),
        loaded_task.pixels[torch.from_numpy(probed.query)],
        plain[torch.from_numpy(probed.gallery)],
        query_names,
        gallery_names,
        leave_one_out=probed.leave_one_out,
        seed=seed,
    )
    return estimates, probe_verdict(
        estimates, chance=chance_map(query_names, gallery_names, leave_one_out=probed.leave_one_out)
    )


def _errors(table: PhotoTable, task: EvaluationTask, found: Retrieval) -> tuple[IdentityErrors, ...]:
    gallery_names, query_names = (
        np.array(table.frame["identity"].iloc[side], dtype=np.str_) for side in (task.gallery, task.query)
    )
    wrong_first = gallery_names[
        found.mistake
    ]  # where nothing is wrong, -1 names the last photo, which then counts nowhere
    return identity_errors(found.average_precision, found.first_hit, query_names, wrong_first)


def _suspects(table: PhotoTable, loaded_task: LoadedTask, embeddings: Tensor) -> tuple[SuspectLabel, ...]:
    tested = np.union1d(loaded_task.query, loaded_task.gallery)
    frame = table.frame.iloc[loaded_task.rows[tested]]
    return suspect_labels(embeddings[tested], frame["identity"].astype(str).to_list(), frame["path"].to_list())
