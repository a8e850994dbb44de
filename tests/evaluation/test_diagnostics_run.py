"""A diagnosis says what plain loops over all similarities say; what a task leaves out, it leaves out too."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor
from transformers import SiglipVisionConfig, SiglipVisionModel

from vicp.adapt.embedder import Embedder
from vicp.adapt.load import make_embedder
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import Null
from vicp.data.procedural.world import world_table
from vicp.data.records import PhotoTable
from vicp.evaluation.diagnostics.perturbations import PROBES, chance_map, probe_verdict
from vicp.evaluation.diagnostics.rank_lists import first_match, make_rank_lists, sample_queries
from vicp.evaluation.diagnostics.run import MOST_PROBED, diagnose_task, sample_probed
from vicp.evaluation.photos import EvaluationPhotos
from vicp.evaluation.protocols.protocol import find_protocol
from vicp.evaluation.protocols.tasks import make_tasks
from vicp.evaluation.results import Diagnosis
from vicp.evaluation.scoring import pair_similarities, score_task
from vicp.evaluation.task import EvaluationTask, LabelledPairs, LoadedTask
from vicp.image_transform import ImageTransform
from vicp.metrics import Retrieval, retrieval
from vicp.model.backbone import Backbone
from vicp.model.build import PRESETS, build_model
from vicp.model.visual_prompt import VisualPrompt

SIMILAR, MAP, MATCH, LOOK = "How similar", "A map of", "Which patches", "Where the model looks"


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return make_embedder(build_model(PRESETS["tiny"], seed=0).eval())


@pytest.fixture(scope="module")
def world() -> tuple[PhotoTable, EvaluationTask]:
    table = world_table(num_categories=1, seed=0)
    return table, make_tasks(EvaluationPhotos.apart(table), find_protocol("vicp-retrieval"), seed=0)[0][0]


def prompted(embedder: Embedder) -> Prompt:
    """A prompt of large random tokens, which changes what every photo looks like."""
    tokens = 5 * torch.randn(4, embedder.backbone.width, generator=torch.Generator().manual_seed(1))
    return Prompt.of(VisualPrompt(tokens.numpy(), None, "owl-0", 8, 0, embedder.fingerprint))


def loaded_task_of(embedder: Embedder, table: PhotoTable, task: EvaluationTask) -> LoadedTask:
    rows = task.rows
    return LoadedTask(task, rows, np.array(table.identities)[rows], embedder.pixels(table.select(rows))[1])


def diagnose(
    embedder: Embedder, adaptation: Prompt | None, table: PhotoTable, task: EvaluationTask, *, mirror: bool = True
) -> tuple[Diagnosis, LoadedTask, Tensor, Retrieval]:
    """The diagnosis, and what it was made from."""
    loaded_task = loaded_task_of(embedder, table, task)
    embeddings = embedder.embed_pixels(loaded_task.pixels, adaptation, mirror=mirror)
    found = score_task(loaded_task, embeddings).retrieval
    facts = {"method": "mine", "adaptation": "generated", "mirror": mirror, "seed": 3}
    return diagnose_task(embedder, adaptation, table, loaded_task, found, **facts), loaded_task, embeddings, found


def similarities(embeddings: Tensor) -> np.ndarray:
    unit = torch.nn.functional.normalize(embeddings.double(), dim=1)
    return (unit @ unit.T).numpy()


def speckled(*identities: str, seed: int = 0, cameras: str = "", unlike: float = 20) -> PhotoTable:
    """Photos of 8 x 8 coloured patches, those of an identity alike; with `cameras`, a letter for each photo."""
    rng = np.random.default_rng(seed)
    patterns = {name: rng.integers(256, size=(8, 8, 3)) for name in sorted(set(identities))}
    photos = []
    for name in identities:
        noisy = patterns[name] + rng.normal(0, unlike, size=(8, 8, 3))
        image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).resize((64, 64), Image.Resampling.NEAREST)
        image.save(buffer := io.BytesIO(), format="PNG")
        photos.append(buffer.getvalue())
    frame = pd.DataFrame({"path": [f"{i:02}.png" for i in range(len(photos))], "category": "rug", "image": photos})
    frame = frame.assign(row=range(1, len(frame) + 1), identity=list(identities))
    return PhotoTable(frame.assign(camera=list(cameras)) if cameras else frame, None)


def task_of(query: range, gallery: range, *, pairs: LabelledPairs | None = None, cameras: str = "") -> EvaluationTask:
    codes = np.array([ord(c) if c != "?" else -1 for c in cameras]) if cameras else None
    nobody, asked, known = np.zeros(0, dtype=np.int64), np.array(query), np.array(gallery)
    return EvaluationTask("rug", nobody, asked, known, leave_one_out=query == gallery, groups=codes, pairs=pairs)


def test_a_prompted_model_in_the_world(embedder: Embedder, world: tuple[PhotoTable, EvaluationTask]) -> None:
    table, task = world
    adaptation = prompted(embedder)
    diagnosis, loaded_task, embeddings, found = diagnose(embedder, adaptation, table, task)
    assert (diagnosis.category, diagnosis.method, diagnosis.adaptation) == (task.category, "mine", "generated")
    assert diagnosis.leaks == ()

    shown = table.frame["identity"].to_numpy()[loaded_task.rows]
    assert [e.identity for e in diagnosis.errors] != sorted(e.identity for e in diagnosis.errors)
    assert {e.identity for e in diagnosis.errors} == set(shown)
    assert sum(e.num_queries for e in diagnosis.errors) == len(shown)
    assert np.average([e.map for e in diagnosis.errors], weights=[6] * 12) == pytest.approx(found.map, abs=1e-12)
    scores = similarities(embeddings)
    np.fill_diagonal(scores, -2)
    worst = diagnosis.errors[0]
    first = [shown[scores[i].argmax()] for i in np.flatnonzero(shown == worst.identity)]
    wrong = [name for name in first if name != worst.identity]
    assert worst.rank1 == pytest.approx(1 - len(wrong) / 6)
    assert wrong.count(worst.confused_with) == worst.confused > 0

    plain = embedder.embed_pixels(loaded_task.pixels, adaptation, mirror=False)
    expected = retrieval(plain, plain, shown, shown, leave_one_out=True).map
    assert tuple(diagnosis.probes) == PROBES
    assert diagnosis.probes["as they are"].value == pytest.approx(expected, abs=1e-12)
    chance = chance_map(loaded_task.embedded(plain))
    assert diagnosis.probe_verdict == probe_verdict(diagnosis.probes, chance=chance)

    captions = list(diagnosis.pictures)
    assert [caption.startswith(s) for caption, s in zip(captions, (SIMILAR, MAP, MATCH, LOOK, LOOK), strict=True)]
    queries = [ranked.name for ranked in diagnosis.rank_lists]
    assert queries[0] in captions[2]
    assert queries[0] in captions[3]
    assert queries[1] in captions[4]
    assert len({Image.open(io.BytesIO(png)).tobytes() for png in diagnosis.pictures.values()}) == 5


def test_rank_lists_agree_with_a_full_sort(embedder: Embedder, world: tuple[PhotoTable, EvaluationTask]) -> None:
    table, task = world
    diagnosis, loaded_task, embeddings, found = diagnose(embedder, None, table, task, mirror=False)
    scores, paths = similarities(embeddings[loaded_task.query]), table.frame["path"].to_numpy()[task.query].tolist()
    identities = loaded_task.identities[loaded_task.query]
    assert [ranked.name for ranked in diagnosis.rank_lists] == [paths[i] for i in sample_queries(found, seed=3)]
    assert len(diagnosis.rank_lists) == 3
    for ranked in diagnosis.rank_lists:
        query = paths.index(ranked.name)
        order = [i for i in np.argsort(-scores[query]) if i != query]
        assert [hit.name for hit in ranked.hits] == [paths[i] for i in order[:5]]
        assert [hit.similarity for hit in ranked.hits] == pytest.approx(scores[query, order[:5]], abs=1e-6)
        assert [hit.right for hit in ranked.hits] == [hit.identity == ranked.identity for hit in ranked.hits]
        answers = [i for i in order if identities[i] == identities[query]]
        assert first_match(loaded_task, embeddings, query) == answers[0]
        assert Image.open(io.BytesIO(ranked.photo)).format == "JPEG"


def test_a_bare_backbone_has_no_prompt_to_look_at(embedder: Embedder, world: tuple[PhotoTable, EvaluationTask]) -> None:
    table, task = world
    bare = replace(embedder, model=None)
    diagnosis, loaded_task, embeddings, _ = diagnose(bare, None, table, task)
    assert [caption.split()[0] for caption in diagnosis.pictures] == ["How", "A", "Which"]
    assert task.pairs is not None
    left, right = (np.searchsorted(loaded_task.rows, side) for side in (task.pairs.left, task.pairs.right))
    expected = similarities(embeddings)[left, right]
    assert pair_similarities(loaded_task, embeddings) == pytest.approx(expected, abs=1e-6)
    unpaired, *_ = diagnose(bare, None, table, replace(task, pairs=None))
    assert [caption.split()[0] for caption in unpaired.pictures] == ["A", "Which"]


def test_a_prompt_that_no_feature_comes_from_shifts_nothing(embedder: Embedder) -> None:
    table = speckled(*"aabbcc")
    adaptation = prompted(embedder)
    frozen = replace(adaptation, recipe=Null())
    diagnosis, *_ = diagnose(embedder, frozen, table, task_of(range(6), range(6)))
    assert [caption.split()[0] for caption in diagnosis.pictures] == ["A", "Which"]


def test_a_backbone_without_cls_has_no_attention_to_show() -> None:
    torch.manual_seed(0)
    config = SiglipVisionConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8
    )
    siglip = Embedder(Backbone(SiglipVisionModel(config), pooling="mean"), ImageTransform(32), "siglip")
    diagnosis, *_ = diagnose(siglip, prompted(siglip), speckled(*"aabbcc"), task_of(range(6), range(6)))
    assert [caption.split()[0] for caption in diagnosis.pictures] == ["A", "Which"]


def test_wrong_labels_and_leaks_of_separate_queries(embedder: Embedder) -> None:
    table = speckled(*"aaabbbcccc" * 2)
    frame = table.frame.copy()
    frame.loc[9, "identity"] = "b"  # shows what c shows; 10 to 19 are the gallery
    frame.loc[10, "image"] = frame.loc[0, "image"]
    table = PhotoTable(frame, None)
    diagnosis, *_ = diagnose(embedder, None, table, task_of(range(10), range(10, 20)))
    assert [(s.photo, s.identity, s.looks_like) for s in diagnosis.suspects] == [("09.png", "b", "c")]
    assert ["00.png and 10.png" in sentence for sentence in diagnosis.leaks] == [True]
    by_name = {error.identity: error for error in diagnosis.errors}
    assert (by_name["b"].num_queries, by_name["b"].confused_with, by_name["b"].confused) == (4, "c", 1)
    assert by_name["a"].map == by_name["c"].map == 1


def test_without_a_wrong_photo_nothing_is_confused(embedder: Embedder) -> None:
    diagnosis, *_ = diagnose(embedder, None, speckled(*"aaaaaa"), task_of(range(3), range(3, 6)))
    assert [(error.map, error.confused_with) for error in diagnosis.errors] == [(1.0, "")]
    assert diagnosis.probe_verdict


@pytest.mark.parametrize("leave_one_out", [True, False])
def test_photos_of_the_querys_camera_are_left_out(embedder: Embedder, leave_one_out: bool) -> None:
    names, cameras = "aaaabbbbcccc" * 2, "xxyyxyx?xy??" * 2
    table = speckled(*names, cameras=cameras)
    asked = range(24) if leave_one_out else range(12)
    task = task_of(asked, range(24) if leave_one_out else range(12, 24), cameras=cameras)
    diagnosis, loaded_task, embeddings, found = diagnose(embedder, None, table, task)
    scores = similarities(embeddings)

    def allowed(query: int, photo: int) -> bool:
        own_camera = names[query] == names[photo] and cameras[query] == cameras[photo] != "?"
        return not own_camera and query != photo

    left_out = 0
    lists = make_rank_lists(table, loaded_task, embeddings, np.arange(len(task.query)))
    assert set(diagnosis.rank_lists) < set(lists)
    for query, ranked in enumerate(lists):
        order = [i for i in task.gallery[np.argsort(-scores[query, task.gallery])] if allowed(query, i)]
        assert [int(hit.name[:2]) for hit in ranked.hits] == order[:5]
        right = next(i for i in order if names[i] == names[query])
        assert task.gallery[first_match(loaded_task, embeddings, query)] == right
        left_out += sum(not allowed(query, i) and scores[query, i] > scores[query, right] for i in task.gallery)
    assert left_out > leave_one_out * len(lists)  # not only their own photos would have stood before the answer

    for seed in range(10):
        probed = sample_probed(loaded_task, found, seed=seed)
        assert sorted(names[i] for i in probed.query) == ["a", "b", "c"]
        assert not probed.leave_one_out
        for query in probed.query:
            answers = [i for i in task.gallery if names[i] == names[query] and allowed(query, i)]
            assert [i for i in probed.gallery if names[i] == names[query]] == answers
    assert len({tuple(sample_probed(loaded_task, found, seed=seed).query) for seed in range(10)}) > 1


def many(num: int) -> tuple[LoadedTask, Retrieval]:
    """A loaded_task without photos, each looked up among the others; the first ten queries have no answer."""
    task = task_of(range(num), range(num))
    first_hit = np.where(np.arange(num) < 10, 0, 1)
    found = Retrieval(*(np.ones(num), first_hit, np.ones(num), np.ones(num), first_hit, np.ones(num)))
    return LoadedTask(task, np.arange(num), np.arange(num).astype(str), torch.zeros(0)), found


def test_few_of_many_queries_are_probed_in_the_whole_gallery() -> None:
    loaded_task, found = many(700)
    probed, other = sample_probed(loaded_task, found, seed=0), sample_probed(loaded_task, found, seed=1)
    assert len(probed.query) == MOST_PROBED == len(set(probed.query.tolist()))
    assert probed.leave_one_out
    assert probed.query.min() >= 10
    assert (np.diff(probed.query) > 0).all()
    assert probed.gallery[:MOST_PROBED].tolist() == probed.query.tolist()
    assert sorted(probed.gallery) == list(range(700))
    assert probed.query.tolist() != other.query.tolist()
    loaded_task, found = many(200)
    assert sample_probed(loaded_task, found, seed=0).query.tolist() == list(range(10, 200))


def test_fewer_photos_than_a_rank_list_has_room_for(embedder: Embedder) -> None:
    table, task = speckled(*"aab"), task_of(range(3), range(3))
    loaded_task = loaded_task_of(embedder, table, task)
    lists = make_rank_lists(table, loaded_task, embedder.embed_pixels(loaded_task.pixels, mirror=True), np.array([1]))
    assert [(ranked.name, [hit.name for hit in ranked.hits]) for ranked in lists] == [("01.png", ["00.png", "02.png"])]


def test_diagnose_task_refuses_results_that_do_not_fit(embedder: Embedder) -> None:
    table, task = speckled(*"aabbcc"), task_of(range(6), range(6))
    loaded_task = loaded_task_of(embedder, table, task)
    found = score_task(loaded_task, embedder.embed_pixels(loaded_task.pixels, mirror=True)).retrieval
    unanswered = replace(found, first_hit=np.zeros(6, dtype=np.int64))
    facts = {"method": "mine", "adaptation": "null", "mirror": False, "seed": 0}
    for given in (many(20)[1], unanswered):
        with pytest.raises(ValueError, match="expected equal numbers and an answer"):
            diagnose_task(embedder, None, table, loaded_task, given, **facts)
