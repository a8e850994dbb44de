"""Identify and verify say the same of a folder and of a gallery that holds the same photos."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import write_photo
from tests.gallery.conftest import COLOURS, write_photos

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.cli.render import report_lines, verification_lines
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.decisions.outcome import Candidate, ErrorTargets, Identification, IdentificationReport, Verification
from vicp.errors import DataError
from vicp.gallery.gallery import Gallery
from vicp.gallery.identify import identify_photos
from vicp.gallery.queries import pair_table, query_tables
from vicp.gallery.verify import verify_in_gallery, verify_photos

LOOSE = ErrorTargets(false_match_rate=0.5, confidence=0.5, false_new_rate=0.5)


@dataclass(frozen=True, eq=False)
class CountedTable(PhotoTable):
    """Photos, and how often each was read."""

    reads: list[int] = field(default_factory=list)

    def photo_bytes(self, index: int) -> bytes:
        self.reads.append(index)
        return super().photo_bytes(index)


@pytest.fixture
def query(tmp_path: Path) -> Path:
    return write_photo(tmp_path / "q.jpg", COLOURS["green"], seed=901)


def rounded(facts: object) -> object:
    """Floats with fewer digits, and what only a gallery knows of a candidate left out."""
    if isinstance(facts, dict):
        return {name: rounded(value) for name, value in facts.items() if name not in ("key", "photo")}
    if isinstance(facts, tuple | list):
        return [rounded(value) for value in facts]
    return float(np.round(facts, 5)) if isinstance(facts, float) else facts


def test_a_folder_and_a_gallery_of_its_photos_give_the_same(
    gallery: Gallery, embedder: Embedder, shoes: PhotoTable, shoe_prompts: list[Prompt], query: Path
) -> None:
    tables = query_tables([query], skip_bad=False)
    from_folder = identify_photos(embedder, shoes, tables, prompt=shoe_prompts[0], targets=LOOSE, top=2)
    from_gallery = gallery.identify(query, targets=LOOSE, top=2)
    assert rounded(asdict(from_folder)) == rounded(asdict(from_gallery))
    assert (from_folder.gallery_photos, from_folder.gallery_identities) == (12, 4)
    (one,) = from_gallery.identifications
    assert one.verdict is not None
    assert len(one.candidates) == 2
    assert one.candidates[0].identity == "green"
    assert one.candidates[0].key != from_folder.identifications[0].candidates[0].key == ""

    pair = pair_table(query, query)
    verified = verify_photos(embedder, pair, prompt=shoe_prompts[0], targets=LOOSE)
    assert rounded(asdict(verified)) == rounded(asdict(gallery.verify(query, query, targets=LOOSE)))
    assert verified.probability != verified.verifier_probability


def test_without_a_prompt_there_is_no_verdict(embedder: Embedder, shoes: PhotoTable, query: Path) -> None:
    report = identify_photos(embedder, shoes, query_tables([query], skip_bad=False), prompt=None)
    (one,) = report.identifications
    assert (one.category, one.verdict, one.probability, one.candidates[0].probability) == ("shoe", None, None, None)
    assert one.sentence.startswith("no probability: there is no prompt")
    pair = verify_photos(embedder, pair_table(query, query), prompt=None)
    assert (pair.verdict, pair.probability, pair.verifier_probability, pair.threshold) == (None,) * 4
    assert pair.similarity == pytest.approx(1, abs=1e-5)


def test_verify_reads_each_photo_once(gallery: Gallery, embedder: Embedder, query: Path, tmp_path: Path) -> None:
    gallery.enroll(write_photos(tmp_path / "hats", seed=5000), category="hat")
    table = pair_table(query, query)
    pair = CountedTable(table.frame, table.root)
    verification = verify_in_gallery(embedder, gallery.snapshot, pair)
    assert (verification.category in ("hat", "shoe"), verification.routed) == (True, True)
    assert sorted(pair.reads) == [0, 1]


def test_a_photo_that_fits_no_category_is_searched_in_none(gallery: Gallery, tmp_path: Path) -> None:
    gallery.enroll(write_photos(tmp_path / "hats", seed=5000), category="hat")
    stripes = write_photo(tmp_path / "far.jpg", (255, 0, 255), seed=3)
    report = gallery.identify([stripes, tmp_path / "hats" / "red" / "0.jpg"])
    assert [one.photo for one in report.identifications] == [str(stripes), str(tmp_path / "hats" / "red" / "0.jpg")]
    assert all(one.routed for one in report.identifications)
    for one in report.identifications:
        assert (one.category == "unknown") == (one.candidates == ()) == (one.sentence.startswith("fits no category"))
    forced = gallery.identify(stripes, allow_unknown=False).identifications[0]
    assert forced.category in ("hat", "shoe")


def test_two_photos_are_two_photos(query: Path, shoe_folder: Path) -> None:
    with pytest.raises(DataError, match="expected two photos, one each"):
        pair_table(query, shoe_folder)
    assert len(open_photos(query, need_identity=False)) == 1


def test_lines_for_people() -> None:
    tom = Candidate("Tom", 0.8312, 0.97, "a.jpg")
    routed = Identification("q.jpg", "cat", "same", 0.97, 0.02, (tom,), "the same as Tom, P = 0.97", routed=True)
    lost = Identification("x.jpg", "unknown", None, None, None, (), "fits no category of this gallery", routed=True)
    assert report_lines(IdentificationReport((routed, lost), 1, 1, skipped=2)) == [
        "q.jpg (looks like a cat): the same as Tom, P = 0.97",
        "  1. Tom  P = 0.97, similarity 0.831  (a.jpg)",
        "x.jpg: fits no category of this gallery",
        "Left out 2 photos that cannot be used.",
    ]
    pair = Verification("cat", "same", 0.9, 0.8, "same, P = 0.90", verifier_probability=0.4)
    assert verification_lines(pair) == [
        "Same, P = 0.90.",
        "In context probably different individuals: P(same) = 0.40 by the pairs taught for 'cat' (not calibrated), "
        "similarity 0.800.",
    ]
