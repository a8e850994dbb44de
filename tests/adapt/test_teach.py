"""Teaching: pairs sampled or given, the method asked for, and what is reported of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.arrangements import arrangements
from tests.helpers.photos import write_frames
from vicp.adapt.embedder import Embedder
from vicp.adapt.load import make_embedder
from vicp.adapt.recipe import GeneratedPrompt, Null, Whitening
from vicp.adapt.teach import TeachResult, teach_category
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.data.support.support import Support, sample_support
from vicp.data.support.support_file import read_support
from vicp.decisions.rule import DecisionRule
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


def test_pairs_beyond_the_llms_context_are_announced(
    embedder: Embedder, photo_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table, tiny = open_photos(photo_folder), PRESETS["tiny"]
    teach_category(embedder, table, category="shoe", num_pairs=12, adapt="null")
    assert not caplog.text
    short = replace(tiny.reasoner, sizes={**tiny.reasoner.sizes, "max_position_embeddings": 4 + 7 * 10})
    of_seven = make_embedder(build_model(replace(tiny, reasoner=short)).eval())
    taught = teach_category(of_seven, table, category="shoe", num_pairs=12, adapt="null")
    assert taught.pairs == 12
    assert "The LLM reads 7 of the 12 pairs, drawn at random: its context holds no more." in caplog.text


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


def test_a_burst_is_one_piece_of_evidence(embedder: Embedder, tmp_path: Path) -> None:
    table = open_photos(write_frames(tmp_path / "cats", individuals=5, scenes=2, frames=3))
    taught = teach_category(embedder, table, category="cat", adapt="null")
    assert (taught.photos, taught.moments, taught.burst_pairs) == (30, 10, 0)
    assert taught.photos_in_pairs <= 10, "one photo of each moment at most"
    held_out = taught.prompt.held_out
    assert held_out is not None
    assert (np.triu(held_out.relation, 1) == 1).sum() == taught.same_pairs == 4


def test_nothing_is_calibrated_on_frames_of_one_burst(embedder: Embedder, tmp_path: Path) -> None:
    table = open_photos(write_frames(tmp_path / "cats", individuals=30, scenes=1, frames=2))
    for method in ("null", "auto"):
        taught = teach_category(embedder, table, category="cat", num_pairs=40, adapt=method)  # type: ignore[arg-type]
        assert (taught.same_pairs, taught.burst_pairs, taught.moments) == (20, 20, 30)
    taught = teach_category(embedder, table, category="cat", num_pairs=40, adapt="null")
    assert taught.prompt.held_out is not None
    rule = DecisionRule.fit(taught.prompt.held_out)
    assert (rule.belief.basis.genuine, rule.genuine) == (0, ()), "so no rate of wrong new ones is promised"
    assert len(rule.searches.best) > 0, "impostors are evidence all the same"


def test_names_of_files_order_of_rows_and_format_of_the_table_change_nothing(
    embedder: Embedder, photo_folder: Path, tmp_path: Path
) -> None:
    def teach(table: PhotoTable) -> TeachResult:
        return teach_category(embedder, table, category="shoe", num_pairs=12, seed=1, adapt="metric")

    expected = teach(open_photos(photo_folder))
    for table in arrangements(photo_folder, tmp_path / "others", seeds=range(3)):
        assert_equal_prompts(teach(table), expected)


def test_names_of_files_and_order_of_rows_do_not_change_what_given_pairs_teach(
    embedder: Embedder, photo_folder: Path, tmp_path: Path
) -> None:
    folder = open_photos(photo_folder)
    drawn = sample_support(folder.identities, 12, seed=4)
    named = [folder.photo_bytes(index) for index in range(len(folder))]

    def teach(table: PhotoTable, seed: int) -> TeachResult:
        row_of = {table.photo_bytes(index): index for index in range(len(table))}
        left, right = (np.array([row_of[named[row]] for row in side]) for side in (drawn.left, drawn.right))
        order = np.random.default_rng(seed).permutation(len(drawn))
        pairs = Support(left[order], right[order], drawn.same[order])
        return teach_category(embedder, table, category="shoe", support=pairs, adapt="generated")

    expected = teach(folder, 0)
    for seed, table in enumerate(arrangements(photo_folder, tmp_path / "others", seeds=range(1))):
        assert_equal_prompts(teach(table, seed), expected)


def assert_equal_prompts(taught: TeachResult, expected: TeachResult) -> None:
    assert (taught.label_accuracy, taught.pairs) == (expected.label_accuracy, expected.pairs)
    for prompt, other in [(taught.prompt.whitening, expected.prompt.whitening)]:
        assert (prompt is None) == (other is None)
        if prompt is not None and other is not None:
            np.testing.assert_array_equal(prompt.weight, other.weight)
    for visual, other_visual in zip(taught.prompt.feature_sources, expected.prompt.feature_sources, strict=True):
        if visual is not None and other_visual is not None:
            assert all(map(np.array_equal, visual.parts, other_visual.parts))
    assert taught.prompt.held_out is not None
    assert expected.prompt.held_out is not None
    assert np.array_equal(taught.prompt.held_out.similarity, expected.prompt.held_out.similarity, equal_nan=True)


def test_pairs_are_of_one_side(embedder: Embedder, tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "cats", individuals=6, scenes=4, frames=1)
    table = open_photos(folder)
    sides = ["left" if path.split("/")[1][0] in "01" else "right" for path in table.frame["path"]]
    sided = replace(table, frame=table.frame.assign(viewpoint=sides))
    taught = teach_category(embedder, sided, category="cat", num_pairs=16, adapt="null")
    assert (taught.pairs, taught.same_pairs) == (16, 8)
    held_out = taught.prompt.held_out
    assert held_out is not None
    assert len(np.unique(held_out.groups)) == 12, "each side of an individual is one"
    assert (held_out.relation == 0).any(), "two sides tell nothing about each other"
    whole = teach_category(embedder, table, category="cat", num_pairs=16, adapt="null").prompt.held_out
    assert whole is not None
    assert not (whole.relation == 0).any()
