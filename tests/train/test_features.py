"""Tokens kept on disk: encoded once, found again, whole after a kill."""

from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from vicp.errors import DataError
from vicp.train.episodes.feature_store import FeatureStore


class Encoder:
    """Row r becomes a block of r's; remembers what it was asked for."""

    def __init__(self) -> None:
        self.photo_tokens: list[list[int]] = []

    def __call__(self, rows: np.ndarray) -> torch.Tensor:
        self.photo_tokens.append(rows.tolist())
        return torch.from_numpy(rows).float()[:, None, None].expand(-1, 2, 3)


def store(folder: Path, name: str = "a") -> FeatureStore:
    return FeatureStore(folder, name=name, num_rows=10, shape=(2, 3))


def test_a_row_is_encoded_once(tmp_path: Path) -> None:
    kept, encode = store(tmp_path), Encoder()
    assert kept.tokens(np.array([3, 1, 3]), encode)[:, 0, 0].tolist() == [3, 1, 3]
    assert kept.tokens(np.array([1, 7]), encode)[:, 1, 2].tolist() == [1, 7]
    assert encode.photo_tokens == [[1, 3], [7]]
    assert len(kept) == 3
    kept.close()
    again = store(tmp_path)
    assert len(again) == 3
    assert again.tokens(np.array([7, 3, 0]), encode)[:, 0, 0].tolist() == [7, 3, 0]
    assert encode.photo_tokens[2:] == [[0]]


def test_rows_beyond_the_most_are_encoded_every_time(tmp_path: Path) -> None:
    kept, encode = FeatureStore(tmp_path, name="a", num_rows=10, shape=(2, 3), max_rows=3), Encoder()
    assert kept.tokens(np.array([3, 1, 3]), encode)[:, 0, 0].tolist() == [3, 1, 3]
    assert kept.tokens(np.array([9, 1, 7, 9]), encode)[:, 1, 2].tolist() == [9, 1, 7, 9]
    assert kept.tokens(np.array([7, 9, 3]), encode)[:, 0, 0].tolist() == [7, 9, 3]
    assert encode.photo_tokens == [[1, 3], [7, 9], [9]], "three rows are kept"
    assert (len(kept), kept.path.stat().st_blocks * 512 < 4096 * 4) == (3, True)


def test_other_weights_have_a_file_of_their_own(tmp_path: Path) -> None:
    store(tmp_path).tokens(np.array([1]), Encoder())
    assert len(store(tmp_path, "b")) == 0


@pytest.mark.parametrize("cut", [1, 8, 11])
def test_an_entry_cut_short_is_forgotten(tmp_path: Path, cut: int) -> None:
    kept, encode = store(tmp_path), Encoder()
    kept.tokens(np.array([1, 2]), encode)
    kept.tokens(np.array([5, 6]), encode)
    journal = tmp_path / "a.rows-0"
    journal.write_bytes(journal.read_bytes()[:-cut])
    again = store(tmp_path)
    assert len(again) == 2
    again.tokens(np.array([5, 6]), encode)
    assert len(store(tmp_path)) == 4
    assert encode.photo_tokens == [[1, 2], [5, 6], [5, 6]], "as the same batch"


def test_files_are_given_back(tmp_path: Path) -> None:
    process = psutil.Process()
    kept = store(tmp_path)
    assert sum("a.rows-0" in file.path for file in process.open_files()) == 1
    del kept
    assert not any(str(tmp_path) in file.path for file in process.open_files())


def test_no_place_to_keep_them(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot keep features.*data\.keep_features=false"):
        store(tmp_path / "file")
