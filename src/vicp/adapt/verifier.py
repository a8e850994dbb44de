"""The in-context verifier as an adaptation: P(same | context, a, b) from a prompt's slot states."""

import torch
from torch import Tensor

from vicp.errors import PromptError
from vicp.model.prompt import CategoryPrompt
from vicp.model.vicp import VICP


def probability_same(model: VICP, prompt: CategoryPrompt, a: Tensor, b: Tensor) -> Tensor:
    """P(same) (R,) of R pairs of latents (R, Q, E); as the model gives it, not calibrated on the category.

    Raises:
        PromptError: the prompt belongs to another model.
    """
    if prompt.fingerprint != model.fingerprint:
        raise PromptError(
            f"the prompt for '{prompt.category}' belongs to model {prompt.fingerprint}, this one is "
            f"{model.fingerprint}: use that model, or teach the category again"
        )
    with torch.inference_mode():
        return model.verify(a[None], b[None], prompt.states[None])[0].sigmoid()
