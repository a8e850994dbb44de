"""results/decisions.md from its JSON."""

from typing import Any


def page(found: dict[str, Any], worlds: dict[str, Any]) -> list[str]:
    """The page as lines."""
    promised = percent(found["share_promised"])
    low, high = found["share_held_interval"]
    return [
        "# Rates promised and achieved",
        "",
        f"Written by `{found['command']}`; [docs/decisions.md](../docs/decisions.md) says what is promised to whom.",
        "",
        f"A threshold promises that a search for an individual that is NOT among the candidates names one of them no "
        f"more often than the promised rate, and this in at least {promised} of draws of the individuals it was found "
        f"on. Of all {found['num_draws']:,} draws below, the achieved rate was at most the promised one in "
        f"**{percent(found['share_held'])}** ({percent(low)} to {percent(high)}); in the worst row in "
        f"{percent(found['least_share_held'])}.",
        "",
        "## Simulated: the truth is known",
        "",
        "Each draw makes new individuals, finds the threshold on them, and searches 2,000 strangers among them. The "
        "worlds differ in why strangers look alike. `held` is the share of draws in which the achieved rate was at "
        "most the promised one, with its exact 95 % interval; `achieved` the mean over draws and the range of 95 % of "
        "them.",
        "",
        "| world | individuals | candidates | promised | achieved | held |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {worlds[name].about} | {row['individuals']} | {row['candidates']} | {percent(row['rate_promised'])} | "
            f"{spread(row['rate_achieved'])} | {held(row)} |"
            for name, rows in found["simulated"].items()
            for row in rows
        ),
        "",
        *real_lines(found["sets"]),
    ]


def real_lines(sets: dict[str, Any]) -> list[str]:
    """The real sets: what was promised and kept, and what it costs."""
    lines = [
        "## Real sets",
        "",
        "The packaged `mini`; each draw takes 65 % of a set's identities, three photos of each, as support and "
        "gallery, and the photos of all others as strangers (at most 20 of an identity). The promised rate is the "
        "least round one that so few individuals can promise for a search over all of them; `more for` says how many "
        "different-pairs of new individuals a lower rate takes. An achieved rate is measured on the strangers a set "
        "has, so it varies by more than the threshold does. `null` is the frozen backbone, `metric` its features under "
        "the metric at its usual setting, fitted on the support, calibrated on identities held out of the fit.",
        "",
        "| set | adaptation | individuals | strangers | promised | achieved | held | more for 5 % | more for 1 % |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, one in sets.items():
        for method, row in one["methods"].items():
            more = one["missing_for"]
            lines.append(
                f"| {name} | {method} | {one['individuals']} | {one['strangers']} | {percent(one['rate_promised'])} | "
                f"{spread(row['rate_achieved'])} | {held(row)} | {more['0.05']} | {more['0.01']} |"
            )
    lines += [
        "",
        "What such a promise leaves: of the other photos of the gallery's individuals, how many find the right one "
        "first (`rank 1`), and how many are also named, that is, lie above the threshold. And how good P(same) is, on "
        "pairs of strangers: the expected calibration error (ECE; 10 draws, mean and range).",
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
