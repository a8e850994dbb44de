"""Pairs to label next, pairs nobody could tell, photos set aside, and teaching from what a gallery holds."""

import pytest

from vicp.errors import DataError, LockedError
from vicp.gallery.gallery import Gallery
from vicp.gallery.labelling.labels import labelled_pairs, unsure_pairs
from vicp.gallery.store.database import change


def keys(gallery: Gallery) -> dict[str, list[str]]:
    return {name: sorted(own["key"]) for name, own in gallery.photos().groupby("identity")}


def test_a_named_gallery_is_asked_to_check_names(gallery: Gallery) -> None:
    proposals = gallery.next_pairs("shoe", count=3)
    assert len(proposals.pairs) == 3
    assert proposals.photos == 12
    assert all({pair.left, pair.right} <= set(gallery.photos()["key"]) for pair in proposals.pairs)
    first = proposals.pairs[0]
    gallery.label([(first.left, first.right, True)])
    again = gallery.next_pairs("shoe", count=3)
    assert (first.left, first.right) not in {(pair.left, pair.right) for pair in again.pairs}
    assert again.labelled == 1


def test_a_pair_that_could_not_be_told_goes_to_somebody_else(gallery: Gallery) -> None:
    first = gallery.next_pairs("shoe", count=1, author="ann").pairs[0]
    pair = (first.left, first.right)
    assert gallery.label_unsure([pair]) == 1
    assert unsure_pairs(gallery.snapshot, "ann") == {pair}
    assert pair not in {(p.left, p.right) for p in gallery.next_pairs("shoe", count=60, author="ann").pairs}
    assert pair == (lambda p: (p.left, p.right))(gallery.next_pairs("shoe", count=1, author="bob").pairs[0])
    assert len(labelled_pairs(gallery.snapshot)) == 0
    assert gallery.stats().pairs == 0
    gallery.label([(*pair, False)])
    assert gallery.stats().pairs == 1
    assert unsure_pairs(gallery.snapshot) == set()
    assert gallery.label_unsure([pair]) == 0  # a label stays


def test_what_is_set_aside_is_not_compared_and_comes_back(gallery: Gallery) -> None:
    red = keys(gallery)["red"]
    entry = gallery.set_aside(red[:1], reason="blurred")
    assert (entry.command, entry.summary, entry.reason) == ("set aside", "1 photo", "blurred")
    stats = gallery.stats().categories[0]
    assert (stats.photos, stats.unnamed) == (12, 0)
    assert sorted(keys(gallery)["red"]) == red[1:]
    assert gallery.next_pairs("shoe", count=1).photos == 11
    gallery.assign({"red": red[:1]})
    assert gallery.next_pairs("shoe", count=1).photos == 12
    gallery.undo()
    gallery.undo()
    assert keys(gallery)["red"] == red


def test_a_category_without_photos_has_nothing_to_ask(gallery: Gallery) -> None:
    gallery.set_aside(list(gallery.photos()["key"]))
    with pytest.raises(DataError, match="fewer than two photos of shoe"):
        gallery.next_pairs("shoe")


def test_a_gallery_teaches_from_labels_and_from_names(gallery: Gallery) -> None:
    with pytest.raises(DataError, match="no labelled pair of shoe yet"):
        gallery.teach("shoe")
    by_name = keys(gallery)
    same = [(by_name[name][0], by_name[name][1], True) for name in by_name]
    different = [(by_name["red"][0], by_name[name][0], False) for name in ("blue", "green", "yellow")]
    gallery.label([*same, *different])
    result = gallery.teach("shoe", adapt="metric")
    assert (result.pairs, result.same_pairs) == (7, 4)
    assert result.prompt.category == "shoe"
    before = gallery.categories()["shoe"].space
    assert gallery.reindex([result.prompt]).embedded == {"shoe": 12}
    assert gallery.categories()["shoe"].space != before
    assert gallery.teach("shoe", from_names=True, adapt="metric").photos == 12
    assert gallery.stats().pairs == 7


def test_another_writer_is_an_error_of_its_own(gallery: Gallery) -> None:
    with change(gallery.uri, "label", author="bob"), pytest.raises(LockedError, match="is writing to this gallery"):
        gallery.rename("red", "crimson")
