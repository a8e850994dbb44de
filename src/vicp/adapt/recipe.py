"""What there is to choose from, by method; the usual settings first, for of equal candidates the first is taken."""

from collections.abc import Sequence
from typing import Literal

from vicp.adapt.embedder import Embedder
from vicp.adapt.methods.metric import SHRINKAGE
from vicp.adapt.prompt import Features, Recipe, Start

MethodOrAuto = Literal["auto", "null", "static", "generated", "metric", "tuned"]
SHRINKAGES = (SHRINKAGE, 1.0, 10.0, 0.3, 0.1)
STEPS, RATES = (5, 10, 20, 30), (2e-2, 5e-3)
NULL = Recipe()
STATIC = Recipe("static", "prompted", "static")
GENERATED = Recipe("generated", "prompted", "generated")
EMITTED_METRIC = Recipe("generated", "frozen", "generated")  # the emitted metric without the prompt tokens
STRONG_SHRINKAGE = Recipe(
    "metric", "frozen", shrinkage=10.0
)  # seldom harms, whatever the labels: results/ablations/choice.md
BLEND_WEIGHTS = (0.8, 0.5)  # of the emitted metric, where one fitted in closed form stands beside it
BESIDE, EVENLY = (Recipe("metric", "frozen", "generated", shrinkage=SHRINKAGE, share=share) for share in BLEND_WEIGHTS)
RANDOM = Recipe("tuned", "prompted", "random", steps=0)  # where tuning may start; worth something now and then


def prompts(embedder: Embedder) -> list[Recipe]:
    """Photos under each prompt there is."""
    there = [] if embedder.static is None else [STATIC]
    return there if embedder.model is None else [*there, GENERATED]


def emitted(embedder: Embedder) -> list[Recipe]:
    """Photos under the metric that the model emits, alone and beside another; none where it emits none."""
    emits = embedder.model is not None and embedder.model.metric_head is not None
    return [EMITTED_METRIC, BESIDE, EVENLY] if emits else []


def needs_gradient_steps(embedder: Embedder, method: MethodOrAuto) -> bool:
    """Whether a method tries gradient steps: "tuned" does, and "auto" where no model emits a metric.

    Beside an emitted metric tuned prompts are by far the dearest; results/context.md has what they reach.
    """
    return method == "tuned" or (method == "auto" and not emitted(embedder))


def closed_form_candidates(embedder: Embedder, method: MethodOrAuto) -> list[Recipe]:
    """Nothing at all, and the candidates of a method that take no gradient step.

    Where the model emits a metric, which holds without its tokens, metrics are of frozen photos alone, and one stands
    beside it: "auto" then looks at no photo once more.
    """
    readout = emitted(embedder)
    prompted = [] if readout else _prompted_metrics(prompts(embedder))
    match method:
        case "null":
            return [NULL]
        case "static":
            return [NULL, STATIC]
        case "generated":
            return [NULL, GENERATED]
        case "metric":
            return [NULL, *_metrics("frozen", None), *prompted]
        case "tuned":
            return [NULL, RANDOM, *prompts(embedder)]
        case "auto":
            more = readout or [RANDOM, *prompts(embedder)]
            return [NULL, *_metrics("frozen", None), *more, *prompted]


def tuned_candidates(start: Start | None, method: MethodOrAuto) -> list[Recipe]:
    """Numbers of steps at each rate; all of them only where tuning was asked for, since it is by far the dearest."""
    rates, ends = (RATES, STEPS) if method == "tuned" else (RATES[:1], STEPS[:-1])
    return [Recipe("tuned", "prompted", start, steps=steps, rate=rate) for rate in rates for steps in ends]


def default_recipe(embedder: Embedder, method: MethodOrAuto) -> Recipe:
    """What to do where there is nothing to choose by."""
    match method:
        case "auto":
            return BESIDE if emitted(embedder) else STRONG_SHRINKAGE
        case "null":
            return NULL
        case "static":
            return STATIC
        case "generated":
            return GENERATED
        case "metric":
            return Recipe("metric", "frozen", shrinkage=SHRINKAGE)
        case "tuned":
            return tuned_candidates([RANDOM, *prompts(embedder)][-1].start, method)[0]


def _prompted_metrics(there: Sequence[Recipe]) -> list[Recipe]:
    kinds: tuple[Features, ...] = ("both", "prompted")
    return [recipe for kind in kinds for prompt in there for recipe in _metrics(kind, prompt.start)]


def _metrics(features: Features, start: Start | None) -> list[Recipe]:
    return [Recipe("metric", features, start, shrinkage=shrinkage) for shrinkage in SHRINKAGES]
