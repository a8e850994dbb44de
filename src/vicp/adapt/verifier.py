"""The in-context verifier as an adaptation: P(same | context, a, b) from a prompt's slot states."""

import torch
from torch import Tensor

from vicp.model.prompt import CategoryPrompt
from vicp.model.vicp import VICP


def probability_same(model: VICP, prompt: CategoryPrompt, a: Tensor, b: Tensor) -> Tensor:
    """P(same) (R,) of R pairs of latents (R, Q, E); as the model gives it, not calibrated on the category.

    Raises:
        PromptError: the prompt belongs to another model.
    """
    model.check_prompt(prompt)
    with torch.inference_mode():
        return model.verify(a[None], b[None], prompt.states[None])[0].sigmoid()
