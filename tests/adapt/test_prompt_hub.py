"""Prompts are shared in a folder or on the hub, with a card; without a network the cache serves, or a line says so."""

from pathlib import Path

import pytest
import yaml
from huggingface_hub import constants

from tests.conftest import Run
from vicp.adapt.prompt import Choice, Prompt, Usefulness
from vicp.adapt.recipe import Null

NAME = "cat.prompt.safetensors"


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    use = Usefulness(rank1=0.83, map=0.71, photos=40, individuals=9, rank1_of_half=0.75, more_pairs_help=True)
    choice = Choice("chose nothing, the best on held-out individuals", scores={})
    taught = Prompt(Null(), "cat", 12, 0, "0123456789abcdef", choice=choice, usefulness=use, model="owner/model")
    taught.save(tmp_path / NAME)
    return tmp_path / NAME


def test_a_prompt_goes_into_a_folder_and_back(prompt: Path, tmp_path: Path, run: Run) -> None:
    assert run("push", prompt, "./shared") == f"Wrote {NAME} and its card to ./shared.\n"
    _, head, card = (tmp_path / "shared" / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(head) == {
        "library_name": "vicp",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["vicp-prompt"],
        "base_model": "owner/model",
    }
    assert "| Right individual first | 83 of 100 photos |" in card
    assert "| Held-out labels predicted from the others | not measured |" in card
    assert "| Answers are calibrated | no, too few individuals |" in card
    assert run("pull", "./shared", "--out", "mine") == "Wrote mine: a prompt for cat, of owner/model.\n"
    assert (tmp_path / "mine").read_bytes() == prompt.read_bytes()
    assert "--out mine: is there already" in run("pull", "./shared", "--out", "mine")
    (tmp_path / "shared" / NAME).rename(tmp_path / "shared" / "cat")
    assert "./shared: 0 files *.prompt.safetensors, expected one" in run("pull", "./shared", "--out", "other")
    assert "./nowhere: no such folder, and no hub name" in run("pull", "./nowhere", "--out", "other")


def test_without_a_network_the_cache_serves_or_one_line_says_so(
    prompt: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    said = run("pull", "somebody/cats", "--out", "mine")
    assert said.startswith("error: somebody/cats: no prompt can be had from there (")
    assert said.count("\n") == 1
    pushed = run("push", prompt, "somebody/cats")
    assert pushed.startswith("error: somebody/cats: the prompt cannot be written there (")
    assert pushed.count("\n") == 1
    commit, repository = "0" * 40, tmp_path / "hub" / "models--somebody--cats"
    (repository / "snapshots" / commit).mkdir(parents=True)
    (repository / "snapshots" / commit / NAME).write_bytes(prompt.read_bytes())
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    assert run("pull", "somebody/cats", "--out", "mine") == "Wrote mine: a prompt for cat, of owner/model.\n"
