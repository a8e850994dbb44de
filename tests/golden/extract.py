"""What the commands print and write, as named numbers; the only place that knows the keys of their JSON.

The names on the left are the golden file's own: where a key of the JSON has another name, only the right changes.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

Value = float | int | str | bool | None
Numbers = dict[str, Value]
DIGITS = 6


def teach(told: dict[str, Any]) -> Numbers:
    """`vicp teach`: what was chosen, how well it does on what was held out, and the labels foreseen."""
    chosen = told["choice"]
    scores = sorted(chosen["scores"].values(), reverse=True)
    return {
        "chosen": " ".join(map(str, (told["adaptation"], *_recipe(**told["recipe"])))),
        "photos": told["photos"],
        "pairs": told["pairs"],
        "same pairs": told["same_pairs"],
        "label accuracy": told["label_accuracy"],
        "labels foreseen": told["labels_predictable"],
        "suspects": len(told["suspects"]),
        "threshold": chosen["threshold"],
        "threshold accuracy": chosen["threshold_accuracy"],
        **numbered("held-out score", scores),
    }


def _recipe(type: str, **settings: Any) -> tuple[Value, ...]:
    """Of a recipe: features, source of the prompt, shrinkage, steps, rate and weight."""
    names = {"features": None, "source": None, "shrinkage": None, "steps": None, "rate": None, "weight": None}
    match type:
        case "Null":
            names |= {"features": "frozen"}
        case "EmittedMetric":
            names |= {"features": "frozen", "source": "generated"}
        case "StaticTokens":
            names |= {"features": "prompted", "source": "static"}
        case "GeneratedPrompt":
            names |= {"features": "prompted", "source": "generated"}
        case "RandomTokens":
            names |= {"features": "prompted", "source": "random", "steps": 0}
        case "TunedPrompt":
            names |= {"features": "prompted", "source": settings.pop("start")}
    return tuple({**names, **settings}.values())


def prompt_file(path: Path) -> Numbers:
    """What teaching writes: size and first values of what the file holds, none of which depends on a digest."""
    names = {"tokens": "tokens", "states": "states", "held_out.similarity": "held-out similarity"}
    tensors = load_file(path)
    numbers: Numbers = {"tensors": len(tensors)}
    for key, name in names.items():
        if key in tensors:
            numbers |= _size(name, tensors[key])
    for key in ("whitening", "emitted_metric"):
        if f"{key}.weight" in tensors:
            numbers |= _metric("metric", tensors[f"{key}.mean"], tensors[f"{key}.weight"])
    return numbers


def _size(name: str, tensor: Tensor) -> Numbers:
    rows = tensor.double().flatten()
    known = rows[~rows.isnan()]
    return {f"{name} norm": known.norm().item(), **numbered(name, known[:3].tolist())}


def _metric(name: str, mean: Tensor, weight: Tensor) -> Numbers:
    """Of the form that the metric is, which has no sign to choose, its trace and first diagonal values."""
    diagonal = (weight.double() ** 2).sum(dim=0 if weight.shape[1] == mean.shape[-1] else 1)
    return {**_size(f"{name} mean", mean), f"{name} trace": diagonal.sum().item(), **numbered(name, diagonal[:3])}


def identify(told: dict[str, Any]) -> Numbers:
    """`vicp identify`: for each photo the verdict and the ranked identities."""
    answers = {
        f"photo {number}": {
            "verdict": answer["verdict"],
            "P(new)": answer["probability_new"],
            **_promised(answer["threshold"]),
            **_ranked(answer["candidates"]),
        }
        for number, answer in enumerate(told["identifications"])
    }
    return {"photos": told["gallery_photos"], "identities": told["gallery_identities"], **together(answers)}


def verify(told: dict[str, Any]) -> Numbers:
    """`vicp verify`: similarity, probabilities and the verdict."""
    return {
        "similarity": told["similarity"],
        "verdict": told["verdict"],
        "P(same)": told["probability"],
        **_promised(told["threshold"]),
    }


def evaluate(told: dict[str, Any]) -> Numbers:
    """`vicp evaluate`: each row's metrics with intervals, and the context report where it has one."""
    rows = {}
    for row in told["rows"]:
        name = " ".join((row["method"], row["adaptation"], row["category"], row["variant"])).strip()
        rows[name] = _row(row)
        if row["context"] is not None:
            rows[f"{name} context"] = _context(row["context"])
    return together(rows)


def _row(row: dict[str, Any]) -> Numbers:
    metrics = {
        "map": "mAP",
        "minp": "mINP",
        "rank1": "rank 1",
        "rank5": "rank 5",
        "auc": "AUC",
        "acc": "accuracy",
        "tpr_at_fpr_1e-2": "TPR at FPR 0.01",
        "fnmr_at_fmr_1e-2": "FNMR at FMR 0.01",
    }
    counts = {"queries": "queries", "gallery": "gallery", "identities": "identities", "pairs": "pairs"}
    measured = {key: name for key, name in metrics.items() if key in row}  # few pairs have no rate of one in a hundred
    numbers: Numbers = {name: row[key] for key, name in (measured | counts | {"draws": "draws"}).items()}
    for key, (low, high) in row["interval"].items():
        numbers |= {f"{metrics[key]} low": low, f"{metrics[key]} high": high}
    return numbers


def _context(report: dict[str, Any]) -> Numbers:
    numbers: Numbers = {"guessing": report["majority_rate"]}
    for row, values in report["rows"].items():
        numbers |= {f"{row} mAP": values["map"], f"{row} low": values["low"], f"{row} high": values["high"]}
    for row, values in report["differences"].items():
        numbers |= {f"ahead of {row}": values["map"], f"ahead of {row} low": values["low"]}
    for row, value in report["prompt_cosine"].items():
        numbers[f"cosine to {row}"] = value
    if report["label_accuracy"] is not None:
        numbers["label accuracy"] = report["label_accuracy"]["value"]
    return numbers


def demo(told: dict[str, Any]) -> Numbers:
    """`vicp demo`: each category's rows and their mean."""
    blocks = {"mean": told["mean"]} | {one["category"]: one["results"] for one in told["categories"]}
    names = {"map": "mAP", "rank1": "rank 1", "low": "low", "high": "high"}
    numbers: Numbers = {f"{one['category']} label accuracy": one["label_accuracy"] for one in told["categories"]}
    for block, rows in blocks.items():
        for row, values in rows.items():
            numbers |= {f"{block} {row} {name}": values[key] for key, name in names.items()}
    return numbers


def train_log(rows: list[dict[str, Any]]) -> Numbers:
    """A run's log: every loss term of every step, and the validations; not how long it took."""
    numbers: Numbers = {}
    for row in rows:
        kind = "step" if "total" in row else "check"
        measured = {key: row[key] for key in sorted(row) if key not in NOT_KEPT}
        numbers |= {f"{kind} {row['step']} {LOG_NAMES.get(key, key)}": value for key, value in measured.items()}
    return numbers


NOT_KEPT = ("step", "s/step", "img/s")  # the number it is under, and how fast it went
LOG_NAMES: dict[str, str] = {}  # the log's key: the golden file's name, where they are not the same


def enroll(told: dict[str, Any]) -> Numbers:
    """`vicp gallery enroll`: what came in."""
    return {"added": told["added"], "known": told["known"], "identities": told["identities"]}


def gallery_identify(told: dict[str, Any]) -> Numbers:
    """`vicp gallery identify`: for each photo the verdict and the ranked identities."""
    return together(
        {
            f"photo {number}": {"verdict": answer["verdict"], **_ranked(answer["candidates"])}
            for number, answer in enumerate(told["identifications"])
        }
    )


def gallery_verify(told: dict[str, Any]) -> Numbers:
    """`vicp gallery verify`: similarity, probability and the verdict."""
    return {"similarity": told["similarity"], "P(same)": told["probability"], "verdict": told["verdict"]}


def stats(told: dict[str, Any]) -> Numbers:
    """`vicp gallery stats`: the counts."""
    (category,) = told["categories"]
    counts = ("photos", "identities", "unnamed", "embedded")
    return {**{name: category[name] for name in counts}, "pairs": told["pairs"], "operations": told["operations"]}


def cluster(told: dict[str, Any]) -> Numbers:
    """`vicp gallery cluster`: of each photo, by folder and file, which individual it looks like and how surely."""
    numbers: Numbers = {"photos": len(told["photos"])}
    for row in sorted(told["photos"], key=lambda row: row["source"]):
        photo = "/".join(Path(row["source"]).parts[-2:])
        numbers |= {photo: row["identity"], f"{photo} probability": row["probability"]}
    return numbers


def _promised(threshold: dict[str, Any] | None) -> Numbers:
    """The threshold of a decision and what it stands on; nothing where the pairs are too few for one."""
    names = {"similarity": "similarity", "candidates": "candidates", "searches": "searches", "failures": "failures"}
    return {} if threshold is None else {f"threshold {name}": threshold[key] for key, name in names.items()}


def _ranked(candidates: list[dict[str, Any]]) -> Numbers:
    numbers: Numbers = {}
    for rank, one in enumerate(candidates, 1):
        facts = {"": one["identity"], " similarity": one["similarity"], " P(same)": one["probability"]}
        numbers |= {f"rank {rank}{name}": value for name, value in facts.items()}
    return numbers


def numbered(name: str, values: Any) -> Numbers:
    """Values under a name and their number from 1."""
    return {f"{name} {number}": float(value) for number, value in enumerate(values, 1)}


def together(parts: dict[str, Numbers]) -> Numbers:
    """The numbers of several parts, each under its part's name."""
    return {f"{part}: {name}": value for part, numbers in parts.items() for name, value in numbers.items()}


def rounded(value: Value | Tensor) -> Value:
    """A number to six significant digits; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, float | torch.Tensor):
        return value
    return float(f"{float(value):.{DIGITS}g}")
