import dataclasses
from pathlib import Path

import pandas as pd
import pytest
import torch
from tiny_runs import losses, tiny_run, with_natural_photos

from vicp.config import RunConfig
from vicp.errors import ConfigError, WeightsError
from vicp.model.build import PRESETS, build_model
from vicp.model.loading.checkpoint import load_pretrained
from vicp.model.vicp import VICP
from vicp.train.episodes.batch import Batch, Shard, collate
from vicp.train.episodes.rule_source import RuleSource, make_rule_source
from vicp.train.episodes.sources import image_transform, make_training_data, validation_task
from vicp.train.initialize import initialize_components, initialize_model
from vicp.train.loop import train
from vicp.train.methods.vicp import freeze_all_but, make_training_module
from vicp.train.pretraining.run import pretrain
from vicp.train.validation import check_context


def world_of(model: VICP, config: RunConfig, split: str, num: int) -> RuleSource:
    return make_rule_source(
        model.backbone, config.episodes, split, num=num, transform=image_transform(config), seed=config.seed
    )


def batch_of(world: RuleSource, config: RunConfig, *, num_pairs: int, num: int, seed: str, photos: bool) -> Batch:
    episodes = [world.draw(config.episodes, num_pairs, seed, number) for number in range(num)]
    return collate(world, episodes, support=True, photo_tokens=True, photos=photos)


def test_training_saves_a_checkpoint_that_loads(tmp_path: Path) -> None:
    folder = train(tiny_run(tmp_path))
    model = load_pretrained(folder)
    assert model.config == PRESETS["tiny"]
    started = initialize_model(tiny_run(tmp_path))
    assert model.fingerprint != started.fingerprint
    for name, parameter in started.backbone.named_parameters():
        assert torch.equal(parameter, model.backbone.get_parameter(name)), "the backbone stays frozen"


def test_same_seed_same_losses(tmp_path: Path) -> None:
    train(tiny_run(tmp_path / "a"))
    train(tiny_run(tmp_path / "b"))
    one, other = ({step: row["total"] for step, row in losses(tmp_path / name).items()} for name in "ab")
    assert one == other
    assert len(set(one.values())) > 1


def test_resuming_with_other_settings_is_refused(tmp_path: Path) -> None:
    train(tiny_run(tmp_path))
    with pytest.raises(ConfigError, match=r"another train\.margin;"):
        train(tiny_run(tmp_path, margin=0.3), resume=True)


def test_contexts_too_long_for_the_llm_are_refused_at_once(tmp_path: Path) -> None:
    config = tiny_run(tmp_path)
    config = dataclasses.replace(config, episodes=dataclasses.replace(config.episodes, pairs=(4, 900)))
    with pytest.raises(ConfigError, match=r"episodes\.pairs: 900 pairs.*takes 204"):
        train(config)


def test_damaged_checkpoint_says_so(tmp_path: Path) -> None:
    (tmp_path / "train.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(WeightsError, match=r"train\.pt.*cannot resume"):
        train(tiny_run(tmp_path), resume=True)


def test_training_learns_the_held_out_pairs(tmp_path: Path) -> None:
    """The warm-up's losses fall by a third on a world of two rules small enough for the tiny model."""
    config = tiny_run(tmp_path, align_weight=0.0)
    model = initialize_model(config)
    module = make_training_module(config, model)
    optimizer = torch.optim.AdamW([p for p in module.parameters() if p.requires_grad], lr=3e-3)
    batch = batch_of(world_of(model, config, "seen", 2), config, num_pairs=4, num=3, seed="fixed", photos=False)
    first = None
    for _ in range(40):
        terms = module(batch)
        first = first or terms.total.item()
        optimizer.zero_grad()
        terms.total.backward()
        optimizer.step()
    assert terms.total.item() < 0.67 * first


def test_joint_step_reaches_every_trained_part(tmp_path: Path) -> None:
    config = tiny_run(tmp_path, mining="batch_all", smooth_ap_weight=1.0)
    model = initialize_model(config)
    batch = batch_of(world_of(model, config, "seen", 2), config, num_pairs=4, num=2, seed="joint", photos=True)
    terms = make_training_module(config, model)(batch)
    assert all(term is not None and term.isfinite() for term in vars(terms).values())
    terms.identity.backward()
    for part in (model.head, model.reasoner, model.qformer, model.comparison):
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())
    assert all(p.grad is None for p in model.backbone.parameters())


@pytest.mark.parametrize("loss", ["contrastive", "smooth_ap"])
def test_the_warm_up_trains_the_metric_and_the_joint_steps_too(tmp_path: Path, loss: str) -> None:
    config = tiny_run(tmp_path, **{f"{loss}_weight": 1.0})
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, metric_rank=6))
    model = initialize_model(config)
    world = world_of(model, config, "seen", 2)
    initialize_components(model, world, config)
    assert model.metric_head.centre.abs().sum() > 0
    module = make_training_module(config, model)
    for photos in (False, True):
        terms = module(batch_of(world, config, num_pairs=4, num=2, seed="metric", photos=photos))
        module.zero_grad()
        getattr(terms, loss).backward()
        for part in (model.metric_head, model.reasoner, model.comparison):
            assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters()), photos
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.head.parameters()) == photos


def test_without_a_metric_the_warm_up_ranks_nothing(tmp_path: Path) -> None:
    config = tiny_run(tmp_path, contrastive_weight=1.0)
    model = initialize_model(config)
    batch = batch_of(world_of(model, config, "seen", 2), config, num_pairs=4, num=2, seed="none", photos=False)
    terms = make_training_module(config, model)(batch)
    assert terms.identity is None
    assert terms.contrastive is None


def test_training_starts_from_a_checkpoint_and_may_freeze_its_llm(tmp_path: Path) -> None:
    """As mini is made: the LLM learns to read contexts, then it is frozen and the rest goes on."""
    first = train(tiny_run(tmp_path / "reader", joint_steps=0))
    config = tiny_run(tmp_path / "frozen", warmup_steps=0, start=str(first))
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, freeze_reasoner=True))
    model, read = load_pretrained(train(config)), load_pretrained(first)
    for name, parameter in read.reasoner.llm.named_parameters():
        assert torch.equal(parameter, model.reasoner.llm.get_parameter(name)), "the LLM stays frozen"
    assert not torch.equal(read.head.out.weight, model.head.out.weight)


def test_evidence_joins_a_checkpoint_that_has_none_and_keeps_what_that_learned(tmp_path: Path) -> None:
    """The directions are the first run's; the deviations along them are set by photos, once."""
    settings = tiny_run(tmp_path / "reader", joint_steps=0, contrastive_weight=1.0)
    first = train(dataclasses.replace(settings, model=dataclasses.replace(settings.model, metric_rank=8)))
    config = tiny_run(tmp_path / "more", start=str(first), warmup_steps=0, joint_steps=1, learning_rate=0.0)
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, metric_rank=8, metric_refinement=True))
    second = train(config)
    read, model = load_pretrained(first), load_pretrained(second)
    assert torch.equal(model.metric_head.input_directions, read.metric_head.input_directions)
    assert (model.metric_refinement.deviation - 1).abs().min() > 1e-3
    third = train(
        dataclasses.replace(
            config, train=dataclasses.replace(config.train, start=str(second)), seed=5, out=str(tmp_path / "third")
        )
    )
    assert torch.equal(load_pretrained(third).metric_refinement.deviation, model.metric_refinement.deviation)


def test_parts_that_start_anew_may_have_other_sizes_and_the_rest_is_kept(tmp_path: Path) -> None:
    settings = tiny_run(tmp_path / "reader", joint_steps=0, contrastive_weight=1.0)
    first = train(dataclasses.replace(settings, model=dataclasses.replace(settings.model, metric_rank=8)))
    config = tiny_run(tmp_path / "more", start=str(first), fresh=("prompt_slots", "metric_head"))
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, num_prompts=7, metric_rank=5))
    read, model = load_pretrained(first), initialize_model(config)
    assert (len(model.prompt_slots), model.metric_head.input_directions.shape[0]) == (7, 5)
    for part in ("qformer", "reasoner", "head"):
        kept = read.get_submodule(part).state_dict()
        assert all(torch.equal(tensor, kept[n]) for n, tensor in model.get_submodule(part).state_dict().items()), part
    untold = model.metric_head.input_directions.clone()
    initialize_components(model, world_of(model, config, "seen", 2), config)
    assert not torch.equal(model.metric_head.input_directions, untold), "fresh directions are set by photos"
    without = dataclasses.replace(config, model=dataclasses.replace(config.model, metric_rank=0))
    assert initialize_model(without).metric_head is None
    misspelt = dataclasses.replace(config, train=dataclasses.replace(config.train, fresh=("heat",)))
    with pytest.raises(ConfigError, match=r"train\.fresh: no part 'heat' in .*; it has backbone, comparison,"):
        initialize_model(misspelt)
    alone = dataclasses.replace(config, train=dataclasses.replace(config.train, start=None))
    with pytest.raises(ConfigError, match=r"train\.fresh: .*train\.start"):
        initialize_model(alone)


def test_the_verifier_teaches_similarities_and_takes_no_gradient_from_them(tmp_path: Path) -> None:
    """With this loss alone what moves is the prompt's side; the verifier's layer stays as it was."""
    config = tiny_run(tmp_path, distil_weight=1.0, icl_weight=0.0, pair_weight=0.0, agreement_weight=0.0)
    model = initialize_model(config)
    batch = batch_of(world_of(model, config, "seen", 2), config, num_pairs=4, num=2, seed="none", photos=True)
    module = make_training_module(config, model)
    terms = module(batch)
    assert terms.distillation is not None
    assert 0 < terms.distillation.item() < 2
    terms.distillation.backward()
    assert model.head.out.weight.grad.abs().sum() > 0
    verifier = [p.grad for p in model.verifier.parameters()]
    assert all(grad is None or grad.abs().sum() == 0 for grad in verifier)


def test_the_parts_named_learn_and_no_others(tmp_path: Path) -> None:
    settings = tiny_run(tmp_path / "whole", joint_steps=0, contrastive_weight=1.0)
    settings = dataclasses.replace(
        settings,
        model=dataclasses.replace(settings.model, metric_rank=8, metric_refinement=True, freeze_reasoner=False),
    )
    first = train(settings)
    told = {"icl_weight": 0.0, "pair_weight": 0.0, "agreement_weight": 0.0, "contrastive_weight": 1.0}
    alone = tiny_run(tmp_path / "alone", start=str(first), joint_steps=0, learns=("metric_refinement",), **told)
    alone = dataclasses.replace(alone, model=settings.model)
    before, after = load_pretrained(first), load_pretrained(train(alone))
    changed = {name for name, tensor in before.named_parameters() if not torch.equal(tensor, after.get_parameter(name))}
    assert changed
    assert {name.split(".")[0] for name in changed} == {"metric_refinement"}
    for learns, message in (
        (("backbone",), "no part 'backbone' of this model can learn"),
        (("evidense",), "no part 'evidense' of this model can learn; these can: qformer,"),
        ((), None),
    ):
        config = dataclasses.replace(alone, train=dataclasses.replace(alone.train, learns=learns))
        model = initialize_model(config)
        if message:
            with pytest.raises(ConfigError, match=message):
                freeze_all_but(model, config.train.learns)
        else:
            freeze_all_but(model, config.train.learns)
            assert model.reasoner.llm.model.norm.weight.requires_grad


def test_a_backbone_comes_from_a_vicp_checkpoint_too(tmp_path: Path) -> None:
    first = train(tiny_run(tmp_path / "first", joint_steps=0))
    vit = initialize_model(dataclasses.replace(tiny_run(tmp_path / "b", backbone=str(first)), seed=7)).backbone.vit
    expected = load_pretrained(first).backbone.vit.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in vit.state_dict().items())


def test_a_start_may_have_another_backbone(tmp_path: Path) -> None:
    first, second = (train(dataclasses.replace(tiny_run(tmp_path / str(seed)), seed=seed)) for seed in (0, 7))
    config = tiny_run(tmp_path / "moved", start=str(first), backbone=str(second))
    moved, heads, backbone = initialize_model(config), load_pretrained(first), load_pretrained(second).backbone
    for name, parameter in moved.named_parameters():
        source = backbone.get_parameter(name.removeprefix("backbone.")) if name.startswith("backbone.") else None
        assert torch.equal(parameter, heads.get_parameter(name) if source is None else source), name


def test_a_start_of_another_architecture_is_refused(tmp_path: Path) -> None:
    first = train(tiny_run(tmp_path / "first", joint_steps=0))
    config = tiny_run(tmp_path / "other", start=str(first))
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, num_prompts=7))
    with pytest.raises(WeightsError, match=r"train\.start: .*prompt_slots is \(4, 32\), expected \(7, 32\)"):
        train(config)


def test_dressed_photos_are_trained_on_beside_drawn_objects(tmp_path: Path) -> None:
    config = with_natural_photos(tiny_run(tmp_path / "run"), tmp_path / "photos.parquet")
    model = initialize_model(config)
    training_data = make_training_data(config, model.backbone, num_pairs=4, shard=Shard())
    drawn = [training_data.train.draw(config.episodes, 4, "natural", number) for number in range(20)]
    assert {episode.pool for episode in drawn} == {0, 1, 2, 3}
    for episode in drawn:
        values = training_data.train.values(episode.pool, episode.batch)
        own, other = (values[:, :6], values[:, 6:]) if episode.pool < 2 else (values[:, 6:], values[:, :6])
        assert (own >= 0).all()
        assert (other == -1).all()
        assert torch.equal(episode.rule.identities(own), episode.identities)
    assert (train(config) / "config.json").is_file()


def test_without_photos_there_are_drawn_objects_alone(tmp_path: Path) -> None:
    config = tiny_run(tmp_path)
    config = dataclasses.replace(config, episodes=dataclasses.replace(config.episodes, natural_pools=2))
    training_data = make_training_data(config, initialize_model(config).backbone, num_pairs=4, shard=Shard())
    assert len(training_data.train.pools) == 2


def test_too_few_photos_to_dress_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "photos.parquet"
    config = with_natural_photos(tiny_run(tmp_path / "run"), file)
    pd.read_parquet(file).head(20).to_parquet(file)
    with pytest.raises(ConfigError, match=r"episodes\.natural_photos: 20 photos; expected 32 or more"):
        train(config)


def test_context_check_tells_a_static_model(tmp_path: Path) -> None:
    config = tiny_run(tmp_path)
    model = build_model(PRESETS["tiny"]).eval()
    world = world_of(model, config, "choice", 1)
    held_out_batches = [batch_of(world, config, num_pairs=4, num=1, seed=f"exam {n}", photos=True) for n in range(4)]
    check = check_context(model, held_out_batches, image_transform(config))
    assert check.spread > 1e-3
    assert len({check.own, check.other, check.null, check.frozen}) > 1
    with torch.no_grad():
        model.head.out.weight.zero_()
    check = check_context(model, held_out_batches, image_transform(config))
    assert check.spread == pytest.approx(0, abs=1e-6)
    assert check.own == check.other == check.shuffled == check.null


def test_contexts_have_varied_shares_of_same_pairs_and_validations_have_half(tmp_path: Path) -> None:
    config = tiny_run(tmp_path)
    varied = {"same_shares": (0.25, 0.5), "values_per_factor": 4, "photos_per_silhouette": 256, "photos": 2}
    config = dataclasses.replace(config, episodes=dataclasses.replace(config.episodes, **varied))
    model = initialize_model(config)
    training_data = make_training_data(config, model.backbone, num_pairs=4, shard=Shard())
    drawn = [training_data.train.draw(config.episodes, 4, 0, step, "episode", 0) for step in range(20)]
    assert {int(episode.support.same.sum()) for episode in drawn} == {1, 2}
    exams = validation_task(training_data, config, support=True, photo_tokens=True)
    assert [int(held_out_batches.same.sum()) for held_out_batches in exams] == [2] * 4


def test_a_share_of_episodes_is_amid_clutter_half_of_them_by_the_emblem_alone(tmp_path: Path) -> None:
    config = tiny_run(tmp_path)
    amid = {"cluttered_pools": 2, "cluttered_share": 0.8, "values_per_factor": 4, "photos_per_silhouette": 256}
    config = dataclasses.replace(config, episodes=dataclasses.replace(config.episodes, **amid))
    training_data = make_training_data(config, initialize_model(config).backbone, num_pairs=4, shard=Shard())
    drawn = [training_data.train.draw(config.episodes, 4, 0, step, "episode", 0) for step in range(200)]
    cluttered = [episode for episode in drawn if episode.pool >= config.episodes.num_silhouettes]
    assert len(cluttered) == pytest.approx(0.8 * 200, abs=20)
    by_emblem = [episode for episode in cluttered if episode.rule.name == "emblem"]
    assert len(by_emblem) == pytest.approx(len(cluttered) * (1 + 1 / 12) / 2, abs=25)
    assert {episode.pool for episode in by_emblem} == {2, 3}
    assert max(len(episode.rule.factors) for episode in cluttered) == 2
    held_out = [training_data.held_out.draw(config.episodes, 4, 1, step) for step in range(20)]
    assert {episode.pool for episode in held_out} == {0, 1}, "a plain one, and one amid clutter"


def test_missing_backbone_and_photos_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"train\.backbone.*vicp pretrain"):
        train(tiny_run(tmp_path, backbone=str(tmp_path / "none")))
    config = tiny_run(tmp_path)
    config = dataclasses.replace(config, pretrain=dataclasses.replace(config.pretrain, photos="none.parquet"))
    with pytest.raises(ConfigError, match=r"pretrain\.photos: no such file or folder: none\.parquet"):
        pretrain(config)


def test_gradient_checkpointing_and_bfloat16_change_no_more_than_rounding(tmp_path: Path) -> None:
    train(tiny_run(tmp_path / "plain", precision="float32"))
    train(tiny_run(tmp_path / "checkpointed", precision="float32", gradient_checkpointing=True))
    train(tiny_run(tmp_path / "half", precision="bfloat16"))
    plain, checkpointed, half = (losses(tmp_path / name) for name in ("plain", "checkpointed", "half"))
    for step, row in plain.items():
        assert checkpointed[step]["total"] == pytest.approx(row["total"], abs=1e-4)
        assert half[step]["total"] == pytest.approx(row["total"], rel=0.05)
    assert any(half[step]["total"] != row["total"] for step, row in plain.items())
