"""Identify and verify say the same of a folder and of a gallery that holds the same photos."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import write_photo
from tests.gallery.conftest import COLOURS, write_photos

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.cli.render.answers import report_lines, verification_lines
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.decisions.outcome import Basis, Candidate, ErrorTargets, Identification, IdentificationReport, Verification
from vicp.errors import ConfigError, DataError
from vicp.gallery.gallery import Gallery
from vicp.gallery.queries import pair_table, query_tables
from vicp.gallery.recognition.identify import identify_photos
from vicp.gallery.recognition.verify import verify_in_gallery, verify_photos
from vicp.gallery.search.category_search import Question
from vicp.runtime.photo_encoder import encoder_of

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
    from_folder = identify_photos(
        encoder_of(embedder), shoes, tables, prompt=shoe_prompts[0], question=Question(LOOSE, top=2)
    )
    from_gallery = gallery.identify(query, targets=LOOSE, top=2)
    assert rounded(asdict(from_folder)) == rounded(asdict(from_gallery))
    assert (from_folder.gallery_photos, from_folder.gallery_identities) == (12, 4)
    (one,) = from_gallery.identifications
    assert one.verdict is not None
    assert len(one.candidates) == 2
    assert one.candidates[0].identity == "green"
    assert one.candidates[0].key != from_folder.identifications[0].candidates[0].key == ""

    pair = pair_table(query, query)
    verified = verify_photos(encoder_of(embedder), pair, prompt=shoe_prompts[0], question=Question(LOOSE))
    assert rounded(asdict(verified)) == rounded(asdict(gallery.verify(query, query, targets=LOOSE)))
    assert verified.probability > 0.5


def test_one_pair_one_opinion(embedder: Embedder, shoes: PhotoTable, shoe_prompts: list[Prompt], query: Path) -> None:
    """A gallery of one photo asks what verify asks."""
    for prompt in (shoe_prompts[0], None):
        for row in (0, 5, 9):
            found = identify_photos(
                encoder_of(embedder), shoes.select([row]), query_tables([query], skip_bad=False), prompt=prompt
            )
            known = shoes.root / shoes.frame["path"].iloc[row]
            pair = verify_photos(encoder_of(embedder), pair_table(query, known), prompt=prompt)
            (one,) = found.identifications
            assert one.candidates[0].probability == pytest.approx(pair.probability, abs=1e-4)
            assert one.candidates[0].probability_range == pytest.approx(pair.probability_range, abs=1e-4)
            assert one.probability_new == pytest.approx(1 - pair.probability, abs=1e-4)


def test_the_prior_of_somebody_new_is_shown_and_set(gallery: Gallery, query: Path) -> None:
    (even,), (rare,) = (gallery.identify(query, prior_new=prior) for prior in (0.5, 0.02))
    assert (even.prior_new, rare.prior_new) == (0.5, 0.02)
    assert rare.probability_new < even.probability_new
    assert any("2 % beforehand" in line for line in report_lines(gallery.identify(query, prior_new=0.02)))
    with pytest.raises(ConfigError, match="prior_new 1: expected a probability between 0 and 1"):
        gallery.identify(query, prior_new=1)


def test_three_individuals_get_an_answer(embedder: Embedder, shoes: PhotoTable, query: Path) -> None:
    """A household's few: ranked, with a range, with what is borrowed, and with what a promise would take."""
    few = shoes.select(shoes.frame["identity"].isin(["green", "red", "blue"]).to_numpy())
    report = identify_photos(encoder_of(embedder), few, query_tables([query], skip_bad=False), prompt=None)
    (one,) = report.identifications
    assert one.verdict == "same"
    assert one.sentence.split(",")[0].endswith(" green")
    total = sum(candidate.probability for candidate in one.candidates) + one.probability_new
    assert total == pytest.approx(1)
    low, high = one.probability_range
    assert low < one.probability < high
    assert (one.promised, one.threshold) == (False, None)
    assert one.shortage.missing > 0
    lines = report_lines(report)
    assert any("Borrowed from" in line for line in lines)
    assert any(line.startswith("No promise yet: ") for line in lines)
    assert max(len(line) for line in lines if str(query) not in line) <= 80


def test_without_a_prompt_the_known_photos_calibrate(embedder: Embedder, shoes: PhotoTable, query: Path) -> None:
    report = identify_photos(encoder_of(embedder), shoes, query_tables([query], skip_bad=False), prompt=None)
    (one,) = report.identifications
    assert (one.category, one.candidates[0].identity, one.basis.individuals) == ("shoe", "green", 4)
    pair = verify_photos(encoder_of(embedder), pair_table(query, query), prompt=None)
    assert (pair.verdict, pair.promised, pair.basis.individuals) == ("same", False, 0)
    assert pair.similarity == pytest.approx(1, abs=1e-5)


def test_verify_reads_each_photo_once(gallery: Gallery, embedder: Embedder, query: Path, tmp_path: Path) -> None:
    gallery.enroll(write_photos(tmp_path / "hats", seed=5000), category="hat")
    table = pair_table(query, query)
    pair = CountedTable(table.frame, table.root)
    verification = verify_in_gallery(encoder_of(embedder), gallery.snapshot, pair)
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
    tom = Candidate("Tom", 0.8312, 0.97, "a.jpg", probability_range=(0.8, 0.99))
    basis = Basis(3, 3, 33, 0.2)
    promise = "No promise yet: more."
    routed = Identification(
        "q.jpg", "cat", "same", 0.97, 0.02, (tom,), "probably Tom, 97 %", basis=basis, promise=promise, routed=True
    )
    lost = Identification("x.jpg", "unknown", None, None, None, (), "fits no category of this gallery", routed=True)
    assert report_lines(IdentificationReport((routed, lost), 1, 1, skipped=2)) == [
        "q.jpg (looks like a cat): probably Tom, 97 %",
        "  1. Tom  97 % (80 to 99 %), similarity 0.831",
        "     a.jpg",
        "  somebody new: 2 %, 50 % beforehand (--prior-new)",
        "x.jpg: fits no category of this gallery",
        "Borrowed from 33 other categories for the most part: only 3 individuals of this",
        "  category were compared.",
        "No promise yet: more.",
        "Left out 2 photos that cannot be used.",
    ]
    pair = Verification("cat", "same", 0.9, 0.8, "probably the same individual, 90 %", promise="Promised: all.")
    assert verification_lines(pair) == [
        "Probably the same individual, 90 %. Similarity 0.800; at even odds beforehand",
        "  (--prior-new).",
        "Promised: all.",
    ]
