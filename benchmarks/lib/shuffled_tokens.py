"""A control of the paper's prompt: the tokens that the LLM emits when the labels of the pairs are shuffled."""

from dataclasses import replace

from vicp.adapt.embedder import Embedder
from vicp.adapt.encoded_support import EncodedSupport
from vicp.adapt.methods.generated import generated_prompt, prompt_tokens
from vicp.adapt.prompt import Prompt


def shuffled_tokens(embedder: Embedder, support: EncodedSupport) -> Prompt:
    """The prompt tokens of pairs with shuffled labels, without a metric."""
    shuffled = replace(support, pairs=support.pairs.shuffled(support.seed or 0))
    return prompt_tokens(generated_prompt(embedder, shuffled))
