"""Which pairs are proposed for a label: none of one burst, and no burst twice."""

from pathlib import Path

import pytest
from tests.helpers.photos import write_frames

from vicp.adapt.embedder import Embedder
from vicp.data.sources import open_photos
from vicp.errors import DataError
from vicp.gallery.labelling.proposals import propose_from
from vicp.runtime.photo_encoder import encoder_of


def moment(photo: str) -> str:
    """`n1/0` of `n1/0-2.png`."""
    return photo.rsplit("-", 1)[0]


def test_no_pair_is_of_one_burst_and_no_two_bursts_are_proposed_twice(embedder: Embedder, tmp_path: Path) -> None:
    table = open_photos(write_frames(tmp_path / "cats", individuals=4, scenes=2, frames=3))
    proposals = propose_from(encoder_of(embedder), table, count=6).pairs  # four: no photo stands in two
    bursts = [frozenset((moment(pair.left), moment(pair.right))) for pair in proposals]
    assert len(bursts) == len(set(bursts)) == 4
    assert {len(burst) for burst in bursts} == {2}


def test_a_labelled_pair_is_not_asked_for_again_by_other_frames(embedder: Embedder, tmp_path: Path) -> None:
    table = open_photos(write_frames(tmp_path / "cats", individuals=2, scenes=1, frames=2))
    (tmp_path / "pairs.csv").write_text("left,right,same\nn0/0-0.png,n1/0-0.png,0\n")
    first = propose_from(encoder_of(embedder), table, count=5)
    assert len(first.pairs) == 1
    with pytest.raises(DataError, match="nothing left to ask"):
        propose_from(encoder_of(embedder), table, count=5, pairs_file=tmp_path / "pairs.csv")
