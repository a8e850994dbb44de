"""The settings of an evaluation: protocol, adaptations, second stages, number and size of supports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vicp.adapt import select
from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.methods import finetuned, generated, static
from vicp.adapt.methods.finetuned import FinetuneSettings
from vicp.adapt.prompt import Prompt
from vicp.data.records import nearest
from vicp.errors import ConfigError
from vicp.evaluation.methods import ADAPTATIONS, DEAREST, adaptations_of
from vicp.evaluation.protocols.protocol import Protocol, find_protocol
from vicp.evaluation.reranking.stages import Stage, find_stages

Adapting = Callable[[Embedder, EncodedSupport, str], Prompt | Embedder]


def adapt_support(embedder: Embedder, support: EncodedSupport, name: str) -> Prompt | Embedder:
    """What an adaptation makes of a support, its settings chosen on it; another embedder where weights change.

    Raises:
        ConfigError: the embedder has not what it needs.
        DataError: the support gives no metric.
        ValueError: there is none of that name.
    """
    match name:
        case "static":
            return static.static_prompt(embedder, support)
        case "generated":
            return generated.generated_prompt(embedder, support)
        case "retrained":
            seed = support.seed or 0
            return finetuned.finetuned(embedder, support.pixels, support.relation, FinetuneSettings(), seed=seed)
        case "metric" | "tuned" | "auto":
            return select.fit_selected(embedder, support, name)
    raise ValueError(f"no adaptation {name!r}")


@dataclass(frozen=True)
class EvaluationSettings:
    """The settings of an evaluation, equal for all methods.

    Attributes:
        protocol: whose tasks these are.
        num_pairs: K, labelled pairs per support.
        num_draws: supports per category.
        seed: of every draw.
        adaptations: None for all that a method can do, but those of gradient steps.
        stages: second stages to add.
        shortlist: gallery photos that a second stage re-orders.
        adapt: what an adaptation of a name makes of a support.
    """

    protocol: Protocol
    num_pairs: int = 32
    num_draws: int = 5
    seed: int = 0
    adaptations: tuple[str, ...] | None = None
    stages: tuple[Stage, ...] = ()
    shortlist: int = 50
    adapt: Adapting = adapt_support


def make_settings(
    protocol: str,
    *,
    num_pairs: int,
    num_draws: int,
    seed: int,
    adaptations: Sequence[str],
    stages: Sequence[str],
    shortlist: int,
) -> EvaluationSettings:
    """The plan that names stand for; no adaptation named is all of them but those of gradient steps.

    Raises:
        ConfigError: a protocol, adaptation or second stage that does not exist.
    """
    for name in adaptations:
        if name not in ADAPTATIONS:
            raise ConfigError(f"no adaptation '{name}'{nearest(name, ADAPTATIONS)}")
    return EvaluationSettings(
        find_protocol(protocol),
        num_pairs=num_pairs,
        num_draws=num_draws,
        seed=seed,
        adaptations=tuple(adaptations) or None,
        stages=find_stages(stages),
        shortlist=shortlist,
    )


def adaptations_to_run(embedder: Embedder, plan: EvaluationSettings) -> tuple[str, ...]:
    """The adaptations of the plan that this method can do; a plain backbone, say, generates no prompt.

    With a generated prompt goes the static one, where there is one: the context report needs it.

    Raises:
        ConfigError: it can do none of them.
    """
    if plan.adaptations is None:
        return adaptations_of(embedder, None)
    possible = adaptations_of(embedder, None)
    requested = (*plan.adaptations, "static") if "generated" in plan.adaptations else plan.adaptations
    supported = [name for name in requested if name in (*possible, *DEAREST)]
    return adaptations_of(embedder, supported or plan.adaptations)
