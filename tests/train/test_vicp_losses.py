"""The losses of VICP: what each of them looks at."""

import dataclasses
from pathlib import Path

import torch
from tiny_runs import tiny_run

from vicp.model.build import build_model
from vicp.train.episodes.batch import collate
from vicp.train.episodes.rule_source import make_rule_source
from vicp.train.episodes.sources import image_transform
from vicp.train.methods.vicp import make_training_module


def test_the_agreement_loss_compares_latents_and_never_the_readout(tmp_path: Path) -> None:
    """The refinement of the metric reads the photos' readouts; comparison tokens are the same with and without it."""
    config = tiny_run(tmp_path)
    settings = dataclasses.replace(config.model, metric_rank=8, readout_latent=True, pooling="both")
    plain, refined = (build_model(dataclasses.replace(settings, metric_refinement=on)) for on in (False, True))
    refined.load_state_dict(plain.state_dict(), strict=False)
    transform = image_transform(config)
    source = make_rule_source(plain.backbone, config.episodes, "seen", num=2, transform=transform, seed=0)
    episodes = [source.draw(config.episodes, 4, "agreement", number) for number in range(2)]
    batch = collate(source, episodes, support=True, photo_tokens=True, photos=False)
    without, with_refinement = (make_training_module(config, model)(batch).agreement for model in (plain, refined))
    assert without is not None
    torch.testing.assert_close(with_refinement, without)
