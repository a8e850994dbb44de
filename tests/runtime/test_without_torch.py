"""Everyday commands and calls on a packaged checkpoint: no PyTorch is imported, and the answers are PyTorch's."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import Run

import vicp
from vicp.adapt.recipe import MethodOrAuto
from vicp.errors import ConfigError
from vicp.model.loading.packaged import BACKBONES, MODELS, packaged
from vicp.runtime.exported import EXPORT_NAME, ExportedModel

HEAVY = ("torch", "transformers", "sklearn", "scipy.stats")
KINDS = (("mini", "auto"), ("mini", "onnx"), ("distilled", "auto"))
EXPORTED = [name for name in (*BACKBONES, *MODELS) if (packaged(name) / EXPORT_NAME).is_file()]  # type: ignore[operator]


@pytest.fixture
def prompt(photo_folder: Path, tmp_path: Path) -> Path:
    """A prompt of `distilled` for shoes, as a file."""
    path = tmp_path / "shoe.prompt.safetensors"
    vicp.load("distilled", engine="torch").teach(photo_folder, category="shoe", pairs=12, adapt="metric").save(path)
    return path


def imported_by(script: str, folder: Path) -> str:
    """What a script prints, then which heavy modules it imported."""
    ending = f"; import sys; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script + ending], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def command(*arguments: object) -> str:
    listed = ["vicp", *map(str, arguments)]
    return f"import sys; sys.argv = {listed!r}; from vicp.cli import app; app(standalone_mode=False)"


def test_commands_import_no_pytorch(prompt: Path, photo_folder: Path, tmp_path: Path) -> None:
    photo, other = photo_folder / "red" / "0.jpg", photo_folder / "blue" / "1.jpg"
    teach = ("teach", photo_folder, "--category", "shoe", "--adapt", "metric")
    for arguments in (
        ("verify", photo, other, "--prompt", prompt, "--json", "--report", "out.html"),
        ("identify", photo_folder, photo, "--prompt", prompt, "--json"),
        ("cluster", photo_folder, "--prompt", prompt, "--ignore-names", "--engine", "onnx"),
        (*teach, "--backbone", "distilled", "--out", "bare.safetensors"),
        (*teach, "--model", "mini", "--engine", "onnx", "--out", "mini.safetensors"),
        ("gallery", "create", "herd", "--prompt", prompt, "--backbone", "distilled"),
        ("gallery", "enroll", "herd", photo_folder, "--category", "shoe"),
        ("gallery", "identify", "herd", photo, "--csv", "out.csv"),
        ("gallery", "verify", "herd", photo, other),
        ("gallery", "stats", "herd"),
    ):
        assert imported_by(command(*arguments), tmp_path).splitlines()[-1] == "[]", arguments


def test_the_library_imports_no_pytorch(prompt: Path, photo_folder: Path, tmp_path: Path) -> None:
    script = (
        "import vicp; model = vicp.load('distilled'); prompt = vicp.Prompt.load('shoe.prompt.safetensors');"
        f"folder = {str(photo_folder)!r}; a, b = folder + '/red/0.jpg', folder + '/red/1.jpg';"
        "print(model.encode(a, prompt=prompt).shape, model.verify(a, b, prompt=prompt).verdict,"
        " model.identify(a, gallery=folder, prompt=prompt).verdict)"
    )
    assert imported_by(script, tmp_path).splitlines()[-1] == "[]"


@pytest.mark.parametrize("given", [True, False], ids=["prompt", "plain"])
def test_both_engines_answer_the_same(prompt: Path, photo_folder: Path, given: bool) -> None:
    taught = vicp.Prompt.load(prompt) if given else None
    photos = sorted(str(path) for path in photo_folder.rglob("*.jpg"))
    by_engine = {name: vicp.load("distilled", engine=name) for name in ("torch", "onnx")}
    rows = {name: model.encode(photos, prompt=taught) for name, model in by_engine.items()}
    np.testing.assert_allclose(rows["onnx"] @ rows["onnx"].T, rows["torch"] @ rows["torch"].T, atol=1e-5)
    assert np.abs(rows["onnx"][0] - rows["onnx"][-1]).max() > 1e-2
    for other in photos[1:]:
        one, two = (model.verify(photos[0], other, prompt=taught) for model in by_engine.values())
        assert one.verdict == two.verdict
        assert one.similarity == pytest.approx(two.similarity, abs=1e-5)
        assert one.probability == pytest.approx(two.probability, abs=1e-4)


@pytest.mark.parametrize("adapt", ["metric", "null"])
def test_both_engines_teach_the_same(photo_folder: Path, adapt: MethodOrAuto) -> None:
    """As far as teaching is linear algebra; an LLM reads the pairs in PyTorch alone."""
    one, two = (
        vicp.load("mini", engine=name).teach_and_report(photo_folder, category="shoe", pairs=12, adapt=adapt)
        for name in ("onnx", "torch")
    )
    ours, theirs = one.prompt, two.prompt
    assert (ours.recipe, ours.usefulness) == (theirs.recipe, theirs.usefulness)
    assert ours.choice is not None
    assert theirs.choice is not None
    assert ours.choice.scores == theirs.choice.scores
    assert ours.choice.threshold == pytest.approx(theirs.choice.threshold, abs=1e-5)
    assert ours.held_out is not None
    assert theirs.held_out is not None
    np.testing.assert_allclose(ours.held_out.similarity, theirs.held_out.similarity, atol=1e-5)
    rows = vicp.load("mini", engine="onnx").encode(photo_folder, prompt=ours)
    np.testing.assert_allclose(rows, vicp.load("mini", engine="onnx").encode(photo_folder, prompt=theirs), atol=1e-5)
    assert (ours.visual, one.label_accuracy, two.label_accuracy is None) == (None, None, False)
    assert theirs.visual is not None


def test_what_takes_pytorch_is_taught_in_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    automatic, named, bare = (vicp.load(name, engine=engine).encoder.engine for name, engine in KINDS)
    methods: tuple[MethodOrAuto, ...] = ("auto", "metric", "null", "generated", "tuned")
    with_torch = {engine: [method for method in methods if engine.teaches(method)] for engine in (automatic, named)}
    assert with_torch == {automatic: [], named: ["metric", "null"]}
    assert [method for method in methods if bare.teaches(method)] == ["metric", "null"]
    monkeypatch.setattr("vicp.runtime.exported_engine.find_spec", lambda name: None)
    assert [method for method in methods if automatic.teaches(method)] == ["auto", "metric", "null"]
    with pytest.raises(ConfigError, match="PyTorch is not installed"):
        vicp.load("mini").encoder.teaching_model("generated")


@pytest.mark.parametrize("name", EXPORTED)
def test_the_exports_are_of_the_packaged_weights(name: str) -> None:
    """`make exports` writes them again after a checkpoint has been trained anew."""
    folder = packaged(name)
    assert folder is not None
    exported = ExportedModel.read(folder)
    theirs, ours = vicp.load(name, engine="torch"), vicp.load(name, engine="onnx")
    assert exported.facts.fingerprint == theirs.encoder.fingerprint
    assert exported.facts.transform == theirs.encoder.transform
    photos = list(np.random.default_rng(0).integers(0, 256, (3, 60, 90, 3), dtype=np.uint8))
    np.testing.assert_allclose(ours.encode(photos), theirs.encode(photos), atol=1e-5)


def test_the_engine_can_be_chosen(prompt: Path, photo_folder: Path, run: Run) -> None:
    photos = [photo_folder / "red" / f"{shot}.jpg" for shot in (0, 1)]
    said = {
        name: json.loads(run("verify", *photos, "--prompt", prompt, "--engine", name, "--json"))
        for name in ("auto", "torch", "onnx", "openvino")
    }
    assert said["auto"] == said["onnx"]
    for name in ("torch", "openvino"):
        assert said[name]["similarity"] == pytest.approx(said["onnx"]["similarity"], abs=1e-5)
    assert "no exported model there" in run(
        "verify", *photos, "--prompt", prompt, "--engine", "onnx", "--model", "tiny"
    )
    assert "error" in run("verify", *photos, "--prompt", prompt, "--engine", "abacus").lower()
