"""What every process embedded, in all of them, with gradients: in-batch negatives come from the whole batch."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def gather(values: Tensor) -> Tensor:
    """Rows of all processes (C, n, ...) in their order, from this one's (C, n / processes, ...).

    A gradient flows back to the process that made the row, summed over all processes: with the average over
    processes that DDP takes of weights' gradients, it is the gradient of one process with the whole batch.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return values
    gathered: Tensor = _Gather.apply(values)  # type: ignore[no-untyped-call]
    return gathered


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        blocks = [torch.empty_like(values) for _ in range(dist.get_world_size())]
        dist.all_gather(blocks, values.contiguous())
        return torch.cat(blocks, dim=1)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        summed = gradients[0].clone(memory_format=torch.contiguous_format)  # the one given is not ours to change
        dist.all_reduce(summed)
        return summed.chunk(dist.get_world_size(), dim=1)[dist.get_rank()]
