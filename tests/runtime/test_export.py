"""The exported graphs against PyTorch, for every family of backbones, and what a program does with them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from tests.conftest import Run, write_photo
from tests.helpers.tiny_models import VISION_CONFIGS, randomise
from transformers import AutoModel

import vicp
from vicp.adapt.embedder import Embedder
from vicp.adapt.linear_transform import LinearTransform
from vicp.adapt.load import make_embedder
from vicp.adapt.prompt import Choice, Prompt
from vicp.adapt.recipe import Blend, Null, Whitening
from vicp.cli.export import _loss_lines
from vicp.data.sources import open_photos
from vicp.decisions.held_out import HeldOut
from vicp.decisions.outcome import Threshold
from vicp.decisions.rule import decision_rule
from vicp.errors import ConfigError, PromptError, WeightsError
from vicp.image_transform import ImageTransform
from vicp.metrics.ranking import retrieval
from vicp.model.backbone import Backbone
from vicp.model.build import PRESETS, build_model
from vicp.model.loading.checkpoint import save_checkpoint
from vicp.model.visual_prompt import VisualPrompt
from vicp.runtime.export.folder import ExportResult, describe, write_graphs
from vicp.runtime.export.int8 import drawn_photos, precision_loss, recalibrated
from vicp.runtime.export.packaged import export_packaged
from vicp.runtime.export.prompts import decision_arrays, prompt_facts
from vicp.runtime.exported import EXPORT_NAME, ExportedModel
from vicp.runtime.exported_engine import ExportedEngine

TRANSFORM = ImageTransform(32, (0.1, 0.2, 0.3), (0.5, 0.6, 0.7))


def exported(embedder: Embedder, folder: Path) -> ExportedEngine:
    facts = describe(embedder)
    write_graphs(embedder, facts, folder)
    return ExportedEngine(folder, facts)


def pixels(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)


@pytest.mark.parametrize("family", VISION_CONFIGS)
def test_any_batch_and_any_number_of_prompt_tokens_as_in_pytorch(family: str, tmp_path: Path) -> None:
    vit = AutoModel.from_config(VISION_CONFIGS[family]()).eval()
    randomise(vit)
    embedder = Embedder(Backbone(vit, pooling="both"), TRANSFORM, "0123")
    engine = exported(embedder, tmp_path)
    for batch, num_tokens in ((1, 16), (3, 1), (3, 0), (2, 16), (1, 0)):
        shape = (len(embedder.backbone.layers), num_tokens, embedder.backbone.width)
        tokens = np.random.default_rng(batch).standard_normal(shape, dtype=np.float32)
        visual = VisualPrompt(tokens, None, "cat", 1, None, "0123") if num_tokens else None
        ours, theirs = (each.embedding_function(visual)(pixels(batch)) for each in (engine, embedder))
        np.testing.assert_allclose(ours, theirs, atol=1e-5, err_msg=f"{batch} photos, {num_tokens} tokens")
        if num_tokens:
            assert np.abs(theirs - embedder.embedding_function(None)(pixels(batch))).max() > 1e-3
    np.testing.assert_allclose(engine.patches(pixels(2)), embedder.patches(pixels(2)), atol=1e-4)


def emitting() -> Embedder:
    model = build_model(replace(PRESETS["tiny"], metric_rank=8, metric_refinement=True)).eval()
    randomise(model)
    return make_embedder(model)


def prompt_of(embedder: Embedder, *, seed: int = 0) -> Prompt:
    photos = torch.randint(256, (8, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    latents = embedder.latents(photos)
    same = torch.tensor([True, False, True, False])
    return Prompt.of(embedder.full_model.infer_prompt(latents[:4], latents[4:], same, category="cat"))


def test_the_emitted_metric_is_applied_as_in_pytorch(tmp_path: Path) -> None:
    embedder = emitting()
    engine, prompt = exported(embedder, tmp_path), prompt_of(embedder)
    assert prompt.visual is not None
    assert prompt.visual.category_metric is not None
    openvino = replace(engine, runtime="openvino")
    ours, others, theirs = (each.embedding_function(prompt.visual)(pixels(3)) for each in (engine, openvino, embedder))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(others, theirs, atol=1e-5)
    np.testing.assert_allclose(openvino.patches(pixels(1)), embedder.patches(pixels(1)), atol=1e-4)
    tokens_alone = engine.embedding_function(replace(prompt.visual, category_metric=None))(pixels(3))
    assert np.abs(ours - tokens_alone).max() > 1e-3, "the metric does something"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """The folder of an emitting model, and `cat.prompt.safetensors` beside it."""
    embedder = emitting()
    save_checkpoint(embedder.full_model, tmp_path / "model")
    prompt_of(embedder).save(tmp_path / "cat.prompt.safetensors")
    return tmp_path / "model"


def test_the_ten_lines_of_the_readme_give_what_vicp_gives(
    checkpoint: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [write_photo(tmp_path / f"{i}.jpg", (60 * i, 90, 200 - 60 * i), seed=i) for i in range(3)]
    prompt = tmp_path / "cat.prompt.safetensors"
    said = run("export", checkpoint, "--out", tmp_path / "out", "--prompt", prompt)
    assert "with the prompt for cat" in " ".join(said.split())
    page = (tmp_path / "out" / "README.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path / "out")
    names: dict[str, object] = {"FILES": photos}
    exec(code, names)
    rows = vicp.load(str(checkpoint)).encode([str(photo) for photo in photos], prompt=Prompt.load(prompt))
    np.testing.assert_allclose(names["rows"], rows, atol=1e-5)
    said = vicp.load(str(checkpoint)).verify(photos[0], photos[1], prompt=Prompt.load(prompt))
    assert np.asarray(names["probability"])[0, 1] == pytest.approx(said.probability, abs=1e-3)
    light = vicp.load(str(tmp_path / "out"))
    assert isinstance(light.encoder.engine, ExportedEngine)
    np.testing.assert_allclose(light.encode([str(p) for p in photos], prompt=Prompt.load(prompt)), rows, atol=1e-5)
    with pytest.raises(ConfigError, match="an exported model cannot teach"):
        _ = light.embedder


@pytest.mark.parametrize("num_identities", [6, 120])
def test_decisions_go_with_a_prompt(num_identities: int) -> None:
    rng = np.random.default_rng(0)
    identities = np.repeat(np.arange(num_identities), 2)
    rows = rng.standard_normal((num_identities, 16))[identities] + 0.6 * rng.standard_normal((len(identities), 16))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    held_out = HeldOut.of_identities(rows @ rows.T, identities)
    prompt = Prompt(Null(), "cat", 8, 0, "a model", held_out=held_out, choice=Choice("", {}, threshold=0.5))
    rule, table = decision_rule(held_out, "plain"), decision_arrays(prompt)
    similarity = rng.uniform(-1, 1, 400)
    found = np.interp(similarity, table["decisions.similarity"], table["decisions.probability"])
    np.testing.assert_allclose(found, rule.probability(similarity), atol=1e-3)
    assert found.min() < 0.1
    assert found.max() > 0.9
    facts, decision = prompt_facts(prompt), rule.decide_pair(0.9)
    assert facts["threshold"] == "0.5"
    if num_identities == 6:
        assert not {"same_above", "different_below"} & facts.keys()
    else:
        assert float(facts["different_below"]) == decision.different_below
        assert isinstance(decision.limit, Threshold)
        assert float(facts["same_above"]) == decision.limit.similarity


def test_8_bits_are_a_model_of_their_own_that_is_measured_and_calibrated(
    checkpoint: Path, photo_folder: Path, run: Run, tmp_path: Path
) -> None:
    prompt, out = tmp_path / "cat.prompt.safetensors", tmp_path / "small"
    given = ("--out", out, "--prompt", prompt, "--int8", "--openvino", "--photos", photo_folder)
    found = json.loads(run("export", checkpoint, *given, "--json"))
    full = vicp.load(str(checkpoint), engine="torch")
    assert found["fingerprint"] == f"{full.encoder.fingerprint}-int8"
    photos = open_photos(photo_folder)
    small = vicp.load(str(out))
    rows = [np.asarray(model.encode(photos)) for model in (full, small)]
    assert 1e-6 < np.abs(rows[0] - rows[1]).max() < 0.1, "8 bits, and the same network"
    identities = np.array(photos.identities)
    loss = found["precision_loss"]
    maps = [retrieval(each, each, identities, identities, leave_one_out=True).map for each in map(torch.tensor, rows)]
    assert [loss["map_before"], loss["map"]] == pytest.approx(maps, abs=1e-6)
    similarities = [each @ each.T - 3 * np.eye(len(each), dtype=np.float32) for each in rows]
    nearest = [each.argmax(axis=1) for each in similarities]
    assert loss["same_nearest"] == pytest.approx((nearest[0] == nearest[1]).mean())
    assert loss["largest_change"] == pytest.approx(np.abs(similarities[0] - similarities[1]).max(), abs=1e-5)

    with pytest.raises(PromptError, match="belongs to model"):
        small.encode(photos, prompt=Prompt.load(prompt))
    moved = Prompt.load(out / "prompts" / "cat.prompt.safetensors")
    assert moved.held_out is not None
    assert found["uncalibrated"] == []
    under = small.encode(photos, prompt=moved)
    np.testing.assert_allclose(moved.held_out.similarity, under @ under.T, atol=1e-5)

    openvino = pytest.importorskip("openvino")
    graph = openvino.Core().compile_model(out / "backbone.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    nothing = np.zeros(
        (*small.encoder.engine.exported.prompt_shape[:2], 0, small.encoder.engine.exported.prompt_shape[2])
    )
    inputs = {
        "pixels": pixels(2),
        "prompt_keys": nothing.astype(np.float32),
        "prompt_values": nothing.astype(np.float32),
    }
    found_by_openvino = np.array(graph(inputs)["photo_embedding"])
    np.testing.assert_allclose(found_by_openvino, small.encoder.engine.embedding_function(None)(pixels(2)), atol=0.05)


def test_without_photos_8_bits_promise_nothing(checkpoint: Path, run: Run, tmp_path: Path) -> None:
    full = vicp.load(str(checkpoint), engine="torch").encoder
    moved = recalibrated(Prompt.load(tmp_path / "cat.prompt.safetensors"), full, None)
    assert (moved.held_out, moved.reference) == (None, None)
    loss = precision_loss(full, full, drawn_photos().select(range(24)))
    assert (loss.photos, loss.map, loss.same_nearest, loss.largest_change) == (24, loss.map_before, 1, 0)
    said = " ".join(_loss_lines(ExportResult(describe(full.torch_embedder()), loss, ("cat",)), is_drawn=True))
    assert said.startswith("8 bits, on 24 drawn photos (--photos takes your own): mAP ")
    assert "nothing is promised: cat." in " ".join(said.split())
    said = run("export", checkpoint, "--out", tmp_path / "out", "--photos", tmp_path)
    assert said.startswith("error: --photos is of --int8")


def test_the_exporter_leaves_no_path_of_its_machine(checkpoint: Path, run: Run, tmp_path: Path) -> None:
    run("export", checkpoint, "--out", tmp_path / "out")
    for graph in (tmp_path / "out").glob("*.onnx"):
        onnx.checker.check_model(graph)
        assert b"site-packages" not in graph.read_bytes()
        assert b".py" not in graph.read_bytes()


def test_what_cannot_be_exported_is_one_line(checkpoint: Path, run: Run, tmp_path: Path) -> None:
    prompt = Prompt.load(tmp_path / "cat.prompt.safetensors")
    identity = LinearTransform(np.zeros(64, np.float32), np.eye(64, dtype=np.float32))
    blend = replace(prompt, recipe=Blend(Whitening(), 0.5), visual=None, whitening=identity, emitted_metric=identity)
    blend.save(tmp_path / "blend.prompt.safetensors")
    said = run("export", checkpoint, "--out", tmp_path / "out", "--prompt", tmp_path / "blend.prompt.safetensors")
    assert "error: the prompt for 'cat' (" in said
    assert "cannot be exported" in said
    replace(prompt, fingerprint="feed").save(tmp_path / "other.prompt.safetensors")
    said = run("export", checkpoint, "--out", tmp_path / "out", "--prompt", tmp_path / "other.prompt.safetensors")
    assert "belongs to model feed" in said
    assert not (tmp_path / "out").exists()


def test_a_damaged_export_is_one_line(checkpoint: Path, run: Run, tmp_path: Path) -> None:
    run("export", checkpoint, "--out", tmp_path / "out")
    assert ExportedModel.read(tmp_path / "out").facts.fingerprint == make_embedder_fingerprint(checkpoint)
    engine = ExportedEngine(tmp_path / "out", ExportedModel.read(tmp_path / "out"))
    (tmp_path / "out" / "backbone.onnx").write_bytes(b"no graph")
    for each in (engine, replace(engine, runtime="openvino")):
        with pytest.raises(WeightsError, match=r"backbone\.onnx: missing or damaged"):
            each.embedding_function(None)(pixels(1))
    (tmp_path / "out" / EXPORT_NAME).write_text("{}")
    with pytest.raises(WeightsError, match="no usable exported model"):
        vicp.load(str(tmp_path / "out"))
    with pytest.raises(ConfigError, match="no exported model there: `vicp export"):
        vicp.load(str(checkpoint), engine="onnx")
    with pytest.raises(PromptError, match="belongs to model"):
        vicp.load("distilled", engine="onnx").encode(
            np.zeros((9, 9, 3), np.uint8), prompt=Prompt.load(tmp_path / "cat.prompt.safetensors")
        )


def make_embedder_fingerprint(checkpoint: Path) -> str:
    return vicp.load(str(checkpoint), engine="torch").encoder.fingerprint


def test_packaged_checkpoints_share_a_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = emitting()
    other = replace(embedder, model=None, fingerprint="another")
    monkeypatch.setattr(
        "vicp.runtime.export.packaged.open_embedder", lambda name: {"bare": other, "whole": embedder}[name]
    )
    for name in ("bare", "whole"):
        (tmp_path / name).mkdir()
    export_packaged(tmp_path, ("bare", "whole"))
    whole = ExportedModel.read(tmp_path / "whole")
    assert (whole.backbone, whole.prompt_states) == ("../bare/backbone.onnx", "../bare/prompt_states.onnx")
    assert sorted(file.name for file in (tmp_path / "whole").iterdir()) == [EXPORT_NAME, "metric_head.safetensors"]
    prompt = prompt_of(embedder)
    engine = ExportedEngine(tmp_path / "whole", whole)
    ours, theirs = (each.embedding_function(prompt.visual)(pixels(2)) for each in (engine, embedder))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
