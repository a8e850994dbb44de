"""Initial weights of a run: random, a pretrained backbone, or a checkpoint of which some parts are re-initialised."""

from collections.abc import Iterable
from pathlib import Path

import torch
from transformers import AutoModel, PreTrainedModel

from vicp.config import RunConfig, TrainConfig
from vicp.data.seeds import derive_seed
from vicp.errors import ConfigError, WeightsError
from vicp.model.build import build_model
from vicp.model.loading.checkpoint import copy_tensors, is_checkpoint, load_checkpoint, load_pretrained, own_tensors
from vicp.model.loading.packaged import packaged
from vicp.model.vicp import VICP
from vicp.train.episodes.batch import EpisodeSource

DIRECTION_EPISODES = 64  # whose photos set the directions that fresh parts start from
LATE_PARTS = frozenset(("metric_refinement", "prompt_gate"))  # that join a checkpoint trained without them


def initialize_model(config: RunConfig) -> VICP:
    """Return a model by the config's seed: backbone from `train.backbone`, or all but `train.fresh` from `train.start`.

    Raises:
        ConfigError: `train.fresh` names a part that is not there, or there is no `train.start`.
        WeightsError: What is to start from cannot be loaded, or has other tensors.
    """
    model = build_model(config.model, seed=derive_seed(config.seed, "model"))
    if config.train.start is None:
        if config.train.fresh:
            raise ConfigError("train.fresh: without train.start every part is fresh; leave it out")
        initialize_backbone(config, model.backbone.vit)
        return model.train()
    loaded, initial = own_tensors(load_checkpoint(Path(config.train.start))), own_tensors(model)
    unknown = set(config.train.fresh) - _parts_of([*loaded, *initial])
    if unknown:
        parts = ", ".join(sorted(_parts_of(loaded)))
        raise ConfigError(f"train.fresh: no part '{min(unknown)}' in {config.train.start}; it has {parts}")
    fresh = _fresh_parts(config.train, _parts_of(loaded))
    if config.train.backbone is not None:
        fresh |= {"backbone"}
    kept, target = ({n: t for n, t in tensors.items() if _part(n) not in fresh} for tensors in (loaded, initial))
    copy_tensors(kept, target, where=f"train.start: {config.train.start}")
    initialize_backbone(config, model.backbone.vit)
    return model.train()


def initialize_components(model: VICP, source: EpisodeSource, config: RunConfig) -> None:
    """Set what is fresh of metric head, readout latent and metric refinement by the readouts of photos to train on."""
    readout_latent, head, refinement = model.qformer.readout_latent, model.metric_head, model.metric_refinement
    if config.train.start is not None:
        fresh = _fresh_parts(config.train, _parts_of(own_tensors(load_checkpoint(Path(config.train.start)))))
        readout_latent = readout_latent if "qformer" in fresh else None
        head = head if "metric_head" in fresh else None
        refinement = refinement if "metric_refinement" in fresh else None
    if readout_latent is None and head is None and refinement is None:
        return
    episodes = [source.draw(config.episodes, 0, config.seed, "directions", n) for n in range(DIRECTION_EPISODES)]
    tokens = torch.cat([source.tokens(episode.pool, episode.batch) for episode in episodes]).float()
    encoding = model.backbone.split(tokens, config.model.image_size)
    readouts = encoding.pool(model.backbone.pooling).to(model.prompt_slots.device)
    if readout_latent is not None:
        readout_latent.start_from(readouts)
    readouts = torch.nn.functional.normalize(readouts, dim=-1)
    if head is not None:
        head.start_from(readouts)
    if refinement is not None and model.metric_head is not None:
        refinement.start_from(model.metric_head.coordinates(readouts))


def initialize_backbone(config: RunConfig, vit: PreTrainedModel) -> None:
    """Copy the weights of `train.backbone` into a vision model of the same architecture.

    Raises:
        WeightsError: It cannot be loaded, or has other tensors.
    """
    source = config.train.backbone
    if source is not None:
        copy_tensors(_vision_model(source).state_dict(), vit.state_dict(), where=f"train.backbone: {source}")


def _fresh_parts(settings: TrainConfig, there: set[str]) -> set[str]:
    """Return the parts that start anew, of a checkpoint with these parts."""
    return set(settings.fresh) | (LATE_PARTS - there)


def _parts_of(names: Iterable[str]) -> set[str]:
    """Return the parts of a model that tensors of these names belong to."""
    return {_part(name) for name in names}


def _part(name: str) -> str:
    return name.split(".")[0]


def _vision_model(source: str) -> PreTrainedModel:
    """Return the vision model of a packaged checkpoint, of a VICP checkpoint, or of a folder of transformers."""
    folder = packaged(source) or Path(source)
    if is_checkpoint(folder):
        return load_pretrained(source).backbone.vit
    try:
        return AutoModel.from_pretrained(str(folder))
    except (OSError, ValueError) as error:
        raise WeightsError(f"train.backbone: cannot load '{source}'; `vicp pretrain` makes one") from error
