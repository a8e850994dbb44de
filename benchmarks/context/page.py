"""results/context.md: headline tables, then those with intervals, then which targets were reached."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.lib.method_suite import TUNED
from benchmarks.lib.settings_search import KINDS
from benchmarks.lib.table_cells import DASH, cell, header

TESTS = {
    "A": "A: silhouettes that no training saw, rules that it may have seen",
    "B": "B: neither silhouettes nor rules were seen in training",
}
MEANINGS = {
    "own": "the prompt that the LLM makes of the task's own pairs",
    "null": "its prompt when it reads no pair",
    "other": "its prompt from another task's pairs",
    "repaired": "the own photos and labels, the second photos of the pairs dealt out anew: nothing is left of which "
    "photos belong together",
    "shuffled": "the own pairs, labels permuted so that they tell nothing of the true ones; which photos are paired, "
    "half of them truly of one individual, still tells something",
    "other_rule": "the own photos, paired and labelled by another rule",
    "prompt": "the paper's prompt: the tokens of own alone, without the metric that the model emits with them",
    **{
        f"prompt_{control}": f"the tokens alone of {control}"
        for control in ("null", "other", "repaired", "shuffled", "other_rule")
    },
    "prompt_metric": "own by its parts: prompt tokens and the emitted metric",
    "emitted_metric": "the metric that the model emits from the own pairs, on photos without a prompt",
    "whitening": "as metric",
    "bayes": "a Bayesian reader: linear probes of the six factors and the posterior over all rules of one to three of "
    "them, given the pairs; what the world itself allows a reader of this backbone",
    "frozen": "the plain backbone",
    "static": "a prompt learned in training, the same for every task",
    "verifier": "the in-context verifier's scores rank all test photos, from the same context as own",
    "metric": "closed form from the same-pairs, its settings chosen on the support",
    "chosen_pairs": "the emitted metric, alone or beside one in closed form, whichever did best on identities held out "
    "of the support, or what leads it there by a standard error, from the pairs alone: what `vicp teach` does; nothing "
    "that takes gradient steps is among it",
    "chosen_identities": "the same, from the identities of the same photos",
    "chosen_patches": "and then the first 50 photos in a new order, by how alike patches are as well, with a weight "
    "chosen on held-out individuals",
    "chosen_k_reciprocal": "and then the first 50 photos in a new order by k-reciprocal neighbours",
    "chosen_repaired": "likewise, the photos dealt anew to the identities, which then say nothing",
    "tuned_pairs": "the own prompt after a few gradient steps, from the pairs alone",
    "tuned_identities": "the same, from the identities",
    "triplet": "the backbone fine-tuned on the seen world, as it is",
    "triplet_plus_pairs": "Triplet+: the whole backbone fine-tuned on the support, from the pairs alone",
    "triplet_plus_identities": "the same, from the identities",
    "supervised": "the backbone fine-tuned on many other photos of the task's individuals, those looked up among them: "
    "with 150 steps; no bound, for more of either may give more",
}
READER = "_set_transformer"
SEEN = "Sets marked * were seen in training, or settings were chosen on them, and do not count."


# What stands behind a small `own - shuffled`, and what was tried: said where the differences are.
LITTLE = (
    "Where `own - shuffled` is small: shuffled labels leave half of the same-pairs true, and the category's centre, "
    "and how its photos vary, are read from the photos without a label; `tuned_identities - shuffled` is what gradient "
    "steps, from the identities, get out of the same photos. What was tried to raise it, each with its table: the "
    "evidence trained by other losses ([bridge](ablations/bridge.md)), parts of the prompt by themselves "
    "([parts](ablations/parts.md)), other selections of pairs ([selection](ablations/selection.md)), and other ways "
    "to join it with a metric in closed form ([choice](ablations/choice.md))."
)


def page(facts: Mapping[str, Any]) -> str:
    """The file."""
    lines = ["# Does the context matter?", "", f"Written by `{facts['command']}`.", ""]
    lines += [
        "mAP in percent; in brackets the 95 % interval over rules and training seeds (bootstrap; tasks of one rule are "
        f"drawn together). {facts['tasks']} tasks a test, fixed by seed {facts['seeds']['tasks']['A']}, drawn when "
        "the model was first settled and used for no choice; how `auto` chooses, and how the evidence is trained, were "
        "changed once each since, on other tasks and sets, after rows here had been seen: a pool of photos of one "
        "silhouette whose six factors all vary, and a rule that says which factors make the individual. Half of the "
        "individuals are taught, by K labelled pairs; of the others up to 16, with up to 8 photos each, are looked up, "
        "every photo among all "
        f"others. Checkpoints: {', '.join(facts['seeds']['checkpoints'])}"
        + (f"; set transformer: {', '.join(facts['set_transformer'])}" if facts["set_transformer"] else "")
        + ".",
        "",
    ]
    lines += headline_lines(facts)
    for test, title in TESTS.items():
        lines += test_lines(title, facts[test], facts["differences"][test]) if facts[test] else []
    lines += real_lines(facts["real"])
    lines += gain_lines(facts["real_differences"])
    lines += choice_lines(facts["choices"])
    lines += target_lines(facts["targets"])
    return "\n".join(lines) + "\n"


def headline_lines(facts: Mapping[str, Any]) -> list[str]:
    """MAP alone: of drawn tasks at K = 16, and of each real set at the largest K."""
    tests = [test for test in TESTS if facts[test]]
    lines = []
    if tests:
        lines += ["## Drawn tasks, 16 labelled pairs", "", *header(["method", *tests])]
        for method in sorted({m for test in tests for m in facts[test]}, key=order):
            rows = [facts[test].get(method, {}).get("by_K", {}) for test in tests]
            cells = [plain_cell(by_k.get("16", by_k.get("0"))) for by_k in rows]
            lines.append("| " + " | ".join([f"`{method}`", *cells]) + " |")
        lines += ["", *(f"{title}." for test, title in TESTS.items() if test in tests), ""]
    ks = [
        int(k)
        for found in facts["real"].values()
        for row in found.values()
        if isinstance(row, dict)
        for k in row["by_K"]
    ]
    if ks:
        k = str(max(ks))
        sets = facts["real"]
        lines += [f"## Real photos, K = {k}", "", *header(["method", *(marked(name, sets[name]) for name in sets)])]
        for method in real_methods(sets):
            cells = [plain_cell(found.get(method, {}).get("by_K", {}).get(k)) for found in sets.values()]
            if set(cells) != {DASH}:
                lines.append("| " + " | ".join([f"`{method}`", *cells]) + " |")
        lines += ["", SEEN, ""]
    return lines


def real_methods(real: Mapping[str, Any]) -> list[str]:
    """The methods that some set has, in the order of the tables."""
    return sorted({method for found in real.values() for method in found if method != "seen_in_training"}, key=order)


def marked(name: str, found: Mapping[str, Any]) -> str:
    """The name of a set, with a star if it does not count."""
    return name + (" *" if found["seen_in_training"] else "")


def plain_cell(row: Mapping[str, Any] | None) -> str:
    return DASH if row is None else f"{row['map']:.1f}"


def target_lines(targets: Sequence[Mapping[str, Any]]) -> list[str]:
    if not targets:
        return []
    known = [one for one in targets if one["reached"] is not None]
    reached = sum(one["reached"] for one in known)
    rest = f", {len(targets) - len(known)} not measured to the end" if len(targets) > len(known) else ""
    sentences = (f"- {one['sentence']}" for one in targets)
    return [f"## Targets: {reached} of {len(known)} reached{rest}", "", *sentences, ""]


def test_lines(title: str, rows: Mapping[str, Any], differences: Mapping[str, Any]) -> list[str]:
    ks = sorted({int(k) for row in rows.values() for k in row["by_K"]} - {0})
    sizes = sorted({size for row in rows.values() for size in row["by_rule_size"]})
    head = [
        "method",
        *(f"K = {k}" for k in ks),
        "seconds",
        "CPU seconds",
        *(f"{size} factors" for size in sizes),
        "seeds × tasks",
    ]
    lines = [f"## {title}, with intervals", "", *header(head)]
    for method, row in sorted(rows.items(), key=lambda item: order(item[0])):
        by_k = row["by_K"]
        figures = [cell(by_k.get(str(k), by_k.get("0"))) for k in ks]
        spent = [f"{row[name]:.2f}" for name in ("seconds", "cpu_seconds")]
        by_size = [DASH if row["by_rule_size"].get(s) is None else f"{row['by_rule_size'][s]:.1f}" for s in sizes]
        lines.append("| " + " | ".join([f"`{method}`", *figures, *spent, *by_size, counts(row)]) + " |")
    lines += [
        "",
        "Seconds of adapting, and figures by size of the rule, at K = 16; CPU seconds count no other program's work. "
        + meanings(rows),
        "",
    ]
    lines += ["Paired over tasks and seeds:", "", *header(["difference", "mAP"])]
    lines += [f"| {name} | {cell(found, signed=True)} |" for name, found in differences.items()]
    noted = {m: row["notes"] for m, row in rows.items() if m.startswith(("chosen", "metric")) and row["notes"]}
    if noted:
        lines += ["", "What was chosen at K = 16, of all tasks and seeds:", ""]
        lines += [f"- `{m}`: {', '.join(f'{what} ({n})' for what, n in notes.items())}" for m, notes in noted.items()]
    return [*lines, ""]


def counts(row: Mapping[str, Any]) -> str:
    """Training seeds and tasks behind a row, by K where they differ."""
    by_k = [f"{found['seeds']} × {found['tasks']}" for found in row["by_K"].values()]
    return by_k[0] if len(set(by_k)) == 1 else ", ".join(by_k)


def real_lines(real: Mapping[str, Any]) -> list[str]:
    if not real:
        return []
    methods = real_methods(real)
    lines = [
        "## Real photos, with intervals",
        "",
        SEEN,
    ]
    lines += [
        "`own` is the generated prompt. The verifier re-orders the first 50 photos that the generated prompt finds.",
        "",
    ]
    for k in sorted(
        {int(k) for found in real.values() for row in found.values() if isinstance(row, dict) for k in row["by_K"]}
    ):
        lines += [f"### K = {k}", "", *header(["set", *(f"`{m}`" for m in methods)])]
        for name, found in real.items():
            rows = [found.get(m, {}).get("by_K", {}).get(str(k)) for m in methods]
            lines.append("| " + " | ".join([marked(name, found), *map(cell, rows)]) + " |")
        lines += ["", *seed_lines(real, methods, k), *size_lines(real, k)]
    return lines


def gain_lines(differences: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What labels add on each set: differences in rows, sets in columns."""
    if not differences:
        return []
    sets = sorted({name for found in differences.values() for name in found})
    lines = ["### Paired differences", "", *header(["difference", *sets])]
    for what, found in differences.items():
        lines.append("| " + " | ".join([what, *(cell(found.get(name), signed=True) for name in sets)]) + " |")
    return [*lines, "", f"`chosen_repaired`: {MEANINGS['chosen_repaired']}. {LITTLE}", ""]


def seed_lines(real: Mapping[str, Any], methods: Sequence[str], k: int) -> list[str]:
    """Which rows are means over several training seeds."""
    sets: dict[str, list[str]] = {}
    for name, found in real.items():
        rows = {m: found[m]["by_K"][str(k)] for m in methods if str(k) in found.get(m, {}).get("by_K", {})}
        most = max(row["seeds"] for row in rows.values()) if rows else 1
        if most > 1:
            means = ", ".join(f"`{m}`" for m, row in rows.items() if row["seeds"] == most)
            sets.setdefault(f"means over {most} training seeds: {means}; other rows are of one.", []).append(name)
    return [line for sentence, names in sets.items() for line in (f"Of {', '.join(names)}, {sentence}", "")]


def size_lines(real: Mapping[str, Any], k: int) -> list[str]:
    """Sets of which fewer pairs could be drawn than K, and how many individuals are looked up."""
    rows = {
        name: row
        for name, found in real.items()
        for row in [
            next((m["by_K"][str(k)] for m in found.values() if isinstance(m, dict) and str(k) in m["by_K"]), None)
        ]
        if row is not None and "identities" in row
    }
    if not rows:
        return []
    options = ", ".join(f"{name} {span(row['identities'])} in {row['categories']}" for name, row in rows.items())
    few = ", ".join(f"{name} {span(row['pairs'])}" for name, row in rows.items() if row["pairs"][0] < k)
    return [
        f"Individuals looked up, and categories: {options}." + (f" Pairs that could be drawn: {few}." if few else ""),
        "",
    ]


def span(ends: Sequence[int]) -> str:
    low, high = ends
    return str(low) if low == high else f"{low} to {high}"


def choice_lines(choices: Sequence[Mapping[str, Any]]) -> list[str]:
    if not choices:
        return []
    lines = ["## Settings of gradient steps, chosen on tasks of a third split", ""]
    lines += [*header(["method", "K", "chosen", "mAP there", "tried"])]
    for row in choices:
        tried = ", ".join(f"{what}: {score:.1f}" for what, score in row["tried"].items())
        lines.append(f"| `{row['method']}` | {row['K']} | {row['chosen']} | {row['map']:.1f} | {tried} |")
    tuned = [kind for kind in KINDS if kind.startswith("tuned") and kind not in {row["method"] for row in choices}]
    default = f" Not chosen, but {TUNED}: {', '.join(f'`{kind}`' for kind in tuned)}." if tuned else ""
    return [*lines, "", f"Every other K takes the settings of K = 16.{default}", ""]


def meanings(rows: Mapping[str, Any]) -> str:
    sentence = "; ".join(f"`{name}`: {meaning}" for name, meaning in MEANINGS.items() if name in rows)
    reader = " Names that end in `_set_transformer`: the same with a set transformer where the LLM is."
    return sentence + "." + (reader if any(name.endswith(READER) for name in rows) else "")


def order(method: str) -> tuple[bool, int]:
    names = list(MEANINGS)
    plain = method.removesuffix(READER)
    return method.endswith(READER), names.index(plain) if plain in names else len(names)
