"""From photos on disk to proposed pairs: embed, see what labels there are, propose."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import pairs_within, relate_pairs
from vicp.adapt.prompt import Prompt
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.data.support import Support
from vicp.errors import DataError
from vicp.gallery.labelling.active_learning import PairProposal, Strategy, propose_pairs
from vicp.gallery.labelling.pair_files import NO_PAIRS, read_pairs

MOST_PHOTOS = 4000  # looked at together: all their similarities fit in 64 MB


@dataclass(frozen=True)
class PairProposals:
    """Pairs to label.

    Attributes:
        pairs: the most useful first.
        table: the photos they point into.
        num_labelled: pairs that have a label already.
    """

    pairs: list[PairProposal]
    table: PhotoTable
    num_labelled: int

    @property
    def names(self) -> list[str]:
        """Of the table's photos."""
        return [str(name) for name in self.table.frame["path"]]

    def summary(self) -> dict[str, Any]:
        """The facts, for JSON."""
        names = self.names
        return {
            "photos": len(self.table),
            "skipped": len(self.table.skipped),
            "labelled": self.num_labelled,
            "pairs": [
                {"left": names[p.left], "right": names[p.right], "similarity": round(p.similarity, 4), "why": p.why}
                for p in self.pairs
            ],
        }

    def lines(self) -> list[str]:
        """The facts, for people."""
        names = self.names
        lines = [f"{names[p.left]}  {names[p.right]}  ({p.why}, similarity {p.similarity:.3f})" for p in self.pairs]
        return [*lines, f"{len(self.pairs)} pairs of {len(self.table)} photos; {self.num_labelled} are labelled."]


def propose_from(
    embedder: Embedder,
    photos: Path,
    *,
    count: int,
    prompt: Prompt | None = None,
    category: str | None = None,
    pairs_file: Path | None = None,
    strategy: Strategy = "balanced",
    seed: int = 0,
) -> PairProposals:
    """The pairs of a folder or table that are most worth a label.

    Args:
        embedder: what looks at the photos.
        photos: a folder or table; identities are not looked at.
        count: how many pairs.
        prompt: how photos are compared so far; None is the frozen backbone.
        category: of several in the photos; the prompt's where not given.
        pairs_file: labels there are, if any.
        strategy: how to choose.
        seed: of what is drawn.

    Raises:
        DataError: photos or labels that cannot be used, or nothing left to ask.
        PromptError: the prompt belongs to another model.
    """
    table = open_photos(photos, need_identity=False, skip_bad=embedder.skip_bad)
    name = category or (None if prompt is None else prompt.category)
    if len(table.categories) > 1:
        if name is None:
            raise DataError(
                f"{photos}: photos of {len(table.categories)} categories ({', '.join(table.categories[:5])}, ...): "
                "say which with --category"
            )
        table = table.of_category(name)
    labelled = NO_PAIRS if pairs_file is None else read_pairs(pairs_file, table)
    rows = _rows(len(table), labelled, seed)
    seen, embeddings = embedder.embed(table.select(rows), prompt)
    rows = rows[table.frame["row"].iloc[rows].isin(seen.frame["row"]).to_numpy()]
    groups, relation = relate_pairs(pairs_within(labelled, rows), [str(path) for path in seen.frame["path"]])
    boundary = None if prompt is None or prompt.choice is None else prompt.choice.threshold
    found = propose_pairs(embeddings.numpy(), groups, relation, count, strategy=strategy, boundary=boundary, seed=seed)
    if not found:
        raise DataError(f"{photos}: nothing left to ask: every pair of its {len(seen)} photos is labelled or follows")
    return PairProposals(found, seen, len(labelled))


def _rows(num_photos: int, labelled: Support, seed: int) -> NDArray[np.int64]:
    """Which photos to look at, ascending: all or, of too many, those with labels and others at random."""
    if num_photos <= MOST_PHOTOS:
        return np.arange(num_photos)
    used = np.unique(np.concatenate([labelled.left, labelled.right]))
    others = np.setdiff1d(np.arange(num_photos), used)
    drawn = np.random.default_rng(seed).permutation(others)[: max(MOST_PHOTOS - len(used), 0)]
    return np.sort(np.concatenate([used, drawn]))
