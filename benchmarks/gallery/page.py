"""The page of `gallery.py`: a table per size, and how ours grows."""

from typing import Any

from benchmarks.gallery.search_methods import METHODS

HEAD = (
    "method",
    "put in, rows per CPU second",
    "1 query, ms (of NumPy's)",
    "100 queries, ms (of NumPy's)",
    "recall@1",
    "disk, MB",
    "memory, MB",
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
        "further photos of them. One process puts the rows in and writes them to disk, another opens them and "
        "searches. Times are of the CPU, all threads together, which other work stretches little: medians of three "
        "rounds, in turn with NumPy's product in the same process; the share of NumPy's stands in brackets. Recall@1 "
        "is over 200 queries against what is found by computing every similarity. Memory is the most that opening and "
        "searching take over the imports. Ours writes, beside the embeddings, a row of facts per photo and a journal "
        "in which every step can be undone; the others keep the vectors alone.",
    ]
    for size in sizes:
        lines += ["", f"## {int(size):,} photos", "", *size_lines(facts[size])]
    lines += ["", *growth_lines(facts, sizes)]
    if "real_like" in facts:
        lines += ["", *real_like_lines(facts["real_like"])]
    return "\n".join(lines) + "\n"


def size_lines(methods: dict[str, Any]) -> list[str]:
    """A table of the methods at one size."""
    ours = methods["ours"]
    lines = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    lines += [row_line(name, row) for name, row in methods.items()]
    index = f"; the index is made in {ours['index_seconds']:,.0f} s of CPU" if ours["search"] != "exact" else ""
    lines += ["", f"Ours opens in {ours['open_cpu']:.2f} s of CPU, {ours['open_seconds']:.1f} s by the clock{index}."]
    if missing := [name for name in METHODS if name not in methods]:
        lines += ["", f"Not measured at this size: {', '.join(missing)}."]
    return lines


def real_like_lines(found: dict[str, Any]) -> list[str]:
    """Tables of embeddings that are like real ones."""
    lines = [
        "## Embeddings like real ones",
        "",
        f"From {found['photos']:,} photos of {found['sets']} real sets under `mini`: an individual lies between two "
        "photos of one set, and its photos differ as two photos of a real individual do.",
    ]
    for size in (key for key in found if key.isdigit()):
        lines += ["", f"### {int(size):,} photos", "", *size_lines(found[size])]
    return lines


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
