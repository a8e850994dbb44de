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
    """Which photos the probes are about, as positions among the paper's photos.

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
    exam: EvaluationTask,
    *,
    rows: Rows,
    pixels: Tensor,
    found: Retrieval,
    method: str,
    adaptation_name: str,
    mirror: bool,
    seed: int,
) -> Diagnosis:
    """What there is to say about an exam beyond its numbers.

    The probes change at most 300 queries, drawn by the seed among those that have an answer; where the exam has
    groups, one query of each identity. Memory grows with the number of photos, not with its square.

    Args:
        embedder: the method.
        prompt: of the method to the category; None is the bare backbone.
        table: the photos.
        exam: what was asked of the method.
        rows: (n,) ascending rows of the table, all that the exam asks about.
        pixels: (n, 3, S, S) uint8, the photos of these rows.
        found: what the exam's queries found by `embedder.embed_pixels(pixels, prompt, mirror=mirror)`.
        method: as it was asked for.
        adaptation_name: see `Row.prompt`.
        mirror: embeddings are f(photo) + f(mirrored photo); the probes do without.
        seed: of every draw.

    Raises:
        ValueError: photos or results that do not fit the exam, or no query has an answer.
        DataError: a photo that cannot be read.
        PromptError: the prompt belongs to another model.
    """
    if len(pixels) != len(rows) or len(found.first_hit) != len(exam.query) or not (found.first_hit > 0).any():
        raise ValueError(
            f"{len(rows)} rows and {len(pixels)} photos, {len(exam.query)} queries and {len(found.first_hit)} results, "
            f"{found.num_queries} of them with an answer; expected equal numbers and an answer"
        )
    paper = LoadedTask(exam, rows, row_identities(table, rows), pixels)
    embeddings = embedder.embed_pixels(pixels, prompt, mirror=mirror)  # (n, D)
    plain = embedder.embed_pixels(pixels, prompt, mirror=False) if mirror else embeddings  # (n, D)
    queries = sample_queries(found, seed=seed)
    probes, verdict = _probe(embedder, prompt, paper, plain, found, seed)
    return Diagnosis(
        category=exam.category,
        method=method,
        adaptation=adaptation_name,
        errors=_errors(table, exam, found),
        suspects=_suspects(table, paper, embeddings),
        leaks=leak_sentences(table, exam),
        probes=probes,
        probe_verdict=verdict,
        pictures=plot_diagnosis(embedder, prompt, table, paper, embeddings, queries=queries, seed=seed),
        rank_lists=make_rank_lists(table, paper, embeddings, queries),
    )


def sample_probed(paper: LoadedTask, found: Retrieval, *, seed: int) -> ProbeSample:
    """The queries to probe, and their gallery.

    With groups each query has gallery photos of its own that are left out. One query of each identity is drawn then,
    and what is left out for it leaves the gallery: it shows that query's identity, so the others miss wrong photos
    only.
    """
    rng = np.random.default_rng(derive_seed(seed, "probed queries"))
    drawn = rng.permutation(np.flatnonzero(found.first_hit > 0))
    if paper.exam.groups is not None:
        drawn = drawn[np.unique(paper.identities[paper.query[drawn]], return_index=True)[1]]
        drawn = rng.permutation(drawn)
    drawn = np.sort(drawn[:MOST_PROBED])
    query, gallery = paper.query[drawn], paper.gallery
    if paper.exam.groups is not None:
        return ProbeSample(query, gallery[~_left_out(paper, query)], leave_one_out=False)
    if paper.exam.leave_one_out:
        return ProbeSample(query, np.concatenate([query, np.setdiff1d(gallery, query)]), leave_one_out=True)
    return ProbeSample(query, gallery, leave_one_out=False)


def _left_out(paper: LoadedTask, query: Rows) -> NDArray[np.bool_]:
    """Which gallery photos (G,) are left out for one of these queries (P,), of which no two show one identity."""
    groups, gallery = paper.exam.groups, paper.gallery
    if groups is None:
        return np.zeros(len(gallery), dtype=np.bool_)
    order = np.argsort(paper.identities[query])
    place = np.searchsorted(paper.identities[query][order], paper.identities[gallery]).clip(max=len(query) - 1)
    asker = query[order][place]  # (G,) the query of a gallery photo's identity, if there is one
    codes = groups[paper.rows]  # (n,)
    same_group = (codes[asker] == codes[gallery]) & (codes[gallery] >= 0)
    own = (asker == gallery) & paper.exam.leave_one_out
    left_out: NDArray[np.bool_] = (paper.identities[asker] == paper.identities[gallery]) & (same_group | own)
    return left_out


def _probe(
    embedder: Embedder, prompt: Prompt | None, paper: LoadedTask, plain: Tensor, found: Retrieval, seed: int
) -> tuple[dict[str, Estimate], str]:
    """The probes and their verdict, from embeddings (n, D) without the mirror image."""
    probed = sample_probed(paper, found, seed=seed)
    asked, known = paper.identities[probed.query], paper.identities[probed.gallery]
    estimates = run_probes(
        lambda pixels: embedder.embed_pixels(pixels, prompt, mirror=False),
        paper.pixels[torch.from_numpy(probed.query)],
        plain[torch.from_numpy(probed.gallery)],
        asked,
        known,
        leave_one_out=probed.leave_one_out,
        seed=seed,
    )
    return estimates, probe_verdict(estimates, chance=chance_map(asked, known, leave_one_out=probed.leave_one_out))


def _errors(table: PhotoTable, exam: EvaluationTask, found: Retrieval) -> tuple[IdentityErrors, ...]:
    shown, asked = (np.array(table.frame["identity"].iloc[side], dtype=np.str_) for side in (exam.gallery, exam.query))
    wrong_first = shown[found.mistake]  # where nothing is wrong, -1 names the last photo, which then counts nowhere
    return identity_errors(found.average_precision, found.first_hit, asked, wrong_first)


def _suspects(table: PhotoTable, paper: LoadedTask, embeddings: Tensor) -> tuple[SuspectLabel, ...]:
    tested = np.union1d(paper.query, paper.gallery)
    frame = table.frame.iloc[paper.rows[tested]]
    return suspect_labels(embeddings[tested], frame["identity"].astype(str).to_list(), frame["path"].to_list())
