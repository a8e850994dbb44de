"""The web page and the CSV of answers."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.conftest import write_photo
from tests.gallery.conftest import COLOURS

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.cli.shared.answer_files import IdentificationFiles
from vicp.data.records import PhotoTable
from vicp.decisions.outcome import IdentificationReport
from vicp.errors import ConfigError, DataError
from vicp.gallery.gallery import Gallery
from vicp.gallery.queries import pair_table, query_tables
from vicp.gallery.recognition.identify import identify_photos
from vicp.gallery.recognition.verify import verify_photos
from vicp.gallery.report.answer_page import (
    photos_of_gallery,
    photos_of_table,
    write_identifications,
    write_verification,
)
from vicp.gallery.report.answer_table import write_identifications_csv, write_verification_csv
from vicp.gallery.report.patch_matches import match_patches, mutual_nearest
from vicp.runtime.photo_encoder import encoder_of


@pytest.fixture
def queries(tmp_path: Path) -> list[PhotoTable]:
    names = list(COLOURS)
    paths = [
        write_photo(tmp_path / "new" / f"{i}.jpg", COLOURS[names[i % len(names)]], seed=700 + i) for i in range(30)
    ]
    return query_tables(paths, skip_bad=False)


@pytest.fixture
def report(
    embedder: Embedder, shoes: PhotoTable, shoe_prompts: list[Prompt], queries: list[PhotoTable]
) -> IdentificationReport:
    return identify_photos(encoder_of(embedder), shoes, queries, prompt=shoe_prompts[0])


def test_thirty_answers_are_one_small_page(
    embedder: Embedder, shoes: PhotoTable, queries: list[PhotoTable], report: IdentificationReport, tmp_path: Path
) -> None:
    out = tmp_path / "out.html"
    write_identifications(
        out, report.identifications, encoder=encoder_of(embedder), queries=queries, known=photos_of_table(shoes)
    )
    page = out.read_text()
    assert len(page) < 2_000_000
    assert page.count("<article>") == 30
    assert page.count("somebody new</td>") == 30
    assert page.count("data:image/jpeg;base64,") == 30 * (2 + 4)  # the pair, and four candidates
    assert "<line x1=" in page
    assert not re.search(r'(src|href)="(?!data:)', page), "nothing outside the file is needed"
    for one in report.identifications:
        assert one.sentence in page.replace("&#39;", "'")


def test_a_gallery_shows_what_it_keeps(gallery: Gallery, queries: list[PhotoTable], tmp_path: Path) -> None:
    found = gallery.identify(queries[0].select([0, 1]))
    known = photos_of_gallery(gallery.snapshot)
    assert known(found.identifications[0].candidates[0]) is not None
    tables = [queries[0].select([0, 1])]
    write_identifications(
        tmp_path / "g.html", found.identifications, encoder=gallery.encoder, queries=tables, known=known
    )
    assert (tmp_path / "g.html").read_text().count("<article>") == 2
    with pytest.raises(DataError, match="cannot be written"):
        write_identifications(
            tmp_path / "g.html" / "a.html",
            found.identifications,
            encoder=gallery.encoder,
            queries=tables,
            known=known,
        )


def test_the_csv_has_a_row_per_candidate(report: IdentificationReport, tmp_path: Path) -> None:
    write_identifications_csv(tmp_path / "out.csv", report.identifications)
    frame = pd.read_csv(tmp_path / "out.csv")
    assert len(frame) == 30 * 4
    total = frame.groupby("photo")["probability"].sum() + frame.groupby("photo")["probability_new"].first()
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert (frame["probability_low"] <= frame["probability"]).all()


def test_a_pair_has_a_page_and_a_row(embedder: Embedder, shoes: PhotoTable, tmp_path: Path) -> None:
    a, b = (shoes.root / shoes.frame["path"].iloc[row] for row in (0, 1))
    pair = pair_table(a, b)
    found = verify_photos(encoder_of(embedder), pair, prompt=None)
    write_verification(tmp_path / "pair.html", found, encoder=encoder_of(embedder), pair=pair)
    page = (tmp_path / "pair.html").read_text()
    assert (found.sentence in page, page.count("data:image/jpeg")) == (True, 2)
    write_verification_csv(tmp_path / "pair.csv", found, ["a", "b"])
    row = pd.read_csv(tmp_path / "pair.csv").iloc[0]
    assert (row["left"], row["verdict"]) == ("a", found.verdict)
    assert row["probability"] == pytest.approx(found.probability)


def test_patches_of_the_same_photo_match_themselves(embedder: Embedder) -> None:
    size = embedder.transform.size
    photo = np.random.default_rng(0).integers(0, 256, (3, size, size), dtype=np.uint8)
    matches = match_patches(embedder, np.stack([photo, photo]))
    assert len(matches) == 6
    assert all(match.left == match.right for match in matches)


def test_only_mutual_neighbours_match() -> None:
    similarity = np.array([[0.9, 0.1], [0.8, 0.2]])
    assert mutual_nearest(similarity) == [(0, 0)]


def test_another_ending_is_refused() -> None:
    IdentificationFiles(Path("a.html"), Path("a.csv"), Path("a.json")).check()
    with pytest.raises(ConfigError, match=r"--report a\.pdf: expected a name that ends in \.html"):
        IdentificationFiles(Path("a.pdf")).check()
