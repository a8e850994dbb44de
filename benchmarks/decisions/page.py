"""results/decisions.md and its picture, from the JSON."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.decisions.simulated import WORLDS

COLOUR = "#1f5fa8"
ABOUT_BELIEVED = (
    "A support of so many individuals, two to four photos each, is its own gallery. Other photos of them, and "
    "photos of individuals that nothing was fitted on, are searched, half and half, which is the prior. What is "
    "judged is the likeliest answer, an individual or somebody new: the expected calibration error (ECE) over all "
    "sets and adaptations together, in percent; the log loss of the right answer in nats; the share right; and "
    'the share that got another answer than "cannot say". What other categories lend never stems from the set '
    "judged. Where a set has fewer than 96 individuals to spare, the last row has three quarters of them."
)
ABOUT_SOURCES = (
    "A single set's ECE is of few photos, and so partly chance. `borrowed` is the ECE with no curve of its own, "
    "though with what its own pairs say about where its impostors lie; `own` is that without a prior."
)
ABOUT_OTHERS = (
    "Every set is taught, and asked about photos of every other set and about new individuals of its own. Means "
    "over pairs of sets: AUROC of typicality, and the share of other sets' photos that are flagged where 5 % of "
    "the own are; then what is flagged by the rule that ships, of others and of its own."
)


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
        "",
        *(believed_lines(found) if "believed" in found else []),
    ]
    return "\n".join([*lines, ""]).rstrip() + "\n"


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
        "first (`rank 1`), and how many are also named, that is, lie above the threshold.",
        "",
        "| set | adaptation | rank 1 | named |",
        "| --- | --- | ---: | ---: |",
    ]
    for name, one in sets.items():
        for method, row in one["methods"].items():
            lines.append(f"| {name} | {method} | {spread(row['known_first'])} | {spread(row['known_named'])} |")
    return lines


def believed_lines(found: dict[str, Any]) -> list[str]:
    """How well beliefs are calibrated, and whether photos of other categories are noticed."""
    lines = [
        "## Believed",
        "",
        f"Written by `{found['believed_command']}`. {ABOUT_BELIEVED}",
        "",
        "| individuals | sets | ECE | of single sets | log loss | right | answered | borrowed | own |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for size, row in found["believed"].items():
        own = sorted(row["ece_of_sets"].values())
        lines.append(
            f"| {size} | {row['sets']} | {100 * row['ece']:.1f} | {100 * own[0]:.1f} to {100 * own[-1]:.1f} | "
            f"{row['log_loss']:.2f} | {percent(row['top1'])} | {percent(row['share_answered'])} | "
            f"{100 * row['borrowed']['ece']:.1f} | {100 * row['own']['ece']:.1f} |"
        )
    lines += [
        "",
        ABOUT_SOURCES,
        "",
        "![How often answers that are believed with P are right](decisions.png)",
        "",
        "### Photos of another category",
        "",
        ABOUT_OTHERS,
        "",
        "| individuals | pairs of sets | AUROC | flagged at 5 % false | flagged | falsely |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for size, row in found["other_categories"].items():
        lines.append(
            f"| {size} | {row['pairs']} | {row['auroc']:.3f} | {percent(row['flagged_at_5_percent_false'])} | "
            f"{percent(row['flagged'])} | {percent(row['false_flags'])} |"
        )
    return [*lines, ""]


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def spread(row: dict[str, Any]) -> str:
    low, high = row["range"]
    return f"{100 * row['mean']:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def held(row: dict[str, Any]) -> str:
    low, high = row["share_held_interval"]
    return f"{100 * row['share_held']:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def plot_reliability(believed: dict[str, Any], path: Path) -> None:
    """A panel per number of individuals: how often the likeliest answer is right, where it is believed with P."""
    figure = Figure(figsize=(2.4 * len(believed), 2.9), dpi=110, layout="constrained")
    panels = figure.subplots(1, len(believed), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (size, one) in zip(panels, believed.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="#c9ced8", linewidth=1, zorder=0)
        p, frequency, _ = zip(*one["reliability"], strict=True)
        axes.plot(p, frequency, color=COLOUR, marker="o", markersize=3.5, linewidth=1.2)
        axes.set_title(f"{size} individuals", fontsize=9)
        axes.set_aspect("equal")
        axes.tick_params(labelsize=7)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    panels[0].set_xlabel("P believed", fontsize=8)
    panels[0].set_ylabel("share right", fontsize=8)
    figure.savefig(path)
