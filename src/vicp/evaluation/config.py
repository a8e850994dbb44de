"""The configuration of an evaluation: methods, protocol, adaptations, second stages, number and size of supports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.fitting import fit
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import GeneratedPrompt, PromptTokens, StaticTokens
from vicp.adapt.selection import select
from vicp.adapt.selection.triplet_plus import fit_finetuned
from vicp.data.records import nearest
from vicp.errors import ConfigError
from vicp.evaluation.methods import ADAPTATIONS, possible_adaptations, supported_adaptations
from vicp.evaluation.protocols.protocol import Protocol
from vicp.evaluation.reranking.stages import Stage

_LEAST = {"num_pairs": ("pairs", 2), "num_draws": ("support_draws", 1), "shortlist": ("shortlist", 2)}

Adapting = Callable[[Embedder, EncodedSupport, str], Prompt | Embedder]


def adapt_support(embedder: Embedder, support: EncodedSupport, name: str) -> Prompt | Embedder:
    """Return the embedder and the prompt that an adaptation makes of a support, its settings chosen on the support.

    Raises:
        ConfigError: The embedder lacks what the adaptation needs.
        DataError: The support gives no metric.
        ValueError: No adaptation of that name.
    """
    match name:
        case "static":
            return fit(embedder, support, StaticTokens())
        case "prompt":
            return fit(embedder, support, PromptTokens())
        case "generated":
            return fit(embedder, support, GeneratedPrompt())
        case "finetuned":
            return fit_finetuned(embedder, support)
        case "metric" | "tuned" | "auto":
            return select.fit_selected(embedder, support, name)
    raise ValueError(f"no adaptation {name!r}")


@dataclass(frozen=True)
class EvaluationConfig:
    """What is evaluated, and how; the same for every method.

    Attributes:
        protocol: Gives the tasks.
        num_pairs: K, labelled pairs per support.
        num_draws: Supports per category.
        seed: Of every draw.
        adaptations: None for all that a method can do, but those of gradient steps.
        stages: Second stages to add.
        shortlist: Gallery photos that a second stage re-orders.
        share_support: See `make_tasks`.
        exclude: See `make_tasks`.
        categories: Only these; none are all.
        unseen: Those of which no method was trained on; their mean gets a row, and so does that of the others.
        keep_bursts: Look photos up among the others of their moment, too.
        keep_trained: Look up individuals that a checkpoint was trained on, too.
        diagnose: Look closer at every category, with the first method.
        published: A CSV of numbers that others have printed, see `read_published`.
        out: Folder of finished results, from which a stopped evaluation goes on; None keeps none.
        command: That makes the report again.
        adapt: What an adaptation of a name makes of a support.

    Raises:
        ConfigError: Too few pairs, supports or photos of a shortlist, or a share out of range or without effect.
    """

    protocol: Protocol
    num_pairs: int = 32
    num_draws: int = 5
    seed: int = 0
    adaptations: tuple[str, ...] | None = None
    stages: tuple[Stage, ...] = ()
    shortlist: int = 50
    share_support: float = 0.5
    exclude: str | None = None
    categories: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    keep_bursts: bool = False
    keep_trained: bool = False
    diagnose: bool = True
    published: Path | None = None
    out: Path | None = None
    command: str = ""
    adapt: Adapting = adapt_support

    def __post_init__(self) -> None:
        for field, (argument, least) in _LEAST.items():
            if getattr(self, field) < least:
                raise ConfigError(f"{argument} {getattr(self, field)}: expected at least {least}")
        if not 0.01 <= self.share_support <= 0.99:
            raise ConfigError(f"share_support {self.share_support:g}: expected a number from 0.01 to 0.99")
        if self.share_support != type(self).share_support and not self.protocol.shares_support:
            raise ConfigError(
                f"share_support has no effect on {self.protocol.name}, whose splits say what is taught: leave it out"
            )


def find_adaptations(names: Sequence[str]) -> tuple[str, ...] | None:
    """Return the adaptations of these names; None without names, which stands for all without gradient steps.

    Raises:
        ConfigError: There is none of that name.
    """
    for name in names:
        if name not in ADAPTATIONS:
            raise ConfigError(f"no adaptation '{name}'{nearest(name, ADAPTATIONS)}")
    return tuple(names) or None


def adaptations_to_run(embedder: Embedder, config: EvaluationConfig) -> tuple[str, ...]:
    """Return the adaptations of the configuration that this method supports.

    With a generated prompt goes the static one, where there is one: the context report needs it.

    Raises:
        ConfigError: It can do none of them.
    """
    if config.adaptations is None:
        return supported_adaptations(embedder, None)
    possible = possible_adaptations(embedder)
    requested = config.adaptations
    if "generated" in requested:
        requested = (*requested, "static")
    supported = [name for name in requested if name in possible]
    return supported_adaptations(embedder, supported or config.adaptations)
