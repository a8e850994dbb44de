"""Versions across tables: what a reader sees, what a killed writer leaves, what undo and restore bring back."""

import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from vicp.errors import GalleryError
from vicp.gallery.contents import identities, photos
from vicp.gallery.edit import merge_identities, remove_identity, remove_photos, rename_identity, split_photos
from vicp.gallery.store.database import change, create_gallery, open_gallery, restore, undo
from vicp.gallery.store.journal import FORMAT, operations
from vicp.gallery.store.tables import PHOTOS, embeddings_schema, embeddings_table


def named(uri: str) -> dict[str, int]:
    """Photos of each identity."""
    return dict(photos(open_gallery(uri))["identity"].value_counts())


WHOLE = {"red": 3, "green": 3, "blue": 3, "yellow": 3}


def test_a_reader_keeps_its_snapshot_while_others_write(gallery: str) -> None:
    before = open_gallery(gallery)
    merge_identities(gallery, "red", ["blue"], category=None, by="ann")
    remove_identity(gallery, "green", category=None, by="ann")
    assert dict(photos(before)["identity"].value_counts()) == WHOLE
    assert named(gallery) == {"red": 6, "yellow": 3}


def test_undo_goes_back_one_by_one_and_restore_anywhere(gallery: str) -> None:
    merge_identities(gallery, "red", ["blue"], category=None, by="ann", why="the same scar")
    rename_identity(gallery, "green", "emerald", category="shoe", by="bob")
    after = named(gallery)
    assert after == {"red": 6, "emerald": 3, "yellow": 3}
    undo(gallery, by="ann")
    assert named(gallery) == {"red": 6, "green": 3, "yellow": 3}
    undo(gallery, by="ann")
    assert named(gallery) == WHOLE
    assert set(identities(open_gallery(gallery))["identity"]) == set(WHOLE)
    log = operations(open_gallery(gallery).entries)
    rename = next(operation for operation in log if operation.last.command == "rename")
    restore(gallery, rename.number, by="ann")
    assert named(gallery) == after, "what was undone comes back"
    undo(gallery, by="ann")
    assert named(gallery) == {"red": 6, "green": 3, "yellow": 3}, "undo of a state that was brought back"
    assert [operation.last.command for operation in log] == [
        "create",
        "categories",
        "enroll",
        "merge",
        "rename",
        "undo",
        "undo",
    ]
    assert log[3].last.why == "the same scar"
    with pytest.raises(GalleryError, match="no operation 99"):
        restore(gallery, 99, by="ann")


def test_undo_stops_at_the_beginning(tmp_path: Path) -> None:
    uri = str(tmp_path / "g")
    create_gallery(uri, {}, by="ann")
    with pytest.raises(GalleryError, match="nothing to undo"):
        undo(uri, by="ann")


def test_what_was_not_committed_is_ignored_and_put_away(gallery: str) -> None:
    with change(gallery, "half", by="ann") as writer:
        numbers = photos(writer.snapshot)["number"].tolist()
        writer.delete(PHOTOS, numbers[:5])  # and then the power goes
    assert named(gallery) == WHOLE
    with change(gallery, "whole", by="ann") as writer:
        writer.delete(PHOTOS, numbers[-1:])
        writer.commit("one photo less")
    assert len(photos(open_gallery(gallery))) == 11


@pytest.mark.parametrize("part", ["", "data", "_transactions", "_versions"])
def test_a_table_whose_maker_was_killed_is_made_again(gallery: str, part: str) -> None:
    table, rows = embeddings_table("half"), embeddings_schema(2)
    (Path(gallery) / f"{table}.lance" / part).mkdir(parents=True)
    with change(gallery, "whole", by="ann") as writer:
        writer.add(table, pa.table([[7], [[1.0, 2.0]]], schema=rows), schema=rows)
        writer.commit("embeddings")
    assert open_gallery(gallery).count(table) == 1
    assert named(gallery) == WHOLE


@pytest.mark.parametrize("part", ["", "data", "_transactions", "_versions"])
def test_a_gallery_whose_maker_was_killed_before_its_journal_is_made_again(tmp_path: Path, part: str) -> None:
    uri = str(tmp_path)
    (tmp_path / "journal.lance" / part).mkdir(parents=True)
    with pytest.raises(GalleryError, match="no gallery; `vicp gallery create"):
        open_gallery(uri)
    create_gallery(uri, {"model": "tiny"}, by="ann")
    assert open_gallery(uri).settings == {"model": "tiny"}
    with change(uri, "whole", by="ann") as writer:
        writer.commit("and it can be written")
    assert len(open_gallery(uri).entries) == 2


def test_split_and_remove_photos(gallery: str) -> None:
    frame = photos(open_gallery(gallery))
    red = frame[frame["identity"] == "red"]
    split_photos(gallery, "crimson", [red["key"].iloc[0][:10], red["source"].iloc[1]], by="ann")
    assert named(gallery) == {**WHOLE, "red": 1, "crimson": 2}
    remove_photos(gallery, [red["key"].iloc[0]], by="ann")
    assert named(gallery) == {**WHOLE, "red": 1, "crimson": 1}
    for table in open_gallery(gallery).tables:
        if table == "originals" or table.startswith("embeddings"):
            assert open_gallery(gallery).count(table) == 11
    with pytest.raises(GalleryError, match="no photo named 'nowhere'"):
        split_photos(gallery, "crimson", ["nowhere"], by="ann")


@pytest.mark.parametrize("name", ["../../x", "/etc", "a/../b", "..", "", "a\nb", "..\\x", "x" * 300])
def test_a_name_that_could_be_a_path_is_refused(gallery: str, name: str) -> None:
    with pytest.raises(GalleryError, match="identity"):
        rename_identity(gallery, "red", name, category=None, by="ann")
    assert named(gallery) == WHOLE


def test_quotes_in_names(gallery: str) -> None:
    rename_identity(gallery, "red", 'O\'Malley; drop "x"', category=None, by="ann")
    merge_identities(gallery, 'O\'Malley; drop "x"', ["blue"], category=None, by="ann")
    assert named(gallery)['O\'Malley; drop "x"'] == 6


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda uri: merge_identities(uri, "rad", ["blue"], category=None, by="a"), "did you mean 'red'"),
        (lambda uri: rename_identity(uri, "red", "blue", category=None, by="a"), "vicp gallery merge"),
        (lambda uri: remove_identity(uri, "nobody", category="shoe", by="a"), "no identity 'nobody'"),
        (lambda uri: create_gallery(uri, {}, by="a"), "there is a gallery already"),
    ],
)
def test_wrong_requests(gallery: str, call, expected: str) -> None:
    with pytest.raises(GalleryError, match=expected):
        call(gallery)
    assert named(gallery) == WHOLE


def test_a_store_of_a_newer_format(gallery: str) -> None:
    snapshot = open_gallery(gallery)
    row = snapshot.head.row().to_pandas().assign(format=FORMAT + 1, number=snapshot.head.number + 1)
    snapshot.database.open_table("journal").add(row)
    with pytest.raises(GalleryError, match=f"format {FORMAT + 1}.*newer"):
        open_gallery(gallery)


@pytest.mark.parametrize("table", ["photos", "journal", "identities"])
def test_a_half_deleted_folder(gallery: str, table: str) -> None:
    shutil.rmtree(Path(gallery) / f"{table}.lance")
    with pytest.raises(GalleryError, match=f"half of it is gone.*{table}.*copy"):
        open_gallery(gallery)
    with pytest.raises(GalleryError, match=r"half of it is gone|there is a gallery already"):
        create_gallery(gallery, {}, by="ann")


@pytest.mark.parametrize("part", ["data", "_versions"])
def test_a_half_deleted_table(gallery: str, part: str) -> None:
    shutil.rmtree(Path(gallery) / "photos.lance" / part)
    with pytest.raises(GalleryError, match="half of it is gone"):
        photos(open_gallery(gallery))


def test_no_gallery_and_no_room_for_one(tmp_path: Path) -> None:
    with pytest.raises(GalleryError, match="vicp gallery create"):
        open_gallery(str(tmp_path / "nowhere"))
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(GalleryError, match="holds something else"):
        create_gallery(str(tmp_path), {}, by="ann")
    with pytest.raises(GalleryError, match="vicp gallery create"):
        open_gallery(str(tmp_path))


def test_by_uri_as_in_object_storage(tmp_path: Path) -> None:
    uri = f"file://{tmp_path}/remote"
    create_gallery(uri, {"model": "tiny"}, by="ann")
    refused = pytest.raises(GalleryError, match="is writing to this gallery")
    with change(uri, "first", by="ann"), refused, change(uri, "second", by="bob"):
        pass
    with change(uri, "third", by="ann") as writer:
        writer.commit("nothing")
    assert [entry.command for entry in open_gallery(uri).entries] == ["create", "third"]


def test_the_log_is_a_table(gallery: str) -> None:
    rows = open_gallery(gallery).database.open_table("journal").to_pandas()
    assert isinstance(rows, pd.DataFrame)
    assert list(rows["command"]) == ["create", "categories", "enroll"]
    assert set(rows["by"]) == {"ann"}
