"""results/decisions.md and its picture, from the JSON."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.decisions.simulated import WORLDS

COLOURS = {"null": "#8a93a6", "metric": "#1f5fa8"}


def page(found: dict[str, Any]) -> str:
    """The page of these facts."""
    promised = percent(found["share_promised"])
    low, high = found["share_held_interval"]
    lines = [
        "# Rates promised and achieved",
        "",
        f"Written by `{found['command']}`; [docs/decisions.md](../docs/decisions.md) says what is promised to whom.",
        "",
        f"A threshold promises that a search for an individual that is NOT among the candidates names one of them no "
        f"more often than the promised rate, and this in at least {promised} of draws of the individuals it was found "
        f"on. Of all {found['num_draws']:,} draws below, the achieved rate was at most the promised one in "
        f"**{percent(found['share_held'])}** ({percent(low)} to {percent(high)}); in the worst row in "
        f"{percent(found['least_share_held'])}. {chance(found)}",
        "",
        "## Simulated: the truth is known",
        "",
        "Each draw makes new individuals, finds the threshold on them, and searches 2,000 impostors among them. The "
        "worlds differ in why impostors look alike. `held` is the share of draws in which the achieved rate was at "
        "most the promised one, with its exact 95 % interval; `achieved` the mean over draws and the range of 95 % of "
        "them.",
        "",
        "| world | individuals | candidates | promised | achieved | held |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {WORLDS[name].about} | {row['individuals']} | {row['candidates']} | {percent(row['rate_promised'])} | "
            f"{spread(row['rate_achieved'])} | {held(row)} |"
            for name, rows in found["simulated"].items()
            for row in rows
        ),
        "",
        *real_lines(found["sets"]),
    ]
    return "\n".join([*lines, ""])


def chance(found: dict[str, Any]) -> str:
    """Whether some row keeps less than it promises by more than chance explains."""
    rows = [*(row for own in found["simulated"].values() for row in own), *found["sets"].values()]
    below = sum(row["share_held_interval"][1] < row["share_promised"] for row in rows)
    if below:
        return f"In {below} of {len(rows)} rows that is less than promised by more than chance explains."
    return f"In none of the {len(rows)} rows does the 95 % interval of that share lie below the promise."


def real_lines(sets: dict[str, Any]) -> list[str]:
    """The real sets: what was promised and kept, and what it costs."""
    lines = [
        "## Real sets",
        "",
        "The packaged `mini`; each draw takes 65 % of a set's identities, three photos of each, as support and "
        "gallery, and the photos of all others as impostors (at most 20 of an identity). The promised rate is the "
        "least round one that so few individuals can promise for a search over all of them; `more for` says how many "
        "different-pairs of new individuals a lower rate takes. An achieved rate is measured on the impostors a set "
        "has, so it varies by more than the threshold does. `null` is the frozen backbone, `metric` its features under "
        "the metric at its default setting, fitted on the support, calibrated on identities held out of the fit.",
        "",
        "| set | adaptation | individuals | impostors | promised | achieved | held | more for 5 % | more for 1 % |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, one in sets.items():
        for method, row in one["methods"].items():
            more = one["missing_for"]
            lines.append(
                f"| {name} | {method} | {one['individuals']} | {one['impostors']} | {percent(one['rate_promised'])} | "
                f"{spread(row['rate_achieved'])} | {held(row)} | {more['0.05']} | {more['0.01']} |"
            )
    lines += [
        "",
        "What such a promise leaves: of the other photos of the gallery's individuals, how many find the right one "
        "first (`rank 1`), and how many are also named, that is, lie above the threshold. And how good P(same) is, on "
        "pairs of impostors: the expected calibration error (ECE; 10 draws, mean and range).",
        "",
        "| set | adaptation | rank 1 | named | ECE |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for name, one in sets.items():
        for method, row in one["methods"].items():
            cells = (spread(row["known_first"]), spread(row["known_named"]), spread(row["ece"]))
            lines.append(f"| {name} | {method} | {' | '.join(cells)} |")
    return [*lines, "", "![How often pairs said to be the same with P are the same](decisions.png)"]


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def spread(row: dict[str, Any]) -> str:
    low, high = row["range"]
    return f"{100 * row['mean']:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def held(row: dict[str, Any]) -> str:
    low, high = row["share_held_interval"]
    return f"{100 * row['share_held']:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def plot_reliability(sets: dict[str, Any], path: Path) -> None:
    """A panel per set: how often pairs said to be the same with P are, same and different weighing alike."""
    figure = Figure(figsize=(2.4 * len(sets), 2.9), dpi=110, layout="constrained")
    panels = figure.subplots(1, len(sets), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (name, one) in zip(panels, sets.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="#c9ced8", linewidth=1, zorder=0)
        for method, row in one["methods"].items():
            p, frequency, _ = zip(*row["reliability"], strict=True)
            axes.plot(p, frequency, color=COLOURS[method], marker="o", markersize=3.5, linewidth=1.2, label=method)
        axes.set_title(name, fontsize=9)
        axes.set_aspect("equal")
        axes.tick_params(labelsize=7)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    panels[0].set_xlabel("P(same) said", fontsize=8)
    panels[0].set_ylabel("share that is the same", fontsize=8)
    panels[0].legend(fontsize=7, frameon=False)
    figure.savefig(path)
