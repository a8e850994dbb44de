"""The page of `gallery.py`: a table per size, and how ours grows."""

from typing import Any

from benchmarks.gallery.search_methods import METHODS

HEAD = (
    "method",
    "enroll, rows/s",
    "1 query, ms (of NumPy's)",
    "100 queries, ms (of NumPy's)",
    "recall@1",
    "disk, MB",
    "peak memory, MB",
    "search",
)


def page(facts: dict[str, Any]) -> str:
    """The page of these facts."""
    about = facts["about"]
    sizes = [key for key in facts if key.isdigit()]
    lines = [
        "# What a gallery costs as it grows",
        "",
        f"Made by `{about['command']}` on {about['cores']} cores of {about['processor']}, one thread, "
        f"numpy {about['numpy']}. The embeddings are made up: {about['width']} wide, float32, normalised, "
        f"{about['photos_each']} photos of each individual, the k-th direction with a deviation of k^-1/2; queries are "
        "further photos of them. Each line is a process "
        "of its own, which puts the rows in, writes them to disk, opens them again and searches. Times are of "
        "the CPU, all threads together, which other work stretches little: medians of three rounds, in turn with "
        "NumPy's product in the same process; the share of NumPy's stands in brackets. "
        "Recall@1 is over 200 queries against what is found by computing every similarity. Peak memory is over "
        "the imports. Ours writes, beside the embeddings, a row of facts per photo and a journal in which every step "
        "can be undone; the others keep the vectors alone.",
    ]
    for size in sizes:
        lines += ["", f"## {int(size):,} photos", "", f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
        lines += [row_line(name, row) for name, row in facts[size].items()]
        index = facts[size]["ours"]
        lines += ["", f"Ours: opened in {index['open_seconds']:.1f} s, index made in {index['index_seconds']:.1f} s."]
        if missing := [name for name in METHODS if name not in facts[size]]:
            lines += ["", f"Not measured at this size: {', '.join(missing)}."]
    return "\n".join([*lines, "", *growth_lines(facts, sizes)]) + "\n"


def row_line(name: str, row: dict[str, Any]) -> str:
    named = f"**{name}**" if name == "ours" else name
    times = f"{_share(row, 'ms1')} | {_share(row, 'ms100')}"
    return (
        f"| {named} | {row['rows_per_second']:,.0f} | {times} | {row['recall1']:.3f} "
        f"| {row['disk_mb']:,.1f} | {row['peak_mb']:,.0f} | {row['search']} |"
    )


def _share(row: dict[str, Any], name: str) -> str:
    return f"{row[name]:.1f} ({100 * row[name] / row[f'numpy_{name}']:.0f} %)"


def growth_lines(facts: dict[str, Any], sizes: list[str]) -> list[str]:
    """Ours at a size and at twice that."""
    lines = [
        "## Ours per doubling",
        "",
        "| photos | 1 query | 100 queries | disk | peak memory |",
        "|---|---|---|---|---|",
    ]
    for size, double in facts["growth"].items():
        before = facts[str(int(size) // 2)]["ours"]
        ratios = (f"× {double[key] / before[key]:.2f}" for key in ("ms1", "ms100", "disk_mb", "peak_mb"))
        lines.append(f"| {int(size) // 2:,} to {int(size):,} | {' | '.join(ratios)} |")
    return lines
