"""A prompt on disk."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from vicp.errors import PromptError
from vicp.model.visual_prompt import VisualPrompt


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


@pytest.fixture(params=[(4, 32), (2, 4, 32)], ids=["shared", "per layer"])
def prompt(request: pytest.FixtureRequest) -> VisualPrompt:
    return VisualPrompt(
        tokens=draw(*request.param),
        states=draw(4, 24),
        category="Schuhe — 靴",
        num_pairs=8,
        seed=None,
        fingerprint="0123456789abcdef",
    )


def test_round_trip(prompt: VisualPrompt, tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "shoes.vicp"
    prompt.save(path)
    loaded = VisualPrompt.load(path)
    np.testing.assert_array_equal(loaded.tokens, prompt.tokens)
    np.testing.assert_array_equal(loaded.states, prompt.states)
    facts = (loaded.category, loaded.num_pairs, loaded.seed, loaded.fingerprint)
    assert facts == ("Schuhe — 靴", 8, None, "0123456789abcdef")
    assert [p.name for p in path.parent.iterdir()] == ["shoes.vicp"]


def test_arrays_that_share_memory_can_be_saved(tmp_path: Path) -> None:
    both = draw(2, 4, 8)
    VisualPrompt(both[0], both[0], "cat", 1, 7, "f").save(tmp_path / "cat")
    loaded = VisualPrompt.load(tmp_path / "cat")
    np.testing.assert_array_equal(loaded.states, both[0])
    assert loaded.seed == 7


def test_a_write_that_fails_leaves_the_old_prompt(
    prompt: VisualPrompt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shoes.vicp"
    prompt.save(path)
    before = path.read_bytes()

    write = Path.write_bytes

    def write_half(file: Path, data: bytes) -> int:
        write(file, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_half)
    with pytest.raises(PromptError, match=r"cannot write the prompt \(No space left on device\)"):
        prompt.save(path)
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written(prompt: VisualPrompt, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PromptError, match="cannot write the prompt"):
        prompt.save(tmp_path / "file" / "shoes.vicp")


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="no such prompt"):
        VisualPrompt.load(tmp_path / "none")


@pytest.mark.parametrize("keep", [0, 5, 40, -10])
def test_damaged(prompt: VisualPrompt, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "shoes.vicp"
    prompt.save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(PromptError, match="damaged prompt"):
        VisualPrompt.load(path)


@pytest.mark.parametrize("facts", ["[1]", "{}", "not json", '{"category": "cat", "num_pairs": 1}', "3"], ids=repr)
def test_damaged_facts(tmp_path: Path, facts: str) -> None:
    metadata = {"format": "vicp-prompt-1", "fingerprint": "f", "facts": facts}
    nothing = np.zeros((1, 2), np.float32)
    save_file({"tokens": nothing, "states": nothing}, tmp_path / "p", metadata=metadata)
    with pytest.raises(PromptError, match="damaged prompt"):
        VisualPrompt.load(tmp_path / "p")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_another_safetensors_file_is_no_prompt(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    save_file({"tokens": np.zeros((1, 2), np.float32)}, tmp_path / "weights.safetensors", metadata=metadata)
    with pytest.raises(PromptError, match="not a category prompt"):
        VisualPrompt.load(tmp_path / "weights.safetensors")
