"""The page: whether tokens lead the map, kind by kind, and where the information is by layer."""

from collections.abc import Mapping
from typing import Any

from benchmarks.lib.table_cells import cell, header
from benchmarks.when_prompts_pay.pictures import PICTURE

LITTLE = 25  # percent of individuals that the best layer's probe tells
WHAT = {
    "emblem": "the emblem on the object",
    "pattern": "the pattern of the object",
    "emblem+place": "emblem and its place together",
    "scratch": "the direction of a thin line",
    "notch": "where a bite is out of the outline",
    "tag": "the colour of a small disc",
    "tag_place": "the place of a small disc of any colour",
    "bound_tags": "the colour of the upper one of four discs",
    "clutter": "the emblem in the middle, others at two corners",
}


def page(facts: Mapping[str, Any]) -> str:
    """The page that facts make."""
    kinds, tasks = facts["kinds"], facts["tasks"]
    lead = [kind for kind, row in kinds.items() if row["prompts_less_map"]["low"] > 0]
    behind = [kind for kind, row in kinds.items() if row["prompts_less_map"]["high"] < 0]
    most = max(kinds, key=lambda kind: kinds[kind]["prompts_less_map"]["map"])
    lines = [
        "# When prompts pay",
        "",
        f"Written by `{facts['command']}`. mAP in percent with 95 % intervals over {tasks['test']} tasks of eight "
        f"individuals each, on silhouettes that nothing learned from; photos of {facts['size']} pixels.",
        "",
        f"Prompt tokens lead the best linear map of the frozen readout, clear of zero, on {_list(lead)}; they are "
        f"behind it on {_list(behind)}. The largest lead is {kinds[most]['prompts_less_map']['map']:+.1f} ({most}).",
        "",
        *header(["kind", "what decides", "frozen", "map", "prompts", "both", "prompts − map", "both − map"]),
    ]
    for kind, row in kinds.items():
        cells = [cell(row[way]) for way in ("frozen", "map", "prompts", "both")]
        cells += [cell(row[difference], signed=True) for difference in ("prompts_less_map", "both_less_map")]
        lines.append(f"| {kind} | {WHAT[kind]} | " + " | ".join(cells) + " |")
    lines += [
        "",
        f"`map`: the best linear map of the frozen readout, of {facts['map_steps']} gradient steps at three rates and "
        f"of within-class whitening at two strengths. `prompts`: {facts['tokens']} tokens in every layer, "
        f"{facts['token_steps']} gradient steps at one rate. `both`: a map of what the tokens make of the photos. "
        f"Steps are down the same contrastive loss on {tasks['train']} labelled tasks of the kind: oracles, which show "
        "what a prompt could do, and not what a handful of pairs gives.",
        "",
        *_generated_lines(facts),
        f"![one photo of every value, kind by kind]({PICTURE})",
        "",
        "## Where the information is",
        "",
        "How many individuals a linear probe tells, in percent (chance: 12.5), from CLS and mean patch after each "
        "layer, without a prompt.",
        "",
        *header(["kind", *(f"layer {number}" for number in range(len(next(iter(kinds.values()))["layers"])))]),
    ]
    lines += [f"| {kind} | " + " | ".join(f"{v:.0f}" for v in row["layers"]) + " |" for kind, row in kinds.items()]
    lines += ["", *_reading(kinds, lead)]
    return "\n".join(lines) + "\n"


def _generated_lines(facts: Mapping[str, Any]) -> list[str]:
    """What the LLM's own prompt tokens reach, where there is an LLM."""
    kinds = {kind: row for kind, row in facts["kinds"].items() if "generated" in row}
    if not kinds:
        return []
    lead = [kind for kind, row in kinds.items() if row["generated_less_map"]["low"] > 0]
    lines = [
        "## Prompts that an LLM emits",
        "",
        f"From {facts['pairs']} labelled pairs of other photos of the same objects, tokens alone. They lead the oracle "
        f"map, which learned on {facts['tasks']['train']} labelled tasks, clear of zero, on {_list(lead)}.",
        "",
        *header(["kind", "whitening by the pairs", "generated", "labels shuffled", "− map", "− shuffled"]),
    ]
    for kind, row in kinds.items():
        cells = [cell(row[way]) for way in ("whitening", "generated", "generated_shuffled")]
        differences = ("generated_less_map", "generated_less_shuffled")
        cells += [cell(row[difference], signed=True) for difference in differences]
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    by_photos = [kind for kind in lead if kinds[kind]["generated_less_shuffled"]["low"] <= 0]
    if by_photos:
        lines += ["", f"On {_list(by_photos)} the tokens follow what the pairs' photos look like, and not the labels."]
    return [*lines, ""]


def _reading(kinds: Mapping[str, Any], lead: list[str]) -> list[str]:
    """What the two tables say together."""
    unseen = [kind for kind, row in kinds.items() if max(row["layers"]) < LITTLE and kind not in lead]
    lines = []
    if lead:
        lines.append(
            f"Tokens pay on {_list(lead)}: they change what the layers gather from which part of the photo, before it "
            "is pooled, and no map of the pooled readout can take apart what pooling has mixed."
        )
    if unseen:
        lines.append(
            f"On {_list(unseen)} no layer holds much of what decides, and neither tokens nor maps find it: tokens "
            "steer what the frozen layers compute, they do not let them see more."
        )
    return lines


def _list(names: list[str]) -> str:
    return ", ".join(names) if names else "none"
