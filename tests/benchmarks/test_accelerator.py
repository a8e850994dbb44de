"""The measurement of a GPU against its roofline, tried out on the processor at a tiny size."""

import json
import sys
from pathlib import Path

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import Dinov2Config, Dinov2Model

from benchmarks.embedding_speed.run import VIT_S
from benchmarks.speed import accelerator
from vicp.model.backbone import Backbone

TINY = "--device cpu --batch 2 --rounds 1 --side 28 --layers 1 --matrix 64"


def test_shares_of_the_roofline_follow_from_speed_and_operations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["accelerator", *TINY.split(), "--out", str(tmp_path / "gpu.json")])
    accelerator.main()
    facts = json.loads((tmp_path / "gpu.json").read_text())
    assert facts["device"] == "cpu"
    assert facts["prompted"]["gflop_per_photo"] > facts["bare"]["gflop_per_photo"]
    for row in (facts["bare"], facts["prompted"]):
        speed = row["photos_per_second"] * row["gflop_per_photo"] / 1e3  # TFLOP/s
        assert row["share"] == pytest.approx(speed / facts["roofline_tflops"])
    assert "of the roofline (goal 60%)" in capsys.readouterr().out


@pytest.mark.parametrize("num_prompts", [0, 16])
def test_operations_are_those_that_pytorch_counts(num_prompts: int) -> None:
    config = Dinov2Config(**{**VIT_S, "num_hidden_layers": 1, "image_size": 42})
    backbone = Backbone(Dinov2Model(config).eval())
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH):
        states = backbone.prompt_states(torch.zeros(16, backbone.width)) if num_prompts else None
        with FlopCounterMode(display=False) as counter:
            backbone.embed(torch.zeros(2, 3, 42, 42), states)
    assert counter.get_total_flops() == 2 * accelerator.operations(42, 1, num_prompts)
