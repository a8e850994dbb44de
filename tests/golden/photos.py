"""The photos that the golden numbers are measured on: of the procedural world, as files."""

from pathlib import Path

import pandas as pd

from vicp.data.procedural.world import world_photos

SIZE, SHOTS = 64, 4


def write_photos(folder: Path) -> None:
    """`known/NAME/*.png`, `strangers.csv` of photos without a name, and `table.csv` of two categories."""
    frame = world_photos(num_categories=1, num_identities=14, photos_per_identity=SHOTS, size=SIZE, seed=5)
    names = list(dict.fromkeys(frame["identity"]))
    called = {name: f"n{number:02d}" for number, name in enumerate(names)}
    rows = []
    for row in frame.itertuples():
        number = names.index(row.identity)
        place = "known" if number < 10 else "strangers"
        rows.append(_write(folder, f"{place}/{called[row.identity]}/{Path(row.path).name}", row.image))
    strangers = [path for path in rows if path.startswith("strangers")]
    pd.DataFrame({"path": strangers}).to_csv(folder / "strangers.csv", index=False)
    _write_table(folder)


def _write_table(folder: Path) -> None:
    """`table.csv`: two categories, `first` and `second`, of ten individuals each."""
    frame = world_photos(num_categories=2, num_identities=10, photos_per_identity=SHOTS, size=SIZE, seed=4)
    called = dict(zip(dict.fromkeys(frame["category"]), ("first", "second"), strict=True))
    rows = [
        {
            "path": _write(folder, f"table/{called[row.category]}/{row.identity}-{Path(row.path).name}", row.image),
            "category": called[row.category],
            "identity": row.identity,
        }
        for row in frame.itertuples()
    ]
    pd.DataFrame(rows).to_csv(folder / "table.csv", index=False)


def _write(folder: Path, path: str, image: bytes) -> str:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(image)
    return path
