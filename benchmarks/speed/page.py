"""The page of what everyday commands cost."""

from typing import Any

GOALS = {"verify": "≤ 1.2 s, ≥ 6× less CPU, ≤ 250 MB", "identify": "≤ 1.5 s, ≥ 5× less CPU, ≤ 250 MB"}


def page(facts: dict[str, Any]) -> str:
    """Return the page of these facts."""
    about = facts["about"]
    (embedded,) = facts["embed"].values()
    lines = [
        "# Speed",
        "",
        f"Made by `{about['command']}` on {about['cores']} cores of {about['processor']}, load {about['load']} when it "
        f"began, torch {about['torch']}, onnxruntime {about['onnxruntime']}, float32, model `{about['model']}`.",
        "",
        "A command from a cold start, with ONNX Runtime and, in turn on the same photos, with PyTorch; `identify` "
        "looks one photo up among 1,000 whose embeddings are kept. On a busy machine the wall clock says little, CPU "
        "much:",
        "",
        "| command | engine | wall, s | CPU, s | memory, MB | goal |",
        "| --- | --- | ---: | ---: | ---: | --- |",
        *(line for name in GOALS for line in _command(name, facts[name])),
        "",
        "Large JPEGs to embeddings, photos per CPU second: "
        + ", ".join(f"{name} {value:.1f}" for name, value in embedded.items())
        + f" (onnx {embedded['onnx'] / embedded['torch']:.2f} × torch). A prompt of 16 tokens leaves "
        f"{100 * facts['prompt_ratio']:.0f} % of the bare backbone's speed.",
    ]
    for size, methods in facts["gallery"].items():
        lines += [
            "",
            f"A gallery of {int(size):,} × 384, one thread:",
            "",
            "| method | 1 query, ms | 100 queries, ms | recall@1 | memory, MB | disk, MB | opening, s |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
            *(_method(name, found) for name, found in methods.items()),
        ]
    return "\n".join(lines) + "\n"


def _command(name: str, found: dict[str, float]) -> list[str]:
    ratio = found["before_cpu"] / found["cpu"]
    return [
        f"| `vicp {name}` | onnx | {found['seconds']:.1f} | {found['cpu']:.2f} ({ratio:.1f}× less) "
        f"| {found['peak_mb']:.0f} | {GOALS[name]} |",
        f"| `vicp {name}` | torch | {found['before_seconds']:.1f} | {found['before_cpu']:.2f} "
        f"| {found['before_peak_mb']:.0f} | |",
    ]


def _method(name: str, found: dict[str, float]) -> str:
    times = f"{found['ms1']:.2f} | {found['ms100']:.1f} | {found['recall1']:.3f}"
    return f"| {name} | {times} | {found['peak_mb']:.0f} | {found['disk_mb']:.0f} | {found['open_s']:.2f} |"
