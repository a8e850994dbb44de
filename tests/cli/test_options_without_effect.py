"""Options that would do nothing are refused, with the reason."""

from pathlib import Path

import pytest

from vicp.adapt.load import load_backbone_embedder
from vicp.gallery.gallery import Gallery

REFUSED = [
    (("teach", "shoes", "--category", "s", "--pairs", 8, "--support", "pairs.csv"), "leave one of them out"),
    (("teach", "shoes", "--category", "s", "--model", "mini", "--backbone", "vit"), "give one of the two"),
    (("teach", "shoes", "--category", "s", "--column", "identity=ID"), "shoes: is no table, and --column names"),
    (("teach", "rows.csv", "--category", "s", "--folders", "identity"), "rows.csv: is no folder, and --folders"),
    (("cluster", "shoes/red/0.jpg", "--column", "path=file"), "shoes/red/0.jpg: is no table"),
    (("demo", "--photos", "shoes", "--categories", 3), "--categories is of the procedural world"),
    (("evaluate", "mini", "--skip-bad"), "--skip-bad are of photos"),
    (("evaluate", "mini", "--folders", "identity"), "--skip-bad are of photos"),
    (("evaluate", "VIT", "--photos", "shoes", "--shortlist", 7), "shortlist has no effect without a second stage"),
    (
        ("evaluate", "VIT", "--photos", "rows.csv", "--protocol", "market", "--share-support", 0.3),
        "share_support has no effect on market",
    ),
    (("gallery", "enroll", "herd", "shoes", "--workers", 3), "--workers 3 is of --ray"),
    (("gallery", "reindex", "herd", "--workers", 3), "--workers 3 is of --ray"),
    (("gallery", "enroll", "herd", "shoes", "--category", "s", "--route"), "give one of the two"),
    (("gallery", "identify", "herd", "shoes", "--category", "s", "--no-unknown"), "--no-unknown has no effect"),
    (("gallery", "remove", "herd", "--photo", "a.jpg", "--category", "s"), "--category is of an identity"),
    (("gallery", "split", "herd", "a.jpg", "--from", "b.csv"), "give either photos and --into IDENTITY, or --from"),
    (("gallery", "split", "herd", "--into", "Tom", "--from", "b.csv"), "give either photos and --into IDENTITY"),
    (("gallery", "export", "herd", "out.csv", "--pairs", "--fiftyone"), "give --fiftyone or --pairs"),
]


@pytest.mark.parametrize(("command", "said"), REFUSED, ids=lambda value: value[:40] if isinstance(value, str) else "")
def test_refused(run, photo_folder: Path, vit: str, command: tuple[object, ...], said: str) -> None:  # type: ignore[no-untyped-def]
    names = [f"{name}/{shot}.jpg" for name in ("red", "green", "blue", "yellow") for shot in range(3)]
    rows = [
        f"shoes/{path},{path.split('/')[0]},{place}"
        for place, path in zip(("train", "query", "gallery") * 4, names, strict=True)
    ]
    Path("rows.csv").write_text("\n".join(["path,identity,ID", *rows]) + "\n")
    Path("pairs.csv").write_text("left,right,same\n")
    if command[0] == "gallery":
        Gallery.create("herd", load_backbone_embedder(vit), author="ann")
    assert said in run(*(vit if word == "VIT" else word for word in command))
