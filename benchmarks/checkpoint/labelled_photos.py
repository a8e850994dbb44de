"""The labelled individuals that `mini` learns from beside rule episodes, as one photo table.

    python -m benchmarks.checkpoint.labelled_photos --sets FOLDER --out runs/labelled.parquet

FOLDER holds grocery, omniglot_small, lego_minifig, cows_above, dogs_street and corridor, as Parquet. A category must be
large enough for every episode, so small ones are merged: alphabets by two, products by half.
"""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

WHOLE = ("lego_minifig", "cows_above", "dogs_street", "corridor")  # a category each
COLUMNS = ["path", "category", "identity", "image"]


def main(
    sets: Annotated[Path, typer.Option(help="Folder of the photo sets.")],
    out: Annotated[Path, typer.Option(help="The table to write.")],
) -> None:
    """Writes the table."""
    frames = {name: pd.read_parquet(sets / f"{name}.parquet") for name in WHOLE}
    whole = [merged(frame, name, [0] * len(frame)) for name, frame in frames.items()]
    table = pd.concat([alphabets(sets), products(sets), *whole], ignore_index=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(out)
    counts = table.groupby("category")["identity"].nunique()
    print(f"{out}: {len(table)} photos, {counts.sum()} identities, {len(counts)} categories")


def alphabets(sets: Path) -> pd.DataFrame:
    """Characters, two alphabets a category."""
    frame = pd.read_parquet(sets / "omniglot_small.parquet")
    number = {name: i for i, name in enumerate(sorted(frame["category"].unique()))}
    return merged(frame, "omniglot", [number[name] // 2 for name in frame["category"]])


def products(sets: Path) -> pd.DataFrame:
    """Grocery products, every other one in the same category."""
    frame = pd.read_parquet(sets / "grocery.parquet")
    names = frame["category"] + "/" + frame["identity"]
    number = {name: i for i, name in enumerate(sorted(names.unique()))}
    return merged(frame, "grocery", [number[name] % 2 for name in names])


def merged(frame: pd.DataFrame, name: str, groups: list[int]) -> pd.DataFrame:
    """The photos under a category for each group; identities keep their old category in their name."""
    return frame.assign(
        path=[f"{name}/{path}" for path in frame["path"]],
        identity=frame["category"] + "/" + frame["identity"],
        category=[f"{name} {group}" for group in groups],
    )[COLUMNS]


if __name__ == "__main__":
    typer.run(main)
