"""Several processes: embeddings gathered with gradients, and a frozen LLM whose layers are split among them."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from transformers.modeling_layers import GradientCheckpointingLayer

from vicp.config import RunConfig
from vicp.errors import ConfigError


def gather(values: Tensor) -> Tensor:
    """Return the rows of all processes (C, n, ...) in order, from this one's (C, n / processes, ...).

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


def check_sharding(config: RunConfig, num_processes: int) -> None:
    """Raises `ConfigError` for a run whose LLM cannot be split."""
    if not config.train.shard_llm:
        return
    if num_processes == 1 or config.train.method != "vicp" or config.model.generator != "llm":
        raise ConfigError(
            "train.shard_llm: there is nothing to split in one process, or without an LLM; give --processes 2 or more "
            "and train.method=vicp, or leave it out"
        )
    if config.model.reasoner.source is None or not config.model.freeze_reasoner or config.model.random_reasoner:
        raise ConfigError(
            "train.shard_llm: only a frozen LLM with a source is split, since its weights are in no checkpoint; "
            "set model.reasoner.source and model.freeze_reasoner=true, or leave it out"
        )


def shard_llm(module: nn.Module) -> None:
    """Split the LLM's layers among the processes, and has DDP leave the LLM alone: it takes no gradient."""
    llm = module.get_submodule("model.reasoner.llm")
    device = next(llm.parameters()).device.type
    # A group of its own: layers are gathered while DDP sums gradients, and those two must not wait for each other.
    mesh = DeviceMesh.from_group(dist.new_group(), device)
    for layer in llm.modules():
        if isinstance(layer, GradientCheckpointingLayer):
            fully_shard(layer, mesh=mesh, reshard_after_forward=True)
    frozen = {id(parameter) for parameter in llm.parameters()}
    names = [name for name, parameter in module.named_parameters() if id(parameter) in frozen]
    buffers = [name for name, buffer in module.named_buffers() if ".llm." in f".{name}"]
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(module, names + buffers)
    dist.barrier()
