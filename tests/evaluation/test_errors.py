"""Errors per identity by hand; photos that are there twice, found where they spoil a task and only there."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vicp.data.records import PhotoTable
from vicp.evaluation.diagnostics.errors import identity_errors, leak_sentences
from vicp.evaluation.results import IdentityErrors
from vicp.evaluation.task import EvaluationTask, LabelledPairs


def test_identity_errors_average_over_the_queries_of_an_identity() -> None:
    queries = [  # identity, average precision, rank of the first hit, best wrong photo's identity
        ("tom", 1.0, 1, "kit"),
        ("tom", 0.5, 2, "max"),
        ("tom", 0.25, 4, "max"),
        ("tom", 0.25, 3, "kit"),
        ("kit", 0.5, 2, "tom"),
        ("kit", np.nan, 0, "max"),
        ("kit", 0.5, 2, "max"),
        ("ann", 0.5, 1, "tom"),
        ("max", np.nan, 0, "tom"),
    ]
    identities, precision, hits, wrong = (np.array(column) for column in zip(*queries, strict=True))
    expected = (
        IdentityErrors("ann", num_queries=1, map=0.5, rank1=1.0, confused_with="", confused=0),
        IdentityErrors("kit", num_queries=2, map=0.5, rank1=0.0, confused_with="max", confused=1),
        IdentityErrors("tom", num_queries=4, map=0.5, rank1=0.25, confused_with="max", confused=2),
    )
    assert identity_errors(precision, hits, identities, wrong) == expected
    order = np.random.default_rng(0).permutation(len(queries))
    assert identity_errors(precision[order], hits[order], identities[order], wrong[order]) == expected


def test_the_worst_identity_comes_first() -> None:
    names = np.array(["a", "b", "c"])
    found = identity_errors(np.array([0.6, 0.9, 0.1]), np.array([2, 1, 9]), names, np.array(["b", "c", "b"]))
    assert [(each.identity, each.map, each.confused_with) for each in found] == [
        ("c", 0.1, "b"),
        ("a", 0.6, "b"),
        ("b", 0.9, ""),
    ]


def test_identity_errors_without_an_answer_are_empty_and_refuse_other_shapes() -> None:
    none = np.array(["a"])
    assert identity_errors(np.array([np.nan]), np.array([0]), none, none) == ()
    with pytest.raises(ValueError, match=r"expected \(Q,\) four times"):
        identity_errors(np.array([0.5]), np.array([1]), none, np.array(["b", "c"]))


def photo(seed: int, *, quality: int = 92) -> bytes:
    """Random blobs of colour: no two seeds look alike, and one seed does at any quality."""
    blobs = np.random.default_rng(seed).integers(0, 200, (9, 9, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(blobs).resize((160, 160), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def table(*photos: tuple[str, bytes]) -> PhotoTable:
    """Photos 0.jpg, 1.jpg and so on of these identities."""
    identities, images = zip(*photos, strict=True)
    paths = [f"{n}.jpg" for n in range(len(photos))]
    frame = pd.DataFrame({"row": range(1, len(photos) + 1), "path": paths, "category": "cat", "identity": identities})
    return PhotoTable(frame.assign(image=list(images)), None)


def task(support: list[int], query: list[int], gallery: list[int] | None = None, **more: object) -> EvaluationTask:
    rows = [np.array(each, dtype=np.int64) for each in (support, query, query if gallery is None else gallery)]
    return EvaluationTask("cat", *rows, leave_one_out=gallery is None, **more)  # type: ignore[arg-type]


def test_photos_without_doubles_have_no_leaks() -> None:
    photos = table(*(("ab"[n % 2], photo(n)) for n in range(8)))
    assert leak_sentences(photos, task([0, 1], [2, 3, 4, 5, 6, 7])) == ()
    assert leak_sentences(photos, task([0, 1], [2, 3], [4, 5, 6, 7])) == ()


def test_leak_sentences_name_support_photos_that_are_tested() -> None:
    photos = table(
        ("a", photo(0)), ("b", photo(1)), ("c", photo(2)), ("c", photo(1, quality=50)), ("d", photo(4)), ("d", photo(0))
    )
    assert leak_sentences(photos, task([0, 1], [2, 3, 4, 5])) == (
        "2 pairs of support and tested photos that show the same: what is tested was taught "
        "(0.jpg and 5.jpg; 1.jpg and 3.jpg).",
    )
    assert leak_sentences(photos, task([0, 1], [2, 4])) == ()  # the others are not in the task


def test_leak_sentences_count_photos_of_verification_pairs_as_tested() -> None:
    photos = table(("a", photo(0)), ("b", photo(1)), ("c", photo(2)), ("c", photo(1, quality=50)))
    pairs = LabelledPairs(np.array([2]), np.array([3]), np.array([True]))
    (sentence,) = leak_sentences(photos, task([0, 1], [], [], pairs=pairs))
    assert sentence.endswith("(1.jpg and 3.jpg).")


def test_leak_sentences_name_one_photo_under_two_identities() -> None:
    photos = table(
        ("a", photo(0)), ("a", photo(1)), ("b", photo(1, quality=60)), ("b", photo(0)), ("b", photo(2)), ("c", photo(2))
    )
    sentence = "{} of tested photos that show the same under two identities: probably a wrong label ({})."
    both = sentence.format("3 pairs", "0.jpg and 3.jpg; 1.jpg and 2.jpg; 4.jpg and 5.jpg")
    assert leak_sentences(photos, task([], [0, 1, 2, 3, 4, 5])) == (both,)
    assert leak_sentences(photos, task([], [0, 1], [2, 3])) == (
        sentence.format("2 pairs", "0.jpg and 3.jpg; 1.jpg and 2.jpg"),
    )
    assert leak_sentences(photos, task([4, 5], [0, 2])) == ()  # those of the support are another matter


def test_doubles_of_one_identity_among_all_the_others_leak_nothing() -> None:
    photos = table(("a", photo(0)), ("a", photo(0, quality=60)), ("b", photo(1)), ("b", photo(1)))
    assert leak_sentences(photos, task([], [0, 1, 2, 3])) == ()


def test_leak_sentences_name_queries_that_are_in_the_gallery() -> None:
    photos = table(*(("a", photo(n % 4, quality=90 - 10 * (n // 4))) for n in range(8)), ("b", photo(9)))
    sentence = "{} of query and gallery photos of one identity that show the same: finding those proves nothing ({})."
    copies = "0.jpg and 4.jpg; 1.jpg and 5.jpg; 2.jpg and 6.jpg; ..."
    assert leak_sentences(photos, task([], [0, 1, 2, 3], [4, 5, 6, 7])) == (sentence.format("4 pairs", copies),)
    assert leak_sentences(photos, task([], [4, 5, 6, 7], [0, 1, 2, 3])) == (sentence.format("4 pairs", copies),)
    assert leak_sentences(photos, task([], [0, 8], [1, 8])) == (sentence.format("1 pair", "8.jpg"),)


def test_pairs_that_the_rule_of_groups_leaves_out_leak_nothing() -> None:
    photos = table(*(("a", photo(n % 2, quality=90 - 10 * (n // 2))) for n in range(4)), ("a", photo(9)))
    for groups, leaking in (
        ([7, 8, 7, 8, 5], None),  # one camera each: not looked up
        ([7, 8, 7, 6, 5], "(1.jpg and 3.jpg)."),
        ([7, -1, 7, -1, 5], "(1.jpg and 3.jpg)."),  # -1 leaves nothing out
        ([7, 8, 7, 8, -1], "(4.jpg)."),
    ):
        found = leak_sentences(photos, task([], [0, 1, 4], [2, 3, 4], groups=np.array(groups)))
        assert [sentence.split(" (")[-1] for sentence in found] == ([] if leaking is None else [leaking[1:]])


def test_leak_sentences_name_all_kinds_and_pass_over_unreadable_photos() -> None:
    photos = table(
        ("s", photo(0)), ("a", photo(0)), ("a", photo(1)), ("b", photo(1)), ("b", b"no photo"), ("a", photo(1))
    )
    found = leak_sentences(photos, task([0], [1, 2, 4], [3, 4, 5]))
    assert [sentence.split(" (")[-1] for sentence in found] == [
        "0.jpg and 1.jpg).",
        "2.jpg and 3.jpg; 3.jpg and 5.jpg).",
        "2.jpg and 5.jpg; 4.jpg).",
    ]
