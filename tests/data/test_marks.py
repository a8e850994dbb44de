import pytest
import torch

from vicp.data.procedural.marks import MARKS, render_marked
from vicp.data.procedural.world import sample_silhouettes, sample_values
from vicp.data.seeds import generator


def photos(kind: str, marks: torch.Tensor, size: int = 64) -> torch.Tensor:
    num = len(marks)
    silhouettes = sample_silhouettes(1, seed=3, split="seen").expand(num, -1)
    values = sample_values(1, generator=generator(0, "values")).expand(num, -1)
    pieces = [
        render_marked(kind, mark[None], value[None], shape[None], size=size, generator=generator(0, "photo"))
        for mark, value, shape in zip(marks, values, silhouettes, strict=True)
    ]
    return torch.cat(pieces)


@pytest.mark.parametrize("kind", MARKS)
def test_another_value_changes_a_small_part_of_the_same_photo(kind: str) -> None:
    first, other, again = photos(kind, torch.tensor([0, 5, 0]))
    assert torch.equal(first, again)
    changed = ((first.int() - other.int()).abs().amax(dim=0) > 8).float().mean().item()
    assert 0.001 < changed < 0.12


def test_the_mark_of_bound_tags_is_the_upper_disc_alone() -> None:
    first, other = photos("bound_tags", torch.tensor([0, 5]))
    rows = (first.int() - other.int()).abs().amax(dim=(0, 2)).nonzero()[:, 0]
    assert rows.max() < 32


def test_there_is_no_such_mark() -> None:
    with pytest.raises(KeyError, match="wart"):
        photos("wart", torch.tensor([0]))
