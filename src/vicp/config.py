"""The settings of a run: frozen dataclasses with the paper's defaults, which YAML and key=value override."""

from dataclasses import dataclass, field
from typing import Any, Literal

from vicp.image_transform import ImageTransform
from vicp.pretrain_config import DistillConfig, PretrainConfig


@dataclass(frozen=True)
class PartConfig:
    """A part of the model that transformers provides."""

    source: str | None = None
    """Hub name or folder of pretrained weights; None builds it from `family` and `sizes`."""
    family: str = ""
    """transformers' model type, such as `dinov2` or `llama`; not needed with a source."""
    sizes: dict[str, Any] = field(default_factory=dict)
    """Fields of that family's transformers config, where there is no source."""


@dataclass(frozen=True)
class SetTransformerConfig:
    """Sizes of the set transformer that can stand where the LLM does."""

    width: int = 192
    """E, in place of the LLM's."""
    layers: int = 2
    """Layers over the pairs, and as many from them to the prompt slots."""
    heads: int = 3


@dataclass(frozen=True)
class ModelConfig:
    """One VICP model; the defaults are the paper's recipe (arXiv 2508.21222)."""

    backbone: PartConfig = field(default_factory=lambda: PartConfig(source="facebook/dinov2-small"))
    reasoner: PartConfig = field(default_factory=lambda: PartConfig(source="Qwen/Qwen3-0.6B"))
    """The authors' code has this one. 64 pairs of 32 latents take 4,192 positions: TinyLlama's 2,048 hold 31 pairs."""
    qformer: dict[str, Any] = field(default_factory=dict)
    """Fields of transformers' `Blip2QFormerConfig`; its own defaults are BLIP-2's."""
    num_latents: int = 32
    """Q, latents per image."""
    latents_of: Literal["image", "pair"] = "image"
    """What the context holds of a pair: Q latents of each photo, or Q that pair fusion makes of both photos."""
    qformer_input: Literal["all", "patches", "cls", "halved"] = "all"
    """Which of a photo's tokens the Q-Former reads; halved: CLS and the mean of every two by two patches."""
    num_prompts: int = 32
    """M, prompt tokens; not in print, the authors' code has 32."""
    prompts_per_layer: bool = False
    """A set of M tokens per ViT layer, as in the authors' code, or one set for all layers, as in the paper."""
    head_norm: bool = False
    """LayerNorm on the head's output (ours)."""
    head: Literal["mlp", "linear"] = "mlp"
    """The authors' code has one linear layer."""
    head_zero_init: bool = False
    """The head starts with prompt tokens of zeros, as in the authors' code."""
    metric_rank: int = 0
    """r, how many directions of the readout the emitted metric scales (ours); 0: no metric, as in the paper."""
    readout_latent: bool = False
    """One more latent per photo, the last: its readout, linearly (ours)."""
    metric_refinement: bool = False
    """Statistics of the labelled pairs adjust the emitted metric in closed form (ours)."""
    prompt_gate: bool = False
    """How far to follow what the LLM emits depends on how well it fits the pairs (ours)."""
    compare_in_context: bool = False
    """A comparison token before each label (ours)."""
    generator: Literal["llm", "set_transformer"] = "llm"
    """What encodes the context; a set transformer ignores the order of the pairs, and `reasoner` is unused."""
    set_transformer: SetTransformerConfig = field(default_factory=SetTransformerConfig)
    freeze_reasoner: bool = True
    """The LLM takes no gradient; without a source it must be trained to be of use."""
    random_reasoner: bool = False
    """The source's architecture with random weights; without a source they are random anyway."""
    label_embeddings: Literal["words", "learned"] = "words"
    """The LLM's own words where it has a tokenizer, or two learned vectors in any case."""
    label_words: tuple[str, str] = ("different", "same")
    """Words of the LLM's vocabulary that stand for the labels, where it has a tokenizer."""
    pooling: Literal["cls", "mean", "both"] = "cls"
    """Which tokens become the embedding."""
    image_size: int = ImageTransform.size
    """Pixels a side of what the backbone sees."""
    image_mean: tuple[float, float, float] = ImageTransform.mean
    """Per channel, of values in [0, 1]."""
    image_std: tuple[float, float, float] = ImageTransform.std
    """Per channel, of values in [0, 1]."""
    image_fit: Literal["squash", "pad", "crop"] = ImageTransform.fit
    """How a photo that is not square becomes square."""

    @property
    def image_transform(self) -> ImageTransform:
        """How photos become the model's input; a ValueError for settings that make no sense."""
        return ImageTransform(self.image_size, self.image_mean, self.image_std, self.image_fit)


@dataclass(frozen=True)
class DataConfig:
    """Which photos are trained on."""

    photos: str | None = None
    """A folder, table or data set of photos with identities; None is rule episodes of the procedural world
    (identity defined on the fly), `world` a table of it with one rule per category."""
    split: str = "train"
    """Rows of this split are trained on, where the photos have splits."""
    fold: int | None = None
    """Of cross-category folds (a column `fold`, ShopID10K's own): this one is for the final test, neither trained nor
    validated on; validation is then on other splits of the other folds, where the photos have splits."""
    categories: tuple[str, ...] = ()
    """Only these; empty is all."""
    held_out: tuple[str, ...] = ()
    """Categories for validation alone; empty keeps a fifth of them, at least one."""
    validate_on: Literal["categories", "identities"] = "categories"
    """Categories that are not trained on, or other identities of the trained ones (the upper bound, Supervised)."""
    validation_share: float = 0.5
    """Of the identities, where `validate_on` is identities and the photos have no split val."""
    flip: bool = True
    """Mirror every photo with probability one half (the paper's only augmentation)."""
    keep_features: bool = True
    """Keep the frozen backbone's tokens of support photos, memory-mapped under `out`; off encodes them every step."""
    keep_features_gb: float = 20.0
    """At most so many gigabytes of them: all of PetFace's would take over 300."""
    skip_bad: bool = False
    """Look at every photo before training, and go on without those that cannot be used."""
    threads: int = 2
    """Photos decoded at once."""
    world_categories: int = 20
    """Silhouettes of `photos: world`, each with a rule."""
    world_identities: int = 24
    world_photos: int = 6
    """Photos of each identity there."""


@dataclass(frozen=True)
class EpisodeConfig:
    """What one step sees: categories, the pairs of their context, and the photos to embed."""

    num_silhouettes: int = 48
    """Pools of the procedural world, where its rule episodes are trained on."""
    photos_per_silhouette: int = 512
    """Size of a pool whose factors all vary."""
    values_per_factor: int = 4
    """A pool keeps this many values of each factor, so that pairs and triples of factors recur in it."""
    contexts: int = 6
    """Categories per warm-up step."""
    joint_contexts: int = 4
    """Categories per joint step; the paper's batch is of one."""
    pairs: tuple[int, ...] = (0, 4, 8, 16, 16, 24, 30)
    """K is drawn from these, per step."""
    query_pairs: int = 48
    """Held-out pairs per context, for the query-pair loss."""
    identities: int = 6
    """P, identities per category in a batch, where the rule has as many."""
    photos: int = 24
    """P*k, photos per category in a batch."""
    hard_share: float = 0.5
    """Share of pairs that contradict what the photos' likeness suggests."""
    same_shares: tuple[float, ...] = (0.5,)
    """Share of same-pairs in a context of a rule episode, drawn from these; in a validation it is half."""
    natural_photos: str | None = None
    """Parquet of photos for more rule episodes: dressed in factors, one of which is the photo itself."""
    natural_column: str = "image"
    """Its column of encoded bytes."""
    natural_pools: int = 0
    """Pools of such photos, each of a few photos in many dresses; without photos there are none."""
    cluttered_pools: int = 0
    """Pools of drawn objects amid clutter, next to `num_silhouettes`: as likely as those, and as dressed photos."""
    cluttered_share: float | None = None
    """Share of rule episodes in those pools, another than that; half of them by the emblem alone, the others by at most
    two factors."""
    labelled_photos: str | None = None
    """A photo table with identities, whose episodes mix with the rule episodes."""
    labelled_share: float = 0.33
    """Share of its episodes."""
    validation_silhouettes: int = 6
    """Pools of the world's `choice` split, for validation."""
    validation_episodes: int = 48
    """Episodes of held-out categories that a validation runs."""
    validation_pairs: int = 16
    """K there."""


@dataclass(frozen=True)
class TrainConfig:
    """How a method is trained: VICP, or a baseline on the same photos."""

    method: Literal["vicp", "static", "finetune"] = "vicp"
    """VICP; one learned prompt for all categories (VPT); or the backbone itself, without prompts."""
    loss: Literal["triplet", "arcface", "adaface", "supcon"] = "triplet"
    """What a baseline's embeddings are trained with; VICP has its own objective."""
    tune: Literal["all", "lora"] = "all"
    """`finetune` trains every weight, or low-rank updates of the attention."""
    lora_rank: int = 8
    lora_layers: int | None = None
    """Only the last layers get an update; None is all of them."""
    backbone: str | None = None
    """Folder of a pretrained vision model or of a VICP checkpoint, or a packaged one, to start `model.backbone` from,
    where that has no source; with `train.start`, in place of that checkpoint's own backbone."""
    start: str | None = None
    """VICP only: folder of a checkpoint to start from, backbone and LLM with it; metric refinement and prompt
    gate that it lacks are fresh."""
    fresh: tuple[str, ...] = ()
    """With `train.start`: parts that are not taken from there but start anew, such as a `head` of other sizes."""
    learns: tuple[str, ...] = ()
    """VICP only: the parts of the model that learn, such as `metric_refinement`; none named are all that are not
    frozen."""
    warmup_steps: int = 1000
    """VICP only: on features of the frozen backbone, with the label and query-pair losses alone."""
    joint_steps: int = 500
    """With embedded photos and every loss."""
    epochs: float = 0.0
    """Above 0, passes over the training photos in place of `joint_steps`."""
    learning_rate: float = 1e-4
    schedule: Literal["cosine", "trapezoid", "constant"] = "cosine"
    """How the rate falls within a phase: along a cosine, in a line over the last fifth, or never."""
    rate_warmup: float = 0.05
    """Share of a phase over which the rate rises from 0."""
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    accumulate: int = 1
    """Batches per step: their gradients are averaged."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of matrix products; auto is bfloat16 where the processor multiplies it natively."""
    gradient_checkpointing: bool = False
    """Compute the layers of LLM and ViT twice instead of keeping what they made: less memory, more time."""
    shard_llm: bool = False
    """Several processes split the layers of the frozen LLM among them (FSDP2), for one too large for each."""
    margin: float = 0.1
    """Triplet margin."""
    class_margin: float | None = None
    """ArcFace's angle in radians (None: 0.5) or AdaFace's m (None: 0.4)."""
    class_scale: float | None = None
    """s of ArcFace and AdaFace; None: 64."""
    temperature: float = 0.1
    """Of the supervised contrastive loss."""
    mining: Literal["batch_hard", "batch_all"] = "batch_hard"
    identity_weight: float = 1.0
    """Of L_ID; VICP's alone."""
    icl_weight: float = 1.0
    align_weight: float = 0.01
    pair_weight: float = 0.0
    """Of the query-pair loss (ours)."""
    contrastive_weight: float = 0.0
    """Of the supervised contrastive loss within a category (ours): of prompted photos, and in the warm-up of photos
    under the emitted metric alone, where `model.metric_rank` has one."""
    smooth_ap_weight: float = 0.0
    """Of Smooth-AP (ours), of the same photos; unlike the others it asks for their order alone, at any scale."""
    distil_weight: float = 0.0
    """Of teaching the verifier's answers on held-out pairs to the similarity of the same photos (ours)."""
    agreement_weight: float = 0.0
    """Of reading off a comparison token in which factors of the world its photos agree (ours)."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """Muon, for the matrices of Q-Former and LLM, learns in fewer steps (ours)."""
    log_every: int = 20
    save_every: int = 100
    """Steps between checkpoints, each with a validation."""
    patience: int = 0
    """End after this many validations without a better one; 0 never does."""
    trackers: tuple[str, ...] = ("tensorboard",)
    """Where curves go, in addition to `train.jsonl`: tensorboard, wandb."""


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run; saved with what the run makes."""

    model: ModelConfig = field(default_factory=ModelConfig)
    pretrain: PretrainConfig = field(default_factory=PretrainConfig)
    distill: DistillConfig = field(default_factory=DistillConfig)
    data: DataConfig = field(default_factory=DataConfig)
    episodes: EpisodeConfig = field(default_factory=EpisodeConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    seed: int = 0
    out: str = "runs/vicp"
    """Folder for checkpoints and logs."""
