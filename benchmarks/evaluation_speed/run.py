"""What mAP costs: ours, three libraries, plain numpy and the bare matrix product, on the same embeddings.

    python -m benchmarks.evaluation_speed.run [--only petface]

Writes results/evaluate.md and .json. Each method is a process of its own (map_methods.py). The first run makes
.venv-peers for open-metric-learning, which wants an older numpy; it takes about 1.2 GB.
"""

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.evaluation_speed.made_up_embeddings import DOUBLINGS, FULL, QUICK, SEED, write_market, write_petface
from benchmarks.evaluation_speed.page import TOLERANCE, page
from benchmarks.lib.program import ROOT, json_of
from benchmarks.lib.results import write_results

PEERS_VENV = ROOT / ".venv-peers"
PEERS = {"open-metric-learning": (), "pytorch-metric-learning": ("faiss",), "torchmetrics": ("torchmetrics",)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=list(PARTS), help="measure this part anew")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, for a test: the figures mean nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "results", help="folder of evaluate.md and .json")
    arguments = parser.parse_args()
    if arguments.quick and arguments.out == ROOT / "results":
        parser.error("--quick needs another --out: its figures mean nothing")
    facts = starting_facts(arguments.quick)
    if arguments.only:
        facts = {**earlier_parts(arguments.out / "evaluate.json", facts), **facts}
    if not arguments.quick:
        make_peers_venv()
    for name in [arguments.only] if arguments.only else PARTS:
        facts[name] = PARTS[name](facts["sizes"], 1 if arguments.quick else 3)
    write_results(arguments.out / "evaluate", facts, page(facts))


def earlier_parts(path: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """What an earlier run measured, which stands beside the part measured anew: it has to be of the same machine."""
    if not path.exists():
        return {}
    earlier: dict[str, Any] = json.loads(path.read_text())
    if any(earlier[name] != facts[name] for name in facts):
        sys.exit(f"{path} is of another machine, other versions or other sizes: leave out --only")
    return earlier


def starting_facts(quick: bool) -> dict[str, Any]:
    return {
        "command": "python -m benchmarks.evaluation_speed.run" + (" --quick" if quick else ""),
        "seed": SEED,
        "sizes": QUICK if quick else FULL,
        "machine": {
            "processor": torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
            "cores": os.cpu_count(),
            "threads": num_threads(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }


def market(sizes: dict[str, int], repeats: int) -> dict[str, Any]:
    """Every method at Market-1501's size; a library that is not installed is left out."""
    with tempfile.TemporaryDirectory() as folder:
        write_market(Path(folder), sizes)
        rows = {name: run(name, folder, repeats) for name in ("ours", "numpy", *filter(is_installed, PEERS))}
        check_agreement({name: row["map"] for name, row in rows.items()})
        return {**rows, "matmul": matmul(folder, repeats)}


def check_agreement(found: dict[str, float]) -> None:
    print(json.dumps(found), file=sys.stderr)
    if not all(abs(value - found["ours"]) <= TOLERANCE for value in found.values()):  # NaN is no agreement either
        sys.exit(f"mAP differs by more than {TOLERANCE:.0e} between methods: {found}")


def petface(sizes: dict[str, int], repeats: int) -> dict[str, Any]:
    """Ours on all of PetFace's test photos, each against all the others; once, since it takes minutes."""
    with tempfile.TemporaryDirectory() as folder:
        write_petface(Path(folder), sizes)
        product, row = matmul(folder, 1), run("ours", folder, 1)
    return {**row, "ratio_to_matmul": row["seconds"] / product["seconds"], "photos": sizes["pets"], "matmul": product}


def growth(sizes: dict[str, int], repeats: int) -> list[dict[str, Any]]:
    """The same queries against galleries of one, two and four times the size; what is added are distractors."""
    rows: list[dict[str, Any]] = []
    for times in DOUBLINGS:
        with tempfile.TemporaryDirectory() as folder:
            gallery = write_market(Path(folder), sizes, times)
            seconds, product = run("ours", folder, repeats)["seconds"], matmul(folder, repeats)["seconds"]
        before = rows[-1] if rows else None
        rows.append(
            {
                "gallery": gallery,
                "seconds": seconds,
                "ratio": seconds / before["seconds"] if before else None,
                "matmul_seconds": product,
                "matmul_ratio": product / before["matmul_seconds"] if before else None,
            }
        )
    return rows


PARTS: dict[str, Callable[[dict[str, int], int], Any]] = {"market": market, "petface": petface, "growth": growth}


def matmul(folder: str, repeats: int) -> dict[str, Any]:
    """The bare blocked product, by numpy or by torch: whichever is faster here."""
    rows = [{"by": name, **run(name, folder, repeats)} for name in ("numpy.matmul", "torch.mm")]
    return min(rows, key=lambda row: row["seconds"])


def run(method: str, folder: str, repeats: int) -> dict[str, Any]:
    """`map_methods.measure` in a fresh process."""
    print(method, file=sys.stderr, flush=True)
    python = PEERS_VENV / "bin" / "python" if method == "open-metric-learning" else sys.executable
    command = [python, Path(__file__).parent / "map_methods.py", method, folder, "--repeats", str(repeats)]
    return json_of(method, command, {"OMP_NUM_THREADS": str(num_threads())})


def num_threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))


def is_installed(peer: str) -> bool:
    if peer == "open-metric-learning":
        return (PEERS_VENV / ".ready").exists()
    return all(importlib.util.find_spec(module) for module in PEERS[peer])


def make_peers_venv() -> None:
    if is_installed("open-metric-learning"):
        return
    pip = [PEERS_VENV / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--requirement"]
    ours = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}  # for the project alone
    subprocess.run([sys.executable, "-m", "venv", PEERS_VENV], check=True)
    (PEERS_VENV / ".gitignore").write_text("*\n")
    subprocess.run([*pip, Path(__file__).parent / "other_libraries.txt"], check=True, env=ours)
    (PEERS_VENV / ".ready").touch()


if __name__ == "__main__":
    main()
