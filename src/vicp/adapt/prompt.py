"""A prompt as a value: what a category's support has decided about how its photos are embedded.

Embedding functions of one shape: the features of a photo (frozen, prompted, or both side by side), then a linear
map if there is one, or two whose outcomes stand side by side. Which features and which maps is what the methods of this
package differ in.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vicp.adapt.methods.whitening import WhiteningTransform, apply
from vicp.decisions.held_out import HeldOut
from vicp.model import visual_prompt as prompt_file
from vicp.model.category_metric import CategoryMetric
from vicp.model.visual_prompt import VisualPrompt, damaged, read_prompt_file, write_prompt_file

FORMATS = ("vicp-adaptation-3", "vicp-adaptation-2", "vicp-adaptation-1")  # the first is written, all are read
EQUAL_WEIGHT = (
    0.5  # the share of a metric beside another where a file says none: the second format; the first has no such
)
AdaptationMethod = Literal["null", "static", "generated", "metric", "tuned"]
Features = Literal["frozen", "prompted", "both"]
Start = Literal["generated", "static", "random"]


@dataclass(frozen=True)
class Recipe:
    """How a prompt is made from a support; hashable, so that scores can be kept by recipe.

    Attributes:
        method: one of the package's.
        features: what of a photo is read: its frozen embedding, its prompted one, or both side by side.
        start: where the prompt tokens come from, where `features` has prompted ones; or, of a metric on frozen photos,
            the metric beside it.
        shrinkage: of the metric.
        steps: of tuning.
        rate: of tuning.
        share: of the metric beside, in how similar two photos are; from 0 to 1, the rest is the other's.
    """

    method: AdaptationMethod = "null"
    features: Features = "frozen"
    start: Start | None = None
    shrinkage: float | None = None
    steps: int | None = None
    rate: float | None = None
    share: float | None = None

    def __str__(self) -> str:
        """The recipe in words, such as "metric on frozen and generated photos, shrinkage 0.3"."""
        seen = {"frozen": "frozen", "prompted": f"{self.start}", "both": f"frozen and {self.start}"}[self.features]
        match self.method:
            case "metric":
                beside = "" if self.share is None else f"generated metric, of weight {self.share:g}, beside a "
                return f"{beside}metric on {seen} photos, shrinkage {self.shrinkage:g}"
            case "tuned" if not self.steps:
                return "tokens of the support's photos as a prompt"
            case "tuned":
                return f"tuned from {self.start}, {self.steps} steps at {self.rate:g}"
            case "generated" if self.features == "frozen":
                return "generated metric on frozen photos"
            case _:
                return self.method


@dataclass(frozen=True)
class Choice:
    """Why a prompt is what it is.

    Attributes:
        reason: a sentence for people.
        scores: share of held-out comparisons ranked right, by candidate; empty where none could be held out.
        threshold: the similarity that best tells held-out same-pairs from different ones; None if unknown.
        threshold_accuracy: the share of held-out pairs on the right side of it, both kinds weighing the same.
    """

    reason: str
    scores: dict[str, float]
    threshold: float | None = None
    threshold_accuracy: float | None = None


@dataclass(frozen=True)
class Prompt:
    """A category's embedding function, for the model whose fingerprint it carries.

    Attributes:
        recipe: how it was made.
        category: what the support shows.
        num_pairs: K.
        seed: of the support draw; None where the user gave the pairs.
        fingerprint: of the model it is for.
        visual: its tokens make the prompted features; its slot states, if any, are the verifier's.
        metric: applied to the features; None leaves them as they are.
        beside: likewise; photos are as similar as both metrics say, weighted by the share in `recipe`.
        choice: why this one; None for a prompt that was not chosen.
        held_out: similarities that decisions are calibrated on; None where nothing could be held out.
        foreseen: whether the LLM foresaw labels of pairs held out from it; None where it was not asked.
    """

    recipe: Recipe
    category: str
    num_pairs: int
    seed: int | None
    fingerprint: str
    visual: VisualPrompt | None = None
    metric: WhiteningTransform | None = None
    beside: WhiteningTransform | None = None
    choice: Choice | None = None
    held_out: HeldOut | None = None
    foreseen: bool | None = None

    def __post_init__(self) -> None:
        if self.recipe.features != "frozen" and self.visual is None:
            raise ValueError(f"{self.recipe.features} features need a prompt")
        if (self.beside is None) != (self.recipe.share is None) or (self.beside is not None and self.metric is None):
            raise ValueError("a metric beside another needs that other and a share, and only then is there a share")

    @classmethod
    def of(cls, prompt: VisualPrompt) -> "Prompt":
        """The paper's prompt: photos embedded under the prompt that the LLM emitted."""
        recipe = Recipe("generated", "prompted", "generated")
        return cls(recipe, prompt.category, prompt.num_pairs, prompt.seed, prompt.fingerprint, prompt)

    @property
    def views(self) -> tuple[VisualPrompt | None, ...]:
        """The prompts a photo is embedded under, None for the frozen backbone; `finish` takes them in this order."""
        match self.recipe.features:
            case "frozen":
                return (None,)
            case "prompted":
                return (self.visual,)
            case "both":
                return (None, self.visual)

    def finish(self, views: Sequence[Tensor]) -> Tensor:
        """Embeddings (n, D') of photos from their L2-normalised embeddings (n, D) in each view."""
        features = concatenate(views)  # (n, D')
        if self.metric is None:
            return features
        own = apply(self.metric, features)
        if self.beside is None or self.recipe.share is None:
            return own
        return blend(apply(self.beside, features), own, self.recipe.share)

    def save(self, path: Path) -> None:
        """Writes the prompt; the file appears whole or not at all.

        Raises:
            PromptError: it cannot be written there.
        """
        facts = {
            "category": self.category,
            "num_pairs": self.num_pairs,
            "seed": self.seed,
            "recipe": asdict(self.recipe),
            "choice": None if self.choice is None else asdict(self.choice),
            "foreseen": self.foreseen,
        }
        tensors = {
            **({} if self.visual is None else self.visual.tensors),
            **_metric_tensors("metric", self.metric),
            **_metric_tensors("beside", self.beside),
            **_held_out_tensors(self.held_out),
        }
        write_prompt_file(path, tensors, facts, fingerprint=self.fingerprint, format_name=FORMATS[0])

    @classmethod
    def load(cls, path: Path) -> "Prompt":
        """Reads a prompt, or a prompt alone, which is the paper's.

        Raises:
            PromptError: the file is missing, damaged or neither.
        """
        file = read_prompt_file(path, formats=(*FORMATS, prompt_file.FORMAT))
        if file.format_name == prompt_file.FORMAT:
            return cls.of(VisualPrompt.load(path))
        try:
            return _from_file(file.facts, file.tensors, file.fingerprint)
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(path, error) from error


def concatenate(views: Sequence[Tensor]) -> Tensor:
    """Features (n, sum of D): each view's L2-normalised embeddings side by side, normalised again."""
    return views[0] if len(views) == 1 else F.normalize(torch.cat(list(views), dim=1), dim=1)


def blend(one: Tensor, other: Tensor, share: float) -> Tensor:
    """Embeddings (n, D + D') whose similarity is that of one (n, D), times its share, plus the rest of the other's."""
    return torch.cat([share**0.5 * one, (1 - share) ** 0.5 * other], dim=1)


def _from_file(facts: dict[str, Any], tensors: dict[str, Tensor], fingerprint: str) -> Prompt:
    category, num_pairs, seed = facts["category"], facts["num_pairs"], facts["seed"]
    prompt = None
    if "tokens" in tensors:
        states, emitted = tensors.get("states"), CategoryMetric.from_tensors(tensors)
        prompt = VisualPrompt(tensors["tokens"], states, category, num_pairs, seed, fingerprint, emitted)
    metric, beside = _metric_from("metric", tensors), _metric_from("beside", tensors)
    choice = None if facts["choice"] is None else Choice(**facts["choice"])
    held_out = None
    if "held_out.similarity" in tensors:  # files of earlier versions have none
        held_out = HeldOut(*(tensors[f"held_out.{name}"].numpy() for name in ("similarity", "groups", "relation")))
    recipe = Recipe(**facts["recipe"])
    if beside is not None and recipe.share is None:
        recipe = replace(recipe, share=EQUAL_WEIGHT)
    foreseen = facts.get("foreseen")  # likewise
    return Prompt(recipe, category, num_pairs, seed, fingerprint, prompt, metric, beside, choice, held_out, foreseen)


def _metric_tensors(name: str, metric: WhiteningTransform | None) -> dict[str, Tensor | None]:
    return {} if metric is None else {f"{name}.{part}": tensor for part, tensor in vars(metric).items()}


def _metric_from(name: str, tensors: dict[str, Tensor]) -> WhiteningTransform | None:
    weight = tensors.get(f"{name}.weight")
    return None if weight is None else WhiteningTransform(mean=tensors[f"{name}.mean"], weight=weight)


def _held_out_tensors(held_out: HeldOut | None) -> dict[str, Tensor | None]:
    if held_out is None:
        return {}
    return {f"held_out.{name}": torch.from_numpy(values) for name, values in vars(held_out).items()}
