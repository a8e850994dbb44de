import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vicp.data.audit.duplicates import Fingerprint, duplicate_pairs, fingerprint, near_pairs
from vicp.data.audit.leaks import IdentityLeak, Leaks, PhotoLeak, find_leaks
from vicp.data.records import PhotoTable


def photo(seed: int, *, size: int = 160) -> Image.Image:
    """Random blobs of colour: no two seeds look alike."""
    blobs = np.random.default_rng(seed).integers(0, 200, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(blobs).resize((size, size), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, *, quality: int = 92) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def found(*photos: bytes) -> list[tuple[int, int, bool]]:
    blocks = duplicate_pairs([fingerprint(data) for data in photos])
    return [
        (int(i), int(j), bool(same))
        for block in blocks
        for (i, j), same in zip(block.indices, block.same_bytes, strict=True)
    ]


COPIES = {
    "saved again": lambda image: encoded(image, quality=40),
    "resized": lambda image: encoded(image.resize((77, 80)), quality=85),
    "enlarged": lambda image: encoded(image.resize((400, 400))),
    "brighter": lambda image: encoded(image.point(lambda value: value + 20)),
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_changed_copy_is_a_near_duplicate(copy) -> None:
    others = [encoded(photo(seed)) for seed in range(1, 20)]
    assert found(encoded(photo(0)), *others, copy(photo(0))) == [(0, 20, False)]


def test_equal_bytes_are_said_to_be() -> None:
    data = encoded(photo(0))
    assert found(data, encoded(photo(1)), data) == [(0, 2, True)]


def test_one_outline_in_other_colours_is_another_photo() -> None:
    red, _, blue = photo(0).convert("L").convert("RGB").split()
    dark = red.point(lambda value: value // 3)
    one, other = Image.merge("RGB", (red, dark, dark)), Image.merge("RGB", (dark, dark, blue))
    prints = [fingerprint(encoded(image)) for image in (one, other)]
    assert (prints[0].outline ^ prints[1].outline).bit_count() <= 4
    assert found(encoded(one), encoded(other)) == []


def test_every_pair_across_blocks_is_found_once() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**64, 9000, dtype=np.uint64)
    for i, j, bits in ((0, 8999, 4), (63, 64, 3), (8191, 8192, 0), (10, 11, 1), (200, 300, 5)):
        hashes[j] = hashes[i] ^ np.uint64(2**bits - 1)
    pairs = sorted(tuple(map(int, pair)) for block in near_pairs(hashes, distance=4) for pair in block)
    assert pairs == [(0, 8999), (10, 11), (63, 64), (8191, 8192)]
    assert (200, 300) in [tuple(map(int, pair)) for block in near_pairs(hashes, distance=5) for pair in block]


def test_no_photos_no_pairs() -> None:
    assert list(duplicate_pairs([])) == []


def table(*rows: tuple[str, str | None, str], **columns: list[str]) -> PhotoTable:
    """Rows are category, identity, split; paths are 0, 1, 2."""
    frame = pd.DataFrame(list(rows), columns=["category", "identity", "split"], dtype=object)
    frame.insert(0, "path", [str(row) for row in range(len(frame))])
    frame.insert(0, "row", range(1, len(frame) + 1))
    return PhotoTable(frame.assign(**columns), None)


def prints(*looks: int) -> list[Fingerprint]:
    """Photos of one number are equal, those of n and -n nearly so."""
    rng = [np.random.default_rng(abs(look)) for look in looks]
    values = [(int(r.integers(0, 2**62)), r.integers(0, 256, (64, 3), dtype=np.uint8)) for r in rng]
    return [
        Fingerprint(digest=look % 2**64, outline=outline ^ (look < 0), colours=colours)
        for look, (outline, colours) in zip(looks, values, strict=True)
    ]


def test_photos_in_two_splits_and_under_two_identities() -> None:
    photos = table(
        ("cat", "tom", "train"),
        ("cat", "tom", "test"),  # 0 again, byte for byte
        ("cat", "kit", "train"),  # nearly 0
        ("dog", "rex", "train"),  # 0 in another category: no leak
        ("cat", "tom", "train"),  # nearly 0, same identity and split
        ("cat", None, ""),  # 0, nothing known of it
    )
    leaks = find_leaks(photos, prints(1, 1, -1, 1, -1, 1))
    assert [(leak.a + leak.b, leak.kind) for leak in leaks.photos if leak.why == "splits"] == [
        ("01", "bytes"),
        ("12", "near"),
        ("13", "bytes"),
        ("14", "near"),
    ]
    assert [(leak.a + leak.b, leak.kind) for leak in leaks.photos if leak.why == "identities"] == [
        ("02", "near"),
        ("12", "near"),
        ("24", "bytes"),
    ]
    assert (leaks.in_two_splits, leaks.two_identities) == (4, 3)
    assert leaks.duplicates == 15 - 4 - 2
    assert leaks.between_splits


def test_a_wrong_label_alone_is_only_a_warning() -> None:
    leaks = find_leaks(table(("cat", "tom", ""), ("cat", "kit", "")), prints(1, -1))
    assert leaks.photos == (PhotoLeak("0", "1", "near", "identities"),)
    assert not leaks.between_splits
    assert leaks.lines() == [
        "Pairs of equal or near-equal photos under two identities: 1 (a warning: probably a wrong label)",
        "  0 and 1 (near)",
    ]


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


def test_the_lists_end_but_the_counts_do_not() -> None:
    photos = table(*[("cat", str(n // 2), "train" if n % 2 else "test") for n in range(60)])
    leaks = find_leaks(photos, prints(*[1] * 60))
    assert isinstance(leaks, Leaks)
    assert (leaks.in_two_splits, leaks.two_identities, leaks.duplicates) == (900, 60 * 59 // 2 - 30, 0)
    assert len(leaks.photos) == 1000
    assert leaks.summary()["unlisted"] == 900 + 1740 - 1000
    lines = leaks.lines()
    assert "  and 880 more" in lines
    assert "  and 1720 more" in lines
    assert len(lines) == 3 * 22
