"""Identify and verify compare photos of one side: the other side of an animal is no evidence for it or against it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import write_photo
from tests.gallery.conftest import COLOURS

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.cli.render.answers import report_lines, verification_lines
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.decisions.belief import Belief
from vicp.decisions.outcome import ErrorTargets
from vicp.gallery.gallery import Gallery
from vicp.gallery.queries import open_source, with_viewpoint
from vicp.gallery.recognition.identify import identify_photos
from vicp.gallery.recognition.verify import verify_photos
from vicp.gallery.search.category_search import Question
from vicp.runtime.photo_encoder import encoder_of

ALWAYS = ErrorTargets(false_match_rate=0.5, confidence=0.5, false_new_rate=0.5)


def sided(table: PhotoTable, side_of: Callable[[str, int], str]) -> PhotoTable:
    """The photos with a side by their individual and their place among its photos."""
    places = table.frame.groupby("identity").cumcount()
    sides = [side_of(name, place) for name, place in zip(table.frame["identity"], places, strict=True)]
    return replace(table, frame=table.frame.assign(viewpoint=sides))


@pytest.fixture
def query(tmp_path: Path) -> PhotoTable:
    return open_source(write_photo(tmp_path / "q.jpg", COLOURS["green"], seed=901), skip_bad=False)


def test_two_sides_are_neither_the_same_nor_different(
    embedder: Embedder, shoes: PhotoTable, shoe_prompts: list[Prompt]
) -> None:
    for rows in ([0, 1], [0, 5]):
        pair = shoes.select(rows)
        plain = verify_photos(encoder_of(embedder), pair, prompt=shoe_prompts[0])
        for sides in (["left", "left"], ["left", ""], ["front", "left"]):
            of_one_side = replace(pair, frame=pair.frame.assign(viewpoint=sides))
            found = verify_photos(encoder_of(embedder), of_one_side, prompt=shoe_prompts[0])
            assert replace(found, sides=("", "")) == plain
        of_two = replace(pair, frame=pair.frame.assign(viewpoint=["Left", "right"]))
        found = verify_photos(encoder_of(embedder), of_two, prompt=shoe_prompts[0], question=Question(ALWAYS))
        assert (found.verdict, found.probability, found.probability_range) == ("unsure", 0.5, (0.5, 0.5))
        assert (found.promised, found.sides, found.similarity) == (False, ("left", "right"), plain.similarity)
        assert verification_lines(found) == [
            "Cannot say: one shows the left side and the other the right, which tell nothing",
            "  of each other.",
        ]


def test_only_photos_of_the_side_are_compared(
    embedder: Embedder, shoes: PhotoTable, shoe_prompts: list[Prompt], query: PhotoTable
) -> None:
    """Red is known by the right side alone, and of green and the others the first photo shows the left."""
    known = sided(shoes, lambda name, place: "right" if name == "red" or place else "left")
    (found,) = identify_photos(encoder_of(embedder), known, [with_viewpoint(query, "left")], prompt=shoe_prompts[0])
    left = shoes.select((known.frame["viewpoint"] == "left").to_numpy())
    (alone,) = identify_photos(encoder_of(embedder), left, [query], prompt=shoe_prompts[0])
    assert [(c.identity, c.similarity, c.photo) for c in found.candidates] == [
        (c.identity, c.similarity, c.photo) for c in alone.candidates
    ]
    assert (found.uncompared, alone.uncompared, alone.probability_uncompared) == (1, 0, 0.0)
    assert found.probability_uncompared > 0.001
    total = sum(c.probability for c in found.candidates) + found.probability_new + found.probability_uncompared
    assert total == pytest.approx(1)
    assert "known by the other side alone, and so not compared" in found.sentence
    report = identify_photos(encoder_of(embedder), known, [with_viewpoint(query, "left")], prompt=shoe_prompts[0])
    assert any(
        line.startswith("  1 individual known by the other side alone, not compared: ") for line in report_lines(report)
    )
    (right,) = identify_photos(encoder_of(embedder), known, [with_viewpoint(query, "right")], prompt=shoe_prompts[0])
    (neither,) = identify_photos(encoder_of(embedder), known, [query], prompt=shoe_prompts[0])
    assert {c.identity for c in right.candidates} == {c.identity for c in neither.candidates} == set(COLOURS)
    assert (right.uncompared, neither.uncompared) == (0, 0)


def test_a_side_that_nobody_is_known_by(
    embedder: Embedder, shoes: PhotoTable, shoe_prompts: list[Prompt], query: PhotoTable
) -> None:
    known = sided(shoes, lambda name, place: "right")
    question = Question(prior_new=0.2)
    (found,) = identify_photos(
        encoder_of(embedder), known, [with_viewpoint(query, "left")], prompt=shoe_prompts[0], question=question
    )
    assert (found.verdict, found.probability, found.probability_new, found.candidates) == ("unsure", None, 0.2, ())
    assert (
        found.sentence == "cannot say: it shows the left side, and all 4 individuals are known by the other side alone"
    )


def test_new_is_not_promised_while_somebody_could_not_be_compared() -> None:
    similarity = np.array([-0.9, -0.8])
    belief = Belief.fit(None)
    every, some = belief.search(similarity), belief.search(similarity, num_uncompared=3)
    assert every.probabilities.sum() + every.probability_new == pytest.approx(1)
    left = 1 - some.probabilities.sum() - some.probability_new
    assert left / 3 == pytest.approx(some.probability_new / 0.5 * 0.5 / 5, rel=0.02), "three fifths of the prior"
    assert some.probability_new < every.probability_new


def test_a_gallery_keeps_sides_and_answers_as_the_folder_does(
    embedder: Embedder, shoes: PhotoTable, shoe_prompts: list[Prompt], query: PhotoTable, tmp_path: Path
) -> None:
    known = sided(shoes, lambda name, place: "right" if name == "red" or place else "left")
    gallery = Gallery.create(tmp_path / "gallery", embedder, [shoe_prompts[0]], author="ann")
    gallery.enroll(known, category="shoe")
    asked = with_viewpoint(query, "left")
    (from_gallery,) = gallery.identify(asked)
    (from_folder,) = identify_photos(encoder_of(embedder), known, [asked], prompt=shoe_prompts[0])
    assert [(c.identity, pytest.approx(c.probability, abs=1e-5)) for c in from_gallery.candidates] == [
        (c.identity, c.probability) for c in from_folder.candidates
    ]
    assert from_gallery.uncompared == 1
    gallery.export(tmp_path / "facts.csv")
    assert sorted(open_photos(tmp_path / "facts.csv").frame["viewpoint"]) == sorted(known.frame["viewpoint"])
    pair = [
        with_viewpoint(open_source(shoes.root / shoes.frame["path"].iloc[0], skip_bad=False), s)
        for s in ("left", "right")
    ]
    assert gallery.verify(*pair).verdict == "unsure"
    gallery.remove("green")
    assert {c.identity for c in gallery.identify(asked).identifications[0].candidates} == {"blue", "yellow"}


def test_the_command_line_names_sides(run, photo_folder: Path, vit: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run("teach", photo_folder, "--category", "shoe", "--backbone", vit, "--out", "shoe.prompt", "--adapt", "metric")
    a, b = photo_folder / "red" / "0.jpg", photo_folder / "red" / "1.jpg"
    command = ("verify", a, b, "--prompt", "shoe.prompt", "--backbone", vit)
    said = run(*command, "--viewpoint", "left", "--viewpoint", "right")
    assert said.startswith("Cannot say: one shows the left side and the other the right")
    assert run(*command, "--viewpoint", "left") == run(*command)
    rows = "".join(f"{name}/{shot}.jpg,{name},right\n" for name in ("red", "green", "blue") for shot in range(3))
    (photo_folder / "rows.csv").write_text(f"path,identity,viewpoint\n{rows}")
    asked = ("identify", photo_folder / "rows.csv", a, "--prompt", "shoe.prompt", "--backbone", vit)
    assert "all 3 individuals are known by the other side alone" in " ".join(run(*asked, "--viewpoint", "left").split())
    assert run(*asked, "--viewpoint", "right") == run(*asked)
    assert run(*command, "--viewpoint", "top").startswith("error: --viewpoint top: expected left or right")
    three = run(*command, "--viewpoint", "left", "--viewpoint", "left", "--viewpoint", "left")
    assert three.startswith("error: --viewpoint is given 3 times")
