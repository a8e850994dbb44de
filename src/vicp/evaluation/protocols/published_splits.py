"""Splits that a data set publishes: those of Market-1501, and the lists of PetFace and ShopID10K."""

from dataclasses import replace

import numpy as np

from vicp.data.sources.datasets.petface import CLOSED_SET, read_verification
from vicp.errors import DataError
from vicp.evaluation.photos import EvaluationPhotos, Mask
from vicp.evaluation.protocols.category_photos import CategoryPhotos
from vicp.evaluation.protocols.splits import Split, split_identities
from vicp.evaluation.task import LabelledPairs
from vicp.phrases import counted

_SHARE_OF_CLOSED_SET = 0.1  # of PetFace's trained identities, for the support: the others stay as they are


def market_split(photos: CategoryPhotos) -> Split:
    """Return the splits as they are: train is the support, query is looked up in gallery (or test).

    Raises:
        DataError: A split has no photo.
    """
    gallery = "gallery" if photos.split("gallery").any() else "test"
    return Split(_of_split(photos, "train"), _of_split(photos, "query"), _of_split(photos, gallery))


def trained_split(photos: CategoryPhotos) -> Split:
    """Return PetFace's closed set: new photos of the trained identities, a tenth of them set apart as support.

    Raises:
        DataError: A split has no photo, or too few identities.
    """
    gallery, query = _of_split(photos, "train"), _of_split(photos, CLOSED_SET)
    support, rest = photos.set_apart(gallery | query, _SHARE_OF_CLOSED_SET)
    return Split(support, query & rest, gallery & rest)


def petface_split(photos: CategoryPhotos) -> Split:
    """Return the test photos, looked up among each other, the pairs of `verification.csv` among them, and the support.

    Raises:
        DataError: The file cannot be used, its pairs of test photos are of one kind, or a split has no photo.
    """
    test, train = _of_split(photos, "test"), _of_split(photos, "train")
    pairs, notes = _listed_pairs(photos, test, "are not of the split test")
    return Split(train, test, test, pairs=pairs, notes=notes)


def verification_split(photos: CategoryPhotos) -> Split:
    """Return the pairs of `verification.csv`, their photos looked up among each other, and train as support.

    Raises:
        DataError: The file cannot be used, its pairs are of one kind, or the split train has no photo.
    """
    pairs, notes = _listed_pairs(photos, np.ones(len(photos.rows), dtype=bool), "are not read")
    paired = np.zeros(len(photos.rows), dtype=bool)
    paired[pairs.left], paired[pairs.right] = True, True
    return Split(_of_split(photos, "train"), paired, paired, pairs=pairs, notes=notes)


def _listed_pairs(photos: CategoryPhotos, usable: Mask, otherwise: str) -> tuple[LabelledPairs, tuple[str, ...]]:
    """Return the pairs of `verification.csv` of two usable photos, and a note on the others, which are `otherwise`.

    Raises:
        DataError: The file cannot be used, or the pairs are of one kind.
    """
    assert photos.source is not None, "`check_verification` has found the lists"
    listed = read_verification(photos.source, photos.category)
    place = {path: index for index, path in enumerate(photos.frame["path"]) if usable[index]}
    left, right = (np.array([place.get(path, -1) for path in listed[name]]) for name in ("path1", "path2"))
    there = (left >= 0) & (right >= 0)
    pairs = LabelledPairs(left[there], right[there], listed["same"].to_numpy(dtype=bool)[there])
    num_away = int((~there).sum())
    name = f"{counted(num_away, 'pair')} of verification.csv {'names' if num_away == 1 else 'name'}"
    notes = (f"{name} photos that {otherwise}",) * (not there.all())
    if pairs.same.all() or not pairs.same.any():
        same = int(pairs.same.sum())
        raise DataError(
            f"its verification.csv has {same} same-pairs and {len(pairs.same) - same} different-pairs of photos that "
            f"can be used, expected both kinds{f' ({notes[0]})' if notes else ''}"
        )
    return pairs, notes


def fold_split(photos: CategoryPhotos, share: float) -> Split:
    """Return the test photos and the support of `split_identities`, with the fold of the category.

    Raises:
        DataError: Too few identities, or the category is in no fold or several.
    """
    folds = np.unique(photos.column("fold")).tolist()
    if len(folds) > 1 or folds == [""]:
        found = ", ".join(fold or "none" for fold in folds)
        raise DataError(f"its photos are of the folds: {found}; expected one")
    return replace(split_identities(photos, share), fold=folds[0])


def check_verification(photos: EvaluationPhotos, protocol: str) -> None:
    """Check that the photos are of a data set's own folder, which has verification pairs of a category.

    Raises:
        DataError: They are not, or it has none.
    """
    folder = photos.source
    categories = photos.table.categories
    if folder is None or not any((folder / "split" / name / "verification.csv").is_file() for name in categories):
        raise DataError(
            f"{protocol} needs the data set's own folder with split/<category>/verification.csv, got "
            f"{folder or 'photos from elsewhere'}: give the folder of PetFace or ShopID10K itself"
        )


def _of_split(photos: CategoryPhotos, name: str) -> Mask:
    found = photos.split(name)
    if not found.any():
        there = ", ".join(sorted(set(photos.column("split").tolist()) - {""}))
        raise DataError(f"no photo of the split {name} (there are: {there or 'none'})")
    return found
