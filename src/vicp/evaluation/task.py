"""Evaluation tasks: the support, query and gallery photos of one category, and its verification pairs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LabelledPairs:
    """Verification pairs, as rows of the photo table.

    Attributes:
        left: (P,).
        right: (P,).
        same: (P,) bool, whether both show the same identity.
    """

    left: Rows
    right: Rows
    same: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class EvaluationTask:
    """The photos of one category by role; every array holds rows of one photo table of n photos.

    Attributes:
        category: its name.
        support: photos whose identities may be taught; none of these identities is among `query` or `gallery`.
        query: photos looked up (Q,).
        gallery: photos they are looked up in (G,); `query` itself where `leave_one_out`.
        leave_one_out: each photo is looked up among all the others.
        groups: (n,) int64, a code per photo of the table: a gallery photo of the query's identity with the query's
            code is left out (Market-1501's rule for cameras); -1 leaves nothing out. None where there is no such rule.
        pairs: for verification; None where the protocol has none.
        fold: of the category, where the protocol has folds.
        variant: what of the protocol this is, such as "studio to street"; empty where there is only one.
    """

    category: str
    support: Rows
    query: Rows
    gallery: Rows
    leave_one_out: bool = False
    groups: Rows | None = None
    pairs: LabelledPairs | None = None
    fold: str = ""
    variant: str = ""
