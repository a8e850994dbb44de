"""The picture of README.md: for a query of each of three categories that training never saw, what mini finds.

python benchmarks/readme_picture.py
"""

from io import BytesIO
from pathlib import Path

from PIL import Image

from program import run
from vicp.adapt.load import load_model
from vicp.evaluation.demo import run_demo
from vicp.evaluation.plots.ranks import plot_rank_lists
from vicp.evaluation.protocols.world_table import world_table

ROOT = Path(__file__).parent.parent
CATEGORIES, PAIRS, SEED = 3, 32, 0


def main() -> None:
    table = world_table(num_categories=CATEGORIES, seed=SEED)
    report = run_demo(load_model("mini").without_progress(), table, source="", command="", num_pairs=PAIRS, seed=SEED)
    lists = [category.rank_lists[0] for category in report.categories]
    picture = Image.open(BytesIO(plot_rank_lists(lists))).convert("RGB")
    picture.reduce(2).quantize(256).save(ROOT / "docs" / "demo.png", optimize=True)


if __name__ == "__main__":
    run(main)
