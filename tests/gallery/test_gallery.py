"""What goes in, who is who, and the way out, with a tiny model."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.conftest import write_photo
from tests.gallery.conftest import COLOURS, write_photos

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.errors import GalleryError
from vicp.gallery.ask import identify_in_gallery
from vicp.gallery.cluster import cluster_photos, group, read_proposal, write_proposal
from vicp.gallery.compare import verify_in_gallery
from vicp.gallery.contents import embedded_photos, find_category, photos
from vicp.gallery.edit import assign_photos
from vicp.gallery.enroll import enroll_photos
from vicp.gallery.enroll_new import enroll_new
from vicp.gallery.enroll_source import enroll_source
from vicp.gallery.export import export_fiftyone, export_table
from vicp.gallery.reindex import reindex
from vicp.gallery.routing import category_density, route
from vicp.gallery.stats import gallery_stats
from vicp.gallery.store.database import open_gallery, undo


def test_enrolling_again_adds_nothing_whatever_the_files_are_called(
    gallery: str, embedder: Embedder, shoes: PhotoTable, tmp_path: Path
) -> None:
    done = enroll_photos(embedder, gallery, shoes, by="ann")
    assert (done.added, done.known, done.other) == (0, 12, [])
    copy = tmp_path / "copies" / "scarlet" / "x.jpg"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(shoes.photo_bytes(list(shoes.frame["identity"]).index("red")))
    done = enroll_photos(embedder, gallery, open_photos(tmp_path / "copies", category="shoe"), by="ann")
    assert (done.added, done.known) == (0, 1)
    assert "shoe/red" in done.other[0], "it keeps its name, and we hear of it"
    assert gallery_stats(open_gallery(gallery)).categories[0].photos == 12


def test_a_photo_without_a_name_gets_one_later(gallery: str, embedder: Embedder, tmp_path: Path) -> None:
    write_photo(tmp_path / "flat" / "a.jpg", COLOURS["red"], seed=900)
    enroll_source(embedder, gallery, tmp_path / "flat", by="ann")
    assert photos(open_gallery(gallery))["identity"].isna().sum() == 1
    (tmp_path / "named.csv").write_text("path,identity\nflat/a.jpg,red\n")
    done = enroll_source(embedder, gallery, tmp_path / "named.csv", by="ann")
    assert (done.added, done.named) == (0, 1)
    assert list(photos(open_gallery(gallery))["identity"]).count("red") == 4


def test_identify_verify_and_new(gallery: str, embedder: Embedder, tmp_path: Path) -> None:
    query = write_photo(tmp_path / "q.jpg", COLOURS["green"], seed=901)
    (answer,) = identify_in_gallery(embedder, open_gallery(gallery), [query], top=3).answers
    assert [len(answer.candidates), answer.candidates[0].identity, answer.category] == [3, "green", "shoe"]
    values = [candidate.similarity for candidate in answer.candidates]
    assert values == sorted(values, reverse=True)
    assert verify_in_gallery(embedder, open_gallery(gallery), query, query).similarity == pytest.approx(1, abs=1e-5)

    done = enroll_new(embedder, gallery, [query], name=None, category=None, force=True, by="ann")
    assert (done.identity, done.added) == ("shoe-1", 1)
    with pytest.raises(GalleryError, match="there is a 'red' in shoe already"):
        enroll_new(embedder, gallery, [query], name="red", category=None, force=True, by="ann")


def test_reindex_moves_a_category_to_another_prompt_and_undo_moves_it_back(
    gallery: str, embedder: Embedder, shoes: PhotoTable, shoe_prompts: list[Prompt]
) -> None:
    before = find_category(open_gallery(gallery), "shoe").space
    assert reindex(embedder, gallery, {}, model={}, by="ann").embedded == {}, "nothing is stale"
    done = reindex(embedder, gallery, {"shoe": shoe_prompts[1]}, model={}, by="ann", step=5)
    assert done.embedded == {"shoe": 12}
    prompted = find_category(open_gallery(gallery), "shoe")
    assert prompted.space != before
    _, expected = embedder.embed(shoes, shoe_prompts[1])
    found = embedded_photos(open_gallery(gallery), prompted)
    np.testing.assert_allclose(found.embeddings, expected.numpy(), atol=1e-5)
    undo(gallery, by="ann")
    assert find_category(open_gallery(gallery), "shoe").space == before


def test_cluster_proposes_and_split_applies(gallery: str, embedder: Embedder, tmp_path: Path) -> None:
    for shot in range(4):
        colour = COLOURS["blue"] if shot < 2 else (150, 60, 190)
        write_photo(tmp_path / "flat" / f"{shot}.jpg", colour, seed=910 + shot)
    enroll_source(embedder, gallery, tmp_path / "flat", by="ann")
    before = len(open_gallery(gallery).entries)
    proposal = cluster_photos(open_gallery(gallery), cut=0.999)
    assert len(proposal.frame) == 4
    assert len(open_gallery(gallery).entries) == before, "nothing is changed"
    write_proposal(proposal, tmp_path / "proposal.csv")
    assign_photos(gallery, read_proposal(tmp_path / "proposal.csv"), by="ann")
    assert photos(open_gallery(gallery))["identity"].notna().all()
    with pytest.raises(GalleryError, match="every photo has a name"):
        cluster_photos(open_gallery(gallery))


@pytest.mark.parametrize("method", ["agglomerative", "hdbscan"])
def test_groups_of_close_photos(method) -> None:
    close = np.full((5, 5), 0.1)
    close[:2, :2] = close[2:, 2:] = 0.9
    np.fill_diagonal(close, 1)
    labels = group(close, 0.5, method)
    assert len(set(labels[:2])) == len(set(labels[2:])) == 1
    assert labels[0] != labels[2]


def test_export(gallery: str, tmp_path: Path) -> None:
    snapshot = open_gallery(gallery)
    assert export_table(snapshot, tmp_path / "all.csv") == 12
    assert pd.read_csv(tmp_path / "all.csv")["identity"].value_counts().to_dict() == dict.fromkeys(COLOURS, 3)
    export_table(snapshot, tmp_path / "all.parquet")
    table = open_photos(tmp_path / "all.parquet")
    assert (len(table), table.categories) == (12, ("shoe",))
    assert export_fiftyone(snapshot, tmp_path / "fiftyone") == 12
    labels = json.loads((tmp_path / "fiftyone" / "labels.json").read_text())
    assert labels["classes"] == [f"shoe/{name}" for name in sorted(COLOURS)]
    assert {path.stem for path in (tmp_path / "fiftyone" / "data").iterdir()} == set(labels["labels"])
    originals = {Path(source).read_bytes() for source in photos(snapshot)["source"]}
    assert {path.read_bytes() for path in (tmp_path / "fiftyone" / "data").iterdir()} == originals


def test_several_categories_and_a_photo_that_fits_none(gallery: str, embedder: Embedder, tmp_path: Path) -> None:
    hats = write_photos(tmp_path / "hats", seed=5000)
    with pytest.raises(GalleryError, match="no category 'hat'"):
        enroll_photos(embedder, gallery, open_photos(hats, category="hat"), by="ann")
    enroll_source(embedder, gallery, hats, category="hat", by="ann")
    assert [c.category for c in gallery_stats(open_gallery(gallery)).categories] == ["hat", "shoe"]
    (tmp_path / "flat").mkdir()
    write_photo(tmp_path / "flat" / "a.jpg", COLOURS["red"], seed=77)
    with pytest.raises(GalleryError, match="--category, or --route"):
        enroll_source(embedder, gallery, tmp_path / "flat", by="ann")
    assert enroll_source(embedder, gallery, tmp_path / "flat", route=True, by="ann").added == 1


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
