"""A backbone whose matrix products run in 8 bits: smaller, faster, and another model, since its similarities differ."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch

from vicp.adapt.prompt import Prompt
from vicp.data.procedural.world import world_photos
from vicp.data.records import PhotoTable
from vicp.data.sides import of_two_sides, side_codes
from vicp.decisions.held_out import HeldOut
from vicp.decisions.typicality import CategoryReference
from vicp.metrics.ranking import retrieval
from vicp.model.loading.model_facts import ModelFacts
from vicp.runtime.photo_encoder import PhotoEncoder

PRECISION = "int8"


@dataclass(frozen=True)
class PrecisionLoss:
    """What a lower precision changes, on labelled photos without a prompt; each is looked up among the others.

    Attributes:
        photos: How many.
        map: Mean average precision in the lower precision.
        map_before: And in float32.
        same_nearest: The share of photos whose nearest other photo stays the same.
        largest_change: Of a similarity.
    """

    photos: int
    map: float
    map_before: float
    same_nearest: float
    largest_change: float


def int8_facts(facts: ModelFacts) -> ModelFacts:
    """Return the facts of a model in 8 bits: prompts and galleries of the one in float32 do not fit it."""
    return replace(facts, fingerprint=f"{facts.fingerprint}-{PRECISION}", precision=PRECISION)


def quantized(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph whose matrix products with weights run in 8 bits, with a scale per column of the weights.

    Weights take 7 bits: with 8, processors without VNNI saturate, and give other results.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with TemporaryDirectory() as made, _quiet_quantizer():
        whole, result = Path(made, "whole.onnx"), Path(made, "int8.onnx")
        onnx.save_model(model, whole)
        quantize_dynamic(
            whole,
            result,
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
        return onnx.load_model(result)


def drawn_photos() -> PhotoTable:
    """Return photos of individuals that a precision can be judged by where a user gives none."""
    frame = world_photos(num_categories=2)
    return PhotoTable(frame.assign(row=np.arange(1, len(frame) + 1)), None)


def precision_loss(before: PhotoEncoder, after: PhotoEncoder, photos: PhotoTable) -> PrecisionLoss:
    """Return what embedding with `after` in place of `before` changes.

    Raises:
        DataError: Photos that cannot be used.
    """
    table, old = before.embed(photos)
    _, new = after.embed(photos)
    identities = np.array(table.identities)
    map_before, map_after = (
        retrieval(rows, rows, identities, identities, leave_one_out=True).map
        for rows in (torch.from_numpy(old), torch.from_numpy(new))
    )
    similarities = [rows @ rows.T for rows in (old, new)]
    change = float(np.abs(similarities[1] - similarities[0]).max())
    for each in similarities:
        np.fill_diagonal(each, -2)
    same = float((similarities[0].argmax(axis=1) == similarities[1].argmax(axis=1)).mean())
    return PrecisionLoss(len(table), map_after, map_before, same, change)


def recalibrated(prompt: Prompt, encoder: PhotoEncoder, photos: PhotoTable | None) -> Prompt:
    """Return a prompt for the model in another precision; what was measured in float32 is measured anew or left out.

    Args:
        prompt: Of the model in float32.
        encoder: The model in the other precision.
        photos: Labelled ones, of individuals that taught the prompt nothing; without photos of its category the prompt
            borrows all that it believes, and promises nothing.

    Raises:
        DataError: Photos that cannot be used.
    """
    choice = None if prompt.choice is None else replace(prompt.choice, threshold=None, threshold_accuracy=None)
    visual = None if prompt.visual is None else replace(prompt.visual, fingerprint=encoder.fingerprint)
    moved = replace(
        prompt,
        fingerprint=encoder.fingerprint,
        visual=visual,
        choice=choice,
        held_out=None,
        reference=None,
        usefulness=None,
        model=None,
    )
    if photos is None or prompt.category not in photos.categories:
        return moved
    table, (embeddings, plain) = encoder.embed_under(photos.of_category(prompt.category), [moved, None])
    groups = np.unique(np.array(table.identities), return_inverse=True)[1]
    unknown = of_two_sides(side_codes(table))
    held_out = HeldOut.of_identities(embeddings @ embeddings.T, groups, unknown=unknown)
    return replace(moved, held_out=held_out, reference=CategoryReference(plain, groups))


@contextmanager
def _quiet_quantizer() -> Iterator[None]:
    """Keep the advice of the quantizer, which it logs without a logger of its own, off the screen."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
