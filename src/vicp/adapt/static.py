"""Static adaptation: prompt tokens that training learned for no category in particular (VPT, arXiv 2203.12119)."""

from vicp.adapt.adaptation import Adaptation, Recipe
from vicp.adapt.embedding import Embedder
from vicp.adapt.support_photos import SupportPhotos
from vicp.errors import ConfigError
from vicp.model.prompt import CategoryPrompt


def adapt(embedder: Embedder, support: SupportPhotos) -> Adaptation:
    """Photos embedded under the checkpoint's static prompt; the support changes nothing.

    Raises:
        ConfigError: no static prompt came with the checkpoint.
    """
    if embedder.static is None:
        raise ConfigError(
            "--adapt static needs a checkpoint with a static prompt beside it (static.prompt.safetensors): "
            "give --model with such a folder, or choose another --adapt"
        )
    recipe = Recipe("static", "prompted", "static")
    facts = (support.category, len(support.pairs), support.seed, embedder.fingerprint)
    return Adaptation(recipe, *facts, prompt=CategoryPrompt(embedder.static, None, *facts))
