"""Every way through the product reads, hashes and decodes each photo once; evaluate once more for each model."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.gallery.conftest import write_photos

import vicp.adapt.teach
import vicp.data.images
import vicp.data.loading
import vicp.data.photo_check
import vicp.io
from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.adapt.teach import teach_category
from vicp.data.decoding.decode import decode_with_remarks
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.data.support.support_file import read_support
from vicp.evaluation.run import evaluate
from vicp.gallery.gallery import Gallery
from vicp.gallery.labelling.proposals import propose_from
from vicp.gallery.queries import pair_table, query_tables
from vicp.gallery.recognition.identify import identify_photos
from vicp.gallery.recognition.verify import verify_photos
from vicp.io import content_digest
from vicp.runtime.cache import EmbeddingCache
from vicp.runtime.photo_encoder import encoder_of


class Counts:
    """How often each photo, by its bytes, was read, hashed and decoded by the real functions."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: Counter[bytes] = Counter()
        self.hashed: Counter[bytes] = Counter()
        self.decoded: Counter[bytes] = Counter()
        self.loaded: Counter[bytes] = Counter()  # decoded to be embedded
        read = PhotoTable.photo_bytes

        def counted_read(table: PhotoTable, index: int) -> bytes:
            data = read(table, index)
            self.read[data] += 1
            return data

        def counted_digest(content: bytes, **options: Any) -> bytes:
            self.hashed[content] += 1
            return content_digest(content, **options)

        def counted_decode(data: bytes, **options: Any) -> Any:
            self.decoded[data] += 1
            return decode_with_remarks(data, **options)

        def counted_loading(data: bytes, **options: Any) -> Any:
            self.loaded[data] += 1
            return counted_decode(data, **options)

        monkeypatch.setattr(PhotoTable, "photo_bytes", counted_read)
        monkeypatch.setattr(vicp.data.images, "content_digest", counted_digest)
        monkeypatch.setattr(vicp.io, "content_digest", counted_digest)
        for module in (vicp.data.photo_check, vicp.data.images):
            monkeypatch.setattr(module, "decode_with_remarks", counted_decode)
        monkeypatch.setattr(vicp.data.loading, "decode_with_remarks", counted_loading)

    def check(self, *folders: Path) -> None:
        """Check that each photo of these folders was read, hashed and decoded once, and no others."""
        files = [file for folder in folders for file in ([folder] if folder.is_file() else folder.rglob("*.jpg"))]
        once = dict.fromkeys((file.read_bytes() for file in files), 1)
        assert (dict(self.read), dict(self.hashed), dict(self.decoded)) == (once, once, once)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch, shoe_prompts: list[Prompt], made: Path) -> Counts:
    """Counts from here on; prompts and gallery are there already."""
    return Counts(monkeypatch)


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "queries", shots=1, seed=900)


def test_teach_reads_and_decodes_each_photo_once(embedder: Embedder, shoe_folder: Path, counts: Counts) -> None:
    teach_category(embedder, open_photos(shoe_folder), category="shoe", num_pairs=4, seed=3, adapt="generated")
    counts.check(shoe_folder)


def test_teach_reads_the_photos_of_pairs_again_where_all_pixels_have_no_room(
    embedder: Embedder, shoe_folder: Path, shoe_prompts: list[Prompt], monkeypatch: pytest.MonkeyPatch, counts: Counts
) -> None:
    monkeypatch.setattr(vicp.adapt.teach, "_IN_MEMORY", 1)
    table = open_photos(shoe_folder)
    result = teach_category(embedder, table, category="shoe", num_pairs=6, seed=0, adapt="generated")
    assert Counter(counts.read.values()) == {1: len(table) - result.photos_in_pairs, 2: result.photos_in_pairs}
    np.testing.assert_array_equal(result.prompt.visual.tokens, shoe_prompts[0].visual.tokens)


def test_teach_from_labelled_pairs_reads_their_photos_alone(
    embedder: Embedder, shoe_folder: Path, counts: Counts, tmp_path: Path
) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("left,right,same\nred/0.jpg,red/1.jpg,1\nred/0.jpg,blue/0.jpg,0\n")
    table = open_photos(shoe_folder)
    teach_category(embedder, table, category="shoe", support=read_support(pairs, table), adapt="null")
    counts.check(*[shoe_folder / name for name in ("red/0.jpg", "red/1.jpg", "blue/0.jpg")])


def test_evaluate_reads_each_photo_to_check_it_and_once_more_for_all_supports_and_the_diagnosis(
    embedder: Embedder, shoe_folder: Path, counts: Counts
) -> None:
    evaluation = evaluate([embedder], shoe_folder, pairs=2, support_draws=2, adapt=["null"])
    assert len(evaluation.diagnoses) == 1
    assert len(counts.loaded) > 6
    assert set(counts.loaded.values()) == {1}


def test_pairs_next_reads_and_decodes_each_photo_once(
    embedder: Embedder, shoe_folder: Path, counts: Counts, tmp_path: Path
) -> None:
    table = open_photos(shoe_folder)
    proposals = propose_from(encoder_of(embedder), table, count=3)
    counts.check(shoe_folder)
    encoder = replace(encoder_of(embedder), cache=EmbeddingCache(tmp_path / "cache"))
    assert [propose_from(encoder, table, count=3) for _ in range(2)] == [proposals] * 2
    assert set(counts.decoded.values()) == {3}


def test_identify_in_a_folder_reads_and_decodes_each_photo_once(
    embedder: Embedder, shoes: PhotoTable, shoe_folder: Path, queries: Path, shoe_prompts: list[Prompt], counts: Counts
) -> None:
    identify_photos(encoder_of(embedder), shoes, query_tables([queries], skip_bad=False), prompt=shoe_prompts[0])
    counts.check(shoe_folder, queries)


def test_identify_in_a_gallery_of_two_categories_reads_and_decodes_each_photo_once(
    gallery: Gallery, queries: Path, tmp_path: Path, counts: Counts
) -> None:
    hats = write_photos(tmp_path / "hats", seed=5000)
    gallery.enroll(hats, category="hat")
    gallery.identify(queries)
    counts.check(hats, queries)


def test_verify_reads_and_decodes_each_photo_once(
    embedder: Embedder, queries: Path, shoe_prompts: list[Prompt], counts: Counts
) -> None:
    pair = (queries / "red" / "0.jpg", queries / "blue" / "0.jpg")
    verify_photos(encoder_of(embedder), pair_table(*pair), prompt=shoe_prompts[0])
    counts.check(*pair)


def test_enroll_reads_and_decodes_each_photo_once(gallery: Gallery, tmp_path: Path, counts: Counts) -> None:
    hats = write_photos(tmp_path / "hats", seed=5000)
    gallery.enroll(open_photos(hats, category="hat"))
    counts.check(hats)
