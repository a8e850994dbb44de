"""What embeddings depend on apart from the photo and the prompt."""

from dataclasses import dataclass

from vicp.image_transform import ImageTransform


@dataclass(frozen=True)
class ModelFacts:
    """A frozen model, as far as its embeddings depend on it.

    Attributes:
        fingerprint: Of the model, which prompts carry.
        is_backbone: Whether there is no prompt generator.
        pooling: Which tokens become the embedding.
        transform: How photos become its input.
        precision: Of its matrix products.
    """

    fingerprint: str
    is_backbone: bool
    pooling: str
    transform: ImageTransform
    precision: str
