"""What goes in, who is who, and the way out, with a tiny model."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tests.conftest import write_photo
from tests.gallery.conftest import COLOURS, write_photos
from tests.helpers.photos import blob_photo

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.cli.render.answers import cluster_lines
from vicp.data import loading
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.errors import GalleryError
from vicp.gallery.contents import embedded_photos
from vicp.gallery.gallery import Gallery
from vicp.gallery.recognition.cluster_proposal import ClusterProposal, GroupedPhoto, read_proposal, write_proposal
from vicp.gallery.search.routing import category_density, route


def test_enrolling_again_adds_nothing_whatever_the_files_are_called(
    gallery: Gallery, shoes: PhotoTable, tmp_path: Path
) -> None:
    done = gallery.enroll(shoes)
    assert (done.added, done.known, done.other_names) == (0, 12, ())
    copy = tmp_path / "copies" / "scarlet" / "x.jpg"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(shoes.photo_bytes(list(shoes.frame["identity"]).index("red")))
    done = gallery.enroll(open_photos(tmp_path / "copies", category="shoe"))
    assert (done.added, done.known) == (0, 1)
    assert "shoe/red" in done.other_names[0], "it keeps its name, and we hear of it"
    assert gallery.stats().categories[0].photos == 12


def test_a_photo_is_read_and_decoded_once(gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = open_photos(write_photos(tmp_path / "more", shots=2, seed=7000), category="shoe")
    num_read, num_decoded = [], []
    read, decode = PhotoTable.photo_bytes, loading.decode_with_remarks
    monkeypatch.setattr(PhotoTable, "photo_bytes", lambda table, row: num_read.append(row) or read(table, row))
    monkeypatch.setattr(
        loading, "decode_with_remarks", lambda data, **how: num_decoded.append(1) or decode(data, **how)
    )
    assert gallery.enroll(more).added == 8
    assert (len(num_read), len(num_decoded)) == (8, 8)
    assert gallery.enroll(more).known == 8
    assert (len(num_read), len(num_decoded)) == (16, 8), "a photo that is there is read to know it, and not decoded"


def test_a_photo_without_a_name_gets_one_later(gallery: Gallery, tmp_path: Path) -> None:
    write_photo(tmp_path / "flat" / "a.jpg", COLOURS["red"], seed=900)
    gallery.enroll(tmp_path / "flat")
    assert gallery.photos()["identity"].isna().sum() == 1
    (tmp_path / "named.csv").write_text("path,identity\nflat/a.jpg,red\n")
    done = gallery.enroll(tmp_path / "named.csv")
    assert (done.added, done.named) == (0, 1)
    assert list(gallery.photos()["identity"]).count("red") == 4


def test_identify_verify_and_new(gallery: Gallery, tmp_path: Path) -> None:
    query = write_photo(tmp_path / "q.jpg", COLOURS["green"], seed=901)
    report = gallery.identify(query, top=3)
    assert (report.gallery_photos, report.gallery_identities, report.skipped) == (12, 4, 0)
    (found,) = report.identifications
    assert [len(found.candidates), found.candidates[0].identity, found.category] == [3, "green", "shoe"]
    values = [candidate.similarity for candidate in found.candidates]
    assert values == sorted(values, reverse=True)
    verification = gallery.verify(query, query)
    assert (verification.category, verification.routed) == ("shoe", False)
    assert verification.similarity == pytest.approx(1, abs=1e-5)
    assert 0.5 < verification.probability < 1

    done = gallery.new(query, force=True)
    assert (done.identity, done.added) == ("shoe-1", 1)
    with pytest.raises(GalleryError, match=r"q\.jpg is there as shoe/shoe-1: leave it out"):
        gallery.new(query, name="somebody", force=True)
    other = write_photo(query.with_name("other.jpg"), (10, 200, 200), seed=77)
    with pytest.raises(GalleryError, match="there is a 'red' in shoe already"):
        gallery.new(other, name="red", force=True)
    with pytest.raises(GalleryError, match="'unknown' is a word for nobody"):
        gallery.new(other, name="unknown", force=True)


def test_a_table_of_the_gallery_can_be_enrolled_again_and_names_are_asked_about(
    gallery: Gallery, embedder: Embedder, tmp_path: Path
) -> None:
    gallery.export(tmp_path / "all.csv")
    again = Gallery.create(tmp_path / "again", embedder, author="ann")
    result = again.enroll(tmp_path / "all.csv")
    assert (result.added, result.identities) == (len(gallery.photos()), len(gallery.identities()))
    assert set(again.photos()["key"]) == set(gallery.photos()["key"])
    photo = write_photo(tmp_path / "new" / "0.jpg", (9, 9, 9), seed=78)
    pd.DataFrame({"path": [photo.name], "identity": ["Red"]}).to_csv(photo.parent / "a.csv", index=False)
    (question,) = again.enroll(photo.parent / "a.csv", category="shoe").questions
    assert question == (
        "One individual or several? 'Red', 'red' (shoe: case alone). Where it is one, write its name alike."
    )


def test_a_date_of_the_camera_is_kept(gallery: Gallery, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[306] = "2024:05:01 10:30:00"
    Image.new("RGB", (40, 40), (3, 200, 90)).save(tmp_path / "dated.jpg", exif=exif)
    gallery.enroll(tmp_path / "dated.jpg", category="shoe")
    assert gallery.photos()["date"].iloc[-1] == "2024-05-01T10:30:00"


def test_reindex_moves_a_category_to_another_prompt_and_undo_moves_it_back(
    gallery: Gallery, shoes: PhotoTable, shoe_prompts: list[Prompt]
) -> None:
    before = gallery.categories()["shoe"].space
    assert gallery.reindex().embedded == {}, "nothing is stale"
    done = gallery.reindex([shoe_prompts[1]])
    assert done.embedded == {"shoe": 12}
    prompted = gallery.categories()["shoe"]
    assert prompted.space != before
    _, expected = gallery.encoder.embed(shoes, shoe_prompts[1])
    found = embedded_photos(gallery.snapshot, prompted)
    np.testing.assert_allclose(found.embeddings, expected, atol=1e-5)
    gallery.undo()
    assert gallery.categories()["shoe"].space == before


def test_cluster_proposes_and_split_applies(gallery: Gallery, tmp_path: Path) -> None:
    for shot in range(4):
        colour = COLOURS["blue"] if shot < 2 else (150, 60, 190)
        write_photo(tmp_path / "flat" / f"{shot}.jpg", colour, seed=910 + shot)
    gallery.enroll(tmp_path / "flat")
    before = len(gallery.log())
    proposal = gallery.cluster(cut=0.9)
    assert len(proposal.photos) == 4
    assert len(gallery.log()) == before, "nothing is changed"
    write_proposal(proposal, tmp_path / "proposal.csv")
    gallery.assign(read_proposal(tmp_path / "proposal.csv"))
    assert gallery.photos()["identity"].notna().all()
    with pytest.raises(GalleryError, match="every photo has a name"):
        gallery.cluster()


def test_cluster_says_where_nothing_can_be_grouped(gallery: Gallery, tmp_path: Path) -> None:
    for shot, name in enumerate(COLOURS):
        write_photo(tmp_path / "flat" / f"{shot}.jpg", COLOURS[name], seed=930 + shot)
    gallery.enroll(tmp_path / "flat")
    proposal = gallery.cluster(cut=1.0)
    assert (proposal.groups, proposal.alone, len(proposal.photos)) == (0, 4, 4)
    assert all(photo.probability is None for photo in proposal.photos)
    assert cluster_lines(proposal)[0].startswith("Nothing can be grouped: none of the 4 photos without a name")


def test_the_lines_of_a_proposal_count_groups_and_photos_alone() -> None:
    rows = [("a", "cat-1", 0.75, False), ("b", "cat-1", 0.75, False), ("c", "cat-2", None, False)]
    rows += [("d", "Tom", 0.9, True)]
    photos = [GroupedPhoto(key, f"{key}.jpg", "cat", name, p, known) for key, name, p, known in rows]
    proposal = ClusterProposal.of(photos, "calibrated P(same) of at least 0.5")
    assert (proposal.groups, proposal.alone) == (2, 1)
    assert cluster_lines(proposal) == [
        "3 photos without a name are in 2 groups, by calibrated P(same) of at least 0.5;",
        "  about 2 of them should be right.",
        "  cat-1 (cat): 2 photos, 75 % (a.jpg, b.jpg)",
        "  Tom (cat): 1 photo, 90 % (d.jpg)",
        "1 photo stands alone: nothing says whom it shows.",
        "Nothing is changed.",
    ]


def test_export(gallery: Gallery, tmp_path: Path) -> None:
    assert gallery.export(tmp_path / "all.csv") == 12
    assert pd.read_csv(tmp_path / "all.csv")["identity"].value_counts().to_dict() == dict.fromkeys(COLOURS, 3)
    gallery.export(tmp_path / "all.parquet")
    table = open_photos(tmp_path / "all.parquet")
    assert (len(table), table.categories) == (12, ("shoe",))
    assert gallery.export(tmp_path / "fiftyone", layout="fiftyone") == 12
    labels = json.loads((tmp_path / "fiftyone" / "labels.json").read_text())
    assert labels["classes"] == [f"shoe/{name}" for name in sorted(COLOURS)]
    assert {path.stem for path in (tmp_path / "fiftyone" / "data").iterdir()} == set(labels["labels"])
    originals = {Path(source).read_bytes() for source in gallery.photos()["source"]}
    assert {path.read_bytes() for path in (tmp_path / "fiftyone" / "data").iterdir()} == originals


def test_several_categories_and_a_photo_that_fits_none(gallery: Gallery, tmp_path: Path) -> None:
    hats = write_photos(tmp_path / "hats", seed=5000)
    gallery.enroll(hats, category="hat")
    assert [c.category for c in gallery.stats().categories] == ["hat", "shoe"]
    (tmp_path / "flat").mkdir()
    write_photo(tmp_path / "flat" / "a.jpg", COLOURS["red"], seed=77)
    with pytest.raises(GalleryError, match="--category, or --route"):
        gallery.enroll(tmp_path / "flat")
    assert gallery.enroll(tmp_path / "flat", route=True).added == 1


def test_routing_by_what_is_usual() -> None:
    rng = np.random.default_rng(0)

    def cloud(direction: int, spread: float, count: int) -> np.ndarray:
        rows = np.eye(8, dtype=np.float32)[direction] + spread * rng.standard_normal((count, 8), dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    usual = {
        "tight": category_density(cloud(0, 0.02, 100)),
        "loose": category_density(cloud(1, 0.3, 100)),
        "empty": None,
    }
    queries = np.concatenate([cloud(0, 0.02, 20), cloud(1, 0.3, 20), -cloud(2, 0.1, 20)])
    chosen = route({"tight": queries, "loose": queries, "empty": queries}, usual)
    assert list(chosen[:20]).count("tight") >= 17
    assert list(chosen[20:40]).count("loose") >= 17
    assert set(chosen[40:]) == {"unknown"}
    forced = route({"tight": queries, "loose": queries}, usual, allow_unknown=False)
    assert set(forced) == {"tight", "loose"}


def copied(source: Path, target: Path, change: Callable[[Image.Image, Path], None]) -> Path:
    """A folder of the same names with each photo saved as `change` saves it."""
    for path in source.rglob("*.jpg"):
        (target / path.parent.name).mkdir(parents=True, exist_ok=True)
        with Image.open(path) as image:
            change(image, target / path.parent.name / path.name)
    return target


def with_comment(image: Image.Image, path: Path) -> None:
    data = Path(image.filename).read_bytes()  # type: ignore[attr-defined]
    path.write_bytes(data[:2] + b"\xff\xfe\x00\x0bstation 4" + data[2:])


SAME_PIXELS: dict[str, Callable[[Image.Image, Path], None]] = {
    "a comment": with_comment,
    "png": lambda image, path: image.save(path, "PNG"),
    "lossless webp": lambda image, path: image.save(path, "WEBP", lossless=True),
    "bmp": lambda image, path: image.save(path, "BMP"),
}


@pytest.mark.parametrize("name", SAME_PIXELS)
def test_a_photo_enters_once_by_its_pixels(gallery: Gallery, shoe_folder: Path, tmp_path: Path, name: str) -> None:
    done = gallery.enroll(open_photos(copied(shoe_folder, tmp_path / "q", SAME_PIXELS[name]), category="shoe"))
    assert (done.added, done.known, done.identities, done.other_names) == (0, 12, 0, ())
    assert gallery.stats().categories[0].photos == 12


def test_the_same_pixels_under_another_name_are_said(gallery: Gallery, shoe_folder: Path, tmp_path: Path) -> None:
    copied(shoe_folder, tmp_path / "q", with_comment)
    (tmp_path / "q" / "red").rename(tmp_path / "q" / "crimson")
    done = gallery.enroll(open_photos(tmp_path / "q", category="shoe"))
    assert (done.added, done.identities) == (0, 0)
    assert all(line.endswith("is shoe/red") for line in done.other_names)
    assert len(done.other_names) == 3


def test_nearly_the_same_photo_is_said(gallery: Gallery, tmp_path: Path) -> None:
    for name, seed in (("tom", 1), ("kit", 2)):
        (tmp_path / "p" / name).mkdir(parents=True)
        blob_photo(seed).save(tmp_path / "p" / name / "0.jpg", quality=95)
    assert gallery.enroll(open_photos(tmp_path / "p", category="shoe")).near_names == ()
    copied(tmp_path / "p", tmp_path / "q", lambda image, path: image.save(path, "JPEG", quality=60))
    (tmp_path / "q" / "tom").rename(tmp_path / "q" / "tim")
    done = gallery.enroll(open_photos(tmp_path / "q", category="shoe"))
    assert (done.added, done.known, done.near) == (2, 0, 1)
    (said,) = done.near_names
    assert "tim/0.jpg (shoe/tim) is nearly" in said
    assert said.endswith("tom/0.jpg (shoe/tom)")


def test_photos_that_were_removed_are_new_again(gallery: Gallery, shoe_folder: Path, tmp_path: Path) -> None:
    gallery.remove("red")
    done = gallery.enroll(open_photos(copied(shoe_folder, tmp_path / "q", with_comment), category="shoe"))
    assert (done.added, done.known) == (3, 9)
