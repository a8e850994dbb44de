"""The page of what everyday commands cost."""

from typing import Any

from benchmarks.speed.stages import stage_lines

ENGINES = ("transformers", "torch", "onnx", "openvino")
LIBRARIES = ("torch", "onnxruntime", "openvino")
GOALS = {"verify": "≤ 1.2 s, ≥ 6× less CPU, ≤ 250 MB", "identify": "≤ 1.5 s, ≥ 5× less CPU, ≤ 250 MB"}


def page(facts: dict[str, Any]) -> str:
    """Return the page of these facts, of the parts that have been measured."""
    machines = facts["about"]
    lines = ["# Speed", "", "Made by `python -m benchmarks.speed.run`, part by part."]
    if "commands" in machines:
        lines += ["", *_commands(facts, machines["commands"])]
    if "embed" in machines:
        lines += ["", *_embedding(facts, machines["embed"])]
    if "int8" in machines:
        lines += ["", *_int8(facts["int8"])]
    if "growth" in machines:
        lines += ["", *_growth(facts["growth"])]
    if "stages" in machines:
        lines += ["", *stage_lines(facts["stages"], facts["gallery"])]
    if "install" in machines:
        lines += ["", _installs(**facts["install"])]
    for size, methods in facts["gallery"].items():
        lines += ["", *_gallery(int(size), methods)]
    return "\n".join(lines) + "\n"


def _measured(about: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {about[name]}" for name in LIBRARIES if name in about)
    return f"{about['cores']} cores of {about['processor']}, load {about['load']} when it began, {versions}"


def _commands(facts: dict[str, Any], about: dict[str, Any]) -> list[str]:
    return [
        "A command from a cold start, with ONNX Runtime and, in turn on the same photos, with PyTorch in float32, "
        f"model `{about['model']}`; `identify` looks one photo up among {about['known']:,} whose embeddings are kept. "
        f"On a busy machine the wall clock says little, CPU much ({_measured(about)}):",
        "",
        "| command | engine | wall, s | CPU, s | memory, MB | goal |",
        "| --- | --- | ---: | ---: | ---: | --- |",
        *(line for name in GOALS for line in _command(name, facts[name])),
    ]


def _embedding(facts: dict[str, Any], about: dict[str, Any]) -> list[str]:
    return [
        f"{about['photos']} large JPEGs to embeddings, photos per CPU second, in turn. `transformers` is a plain loop "
        "in float32, `torch` is ours in bfloat16, the others run the export in float32; `vit_s` is ViT-S/14 at 224 px "
        f"with random weights ({_measured(about)}).",
        "",
        f"| model | {' | '.join(ENGINES)} | best ÷ torch |",
        f"| --- |{' ---: |' * (len(ENGINES) + 1)}",
        *(_model(name, found) for name, found in facts["embed"].items()),
        "",
        f"A prompt of 16 tokens leaves {100 * facts['prompt_ratio']:.0f} % of the bare speed (`vit_s`, onnx).",
    ]


def _gallery(size: int, methods: dict[str, Any]) -> list[str]:
    return [
        f"A gallery of {size:,} × 384, milliseconds of CPU; in brackets the share of NumPy's, taken in turn:",
        "",
        "| method | 1 query, ms | 100 queries, ms | recall@1 | memory, MB | disk, MB | opening, s |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(_method(name, found) for name, found in methods.items()),
    ]


def _command(name: str, found: dict[str, float]) -> list[str]:
    ratio = found["before_cpu"] / found["cpu"]
    return [
        f"| `vicp {name}` | onnx | {found['seconds']:.1f} | {found['cpu']:.2f} ({ratio:.1f}× less) "
        f"| {found['peak_mb']:.0f} | {GOALS[name]} |",
        f"| `vicp {name}` | torch | {found['before_seconds']:.1f} | {found['before_cpu']:.2f} "
        f"| {found['before_peak_mb']:.0f} | |",
    ]


def _int8(found: dict[str, Any]) -> list[str]:
    lines = [
        "`vicp export --int8` against float32, both by ONNX Runtime, photos decoded, in turn; without a prompt, each "
        "photo looked up among the others of its set:",
        "",
        "| model | photos per CPU second, float32 | int8 | photos of | mAP, float32 | int8 | same nearest photo "
        "| largest change of a similarity |",
        "| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for model, row in found.items():
        for name, loss in row["loss"].items():
            lines.append(
                f"| {model} | {row['float32']:.1f} | {row['int8']:.1f} | {name} | {100 * loss['map_before']:.2f} "
                f"| {100 * loss['map']:.2f} | {100 * loss['same_nearest']:.1f} % | {loss['largest_change']:.3f} |"
            )
    return lines


def _growth(found: dict[str, Any]) -> list[str]:
    return [
        "CPU seconds of a task in an open process, at a size, twice and four times that; the last column is 2 to the "
        "power of the exponent that fits them (goal: ≤ 2.1):",
        "",
        "| task | by | sizes | CPU, s | per doubling |",
        "| --- | --- | --- | --- | ---: |",
        *(
            f"| {name} | {row['unit']} | {', '.join(f'{size:,}' for size in row['sizes'])} "
            f"| {', '.join(f'{seconds:.2f}' for seconds in row['cpu'])} | × {row['per_doubling']:.2f} |"
            for name, row in found.items()
        ),
    ]


def _installs(without_torch: dict[str, Any], full: dict[str, Any]) -> str:
    room = ", ".join(f"{name} {size:.0f}" for name, size in without_torch.get("largest", {}).items())
    return (
        f"Installed without PyTorch and transformers, which exported models do not need: {without_torch['mb']:.0f} MB "
        f"in {without_torch['cpu']:.0f} s of CPU; with everything {full['mb']:.0f} MB in {full['cpu']:.0f} s "
        f"({100 * without_torch['cpu'] / full['cpu']:.0f} % of the time). Goals: ≤ 400 MB, ≤ 30 %."
        + (f" What takes the room without PyTorch, in MB: {room}." if room else "")
    )


def _model(name: str, found: dict[str, float]) -> str:
    best = max(found.values()) / found["torch"]
    return f"| {name} | {' | '.join(f'{found[engine]:.1f}' for engine in ENGINES)} | {best:.2f} |"


def _method(name: str, found: dict[str, float]) -> str:
    times = " | ".join(f"{found[key]:.2f}" + _share(found[key], found.get(f"numpy_{key}")) for key in ("ms1", "ms100"))
    space = f"{found['peak_mb']:.0f} | {found['disk_mb']:.0f}"
    return f"| {name} | {times} | {found['recall1']:.3f} | {space} | {found['open_s']:.2f} |"


def _share(value: float, of: float | None) -> str:
    return "" if of is None else f" ({100 * value / of:.0f} %)"
