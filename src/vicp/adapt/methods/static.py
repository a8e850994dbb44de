"""Static prompt: prompt tokens that training learned for no category in particular (VPT, arXiv 2203.12119)."""

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.prompt import Prompt
from vicp.adapt.recipe import StaticTokens
from vicp.errors import ConfigError
from vicp.model.visual_prompt import VisualPrompt


def static_prompt(embedder: Embedder, support: EncodedSupport) -> Prompt:
    """Return the checkpoint's static prompt; of the support only the facts are kept.

    Raises:
        ConfigError: No static prompt came with the checkpoint.
    """
    if embedder.static is None:
        raise ConfigError(
            "--adapt static needs a checkpoint whose folder has a static prompt (static.prompt.safetensors): "
            "give --model with such a folder, or choose another --adapt"
        )
    facts = (support.category, len(support.pairs), support.seed, embedder.fingerprint)
    return Prompt(StaticTokens(), *facts, visual=VisualPrompt(embedder.static.numpy(), None, *facts))
