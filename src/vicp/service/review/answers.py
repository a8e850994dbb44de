"""Make the change that an answer of a review means."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from vicp.service.problems import ProblemError

if TYPE_CHECKING:
    import pandas as pd

    from vicp.gallery.gallery import Gallery

ReviewAnswer = Literal["same", "different", "unsure", "new", "aside", "aside_right"]


def apply_answer(
    gallery: "Gallery",
    frame: "pd.DataFrame",
    *,
    kind: str,
    left: Sequence[str],
    right: Sequence[str],
    answer: ReviewAnswer,
    name: str = "",
) -> str:
    """Make the change, and returns what was done, for people.

    Args:
        gallery: To change.
        frame: Its photos by key.
        kind: "pairs", "groups" or "doubts".
        left: The photos in question, by key.
        right: What they were compared with.
        answer: "new" is somebody who has no name yet, "aside" that the left photos show nobody.
        name: Of somebody new; a free one if empty.

    Raises:
        ProblemError: Photos that are not there, or no such answer to this question.
    """
    missing = [key for key in (*left, *right) if key not in frame.index]
    if missing or not left or not right:
        raise ProblemError(404, f"no photo {missing[0][:40]!r}" if missing else "a side without a photo")
    pair = (left[0], right[0])
    category, identity = str(frame.loc[right[0], "category"]), frame.loc[right[0], "identity"]
    names = [frame.loc[key, "identity"] for key in left]
    if answer in ("same", "new") and kind == "groups" and all(isinstance(each, str) for each in names):
        return "These photos have a name already"  # the answer came twice
    if kind == "doubts" and answer in ("new", "different") and str(names[0]) != str(identity):
        return "This photo has another name already"
    match kind, answer:
        case _, "unsure":
            gallery.label_unsure([pair])
            return "Cannot tell: somebody else is asked"
        case _, "aside":
            return f"Set aside: {gallery.set_aside(list(left)).summary}"
        case "pairs", "aside_right":
            return f"Set aside: {gallery.set_aside(list(right)).summary}"
        case ("pairs", "same" | "different") | ("groups", "different") | ("doubts", "same"):
            gallery.label([(*pair, answer == "same")])
            return f"Labelled: {'the same' if answer == 'same' else 'different'}"
        case "groups", "same":
            into = str(identity) if isinstance(identity, str) else name or free_name(frame, category)
            return gallery.assign({into: [*left, *(() if isinstance(identity, str) else right)]}).summary
        case ("groups" | "doubts", "new") | ("doubts", "different"):
            return gallery.assign({name or free_name(frame, category): list(left)}).summary
    raise ProblemError(422, f"{answer!r} is no answer to a question of {kind!r}")


def free_name(frame: "pd.DataFrame", category: str) -> str:
    """Return the first name CATEGORY-NUMBER that nobody has.

    >>> import pandas as pd
    >>> free_name(pd.DataFrame({"category": ["cat"], "identity": ["cat-1"]}), "cat")
    'cat-2'
    """
    taken = set(frame.loc[frame["category"] == category, "identity"].dropna())
    return next(name for number in range(1, 10**9) if (name := f"{category}-{number}") not in taken)
