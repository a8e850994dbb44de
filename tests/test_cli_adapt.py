"""Adaptation from the command line, with a bare backbone and with a model."""

import json
from pathlib import Path

import pandas as pd

from tests.adapt.checkpoints import save_vit
from tests.conftest import Run, write_photo
from tests.test_cli import one_line_error, vicp

TEACH = ("teach", "shoes", "--category", "shoe", "--json")


def test_a_bare_backbone_is_taught_and_used(photo_folder: Path, tmp_path: Path, vit: str, run: Run) -> None:
    facts = json.loads(run(*TEACH, "--backbone", vit, "--adapt", "metric"))
    assert (facts["pairs"], facts["photos"], facts["label_accuracy"], facts["suspects"]) == (16, 15, None, [])
    recipe, choice = facts["recipe"], facts["choice"]
    assert (facts["adaptation"], recipe["type"], recipe["features"]) == ("metric", "Whitening", "frozen")
    assert choice["scores"][f"metric on frozen photos, shrinkage {recipe['shrinkage']:g}"] > 0.9

    assert "leave one of them out" in run(*TEACH, "--backbone", vit, "--pairs", 4, "--support", "mine.csv")
    write_photo(tmp_path / "new.jpg", (40, 205, 55), seed=9)
    use = ("--prompt", "shoe.prompt.safetensors", "--backbone", vit, "--json")
    found = [json.loads(run("identify", "shoes", "new.jpg", *use)) for _ in range(2)]
    assert found[0]["identifications"][0]["candidates"][0]["identity"] == "green"
    assert found[0] == found[1], "the cache holds what stands before the metric"

    green, red = (json.loads(run("verify", "new.jpg", f"shoes/{name}/0.jpg", *use)) for name in ("green", "red"))
    assert green["similarity"] > choice["threshold"] > red["similarity"]
    assert green["probability"] > red["probability"]
    (tmp_path / "torn.jpg").write_bytes((tmp_path / "new.jpg").read_bytes()[:300])
    refused = run("verify", "new.jpg", "torn.jpg", *use)
    assert "cannot compare these photos" in refused
    assert "torn.jpg" in refused
    assert "--skip-bad" not in refused, "of two photos none can be left out"
    told = run("verify", "new.jpg", "shoes/green/0.jpg", *use[:-1])
    assert told.splitlines()[0].startswith(("Probably the same individual, ", "Almost certainly the same individual, "))
    assert max(map(len, told.splitlines())) <= 80


def test_auto_says_what_it_chose_and_why(photo_folder: Path, vit: str, run: Run) -> None:
    choice = json.loads(run(*TEACH, "--pairs", 12, "--backbone", vit))["choice"]
    scores = choice["scores"]
    assert {"null", "tokens of the support's photos as a prompt", "metric on frozen photos, shrinkage 0.3"} <= set(
        scores
    )
    assert "generated" not in scores
    text = run(*TEACH[:-1], "--pairs", 12, "--backbone", vit)
    assert f"{choice['reason'][0].upper()}{choice['reason'][1:]}." in " ".join(text.split())


def test_the_opinion_in_context_is_no_second_answer(photo_folder: Path, run: Run) -> None:
    use = ("verify", "shoes/red/0.jpg", "shoes/red/1.jpg", "--prompt", "shoe.prompt.safetensors", "--model", "tiny")
    for method in ("null", "generated", "metric"):
        facts = json.loads(run(*TEACH, "--pairs", 12, "--model", "tiny", "--adapt", method))
        assert facts["adaptation"] == method
        assert 0 <= facts["label_accuracy"] <= 1
        told = run(*use)
        assert "ontext" not in told
        assert told.count("individual") >= 1
        assert not {"verifier_probability", "separating_similarity"} & set(json.loads(run(*use, "--json")))
    assert facts["labels_predictable"] is False, "nothing has taught it to"


def test_errors_are_one_line(photo_folder: Path, tmp_path: Path, vit: str, run: Run) -> None:
    both = run(*TEACH, "--model", "tiny", "--backbone", vit)
    assert both == f"error: --model tiny and --backbone {vit}: give one of the two\n"
    assert "bare backbone: give --model" in run(*TEACH, "--adapt", "generated", "--backbone", vit)
    assert "static.prompt.safetensors" in run(*TEACH, "--adapt", "static", "--model", "tiny")
    rows = [("red/0.jpg", "red/1.jpg", 1), ("red/1.jpg", "red/2.jpg", 1), ("red/0.jpg", "red/2.jpg", 0)]
    pd.DataFrame(rows, columns=["left", "right", "same"]).to_csv(tmp_path / "pairs.csv", index=False)
    contradiction = run(*TEACH, "--support", "pairs.csv", "--backbone", vit)
    assert "red/0.jpg and red/2.jpg. Correct the labels" in contradiction


def test_an_adaptation_fits_no_other_backbone(photo_folder: Path, tmp_path: Path, vit: str, run: Run) -> None:
    run(*TEACH, "--adapt", "null", "--backbone", vit)
    use = ("identify", "shoes", "shoes/red/0.jpg", "--prompt", "shoe.prompt.safetensors")
    other = save_vit(tmp_path / "other", seed=1)
    one_line_error(vicp(*use, "--backbone", other, cwd=tmp_path), "belongs to model", "teach the category again")
    assert "teach the category again" in run(*use, "--model", "tiny")


def test_a_prompt_opens_the_model_it_is_for(photo_folder: Path, tmp_path: Path, vit: str, run: Run) -> None:
    write_photo(tmp_path / "new.jpg", (40, 205, 55), seed=9)
    run(*TEACH, "--pairs", 12, "--backbone", vit)
    prompt = "shoe.prompt.safetensors"
    told = json.loads(run("identify", "shoes", "new.jpg", "--prompt", prompt, "--json"))
    named = json.loads(run("identify", "shoes", "new.jpg", "--prompt", prompt, "--json", "--backbone", vit))
    assert told == named
    run("verify", "new.jpg", "shoes/green/0.jpg", "--prompt", prompt)
    run("gallery", "create", "herd", "--prompt", prompt)
    assert "this one is" in run("identify", "shoes", "new.jpg", "--prompt", prompt, "--model", "mini")
