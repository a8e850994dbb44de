"""What training costs, as a page: results/training.md."""

from typing import Any

FULL_DEPTH = 22  # layers of TinyLlama
PARTS = {"Q-Former": "qformer", "LLM": "reasoner", "visual head": "head", "ViT": "backbone.vit"}


def page(facts: dict[str, Any]) -> str:
    """The page of these facts."""
    machine, paper = facts["machine"], facts["paper"]
    device = machine["accelerator"] or f"{machine['cores']} cores of {machine['processor']}, no accelerator"
    full = facts["llm_layers"] == FULL_DEPTH
    lines = [
        "# What training costs",
        "",
        f"Made by `{facts['command']}` on {device}, torch {machine['torch']}, {facts['precision']} products. ViT-S/14 "
        f"at 224 pixels, LLM of TinyLlama's widths with {facts['llm_layers']} of its {FULL_DEPTH} layers"
        f"{'' if full else ' (reduced: there was no GPU)'}, random weights, {facts['photos_per_step']} photos a step "
        "of the procedural world. Peak memory is of the whole process, photos and LLM included.",
        "",
        "## Methods",
        "",
        "VICP reads 8 pairs here.",
        "",
        "| method | images/s | seconds a step | peak memory, MB | trainable parameters |",
        "|---|---|---|---|---|",
        *(method_line(name, row) for name, row in facts["methods"].items()),
        "",
        "## Features of support photos, kept or computed every step",
        "",
        f"VICP with 64 pairs: {facts['features']['kept']['seconds']:.2f} s a step with them kept, "
        f"{facts['features']['computed']['seconds']:.2f} s without: the plain step takes "
        f"**{facts['features']['ratio']:.2f} times** as long.",
        "",
        "## Two processes",
        "",
        f"Triplet, the same batch: {facts['processes']['one']['images_per_second']:.1f} images/s in one process with "
        f"all cores, {facts['processes']['two']['images_per_second']:.1f} in two that share them: "
        f"**{facts['processes']['ratio']:.2f} times**."
        + ("" if machine["accelerator"] else " Both have the same cores."),
        "",
        "## The paper's preset, 64 pairs of context",
        "",
        "| | seconds a step | images/s | peak memory, MB | "
        + " | ".join(["drawing", *PARTS])
        + " | backward and rest |",
        "|---|---|---|---|" + "---|" * (len(PARTS) + 2),
        *(paper_line(name, row) for name, row in paper.items()),
        "",
        "Shares are of a step's time, the parts' in the forward pass.",
    ]
    return "\n".join([*lines, ""])


def method_line(name: str, row: dict[str, Any]) -> str:
    peak = row.get("accelerator_mb", row["peak_mb"])
    return f"| {name} | {row['images_per_second']:.1f} | {row['seconds']:.2f} | {peak:,.0f} | {row['trainable']:,} |"


def paper_line(name: str, row: dict[str, Any]) -> str:
    shares = [row["shares"].get(part, 0.0) for part in ("drawing", *PARTS)]
    peak = row.get("accelerator_mb", row["peak_mb"])
    cells = " | ".join(f"{share:.0%}" for share in [*shares, 1 - sum(shares)])
    return f"| {name} | {row['seconds']:.2f} | {row['images_per_second']:.1f} | {peak:,.0f} | {cells} |"
