"""The page of `evaluate.py`: a table for each part, and whether its goals were reached."""

from typing import Any

LIBRARIES = ("open-metric-learning", "pytorch-metric-learning", "torchmetrics")
TOLERANCE = 1e-6
TIMES_FASTER, MARKET_MB, PETFACE_MB, RATIO_TO_MATMUL = 5.0, 300.0, 1000.0, 2.5


def page(facts: dict[str, Any]) -> str:
    """The page of these facts."""
    machine, sizes = facts["machine"], facts["sizes"]
    lines = [
        "# What mAP costs",
        "",
        f"Made by `{facts['command']}` on {machine['cores']} cores of {machine['processor']}, {machine['threads']} "
        f"threads, torch {machine['torch']}, numpy {machine['numpy']}, seed {facts['seed']}. The embeddings are made "
        f"up, {sizes['width']} wide, float32, normalised, and the same for every method. Each line is a process of "
        "its own, warmed up on a few rows. Peak memory is what a method takes over the embeddings and its imports. "
        "The bare product computes all similarities in float32, 512 queries by 4,096 gallery rows at a time into one "
        "buffer, and keeps none; it is numpy's or torch's, whichever is faster.",
    ]
    for name, part_lines in (("market", market_lines), ("petface", petface_lines), ("growth", growth_lines)):
        if name in facts:
            lines += ["", *part_lines(facts[name], sizes)]
    return "\n".join(lines) + "\n"


def market_lines(rows: dict[str, Any], sizes: dict[str, int]) -> list[str]:
    methods = {name: row for name, row in rows.items() if name != "matmul"}
    libraries = [name for name in LIBRARIES if name in methods]
    missing = [name for name in LIBRARIES if name not in methods]
    values = [row["map"] for row in methods.values()]
    gallery = sizes["photos"] + sizes["distractors"]
    lines = [
        f"## Market-1501's size: {sizes['queries']:,} queries, {gallery:,} gallery rows",
        "",
        "| method | seconds | times ours | peak memory, MB | mAP |",
        "|---|---|---|---|---|",
        *(
            method_line(name, row, rows["ours"])
            for name, row in sorted(methods.items(), key=lambda item: item[1]["seconds"])
        ),
        method_line(f"bare product, {rows['matmul']['by']}", rows["matmul"], rows["ours"]),
        "",
        f"Seconds are the best of three. mAP differs by {max(values) - min(values):.1e} at most; {TOLERANCE:.0e} is "
        "allowed. numpy: all similarities, all sorted. open-metric-learning: `batched_knn_qg` and "
        "`calc_retrieval_metrics` with k = the whole gallery, in an environment of its own. pytorch-metric-learning: "
        "`AccuracyCalculator` with faiss, its default, and k = None. torchmetrics: `retrieval_average_precision` query "
        "by query, which is faster than its `RetrievalMAP` and takes less memory."
        + (f" Not installed, so not measured: {', '.join(missing)}." if missing else ""),
        "",
    ]
    if libraries:
        best = min(libraries, key=lambda name: methods[name]["seconds"])
        times = methods[best]["seconds"] / rows["ours"]["seconds"]
        lines.append(f"- {times:.1f} times as fast as {best}, the fastest library; {at_least(times, TIMES_FASTER)}")
    peak = rows["ours"]["peak_mb"]
    return [*lines, f"- {peak:,.0f} MB over the embeddings; {at_most(peak, MARKET_MB, 'MB')}"]


def method_line(name: str, row: dict[str, Any], ours: dict[str, Any]) -> str:
    named = f"**{name}**" if row is ours else f"{name} {row['version']}"
    value = "" if row["map"] is None else f"{row['map']:.8f}"
    return (
        f"| {named} | {row['seconds']:.2f} | {row['seconds'] / ours['seconds']:.2f} | {row['peak_mb']:,.0f} | {value} |"
    )


def petface_lines(row: dict[str, Any], sizes: dict[str, int]) -> list[str]:
    ratio, peak, product = row["ratio_to_matmul"], row["peak_mb"], row["matmul"]
    name = f"bare product, {product['by']} {product['version']}"
    return [
        f"## PetFace's size: {sizes['pets']:,} photos, each against all the others",
        "",
        "| method | seconds | peak memory, MB |",
        "|---|---|---|",
        f"| **ours** | {row['seconds']:.1f} | {peak:,.0f} |",
        f"| {name} | {product['seconds']:.1f} | {product['peak_mb']:,.0f} |",
        "",
        "Measured once.",
        "",
        f"- {ratio:.2f} times the bare product; {at_most(ratio, RATIO_TO_MATMUL)}",
        f"- {peak:,.0f} MB over the embeddings; {at_most(peak, PETFACE_MB, 'MB')}",
    ]


def growth_lines(rows: list[dict[str, Any]], sizes: dict[str, int]) -> list[str]:
    return [
        f"## As the gallery grows, {sizes['queries']:,} queries",
        "",
        "| gallery rows | ours, seconds | times the line above | bare product, seconds | times the line above |",
        "|---|---|---|---|---|",
        *(
            f"| {row['gallery']:,} | {row['seconds']:.2f} | {times(row['ratio'])} "
            f"| {row['matmul_seconds']:.2f} | {times(row['matmul_ratio'])} |"
            for row in rows
        ),
        "",
        "Each line has twice the rows of the one above, and the same positives.",
    ]


def times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def at_least(value: float, goal: float) -> str:
    return f"goal: at least {goal:g}, **{'reached' if value >= goal else 'missed'}**."


def at_most(value: float, goal: float, unit: str = "") -> str:
    return f"goal: at most {f'{goal:,.10g} {unit}'.strip()}, **{'reached' if value <= goal else 'missed'}**."
