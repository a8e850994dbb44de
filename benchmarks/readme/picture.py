"""The picture of README.md: for a query of each of three categories that training never saw, what mini finds.

python -m benchmarks.readme.picture
"""

from io import BytesIO

from PIL import Image

from benchmarks.lib.program import ROOT, run
from benchmarks.readme.rank_lists import plot_rank_lists
from vicp.adapt.load import load_model
from vicp.evaluation.demo import run_demo
from vicp.evaluation.protocols.world_table import world_table

CATEGORIES, PAIRS, SEED = 3, 32, 0


def main() -> None:
    table = world_table(num_categories=CATEGORIES, seed=SEED)
    report = run_demo(load_model("mini").without_progress(), table, source="", command="", num_pairs=PAIRS, seed=SEED)
    lists = [category.rank_lists[0] for category in report.categories]
    picture = Image.open(BytesIO(plot_rank_lists(lists))).convert("RGB")
    picture.reduce(2).quantize(256).save(ROOT / "docs" / "demo.png", optimize=True)


if __name__ == "__main__":
    run(main)
