"""Versions across tables: what a reader sees, what a killed writer leaves, what undo and restore bring back."""

import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from vicp.errors import GalleryError
from vicp.gallery.contents import photos
from vicp.gallery.gallery import Gallery
from vicp.gallery.store.database import change, create_gallery, read_gallery
from vicp.gallery.store.journal import FORMAT
from vicp.gallery.store.tables import PHOTOS, embeddings_schema, embeddings_table


def named(gallery: Gallery) -> dict[str, int]:
    """Photos of each identity."""
    return dict(gallery.photos()["identity"].value_counts())


WHOLE = {"red": 3, "green": 3, "blue": 3, "yellow": 3}


def test_a_reader_keeps_its_snapshot_while_others_write(gallery: Gallery) -> None:
    before = gallery.snapshot
    gallery.merge("red", ["blue"])
    gallery.remove("green")
    assert dict(photos(before)["identity"].value_counts()) == WHOLE
    assert named(gallery) == {"red": 6, "yellow": 3}


def test_what_was_computed_is_computed_anew_when_its_tables_changed(gallery: Gallery, made: Path) -> None:
    made_of: list[int] = []

    def count_photos(opened: Gallery) -> int:
        snapshot = opened.snapshot
        return snapshot.once("count", [PHOTOS], lambda: made_of.append(snapshot.head.number) or snapshot.count(PHOTOS))

    other = Gallery.open(gallery.uri)
    first, second = gallery.photos()["key"][:2]
    assert [count_photos(gallery), count_photos(gallery)] == [12, 12]
    other.label([(first, second, True)])
    assert count_photos(gallery) == 12, "labels are in another table"
    assert len(made_of) == 1
    other.remove("red")
    assert [count_photos(gallery), len(gallery.photos())] == [9, 9]
    gallery.undo()
    assert [count_photos(gallery), named(gallery)] == [12, WHOLE]
    frame = gallery.photos()
    frame["identity"] = "changed by a caller"
    assert named(gallery) == WHOLE
    shutil.rmtree(gallery.uri)
    shutil.copytree(made, gallery.uri)  # another one at the same place
    assert gallery.stats().pairs == 0
    assert len(gallery.log()) == 2


def test_a_table_read_in_parts_is_the_whole_table(gallery: Gallery) -> None:
    gallery.merge("red", ["blue"])  # rows written anew, and
    gallery.remove("green")  # rows that are gone
    columns = ["number", "identity", "key"]
    for size in (1, 4, 100):
        parts = list(gallery.snapshot.batches(PHOTOS, columns, size=size))
        assert max(len(part) for part in parts) <= size
        assert pa.Table.from_batches(parts).sort_by("number") == gallery.snapshot.read(PHOTOS, columns).sort_by(
            "number"
        )


def test_undo_goes_back_one_by_one_and_restore_anywhere(gallery: Gallery) -> None:
    gallery.merge("red", ["blue"], reason="the same scar")
    gallery.rename("green", "emerald", category="shoe")
    after = named(gallery)
    assert after == {"red": 6, "emerald": 3, "yellow": 3}
    gallery.undo()
    assert named(gallery) == {"red": 6, "green": 3, "yellow": 3}
    gallery.undo()
    assert named(gallery) == WHOLE
    assert set(gallery.identities()["identity"]) == set(WHOLE)
    log = gallery.log()
    rename = next(operation for operation in log if operation.command == "rename")
    gallery.restore(rename.operation)
    assert named(gallery) == after, "what was undone comes back"
    gallery.undo()
    assert named(gallery) == {"red": 6, "green": 3, "yellow": 3}, "undo of a state that was brought back"
    assert [operation.command for operation in log] == [
        "create",
        "enroll",
        "merge",
        "rename",
        "undo",
        "undo",
    ]
    assert log[2].reason == "the same scar"
    with pytest.raises(GalleryError, match="no operation 99"):
        gallery.restore(99)


def test_undo_stops_at_the_beginning(tmp_path: Path) -> None:
    uri = str(tmp_path / "g")
    create_gallery(uri, {}, author="ann")
    with pytest.raises(GalleryError, match="nothing to undo"):
        Gallery.open(uri).undo()


def test_what_was_not_committed_is_ignored_and_put_away(gallery: Gallery) -> None:
    with change(gallery.uri, "half", author="ann") as writer:
        numbers = photos(writer.snapshot)["number"].tolist()
        writer.delete(PHOTOS, numbers[:5])  # and then the power goes
    assert named(gallery) == WHOLE
    with change(gallery.uri, "whole", author="ann") as writer:
        writer.delete(PHOTOS, numbers[-1:])
        writer.commit("one photo less")
    assert len(gallery.photos()) == 11


@pytest.mark.parametrize("part", ["", "data", "_transactions", "_versions"])
def test_a_table_whose_maker_was_killed_is_made_again(gallery: Gallery, part: str) -> None:
    table, rows = embeddings_table("half"), embeddings_schema(2)
    (Path(gallery.uri) / f"{table}.lance" / part).mkdir(parents=True)
    with change(gallery.uri, "whole", author="ann") as writer:
        writer.add(table, pa.table([[7], [[1.0, 2.0]]], schema=rows), schema=rows)
        writer.commit("embeddings")
    assert gallery.snapshot.count(table) == 1
    assert named(gallery) == WHOLE


@pytest.mark.parametrize("part", ["", "data", "_transactions", "_versions"])
def test_a_gallery_whose_maker_was_killed_before_its_journal_is_made_again(tmp_path: Path, part: str) -> None:
    uri = str(tmp_path)
    (tmp_path / "journal.lance" / part).mkdir(parents=True)
    with pytest.raises(GalleryError, match="no gallery; `vicp gallery create"):
        read_gallery(uri)
    create_gallery(uri, {"model": "tiny"}, author="ann")
    assert read_gallery(uri).settings == {"model": "tiny"}
    with change(uri, "whole", author="ann") as writer:
        writer.commit("and it can be written")
    assert len(read_gallery(uri).entries) == 2


def test_split_and_remove_photos(gallery: Gallery) -> None:
    frame = gallery.photos()
    red = frame[frame["identity"] == "red"]
    gallery.split([red["key"].iloc[0][:10], red["source"].iloc[1]], "crimson")
    assert named(gallery) == {**WHOLE, "red": 1, "crimson": 2}
    gallery.remove_photos([red["key"].iloc[0]])
    assert named(gallery) == {**WHOLE, "red": 1, "crimson": 1}
    for table in gallery.snapshot.tables:
        if table == "originals" or table.startswith("embeddings"):
            assert gallery.snapshot.count(table) == 11
    with pytest.raises(GalleryError, match="no photo named 'nowhere'"):
        gallery.split(["nowhere"], "crimson")


@pytest.mark.parametrize("name", ["../../x", "/etc", "a/../b", "..", "", "a\nb", "..\\x", "x" * 300])
def test_a_name_that_could_be_a_path_is_refused(gallery: Gallery, name: str) -> None:
    with pytest.raises(GalleryError, match="identity"):
        gallery.rename("red", name)
    assert named(gallery) == WHOLE


def test_quotes_in_names(gallery: Gallery) -> None:
    gallery.rename("red", 'O\'Malley; drop "x"')
    gallery.merge('O\'Malley; drop "x"', ["blue"])
    assert named(gallery)['O\'Malley; drop "x"'] == 6


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda gallery: gallery.merge("rad", ["blue"]), "did you mean 'red'"),
        (lambda gallery: gallery.rename("red", "blue"), "vicp gallery merge"),
        (lambda gallery: gallery.remove("nobody", category="shoe"), "no identity 'nobody'"),
        (lambda gallery: create_gallery(gallery.uri, {}, author="a"), "there is a gallery already"),
    ],
)
def test_wrong_requests(gallery: Gallery, call, expected: str) -> None:
    with pytest.raises(GalleryError, match=expected):
        call(gallery)
    assert named(gallery) == WHOLE


def test_a_store_of_a_newer_format(gallery: Gallery) -> None:
    snapshot = gallery.snapshot
    row = snapshot.head.row().to_pandas().assign(format=FORMAT + 1, number=snapshot.head.number + 1)
    snapshot.database.open_table("journal").add(row)
    with pytest.raises(GalleryError, match=f"format {FORMAT + 1}.*newer"):
        read_gallery(gallery.uri)


@pytest.mark.parametrize("table", ["photos", "journal", "identities"])
def test_a_half_deleted_folder(gallery: Gallery, table: str) -> None:
    shutil.rmtree(Path(gallery.uri) / f"{table}.lance")
    with pytest.raises(GalleryError, match=f"half of it is gone.*{table}.*copy"):
        read_gallery(gallery.uri)
    with pytest.raises(GalleryError, match=r"half of it is gone|there is a gallery already"):
        create_gallery(gallery.uri, {}, author="ann")


@pytest.mark.parametrize("part", ["data", "_versions"])
def test_a_half_deleted_table(gallery: Gallery, part: str) -> None:
    shutil.rmtree(Path(gallery.uri) / "photos.lance" / part)
    with pytest.raises(GalleryError, match="half of it is gone"):
        gallery.photos()


def test_no_gallery_and_no_room_for_one(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="vicp gallery create"):
        read_gallery(str(tmp_path / "nowhere"))
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(GalleryError, match="holds something else"):
        create_gallery(str(tmp_path), {}, author="ann")
    with pytest.raises(GalleryError, match="vicp gallery create"):
        read_gallery(str(tmp_path))


def test_by_uri_as_in_object_storage(tmp_path: Path) -> None:
    uri = f"file://{tmp_path}/remote"
    create_gallery(uri, {"model": "tiny"}, author="ann")
    refused = pytest.raises(GalleryError, match="is writing to this gallery")
    with change(uri, "first", author="ann"), refused, change(uri, "second", author="ann"):
        pass
    with change(uri, "third", author="ann") as writer:
        writer.commit("nothing")
    assert [entry.command for entry in read_gallery(uri).entries] == ["create", "third"]


def test_the_log_is_a_table(gallery: Gallery) -> None:
    rows = gallery.snapshot.database.open_table("journal").to_pandas()
    assert isinstance(rows, pd.DataFrame)
    assert list(rows["command"]) == ["create", "enroll"]
    assert set(rows["author"]) == {"ann"}
