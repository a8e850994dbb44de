"""Teaching: pairs sampled or given, the method asked for, and what is reported of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from vicp.adapt.embedder import Embedder
from vicp.adapt.load import make_embedder
from vicp.adapt.recipe import GeneratedPrompt, Null, Whitening
from vicp.adapt.teach import teach_category
from vicp.data.sources import open_photos
from vicp.data.support_file import read_support
from vicp.errors import DataError
from vicp.model.build import PRESETS, build_model


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return make_embedder(build_model(PRESETS["tiny"]).eval())


def test_pairs_are_sampled_and_the_method_asked_for_is_fitted(embedder: Embedder, photo_folder: Path) -> None:
    table = open_photos(photo_folder)
    taught = teach_category(embedder, table, category="shoe", num_pairs=12, seed=1, adapt="generated")
    assert (taught.photos, taught.skipped, taught.pairs, taught.same_pairs, taught.dropped_pairs) == (15, 0, 12, 6, 0)
    assert taught.photos_in_pairs <= 15
    assert (taught.prompt.recipe, taught.prompt.category, taught.prompt.seed) == (GeneratedPrompt(), "shoe", 1)
    assert taught.label_accuracy is not None
    assert (taught.majority_rate, taught.prompt.labels_predictable, taught.suspects) == (0.5, False, ())


def test_a_bare_backbone_predicts_no_labels(embedder: Embedder, photo_folder: Path) -> None:
    bare = replace(embedder, model=None)
    taught = teach_category(bare, open_photos(photo_folder), category="shoe", num_pairs=4, adapt="null")
    assert taught.prompt.recipe == Null()
    assert (taught.label_accuracy, taught.majority_rate, taught.prompt.labels_predictable) == (None, None, None)


def test_given_pairs_with_bad_photos_are_dropped_where_that_is_allowed(embedder: Embedder, photo_folder: Path) -> None:
    (photo_folder / "red" / "0.jpg").write_bytes(b"")
    pairs = photo_folder.parent / "pairs.csv"
    rows = ["red/0.jpg,red/1.jpg,1", "red/1.jpg,red/2.jpg,1", "red/1.jpg,blue/0.jpg,0"]
    pairs.write_text("\n".join(["left,right,same", *rows]) + "\n")
    table = open_photos(photo_folder)
    support = read_support(pairs, table)
    with pytest.raises(DataError, match=r"red/0\.jpg"):
        teach_category(embedder, table, category="shoe", support=support, adapt="metric")
    lenient = replace(embedder, skip_bad=True)
    taught = teach_category(lenient, table, category="shoe", support=support, adapt="metric")
    assert (taught.pairs, taught.same_pairs, taught.dropped_pairs, taught.skipped) == (2, 1, 1, 1)
    assert (taught.photos, taught.photos_in_pairs) == (3, 3)
    assert (taught.prompt.recipe, taught.prompt.seed) == (Whitening(), None)
    (photo_folder / "red" / "1.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="no labelled pair is left"):
        teach_category(lenient, table, category="shoe", support=support, adapt="metric")
