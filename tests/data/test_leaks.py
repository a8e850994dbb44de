import numpy as np
import pandas as pd
import pytest

from vicp.data.audit.leaks import IdentityLeak, PhotoLeak, find_leaks
from vicp.data.photos.fingerprints import PhotoFingerprint
from vicp.data.records import PhotoTable


def table(*rows: tuple[str, str | None, str], **columns: list[str]) -> PhotoTable:
    """Rows are category, identity, split; paths are 0, 1, 2."""
    frame = pd.DataFrame(list(rows), columns=["category", "identity", "split"], dtype=object)
    frame.insert(0, "path", [str(row) for row in range(len(frame))])
    frame.insert(0, "row", range(1, len(frame) + 1))
    return PhotoTable(frame.assign(**columns), None)


def prints(*looks: int) -> list[PhotoFingerprint]:
    """Photos of one number are equal, those of n and -n nearly so."""
    rng = [np.random.default_rng(abs(look)) for look in looks]
    values = [(int(r.integers(0, 2**62)), r.integers(0, 256, (64, 3), dtype=np.uint8)) for r in rng]
    return [
        PhotoFingerprint(pixels=look % 2**64, perceptual_hash=bits ^ (look < 0), colours=colours)
        for look, (bits, colours) in zip(looks, values, strict=True)
    ]


def test_photos_in_two_splits_and_under_two_identities() -> None:
    photos = table(
        ("cat", "tom", "train"),
        ("cat", "tom", "test"),  # 0 again, pixel for pixel
        ("cat", "kit", "train"),  # nearly 0
        ("dog", "rex", "train"),  # 0 in another category: no leak
        ("cat", "tom", "train"),  # nearly 0, same identity and split
        ("cat", None, ""),  # 0, nothing known of it
    )
    leaks = find_leaks(photos, prints(1, 1, -1, 1, -1, 1))
    assert [(leak.a + leak.b, leak.kind) for leak in leaks.photos if leak.why == "splits"] == [
        ("01", "equal"),
        ("12", "near"),
        ("13", "equal"),
        ("14", "near"),
    ]
    assert [(leak.a + leak.b, leak.kind) for leak in leaks.photos if leak.why == "identities"] == [
        ("02", "near"),
        ("12", "near"),
        ("24", "equal"),
    ]
    assert (leaks.in_two_splits, leaks.two_identities) == (4, 3)
    assert leaks.duplicates == 15 - 4 - 2
    assert leaks.between_splits


def test_a_wrong_label_alone_is_only_a_warning() -> None:
    leaks = find_leaks(table(("cat", "tom", ""), ("cat", "kit", "")), prints(1, -1))
    assert leaks.photos == (PhotoLeak("0", "1", "near", "identities"),)
    assert not leaks.between_splits


@pytest.mark.parametrize(
    ("splits", "leaking"),
    [
        (("train", "test"), True),
        (("train", "val"), True),
        (("val", "test"), True),
        (("train", "query"), True),
        (("train", "openset_gallery"), True),
        (("query", "gallery"), False),
        (("openset_query", "openset_gallery"), False),
        (("database", "query"), False),
        (("train", ""), False),
        (("train", "train"), False),
    ],
)
def test_identities_in_two_splits(splits: tuple[str, str], leaking: bool) -> None:
    photos = table(("cat", "tom", splits[0]), ("cat", "tom", splits[1]), ("dog", "tom", "train"))
    leaks = find_leaks(photos, prints(1, 2, 3))
    assert leaks.identities == ((IdentityLeak("cat/tom", tuple(sorted(splits))),) if leaking else ())
    assert leaks.between_splits is leaking


@pytest.mark.parametrize(
    ("columns", "note"),
    [
        ({"date": ["2025-03-01", "2025-03-02 00:01"]}, "no day"),
        ({"date": ["2025-03-01 10:00", "2025-03-01 12:00"]}, ""),
        ({"date": ["2025-03-01", ""]}, ""),
        ({"camera": ["a", "b"]}, "no camera"),
        ({"camera": ["a", "a"]}, ""),
        ({"camera": ["a", ""]}, ""),
    ],
)
def test_identities_shared_on_purpose_are_only_noted(columns: dict[str, list[str]], note: str) -> None:
    photos = table(("cat", "tom", "train"), ("cat", "tom", "test"), **columns)
    leaks = find_leaks(photos, prints(1, 2))
    assert leaks.between_splits is (not note)
    assert leaks.notes == ((f"cat: test and train share 1 identities but {note} (closed set).",) if note else ())


def test_petface_shows_new_photos_of_trained_identities_on_purpose() -> None:
    photos = table(("cat", "tom", "train"), ("cat", "tom", "reidentification"), ("cat", "kit", "test"))
    leaks = find_leaks(photos, prints(1, 2, 3))
    assert not leaks.between_splits
    assert leaks.notes == (
        "cat: reidentification shows 1 identities of train on purpose: new photos of individuals that are trained on "
        "(closed set).",
    )
    photos = table(("cat", "tom", "test"), ("cat", "tom", "reidentification"))
    assert find_leaks(photos, prints(1, 2)).between_splits, "the test shares none"


def test_find_leaks_keeps_a_thousand_pairs_and_counts_all() -> None:
    photos = table(*[("cat", str(n // 2), "train" if n % 2 else "test") for n in range(60)])
    leaks = find_leaks(photos, prints(*[1] * 60))
    assert (leaks.in_two_splits, leaks.two_identities, leaks.duplicates) == (900, 60 * 59 // 2 - 30, 0)
    assert len(leaks.photos) == 1000
