"""Recipes: how a prompt is made from a support, one frozen dataclass per kind.

Each has a `method`, the name of its adaptation method; `features`, which embeddings of a photo it reads; and, but for
`TunedPrompt`, `source`, the prompt that prompted features are embedded under.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args

AdaptationMethod = Literal["null", "static", "prompt", "generated", "metric", "tuned"]
MethodOrAuto = Literal["auto", "null", "static", "prompt", "generated", "metric", "tuned"]
Features = Literal["frozen", "prompted", "both"]  # embeddings without a prompt, under a prompt, or both concatenated
PromptSource = Literal["generated", "tokens", "static", "random"]  # where prompt tokens come from
DEFAULT_SHRINKAGE = 3.0  # with too few pairs to choose one: photos want 3 to 10, drawn objects 0.3 to 1


@dataclass(frozen=True)
class Null:
    """No prompt: photos as the frozen backbone embeds them."""

    method: ClassVar[AdaptationMethod] = "null"
    features: ClassVar[Features] = "frozen"
    source: ClassVar[PromptSource | None] = None

    def __str__(self) -> str:
        """Return "null"."""
        return "null"


@dataclass(frozen=True)
class StaticTokens:
    """The prompt tokens that training learned for no category in particular."""

    method: ClassVar[AdaptationMethod] = "static"
    features: ClassVar[Features] = "prompted"
    source: ClassVar[PromptSource] = "static"

    def __str__(self) -> str:
        """Return "static"."""
        return "static"


@dataclass(frozen=True)
class PromptTokens:
    """The paper's prompt: the prompt tokens that the LLM emits for the support, and no metric."""

    method: ClassVar[AdaptationMethod] = "prompt"
    features: ClassVar[Features] = "prompted"
    source: ClassVar[PromptSource] = "tokens"

    def __str__(self) -> str:
        """Return "prompt tokens"."""
        return "prompt tokens"


@dataclass(frozen=True)
class GeneratedPrompt:
    """All that the model emits for the support: prompt tokens as in the paper and, of some models, a metric."""

    method: ClassVar[AdaptationMethod] = "generated"
    features: ClassVar[Features] = "prompted"
    source: ClassVar[PromptSource] = "generated"

    def __str__(self) -> str:
        """Return "generated"."""
        return "generated"


@dataclass(frozen=True)
class EmittedMetric:
    """The metric that the LLM emits, on frozen embeddings; its prompt tokens are left out."""

    method: ClassVar[AdaptationMethod] = "generated"
    features: ClassVar[Features] = "frozen"
    source: ClassVar[PromptSource | None] = None

    def __str__(self) -> str:
        """Return "generated metric on frozen photos"."""
        return "generated metric on frozen photos"


@dataclass(frozen=True)
class Whitening:
    """Within-class covariance normalisation (WCCN), fitted in closed form on the support's same-pairs.

    Attributes:
        shrinkage: Share of the average variance added to every direction, above 0.
        features: What is whitened.
        source: Of the prompt that prompted features are embedded under; None for frozen features.
    """

    shrinkage: float = DEFAULT_SHRINKAGE
    features: Features = "frozen"
    source: PromptSource | None = None
    method: ClassVar[AdaptationMethod] = "metric"

    def __post_init__(self) -> None:
        if (self.source is None) != (self.features == "frozen"):
            raise ValueError(f"{self.features} features under prompt {self.source}: only frozen ones have no prompt")

    def __str__(self) -> str:
        """Return the recipe in words, such as "metric on frozen and generated photos, shrinkage 0.3"."""
        photos = {"frozen": "frozen", "prompted": f"{self.source}", "both": f"frozen and {self.source}"}[self.features]
        return f"metric on {photos} photos, shrinkage {self.shrinkage:g}"


@dataclass(frozen=True)
class Blend:
    """The emitted metric and a whitening together: two photos are as similar as both say, by weight.

    Attributes:
        whitening: Of frozen features.
        weight: Of the emitted metric's similarity, between 0 and 1; the whitening has the rest.
    """

    whitening: Whitening
    weight: float
    method: ClassVar[AdaptationMethod] = "metric"
    features: ClassVar[Features] = "frozen"
    source: ClassVar[PromptSource | None] = None

    def __post_init__(self) -> None:
        if self.whitening.features != "frozen" or not 0 < self.weight < 1:
            raise ValueError(f"a blend takes a whitening of frozen features and a weight between 0 and 1, not {self!r}")

    def __str__(self) -> str:
        """Return the recipe in words."""
        return f"generated metric, of weight {self.weight:g}, with a {self.whitening}"


@dataclass(frozen=True)
class RandomTokens:
    """Prompt tokens drawn at random from what the layers read of the support's photos; where tuning may start."""

    method: ClassVar[AdaptationMethod] = "tuned"
    features: ClassVar[Features] = "prompted"
    source: ClassVar[PromptSource] = "random"

    def __str__(self) -> str:
        """Return the recipe in words."""
        return "tokens of the support's photos as a prompt"


@dataclass(frozen=True)
class TunedPrompt:
    """Prompt tokens after a few gradient steps on the support.

    Attributes:
        start: The source of the first tokens.
        steps: Of AdamW, at least 1.
        rate: Its learning rate.
    """

    start: PromptSource
    steps: int
    rate: float
    method: ClassVar[AdaptationMethod] = "tuned"
    features: ClassVar[Features] = "prompted"

    def __str__(self) -> str:
        """Return the recipe in words, such as "tuned from generated, 30 steps at 0.02"."""
        return f"tuned from {self.start}, {self.steps} steps at {self.rate:g}"


Recipe = (
    Null
    | StaticTokens
    | PromptTokens
    | GeneratedPrompt
    | EmittedMetric
    | Whitening
    | Blend
    | RandomTokens
    | TunedPrompt
)


def recipe_to_dict(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as plain values for JSON: the name of its class under "type", and its fields."""
    values = {field.name: getattr(recipe, field.name) for field in fields(recipe)}
    plain = {name: recipe_to_dict(value) if isinstance(value, Whitening) else value for name, value in values.items()}
    return {"type": type(recipe).__name__, **plain}


def recipe_from_dict(facts: dict[str, Any]) -> Recipe:
    """Return the recipe of what `recipe_to_dict` gave.

    Raises:
        KeyError: No such recipe, or no "type".
        TypeError: No mapping, or other fields than the recipe has.
        ValueError: Fields that do not go together.
    """
    if not isinstance(facts, dict):
        raise TypeError(f"a recipe is {type(facts).__name__}, expected a mapping")
    classes = {recipe.__name__: recipe for recipe in get_args(Recipe)}
    values = {name: value for name, value in facts.items() if name != "type"}
    fitted = {name: recipe_from_dict(value) if isinstance(value, dict) else value for name, value in values.items()}
    recipe: Recipe = classes[facts["type"]](**fitted)
    return recipe
