"""Config in, model out: one nested constructor call, and the presets by name."""

from dataclasses import replace

from vicp.config import ModelConfig, PartConfig, SetTransformerConfig
from vicp.errors import ConfigError
from vicp.model.additions.comparison import Comparison
from vicp.model.additions.metric_refinement import MetricRefinement
from vicp.model.additions.pair_fusion import PairFusion
from vicp.model.additions.prompt_gate import PromptGate
from vicp.model.additions.readout_latent import ReadoutLatent
from vicp.model.additions.set_transformer import SetTransformer
from vicp.model.backbone import Backbone, InputTokens
from vicp.model.heads import MetricHead, Verifier, VisualHead
from vicp.model.loading.pretrained import label_ids, language_model, qformer, vision_model
from vicp.model.loading.seeding import seeded
from vicp.model.qformer import QFormer
from vicp.model.reasoner import Reasoner
from vicp.model.vicp import VICP

PAIR_FUSION_HEAD_DIM = 64  # where it divides the width


def _small(
    width: int,
    *,
    heads: int,
    vit_layers: int,
    llm_layers: int,
    llm_hidden: int,
    cross_attention_every: int,
    image_size: int,
    patch_size: int,
) -> ModelConfig:
    """Return a model whose three transformers share a width, none of them from a source and all of them trained."""
    shape = {"hidden_size": width, "num_attention_heads": heads}
    return ModelConfig(
        backbone=PartConfig(
            family="dinov2",
            sizes={**shape, "num_hidden_layers": vit_layers, "image_size": image_size, "patch_size": patch_size},
        ),
        reasoner=PartConfig(
            family="llama",
            sizes={
                **shape,
                "num_hidden_layers": llm_layers,
                "num_key_value_heads": heads,
                "intermediate_size": llm_hidden,
                "vocab_size": 2,
                "max_position_embeddings": 2048,
            },
        ),
        qformer={
            **shape,
            "num_hidden_layers": 2,
            "intermediate_size": 2 * width,
            "cross_attention_frequency": cross_attention_every,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        num_latents=4,
        prompts_per_layer=True,
        head_norm=True,
        compare_in_context=True,
        freeze_reasoner=False,
        image_size=image_size,
    )


MINI = replace(
    _small(
        192,
        heads=3,
        vit_layers=5,
        llm_layers=4,
        llm_hidden=512,
        cross_attention_every=1,
        image_size=168,
        patch_size=12,
    ),
    qformer_input="halved",
    num_latents=2,
    num_prompts=16,
    pooling="both",
    metric_rank=192,
    readout_latent=True,
    metric_refinement=True,
    prompt_gate=True,
    freeze_reasoner=True,
)
TINY = replace(
    _small(
        32,
        heads=2,
        vit_layers=2,
        llm_layers=2,
        llm_hidden=64,
        cross_attention_every=2,
        image_size=32,
        patch_size=8,
    ),
    num_prompts=4,
)
PRESETS = {"paper": ModelConfig(), "mini": MINI, "tiny": TINY}


def build_model(config: ModelConfig, *, seed: int = 0) -> VICP:
    """Return the architecture diagram: frozen parts from their sources, the others fresh from `seed`.

    Raises:
        ConfigError: A part's family or sizes make no sense, or two settings contradict each other.
        WeightsError: A source cannot be had.
    """
    if config.generator == "set_transformer" and config.random_reasoner:
        raise ConfigError(
            "model.random_reasoner: model.generator is set_transformer, so there is no LLM to be random; "
            "leave one of the two at its default"
        )
    with seeded(seed):
        backbone = Backbone(vision_model(config.backbone), pooling=config.pooling)
        reasoner = _reasoner(config)
        return VICP(
            config=config,
            backbone=backbone,
            qformer=QFormer(
                qformer(config.qformer, backbone.width),
                num_latents=config.num_latents,
                out_dim=reasoner.width,
                input_tokens=_input_tokens(config, backbone),
                pooling=backbone.pooling,
                readout_latent=ReadoutLatent(backbone.embedding_dim, reasoner.width) if config.readout_latent else None,
                keep_readout=config.metric_refinement,
            ),
            comparison=Comparison(reasoner.width, readout_latent=config.readout_latent),
            reasoner=reasoner,
            head=VisualHead(
                reasoner.width,
                backbone.width,
                num_layers=len(backbone.layers) if config.prompts_per_layer else None,
                norm=config.head_norm,
                kind=config.head,
                zero_init=config.head_zero_init,
            ),
            verifier=Verifier(reasoner.width),
            pair_fusion=_pair_fusion(config, reasoner.width),
            metric_head=_metric_head(config, reasoner.width, backbone.embedding_dim),
            metric_refinement=_metric_refinement(config),
            prompt_gate=_prompt_gate(config),
        )


def vision_backbone(config: ModelConfig, *, seed: int = 0) -> Backbone:
    """Return the backbone alone, as `build_model` makes it."""
    with seeded(seed):
        return Backbone(vision_model(config.backbone), pooling=config.pooling)


def _input_tokens(config: ModelConfig, backbone: Backbone) -> InputTokens:
    if config.qformer_input == "cls" and not backbone.has_cls:
        raise ConfigError(
            f"model.qformer_input: 'cls', but {type(backbone.vit).__name__} has no CLS token; use 'patches'"
        )
    return config.qformer_input


def _reasoner(config: ModelConfig) -> Reasoner | SetTransformer:
    match config.generator:
        case "set_transformer":
            return _set_transformer(config.set_transformer)
        case "llm":
            llm = language_model(config.reasoner, random=config.random_reasoner)
            learned = config.label_embeddings == "learned"
            words = None if learned else label_ids(config.reasoner, config.label_words)
            return Reasoner(llm, label_ids=words, frozen=config.freeze_reasoner)


def _set_transformer(sizes: SetTransformerConfig) -> SetTransformer:
    wrong = [f"{name} is {value}, expected 1 or more" for name, value in vars(sizes).items() if value < 1]
    if not wrong and sizes.width % sizes.heads:
        wrong = [f"width is {sizes.width}, which {sizes.heads} heads do not divide"]
    if wrong:
        raise ConfigError(f"model.set_transformer: {'; '.join(wrong)}")
    return SetTransformer(sizes.width, num_layers=sizes.layers, num_heads=sizes.heads)


def _pair_fusion(config: ModelConfig, width: int) -> PairFusion | None:
    if config.latents_of == "image":
        return None
    heads = width // PAIR_FUSION_HEAD_DIM if width % PAIR_FUSION_HEAD_DIM == 0 else 1
    return PairFusion(width, num_latents=config.num_latents, num_heads=heads)


def _metric_head(config: ModelConfig, width: int, embedding_dim: int) -> MetricHead | None:
    if config.metric_rank == 0:
        return None
    if not 0 < config.metric_rank <= embedding_dim:
        raise ConfigError(
            f"model.metric_rank is {config.metric_rank}; expected 0 to {embedding_dim}, the length of the embedding"
        )
    return MetricHead(width, embedding_dim, num_slots=config.num_prompts, rank=config.metric_rank)


def _metric_refinement(config: ModelConfig) -> MetricRefinement | None:
    if not config.metric_refinement:
        return None
    if config.metric_rank == 0:
        raise ConfigError("model.metric_refinement: it adds to the gains of a metric; set model.metric_rank as well")
    return MetricRefinement(config.metric_rank)


def _prompt_gate(config: ModelConfig) -> PromptGate | None:
    if config.prompt_gate and not config.metric_refinement:
        raise ConfigError("model.prompt_gate: it judges by the pairs' readouts; set model.metric_refinement as well")
    return PromptGate() if config.prompt_gate else None
