"""The candidate recipes of each adaptation method, the preferred settings first: ties go to the first."""

from collections.abc import Sequence

from vicp.adapt.recipe import (
    DEFAULT_SHRINKAGE,
    Blend,
    EmittedMetric,
    Features,
    GeneratedPrompt,
    MethodOrAuto,
    Null,
    PromptSource,
    PromptTokens,
    RandomTokens,
    Recipe,
    StaticTokens,
    TunedPrompt,
    Whitening,
)
from vicp.adapt.teaching_model import TeachingModel
from vicp.errors import ConfigError

SHRINKAGES = (DEFAULT_SHRINKAGE, 1.0, 10.0, 0.3, 0.1)
STEPS, RATES = (5, 10, 20, 30), (2e-2, 5e-3)
STRONG_WHITENING = Whitening(shrinkage=10.0)  # seldom harms, whatever the labels: results/ablations/choice.md
BLENDS = tuple(Blend(Whitening(), weight) for weight in (0.8, 0.5))


def prompt_recipes(embedder: TeachingModel) -> list[StaticTokens | GeneratedPrompt]:
    """Return the static prompt, if there is one, and the generated one, if there is a model."""
    static: list[StaticTokens | GeneratedPrompt] = [] if embedder.static is None else [StaticTokens()]
    return static if embedder.model is None else [*static, GeneratedPrompt()]


def emitted_metric_recipes(embedder: TeachingModel) -> list[Recipe]:
    """Return the emitted metric, alone and blended with a whitening; none where the model emits no metric."""
    emits = embedder.model is not None and embedder.model.metric_head is not None
    return [EmittedMetric(), *BLENDS] if emits else []


def closed_form_candidates(embedder: TeachingModel, method: MethodOrAuto) -> list[Recipe]:
    """Return the candidates of a method that take no gradient step, with the null prompt first.

    Where the model emits a metric, which holds without its prompt tokens, whitenings are of frozen features alone; a
    prompt, under which every photo is embedded again, has to lead them.

    Raises:
        ConfigError: Tuned prompt tokens for a backbone that takes none.
    """
    emitted, prompts = emitted_metric_recipes(embedder), prompt_recipes(embedder)
    frozen = [Whitening(shrinkage) for shrinkage in SHRINKAGES]
    tokens: list[Recipe] = [RandomTokens()] if embedder.takes_prompts else []
    prompted = [] if emitted else _prompted_whitenings([recipe.source for recipe in prompts])
    match method:
        case "null":
            return [Null()]
        case "static":
            return [Null(), StaticTokens()]
        case "prompt":
            return [Null(), PromptTokens()]
        case "generated":
            return [Null(), GeneratedPrompt()]
        case "metric":
            return [Null(), *frozen, *prompted]
        case "tuned":
            if not embedder.takes_prompts:
                raise ConfigError("a backbone of timm takes no prompt tokens to tune: give --adapt metric or null")
            return [Null(), *tokens, *prompts]
        case "auto":
            return [
                Null(),
                *frozen,
                *([*emitted, GeneratedPrompt()] if emitted else [*tokens, *prompts]),
                *prompted,
            ]


def tuned_candidates(start: PromptSource) -> list[Recipe]:
    """Return numbers of steps at each rate, for method "tuned"."""
    return [TunedPrompt(start, steps, rate) for rate in RATES for steps in STEPS]


def default_recipe(embedder: TeachingModel, method: MethodOrAuto) -> Recipe:
    """Return a method's recipe for a support too small to choose by."""
    match method:
        case "auto":
            return BLENDS[0] if emitted_metric_recipes(embedder) else STRONG_WHITENING
        case "null":
            return Null()
        case "static":
            return StaticTokens()
        case "prompt":
            return PromptTokens()
        case "generated":
            return GeneratedPrompt()
        case "metric":
            return Whitening()
        case "tuned":
            return tuned_candidates([RandomTokens(), *prompt_recipes(embedder)][-1].source)[0]


def _prompted_whitenings(sources: Sequence[PromptSource]) -> list[Recipe]:
    kinds: tuple[Features, ...] = ("both", "prompted")
    return [Whitening(shrinkage, kind, source) for kind in kinds for source in sources for shrinkage in SHRINKAGES]
