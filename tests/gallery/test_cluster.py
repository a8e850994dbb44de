"""Clusters: of a folder and of a gallery the same, by what verify and identify say of the same photos."""

from collections import defaultdict
from pathlib import Path

import pandas as pd
import pytest
from tests.conftest import write_photo
from tests.gallery.conftest import COLOURS

from vicp.adapt.embedder import Embedder
from vicp.adapt.prompt import Prompt
from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.errors import ConfigError, DataError
from vicp.gallery.gallery import Gallery
from vicp.gallery.queries import open_source, pair_table
from vicp.gallery.recognition.cluster import Grouping, cluster_photos
from vicp.gallery.recognition.cluster_proposal import ClusterProposal, read_proposal, write_proposal
from vicp.gallery.recognition.identify import identify_photos
from vicp.gallery.recognition.verify import verify_photos
from vicp.gallery.search.category_search import Question
from vicp.runtime.photo_encoder import encoder_of


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Two photos of each of four individuals, without names."""
    for number, colour in enumerate(COLOURS.values()):
        for shot in range(2):
            write_photo(tmp_path / "flat" / f"{number}{shot}.jpg", colour, seed=950 + 2 * number + shot)
    return tmp_path / "flat"


def groups_of(proposal: ClusterProposal) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for photo in proposal.photos:
        groups[photo.identity].append(Path(photo.source).name)
    return {identity: sorted(names) for identity, names in groups.items()}


@pytest.mark.parametrize("prior", [0.5, 0.2, 0.9])
def test_a_pair_has_the_probability_that_verify_gives_it(
    prior: float, embedder: Embedder, shoe_prompts: list[Prompt], flat: Path
) -> None:
    a, b = flat / "00.jpg", flat / "01.jpg"
    for prompt in (shoe_prompts[0], None):
        pair = open_source([str(a), str(b)], skip_bad=False)
        grouping = Grouping(cut=0.001, prior_new=prior)
        proposal = cluster_photos(encoder_of(embedder), pair, prompt=prompt, grouping=grouping)
        verified = verify_photos(
            encoder_of(embedder), pair_table(a, b), prompt=prompt, question=Question(prior_new=prior)
        )
        assert verified.prior_new == prior
        assert [photo.probability for photo in proposal.photos] == [pytest.approx(verified.probability, abs=2e-4)] * 2


def test_a_known_individual_has_the_probability_that_identify_gives_it(
    embedder: Embedder, shoes: PhotoTable, shoe_prompts: list[Prompt], flat: Path
) -> None:
    names = [*shoes.frame["path"], "one"]
    images = [*(shoes.photo_bytes(row) for row in range(len(shoes))), (flat / "10.jpg").read_bytes()]
    frame = pd.DataFrame({"path": names, "identity": [*shoes.frame["identity"], None], "image": images})
    table = PhotoTable(frame.assign(category="shoe", row=range(1, len(frame) + 1)), None)
    for prior in (0.5, 0.1):
        proposal = cluster_photos(
            encoder_of(embedder), table, prompt=shoe_prompts[0], grouping=Grouping(cut=0.2, prior_new=prior)
        )
        question = Question(prior_new=prior)
        query = open_source(flat / "10.jpg", skip_bad=False)
        (found,) = identify_photos(encoder_of(embedder), shoes, [query], prompt=shoe_prompts[0], question=question)
        (photo,) = proposal.photos
        assert (photo.identity, photo.known) == (found.candidates[0].identity, True)
        assert photo.probability == pytest.approx(found.candidates[0].probability, abs=1e-4)


def test_a_folder_and_a_gallery_of_its_photos_are_grouped_alike(
    embedder: Embedder, shoe_prompts: list[Prompt], flat: Path, tmp_path: Path
) -> None:
    gallery = Gallery.create(tmp_path / "gallery", embedder, shoe_prompts[:1], author="ann")
    gallery.enroll(flat, category="shoe")
    for method in ("agglomerative", "hdbscan"):
        from_gallery = gallery.cluster(method=method)  # type: ignore[arg-type]
        table = open_photos(flat, need_identity=False)
        grouping = Grouping(method)  # type: ignore[arg-type]
        from_folder = cluster_photos(encoder_of(embedder), table, prompt=shoe_prompts[0], grouping=grouping)
        assert sorted(groups_of(from_gallery).values()) == sorted(groups_of(from_folder).values())
        assert from_gallery.criterion == from_folder.criterion


def test_photos_of_two_sides_are_never_in_one_group(embedder: Embedder, shoe_prompts: list[Prompt], flat: Path) -> None:
    table = open_photos(flat, need_identity=False)
    whole = cluster_photos(encoder_of(embedder), table, prompt=shoe_prompts[0], grouping=Grouping(cut=0.01))
    assert max(map(len, groups_of(whole).values())) > 1
    sides = ["left" if path.endswith("0.jpg") else "right" for path in table.frame["path"]]
    sided = PhotoTable(table.frame.assign(viewpoint=sides), table.root)
    found = cluster_photos(encoder_of(embedder), sided, prompt=shoe_prompts[0], grouping=Grouping(cut=0.01))
    for names in groups_of(found).values():
        assert len({name[-5] for name in names}) == 1
    assert "each side by itself" in found.criterion


def test_what_cannot_be_grouped_is_said(embedder: Embedder, shoes: PhotoTable) -> None:
    with pytest.raises(DataError, match="every photo has a name: --ignore-names groups them all"):
        cluster_photos(encoder_of(embedder), shoes, prompt=None)
    proposal = cluster_photos(encoder_of(embedder), shoes, prompt=None, ignore_names=True)
    assert len(proposal.photos) == len(shoes)
    assert "borrowed from other categories" in proposal.criterion
    for settings in ({"cut": 0.0}, {"cut": 1.5}, {"prior_new": 0.0}, {"prior_new": 1.0}):
        with pytest.raises(ConfigError, match="expected a"):
            Grouping(**settings)  # type: ignore[arg-type]


def test_the_proposal_of_a_folder_is_a_table(embedder: Embedder, flat: Path, tmp_path: Path) -> None:
    proposal = cluster_photos(encoder_of(embedder), open_photos(flat, need_identity=False), prompt=None)
    write_proposal(proposal, tmp_path / "out" / "proposal.csv")
    assert sum(map(len, read_proposal(tmp_path / "out" / "proposal.csv").values())) == 8
    table = open_photos(tmp_path / "out" / "proposal.csv")
    assert len(table) == 8
    assert all(table.photo_bytes(row) for row in range(8))


def test_the_command_line(run, flat: Path, vit: str) -> None:  # type: ignore[no-untyped-def]
    said = " ".join(run("cluster", flat, "--backbone", vit).split())
    assert "P(same), borrowed from other categories, of at least 0.5" in said
    assert "beforehand (estimated from the photos)" in said
    assert "10 % beforehand (--prior-new)" in " ".join(
        run("cluster", flat, "--backbone", vit, "--prior-new", 0.9).split()
    )
    assert run("cluster", flat, "--backbone", vit, "--prior-new", 2).startswith("error: prior_new 2: expected a prob")
