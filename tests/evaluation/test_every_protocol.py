"""Each protocol from the photos to the rows of its table, with a plain backbone."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vicp.data.procedural.world import world_photos
from vicp.data.records import PhotoTable
from vicp.evaluation.config import EvaluationConfig
from vicp.evaluation.methods import parse_method
from vicp.evaluation.photos import EvaluationPhotos
from vicp.evaluation.protocols.protocol import NEEDS_LIST, PROTOCOLS, find_protocol
from vicp.evaluation.results import Evaluation
from vicp.evaluation.run import run_evaluation

RETRIEVAL = {"map", "rank1", "rank5", "minp"}
PAIRS = {"auc", "acc", "tpr_at_fpr_1e-2", "fnmr_at_fmr_1e-2"}
NEW = {"auroc_new", "fnir_at_fpir_1e-1"}


@pytest.fixture(scope="module")
def photos() -> pd.DataFrame:
    """A category of fourteen identities with six photos each, and everything that any protocol asks for."""
    frame = world_photos(num_categories=1, num_identities=14, photos_per_identity=6, size=96, seed=4)
    shot = np.arange(len(frame)) % 6
    trained = np.arange(len(frame)) // 6 < 6
    return frame.assign(
        row=range(1, len(frame) + 1),
        category="thing",
        split=np.where(trained, "train", np.where(shot < 2, "query", "gallery")),
        camera=[f"c{n % 3}" for n in shot],
        date=[f"2026-0{n + 1}-01" for n in shot],
        domain=np.where(shot % 2 == 0, "studio", "street"),
        fold="0",
    )


def rows_of(protocol: str, photos: pd.DataFrame, out: Path, source: Path | None = None) -> Evaluation:
    config = EvaluationConfig(
        find_protocol(protocol),
        num_pairs=8,
        num_draws=1,
        adaptations=("null", "metric"),
        diagnose=False,
        out=out,
    )
    things = EvaluationPhotos.decoded(PhotoTable(photos, None), "things", source)
    return run_evaluation(config, [parse_method("frozen:mini")], things)


@pytest.mark.parametrize("protocol", [name for name in PROTOCOLS if name not in (*NEEDS_LIST, "petface-closed-set")])
def test_a_protocol_has_its_metrics(protocol: str, photos: pd.DataFrame, tmp_path: Path) -> None:
    found = rows_of(protocol, photos, tmp_path)
    wanted = RETRIEVAL | PAIRS | (NEW if protocol == "open-set" else set())
    for row in found.rows:
        assert set(row.values) == wanted
        assert row.protocol == protocol
        for name, value in row.values.items():
            assert 0 <= value.value <= 1, name
            assert value.low is not None
            assert value.high is not None
            assert value.low <= value.value + 0.05
            assert value.high >= value.value - 0.05
    null = next(row for row in found.rows if (row.adaptation, row.category) == ("null", "mean"))
    assert null.values["rank1"].value > 0.2  # a sixth of that by chance
    variants = {row.variant for row in found.rows if row.category != "mean"}
    assert variants == ({"studio to street", "street to studio"} if protocol == "cross-domain" else {""})
    folds = [row.category for row in found.rows if "fold" in row.category]
    assert folds == (["mean of fold 0"] * 2 if protocol == "shopid10k-folds" else [])


def test_petface_protocols_use_the_lists_of_the_data_set(photos: pd.DataFrame, tmp_path: Path) -> None:
    shot = np.arange(len(photos)) % 6
    trained = photos["split"] == "train"
    frame = photos.assign(split=np.where(trained & (shot == 0), "reidentification", np.where(trained, "train", "test")))
    closed = rows_of("petface-closed-set", frame, tmp_path / "closed")
    assert closed.rows[0].num_queries == 4  # of six trained identities, two may be taught
    assert closed.rows[0].values["rank1"].value > 0.2
    lists = tmp_path / "petface" / "split" / "thing"
    lists.mkdir(parents=True)
    tested = frame["path"][frame["split"] == "test"].to_list()
    for path in frame["path"]:
        photo = tmp_path / "petface" / "images" / "thing" / path
        photo.parent.mkdir(parents=True, exist_ok=True)
        photo.write_bytes(b"x")
    pairs = [(tested[i], tested[i + 1], 1) for i in range(0, 48, 6)] + [
        (tested[i], tested[(i + 6) % 48], 0) for i in range(0, 48, 6)
    ]
    (lists / "verification.csv").write_text(
        "filename1,filename2,label\n" + "".join(f"{a},{b},{same}\n" for a, b, same in pairs)
    )
    prefixed = frame.assign(path=[f"images/thing/{path}" for path in frame["path"]])
    found = rows_of("petface-verification", prefixed, tmp_path / "verified", source=tmp_path / "petface")
    assert set(found.rows[0].values) == RETRIEVAL | PAIRS
    assert found.rows[0].values["auc"].value > 0.5
    trained_on = frame["path"][frame["split"] == "train"].to_list()
    listed = (lists / "verification.csv").read_text() + f"{trained_on[0]},{trained_on[1]},1\n"
    (lists / "verification.csv").write_text(listed)
    whole = rows_of("petface", prefixed, tmp_path / "both", source=tmp_path / "petface")
    assert set(whole.rows[0].values) == RETRIEVAL | PAIRS, "AUC, accuracy, mAP and Rank-1 in one row"
    assert whole.rows[0].num_queries == len(tested)
    assert any("1 pair of verification.csv names photos that are not of the split test" in s for s in whole.skipped)
