"""The prompt of a category: how its photos are embedded, as decided on its support."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vicp.adapt.linear_transform import Floats, LinearTransform, blend, concatenate
from vicp.adapt.recipe import Blend, EmittedMetric, GeneratedPrompt, Recipe, Whitening, recipe_from_dict, recipe_to_dict
from vicp.decisions.borrowed import SimilarityKind
from vicp.decisions.held_out import HeldOut
from vicp.decisions.typicality import CategoryReference
from vicp.errors import PromptError
from vicp.model.category_metric import CategoryMetric
from vicp.model.visual_prompt import (
    PromptFile,
    VisualPrompt,
    damaged,
    decode_prompt_file,
    encode_prompt_file,
    read_prompt_file,
    write_prompt_file,
)

FORMAT = "vicp-prompt-2"
STATIC_NAME = "static.prompt.safetensors"  # of a checkpoint's static prompt, in its folder


@dataclass(frozen=True)
class Choice:
    """Why a prompt is what it is.

    Attributes:
        reason: A sentence for people.
        scores: Share of held-out comparisons ranked right, by candidate; empty where none could be held out.
        threshold: The similarity that best tells held-out same-pairs from different ones; None if unknown.
        threshold_accuracy: The share of held-out pairs on the right side of it, both kinds weighing the same.
    """

    reason: str
    scores: dict[str, float]
    threshold: float | None = None
    threshold_accuracy: float | None = None


@dataclass(frozen=True)
class Usefulness:
    """What a prompt reaches on individuals held out of its support.

    Attributes:
        rank1: Share of photos whose individual is found first.
        map: Mean average precision.
        photos: How many were looked up; each has another photo of its individual, of another moment.
        individuals: Among how many.
        rank1_of_half: The share with half of the individuals taught; None where the prompt is not fitted to pairs.
        more_pairs_help: Whether the second half added something; None where that was not tried.
    """

    rank1: float
    map: float
    photos: int
    individuals: int
    rank1_of_half: float | None
    more_pairs_help: bool | None


@dataclass(frozen=True)
class Prompt:
    """A category's embedding function, for the model whose fingerprint it carries.

    A photo's features are its frozen embedding, its embedding under the visual prompt, or both concatenated. One or
    two linear transforms are then applied to them.

    Attributes:
        recipe: How it was made; it says which features and which transforms there are.
        category: What the support shows.
        num_pairs: K.
        seed: Of the support draw; None where the user gave the pairs.
        fingerprint: Of the model it is for.
        visual: Its tokens make the prompted features; its slot states, if any, are the verifier's.
        whitening: Fitted on the support in closed form; None if the recipe has none.
        emitted_metric: The LLM's; None if the recipe has none.
        choice: Why this one; None for a prompt that was not chosen.
        held_out: Similarities that decisions are calibrated on; None where nothing could be held out.
        reference: Photos that show what the category looks like; None where it was not taught.
        usefulness: What it reaches on held-out individuals; None where too few could be held out.
        labels_predictable: Whether the LLM predicts held-out labels better than the majority label does; None where
            that was not tried.
        model: What opens the model it is for: a packaged name, a folder or a hub name; None where that is not known.
    """

    recipe: Recipe
    category: str
    num_pairs: int
    seed: int | None
    fingerprint: str
    visual: VisualPrompt | None = None
    whitening: LinearTransform | None = None
    emitted_metric: LinearTransform | None = None
    choice: Choice | None = None
    held_out: HeldOut | None = None
    reference: CategoryReference | None = None
    usefulness: Usefulness | None = None
    labels_predictable: bool | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        if self.recipe.features != "frozen" and self.visual is None:
            raise ValueError(f"{self.recipe.features} features need a prompt")
        present = (self.whitening is not None, self.emitted_metric is not None)
        expected = (isinstance(self.recipe, Whitening | Blend), isinstance(self.recipe, EmittedMetric | Blend))
        if present != expected:
            raise ValueError(
                f"a prompt of recipe '{self.recipe}': having a whitening, and an emitted metric, is {present}, "
                f"expected {expected}"
            )

    def __repr__(self) -> str:
        """Return one line: the category, how many pairs and the recipe."""
        return f"Prompt({self.category!r}, pairs={self.num_pairs}, recipe={str(self.recipe)!r})"

    @classmethod
    def of(cls, visual: VisualPrompt) -> "Prompt":
        """Return the paper's prompt: photos embedded under the visual prompt that the LLM emitted."""
        facts = (visual.category, visual.num_pairs, visual.seed, visual.fingerprint)
        return cls(GeneratedPrompt(), *facts, visual=visual)

    @property
    def feature_sources(self) -> tuple[VisualPrompt | None, ...]:
        """The visual prompts a photo is embedded under, None for the frozen backbone, in the order of `project`."""
        match self.recipe.features:
            case "frozen":
                return (None,)
            case "prompted":
                return (self.visual,)
            case "both":
                return (None, self.visual)

    @property
    def similarity_kind(self) -> SimilarityKind:
        """What its similarities are: cosines after a linear map centred on the support, or of the features."""
        return "plain" if self.whitening is None and self.emitted_metric is None else "metric"

    def project(self, embeddings: Sequence[Floats]) -> Floats:
        """Return the final embeddings (n, D') of photos.

        Args:
            embeddings: Of the photos under each of `feature_sources`, (n, D) each, L2-normalised.
        """
        features = concatenate(embeddings)  # (n, D')
        if self.emitted_metric is None:
            return features if self.whitening is None else self.whitening.apply(features)
        emitted = self.emitted_metric.apply(features)
        if self.whitening is None or not isinstance(self.recipe, Blend):
            return emitted
        return blend(emitted, self.whitening.apply(features), self.recipe.weight)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the prompt; the file appears whole or not at all.

        Raises:
            PromptError: It cannot be written there.
        """
        write_prompt_file(Path(path), self.to_bytes())

    def to_bytes(self) -> bytes:
        """Return the content of the prompt's file."""
        facts = {
            "category": self.category,
            "num_pairs": self.num_pairs,
            "seed": self.seed,
            "recipe": recipe_to_dict(self.recipe),
            "choice": None if self.choice is None else asdict(self.choice),
            "usefulness": None if self.usefulness is None else asdict(self.usefulness),
            "labels_predictable": self.labels_predictable,
            "model": self.model,
        }
        arrays: dict[str, NDArray[Any] | None] = {
            **({} if self.visual is None else self.visual.arrays),
            **_transform_arrays("whitening", self.whitening),
            **_transform_arrays("emitted_metric", self.emitted_metric),
            **({} if self.held_out is None else _named("held_out", vars(self.held_out))),
            **_reference_arrays(self.reference),
        }
        return encode_prompt_file(arrays, facts, fingerprint=self.fingerprint, format_name=FORMAT)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Prompt":
        """Return the prompt in a file.

        Raises:
            PromptError: The file is missing, damaged, of an earlier version or no prompt.
        """
        return _from_file(read_prompt_file(Path(path), formats=(FORMAT,)), Path(path))

    @classmethod
    def from_bytes(cls, data: bytes, *, name: str = "prompt") -> "Prompt":
        """Return the prompt whose file has this content.

        Args:
            data: The content.
            name: Of what holds it, for messages.

        Raises:
            PromptError: It is damaged, of an earlier version or no prompt.
        """
        return _from_file(decode_prompt_file(data, formats=(FORMAT,), name=name), name)


def check_prompt(prompt: Prompt, fingerprint: str) -> None:
    """Raise `PromptError` for a prompt of another model than this, or for something else than a prompt."""
    if not isinstance(prompt, Prompt):
        raise PromptError(f"a {type(prompt).__name__} in place of a prompt: `vicp.Prompt.load` reads a file of one")
    if prompt.fingerprint != fingerprint:
        raise PromptError(
            f"the prompt for '{prompt.category}' belongs to model {prompt.fingerprint}, this one is {fingerprint}: "
            "use that model, or teach the category again"
        )


def checked_sources(prompt: Prompt | None, fingerprint: str) -> tuple[VisualPrompt | None, ...]:
    """Return the visual prompts that photos are embedded under: of a prompt for this model, or of none.

    Raises:
        PromptError: As `check_prompt`.
    """
    if prompt is None:
        return (None,)
    check_prompt(prompt, fingerprint)
    return prompt.feature_sources


def _from_file(file: PromptFile, name: object) -> Prompt:
    try:
        return _prompt_of(file.facts, file.arrays, file.fingerprint)
    except (AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise damaged(name, error) from error


def _prompt_of(facts: dict[str, Any], arrays: dict[str, NDArray[Any]], fingerprint: str) -> Prompt:
    category, num_pairs, seed = facts["category"], facts["num_pairs"], facts["seed"]
    visual = None
    if "tokens" in arrays:
        states, metric = arrays.get("states"), CategoryMetric.from_arrays(arrays)
        visual = VisualPrompt(arrays["tokens"], states, category, num_pairs, seed, fingerprint, metric)
    held_out = None
    if "held_out.similarity" in arrays:
        held_out = HeldOut(*(arrays[f"held_out.{name}"] for name in ("similarity", "groups", "relation")))
    reference = None
    if "reference.embeddings" in arrays:
        embeddings = arrays["reference.embeddings"].astype(np.float32)
        reference = CategoryReference(embeddings, arrays["reference.groups"])
    return Prompt(
        recipe_from_dict(facts["recipe"]),
        category,
        num_pairs,
        seed,
        fingerprint,
        visual=visual,
        whitening=_transform_from("whitening", arrays),
        emitted_metric=_transform_from("emitted_metric", arrays),
        choice=None if facts["choice"] is None else Choice(**facts["choice"]),
        held_out=held_out,
        reference=reference,
        usefulness=None if facts.get("usefulness") is None else Usefulness(**facts["usefulness"]),
        labels_predictable=facts["labels_predictable"],
        model=facts.get("model"),
    )


def _transform_arrays(name: str, transform: LinearTransform | None) -> dict[str, NDArray[Any]]:
    return {} if transform is None else _named(name, vars(transform))


def _transform_from(name: str, arrays: dict[str, NDArray[Any]]) -> LinearTransform | None:
    weight = arrays.get(f"{name}.weight")
    if weight is None:
        return None
    mean = arrays[f"{name}.mean"]
    if weight.ndim != 2 or mean.shape != weight.shape[1:]:
        raise ValueError(f"{name} of {weight.shape} and {mean.shape}, expected (D', D) and (D,)")
    return LinearTransform(mean=mean, weight=weight)


def _reference_arrays(reference: CategoryReference | None) -> dict[str, NDArray[Any]]:
    if reference is None:
        return {}
    return _named("reference", {"embeddings": reference.embeddings.astype(np.float16), "groups": reference.groups})


def _named(name: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{name}.{part}": array for part, array in arrays.items()}
