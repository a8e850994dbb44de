"""The page of a backbone: sets first, then what it holds of the drawn world, then how its settings were found."""

from collections.abc import Mapping
from typing import Any

from benchmarks.backbone.scores import COUNTS, DRAWS
from benchmarks.checkpoint.factor_probes import NUM_SILHOUETTES, PROBES
from benchmarks.lib.table_cells import header

WHO = {"backbone": "", "teacher": "teacher: ", "previous": "before: "}
SHOWN = {"all": "all", "rank1": "rank-1", "frozen": "frozen", "pairs16": "16 pairs", "pairs64": "64 pairs"}


def page(facts: Mapping[str, Any]) -> str:
    """The page that facts make."""
    lines = [
        "# The backbone",
        "",
        f"Written by `{facts['command']}`.",
        "",
        f"{facts['parameters'] / 1e6:.1f} M parameters, photos of {facts['size']} pixels; next to it stand its teacher "
        "EfficientNet-Lite0 (pooled features at 224 pixels) and that of the step before, at 96 pixels. Percent.",
        "",
        *_sets(facts),
        "",
        "mAP and rank-1 of `all`: every photo is looked up among all others of its set by cosine. `frozen`: photos of "
        "one half of the identities among themselves. `16 pairs`, `64 pairs`: the same photos, embeddings whitened in "
        f"closed form by so many same-pairs of the other half; means of {DRAWS} draws. Frames of zebra_rapid at most 5 "
        "apart are not looked up for each other, but in the row with bursts, which the mean of eight and the bars "
        "count. cattely is one clip per cow: shown, and no evidence. Training saw "
        f"photos of {' and '.join(facts['seen'])}, without their identities.",
        "",
        "Bars, mean of eight sets: "
        + "; ".join(_bar(name, least, facts) for name, least in facts["bars"].items())
        + ".",
        "",
        *_probes(facts["probes"]),
    ]
    if facts["training"]:
        lines += ["", f"Trained for {facts['training']['steps']} steps."]
    if facts["pilots"]:
        lines += ["", *_pilots(facts["pilots"])]
    return "\n".join(lines) + "\n"


def _sets(facts: Mapping[str, Any]) -> list[str]:
    rows = {"backbone": facts, "teacher": facts["teacher"], "previous": facts["previous"]}
    lines = header(["set", *(f"{WHO[who]}{SHOWN[count]}" for who in rows for count in COUNTS)])
    for name in facts["sets"]:
        notes = [
            note for note, names in (("seen", facts["seen"]), ("no evidence", facts["no_evidence"])) if name in names
        ]
        shown = f"{name} ({', '.join(notes)})" if notes else name
        lines.append(_row(shown, [row["sets"][name][count] for row in rows.values() for count in COUNTS]))
    for suffix, label in (("", "mean of eight"), ("_unseen", "mean of the five that are evidence")):
        lines.append(_row(label, [row["mean"][count + suffix] for row in rows.values() for count in COUNTS]))
    return lines


def _row(name: str, values: list[float]) -> str:
    return "| " + " | ".join([name, *(f"{value:.1f}" for value in values)]) + " |"


def _bar(name: str, least: float, facts: Mapping[str, Any]) -> str:
    value = facts["mean"][name]
    said = "reached" if value >= least else f"missed by {least - value:.1f}"
    return f"{SHOWN[name]} {value:.1f} of {least:.0f}, {said}"


def _probes(facts: Mapping[str, Any]) -> list[str]:
    fit, test = facts["photos"]
    lines = [
        "## What it holds of the drawn world",
        "",
        f"Probes of the readout that learn on {fit} drawn objects of {NUM_SILHOUETTES['seen']} seen silhouettes, asked "
        f"about {test} of {NUM_SILHOUETTES['unseen']} unseen ones; values told right in percent.",
        "",
        *header(["factor", "linear", "two layers", "before: linear", "before: two layers"]),
    ]
    for factor in facts["backbone"]["linear"]:
        lines.append(_row(factor, [facts[w][kind][factor]["map"] for w in ("backbone", "previous") for kind in PROBES]))
    return lines


def _pilots(facts: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Pilots",
        "",
        "Means over small parts of the eight sets (whole identities of at most 10 photos each, about 320 a set, bursts "
        "not left out), averaged weights before the rate falls.",
        "",
        *header(["pilot", "pixels", "patch", "patches seen", "steps", "core minutes", "all", "frozen", "16", "64"]),
    ]
    for one in facts["pilots"]:
        cells = [one["name"], one["size"], one["sizes"]["patch_size"], one["settings"]["keep"], one["steps"]]
        cells += [
            one["cpu_minutes"],
            *(f"{one['mean'][count]:.1f}" for count in ("all", "frozen", "pairs16", "pairs64")),
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    for one in facts["references"]:
        cells = [one["name"], *[""] * 5, *(f"{one[count]:.1f}" for count in ("all", "frozen", "pairs16", "pairs64"))]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "Targets, as the teacher itself reaches them at 192 pixels on small parts of "
        f"{', '.join(facts['targets']['sets'])}; NAME^POWER*WEIGHT, principal components whitened by the power.",
        "",
        *header(["target", "dimensions", "all", "16 pairs", "64 pairs"]),
    ]
    return [*lines, *("| " + " | ".join(map(str, row)) + " |" for row in facts["targets"]["rows"])]
