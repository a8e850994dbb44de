"""Every protocol asks what it says, on tables small enough to know the answer and on random ones by plain loops."""

import re
import time
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.data.conftest import LayOut, Write, lay_out, market, petface, shopid10k, write  # noqa: F401

from vicp.data.records import PhotoTable
from vicp.data.sources import open_photos
from vicp.errors import ConfigError, DataError
from vicp.evaluation.photos import EvaluationPhotos
from vicp.evaluation.protocols.protocol import NEEDS_LIST, PROTOCOLS, find_protocol
from vicp.evaluation.protocols.tasks import make_tasks
from vicp.evaluation.task import EvaluationTask

NAMES = (
    *("vicp-retrieval", "disjoint", "closed-set", "open-set", "time-aware", "cross-domain", "market"),
    *("petface", "petface-verification", "petface-closed-set", "shopid10k-folds"),
)
LEAVE_ONE_OUT = ("vicp-retrieval", "disjoint", "petface", "petface-verification", "shopid10k-folds")
SPLITS = ("train", "query", "test", "gallery", "reidentification", "")


def photo_table(*rows: tuple[str, ...], columns: Iterable[str] = ()) -> PhotoTable:
    """Rows (identity, more values); the photos of an identity are a0, a1, ... in the order they stand."""
    names = ["identity", *columns]
    frame = pd.DataFrame(rows, columns=names, dtype=object)
    shots = frame.groupby("identity").cumcount()
    frame = frame.assign(path=[f"{name}{shot}" for name, shot in zip(frame["identity"], shots, strict=True)])
    frame = frame if "category" in frame else frame.assign(category="cat")
    return PhotoTable(frame.assign(row=range(1, len(frame) + 1), image=contents(frame)), None)


def contents(frame: pd.DataFrame) -> list[bytes]:
    """What the photos hold, by which draws are made: no photos, for nothing here decodes them."""
    return [f"{category}/{path}".encode() for category, path in zip(frame["category"], frame["path"], strict=True)]


def herd(num_identities: int = 8, photos: int = 4, category: str = "cat") -> PhotoTable:
    rows = [(f"{category}{i}-", category) for i in range(num_identities) for _ in range(photos)]
    return photo_table(*rows, columns=("category",))


def draw(
    table: PhotoTable, name: str, *, source: Path | None = None, **options: object
) -> tuple[list[EvaluationTask], list[str]]:
    photos = EvaluationPhotos.apart(table, source=source)
    return make_tasks(photos, PROTOCOLS[name], **{"seed": 0, **options})  # type: ignore[arg-type]


def only(table: PhotoTable, name: str, **options: object) -> EvaluationTask:
    tasks, _ = draw(table, name, **options)
    assert len(tasks) == 1
    return tasks[0]


def paths(table: PhotoTable, rows: np.ndarray) -> list[str]:
    return sorted(in_order(table, rows))


def in_order(table: PhotoTable, rows: np.ndarray) -> list[str]:
    return [str(path) for path in table.frame["path"].iloc[rows]]


def identities(table: PhotoTable, rows: np.ndarray) -> set[str]:
    return {table.identities[row] for row in rows}


def pair_paths(table: PhotoTable, task: EvaluationTask, *, same: bool) -> list[tuple[str, str]]:
    assert task.pairs is not None
    chosen = task.pairs.same == same
    left, right = in_order(table, task.pairs.left[chosen]), in_order(table, task.pairs.right[chosen])
    return sorted(zip(left, right, strict=True))


def test_protocols_have_unique_names_and_mirror_where_the_paper_does() -> None:
    assert tuple(PROTOCOLS) == NAMES
    assert [name for name in NAMES if PROTOCOLS[name].mirror] == [
        *("vicp-retrieval", "cross-domain", "petface", "shopid10k-folds")
    ]
    assert [name for name in NAMES if PROTOCOLS[name].open_set] == ["open-set"]
    assert all(protocol.sentence.endswith(".") for protocol in PROTOCOLS.values())
    assert "classifier over the trained identities" in PROTOCOLS["petface-closed-set"].sentence
    assert "no same-camera photo" in PROTOCOLS["market"].sentence


def test_find_protocol_suggests_the_nearest_name() -> None:
    assert find_protocol("disjoint") is PROTOCOLS["disjoint"]
    with pytest.raises(ConfigError, match=r"no protocol 'closed_set', did you mean 'closed-set'\? \(there are: vicp-"):
        find_protocol("closed_set")


def test_retrieval_takes_the_splits_of_disjoint_identities() -> None:
    rows = [("a", "train"), ("a", "train"), ("b", "val"), ("c", "test"), ("d", "test"), ("c", "test"), ("e", "")]
    table = photo_table(*rows, columns=("split",))
    tasks, left_out = draw(table, "vicp-retrieval")
    assert paths(table, tasks[0].support) == ["a0", "a1", "b0"]
    assert paths(table, tasks[0].query) == paths(table, tasks[0].gallery) == ["c0", "c1", "d0"]
    assert tasks[0].leave_one_out
    assert tasks[0].groups is None
    assert [set(pair) for pair in pair_paths(table, tasks[0], same=True)] == [{"c0", "c1"}]
    assert len(pair_paths(table, tasks[0], same=False)) == 1
    assert left_out == ["cat: 1 photo of no split takes no part."]


@pytest.mark.parametrize("name", ["vicp-retrieval", "disjoint"])
@pytest.mark.parametrize("split", [None, "test", "shared"])
def test_retrieval_divides_identities_otherwise(name: str, split: str | None) -> None:
    table = herd(num_identities=10, photos=3)
    if split is not None:
        values = ["test" if split == "test" or row % 3 else "train" for row in range(30)]
        table = PhotoTable(table.frame.assign(split=values), table.root)
    task = only(table, name, share_support=0.3)
    assert len(identities(table, task.support)) == 3
    assert len(identities(table, task.query)) == 7
    assert sorted([*task.support, *task.query]) == list(range(30))
    assert task.query.tolist() == task.gallery.tolist()
    assert task.leave_one_out
    other = only(table, "disjoint" if name == "vicp-retrieval" else "vicp-retrieval", share_support=0.3)
    assert task.query.tolist() == other.query.tolist()


def test_seeds_divide_differently() -> None:
    table = herd(20)
    divided = {tuple(only(table, "disjoint", seed=seed).support) for seed in (0, 1, 2)}
    assert len(divided) == 3


def test_closed_set_takes_the_splits() -> None:
    splits = ("train", "train", "test", "query", "val")
    table = photo_table(*[(name, split) for name in "abcdef" for split in splits], columns=("split",))
    task = only(table, "closed-set", share_support=0.34)
    taught = identities(table, task.support)
    assert len(taught) == 2
    assert len(task.support) == 10
    others = [name for name in "abcdef" if f"cat/{name}" not in taught]
    assert paths(table, task.query) == [f"{name}{shot}" for name in others for shot in (2, 3)]
    assert paths(table, task.gallery) == [f"{name}{shot}" for name in others for shot in (0, 1)]
    assert not task.leave_one_out


def test_closed_set_queries_have_an_identity_in_the_gallery() -> None:
    rows = [(name, split) for name in "abcd" for split in ("train", "test", "test")]
    table = photo_table(*rows, *[(name, "test") for name in "xyz" for _ in range(2)], columns=("split",))
    for seed in range(5):
        tasks, left_out = draw(table, "closed-set", seed=seed, share_support=0.3)
        assert identities(table, tasks[0].query) <= identities(table, tasks[0].gallery)
        unknown = {"cat/x", "cat/y", "cat/z"} - identities(table, tasks[0].support)
        reason = "photos are not looked up, for there is no right answer among those looked in."
        assert left_out == ([f"cat: {2 * len(unknown)} {reason}"] if unknown else [])


def test_closed_set_halves_photos() -> None:
    sizes = {"a": 5, "b": 5, "c": 5, "d": 5, "e": 5, "f": 1, "g": 1, "h": 4, "i": 4}
    table = photo_table(*[(name,) for name, size in sizes.items() for _ in range(size)])
    task = only(table, "closed-set", share_support=0.23)
    others = {name for name in sizes if f"cat/{name}" not in identities(table, task.support)}
    for name in others:
        asked = [path for path in paths(table, task.query) if path.startswith(name)]
        looked_in = [path for path in paths(table, task.gallery) if path.startswith(name)]
        assert (len(asked), len(looked_in)) == (sizes[name] // 2, (sizes[name] + 1) // 2)
        assert not set(asked) & set(looked_in)


def test_closed_set_halves_where_splits_share_no_identity() -> None:
    table = photo_table(*[(name, split) for name, split in zip("abcdef", ["train", "test"] * 3, strict=True)
                          for _ in range(4)], columns=("split",))  # fmt: skip
    task = only(table, "closed-set")
    assert len(task.query) == len(task.gallery) == 6
    assert identities(table, task.query) == identities(table, task.gallery)


def test_closed_set_halves_depend_on_the_seed() -> None:
    table = herd(12, photos=6)
    shots = {path[-1] for path in paths(table, only(table, "closed-set").query)}
    assert len(shots) > 3


def test_open_set_hides_a_fifth() -> None:
    table = herd(num_identities=30, photos=4)
    task = only(table, "open-set", share_support=1 / 3)
    known, asked = identities(table, task.gallery), identities(table, task.query)
    assert len(asked) == 20
    assert len(asked - known) == 4
    unknown = [row for row in task.query if table.identities[row] not in known]
    assert len(unknown) == 16  # all photos of four identities
    assert len(task.query) - 16 == len(task.gallery) == 32
    closed = only(table, "closed-set", share_support=1 / 3)
    assert closed.support.tolist() == task.support.tolist()


def test_open_set_follows_the_splits() -> None:
    splits = ("train", "gallery", "test", "query", "query")
    table = photo_table(*[(f"i{n:02}-", split) for n in range(30) for split in splits], columns=("split",))
    task = only(table, "open-set", share_support=1 / 3)
    known = identities(table, task.gallery)
    assert len(identities(table, task.query) - known) == 4
    assert len(task.query) == 60
    assert {path[-1] for path in paths(table, task.query)} == {"2", "3", "4"}  # photos of train are nobody's questions
    assert len(task.gallery) == 32


def test_open_set_keeps_those_who_never_were_in_the_gallery() -> None:
    known = [(name, split) for name in "abcdefghijkl" for split in ("train", "test")]
    new = [(name, "test") for name in "uvwxyz" for _ in range(2)]
    table = photo_table(*known, *new, columns=("split",))
    task = only(table, "open-set", share_support=0.1)
    taught = identities(table, task.support)
    assert len(taught) == 2
    assert identities(table, task.gallery) == {f"cat/{name}" for name in "abcdefghijkl"} - taught
    assert identities(table, task.query) == {f"cat/{name}" for name in "abcdefghijkluvwxyz"} - taught


def test_open_set_keeps_the_only_known_identity() -> None:
    sizes = {"a": 2, "b": 2, "c": 2, "d": 1, "e": 1}
    table = photo_table(*[(name,) for name, size in sizes.items() for _ in range(size)])
    for seed in range(20):
        tasks, left_out = draw(table, "open-set", seed=seed, share_support=0.4)
        known = identities(table, tasks[0].gallery)
        assert identities(table, tasks[0].query) & known
        assert len(identities(table, tasks[0].query) - known) == 1
        assert left_out == []


def test_time_aware_cuts_between_two_days() -> None:
    days = ("2023-05-01", "2024-01-01 08:00", "2024-01-01 20:00", "2024-02-01", "2024-03-01", "2024-04", "", "some day")
    table = photo_table(*[(name, day) for name in "abcdef" for day in days], columns=("date",))
    tasks, left_out = draw(table, "time-aware")
    assert {path[-1] for path in paths(table, tasks[0].gallery)} == {"0", "1", "2"}
    assert {path[-1] for path in paths(table, tasks[0].query)} == {"3", "4", "5"}
    assert {path[-1] for path in paths(table, tasks[0].support)} == {"0", "1", "2", "3", "4", "5"}
    assert len(tasks[0].gallery) == len(tasks[0].query) == 9
    assert left_out == ["cat: 12 photos without a date take no part."]


def test_time_aware_queries_have_an_earlier_photo() -> None:
    old = [(name, day) for name in "abcdef" for day in ("2023", "2023-05-01", "2025", "2025-01-02")]
    new = [(name, "2026-01-01") for name in "xyz"]
    table = photo_table(*old, *new, columns=("date",))
    tasks, left_out = draw(table, "time-aware", share_support=0.23)
    assert len(identities(table, tasks[0].support) & {"cat/x", "cat/y", "cat/z"}) == 0
    assert identities(table, tasks[0].query) == identities(table, tasks[0].gallery)
    assert left_out == ["cat: 3 photos are not looked up, for there is no right answer among those looked in."]


def test_time_aware_leaves_out_categories_without_dates() -> None:
    days_of = {"cat": ("2024", "2025"), "cow": ("2024", "2024"), "dog": ("", "")}
    rows = [(f"{kind}-{name}", kind, day) for kind in days_of for name in "abcd" for day in days_of[kind]]
    tasks, left_out = draw(photo_table(*rows, columns=("category", "date")), "time-aware")
    assert [task.category for task in tasks] == ["cat"]
    assert left_out == [
        "cow is left out: all 4 photos to look up or look in are of one day, expected two or more.",
        "dog is left out: no photo has a date.",
    ]
    with pytest.raises(DataError, match="time-aware needs a column 'date'"):
        draw(herd(), "time-aware")


def test_cross_domain_makes_a_task_for_each_direction() -> None:
    domains = ("studio", "street", "street", "")
    table = photo_table(*[(name, domain) for name in "abcdef" for domain in domains], columns=("domain",))
    tasks, left_out = draw(table, "cross-domain")
    assert [task.variant for task in tasks] == ["street to studio", "studio to street"]
    assert {path[-1] for path in paths(table, tasks[0].query)} == {"1", "2"}
    assert {path[-1] for path in paths(table, tasks[0].gallery)} == {"0"}
    assert tasks[1].query.tolist() == tasks[0].gallery.tolist()
    assert tasks[1].gallery.tolist() == tasks[0].query.tolist()
    assert tasks[0].support.tolist() == only(table, "vicp-retrieval").support.tolist()
    assert left_out == []


def test_cross_domain_leaves_out_categories_of_one_domain() -> None:
    domains_of = {"cat": "xy", "dog": "xx", "owl": "xyz"}
    rows = [(f"{kind}-{name}", kind, domain) for kind in domains_of for name in "abcd" for domain in domains_of[kind]]
    tasks, left_out = draw(photo_table(*rows, columns=("category", "domain")), "cross-domain")
    assert [(task.category, task.variant) for task in tasks] == [
        *[("cat", "x to y"), ("cat", "y to x")],
        *[("owl", f"{a} to {b}") for a, b in ("xy", "xz", "yx", "yz", "zx", "zy")],
    ]
    assert left_out == ["dog is left out: photos of 1 domains (x), expected two or more."]
    with pytest.raises(DataError, match="needs a column 'domain'"):
        draw(herd(), "cross-domain")


def test_market_leaves_out_the_own_camera() -> None:
    rows = [
        *[("a", "train", "1"), ("a", "train", "2"), ("b", "train", "1")],
        *[("c", "query", "1"), ("c", "gallery", "1"), ("c", "gallery", "2"), ("d", "gallery", "1")],
        *[("d", "query", "1"), ("e", "gallery", ""), ("e", "query", "1"), ("c", "test", "3")],
    ]
    table = photo_table(*rows, columns=("split", "camera"))
    tasks, left_out = draw(table, "market")
    task = tasks[0]
    assert paths(table, task.support) == ["a0", "a1", "b0"]
    assert paths(table, task.query) == ["c0", "e1"]  # d was seen by its own camera only
    assert paths(table, task.gallery) == ["c1", "c2", "d0", "e0"]
    assert task.groups is not None
    assert task.groups.tolist() == [0, 1, 0, 0, 0, 1, 0, 0, -1, 0, 2]
    assert pair_paths(table, task, same=True) == [("c0", "c2"), ("e1", "e0")]
    assert set(pair_paths(table, task, same=False)) < set(product(["c0"], ["d0", "e0"])) | set(
        product(["e1"], ["c1", "c2", "d0"])
    )
    assert left_out == ["cat: 1 photo is not looked up, for there is no right answer among those looked in."]


def test_market_with_a_test_split_and_without_cameras() -> None:
    rows = [
        ("a", "train"),
        ("a", "train"),
        ("b", "train"),
        ("c", "query"),
        ("c", "test"),
        ("d", "test"),
        ("d", "train"),
    ]
    table = photo_table(*rows, columns=("split",))
    with pytest.raises(DataError, match="photos cannot be left out by 'camera', no such column"):
        draw(table, "market")
    table = PhotoTable(table.frame.assign(camera=list("1231123")), table.root)
    with pytest.raises(DataError, match="cat is left out: no photo that is looked up has a right answer"):
        draw(table, "market")
    table = PhotoTable(table.frame.assign(camera=list("1231223")), table.root)
    tasks, left_out = draw(table, "market")
    assert paths(table, tasks[0].gallery) == ["c1", "d0"]
    assert paths(table, tasks[0].support) == ["a0", "a1", "b0"]
    assert left_out == ["cat: 1 photo is left out of the support, for its identity is in the test."]


def test_market_tasks_of_a_folder_follow_its_splits(market: Path) -> None:  # noqa: F811
    table = open_photos(market)
    with pytest.raises(DataError, match="its support has 2 photos of 1 identities"):
        draw(table, "market", source=market)
    (market / "bounding_box_train" / "0003_c1s1_000451_03.jpg").write_bytes(b"")
    table = open_photos(market)
    task = only(table, "market", source=market)
    assert paths(table, task.query) == ["query/0001_c1s1_001051_00.jpg"]
    assert len(task.gallery) == 3  # one right answer, two distractors
    assert len(task.support) == 3


def test_petface_verification_uses_the_pairs_of_the_list(petface: Path, lay_out: LayOut, write: Write) -> None:  # noqa: F811
    lay_out(petface, "images/cat/000005/00.png", "images/cat/000004/01.png")
    write(petface, "split/cat/train.csv", "filename", "000000", "000001", "000005")
    (petface / "split/cat/reidentification.csv").unlink()
    pairs = ("000003/00.png,000003/01.PNG,1", "cat/000003/01.PNG,cat/000004/00.png,0", "000005/00.png,000004/00.png,0")
    write(petface, "split/cat/verification.csv", "filename1,filename2,label", *pairs)
    table = open_photos(petface)
    tasks, left_out = draw(table, "petface-verification", source=petface)
    task = tasks[0]
    assert len(tasks) == 1
    assert task.pairs is not None
    assert [path[-13:] for path in in_order(table, task.pairs.left)] == [
        "000003/00.png",
        "000003/01.PNG",
        "000005/00.png",
    ]
    assert [path[-13:] for path in in_order(table, task.pairs.right)] == [
        "000003/01.PNG",
        "000004/00.png",
        "000004/00.png",
    ]
    assert task.pairs.same.tolist() == [True, False, False]
    assert len(task.query) == 4
    assert task.query.tolist() == task.gallery.tolist()
    assert task.leave_one_out
    assert identities(table, task.support) == {"cat/000000", "cat/000001"}
    assert left_out[0] == "cat: 1 photo is left out of the support, for its identity is in the test."
    assert left_out[1].startswith("dog is left out: ")
    assert left_out[1].endswith("verification.csv: cannot be read (No such file or directory).")
    some = table.select(table.frame["path"] != "images/cat/000005/00.png")
    tasks, left_out = draw(some, "petface-verification", source=petface)
    assert tasks[0].pairs is not None
    assert tasks[0].pairs.same.tolist() == [True, False]
    assert left_out[0] == "cat: 1 pair of verification.csv names photos that are not read."


def test_verification_needs_the_lists(petface: Path, shopid10k: Path) -> None:  # noqa: F811
    table = PhotoTable(herd().frame.assign(split="train"), None)
    for source in (None, petface):
        with pytest.raises(DataError, match="petface-verification needs the data set's own folder"):
            draw(table, "petface-verification", source=source)
    with pytest.raises(DataError, match=r"its verification.csv has 1 same-pairs and 0 different-pairs"):
        draw(open_photos(shopid10k), "petface-verification", source=shopid10k)


def test_petface_closed_set_looks_up_new_photos_of_trained_identities() -> None:
    splits = ("train", "train", "reidentification", "val")
    rows = [(f"i{n:02}-", split) for n in range(30) for split in splits] + [("z", "test"), ("z", "test")]
    table = photo_table(*rows, columns=("split",))
    task = only(table, "petface-closed-set", share_support=0.9)
    assert len(identities(table, task.support)) == 3  # a tenth, whatever is asked for
    assert len(task.query) == 27
    assert len(task.gallery) == 54
    assert {path[-1] for path in paths(table, task.query)} == {"2"}
    assert {path[-1] for path in paths(table, task.gallery)} == {"0", "1"}
    assert not task.leave_one_out


def test_petface_closed_set_of_the_folder(petface: Path) -> None:  # noqa: F811
    with pytest.raises(DataError) as error:
        draw(open_photos(petface), "petface-closed-set", source=petface)
    assert str(error.value) == (
        "petface-closed-set: no category is left to evaluate. cat is left out: 2 identities, 2 of them with two photos "
        "or more: setting a support apart takes at least 4 and 3. Add identities, or draw the support from another "
        "category. dog is left out: no photo of the split reidentification (there are: train)."
    )


def test_shopid10k_folds_carry_the_fold_of_their_category(shopid10k: Path, lay_out: LayOut, write: Write) -> None:  # noqa: F811
    lay_out(shopid10k, "images/beverage_bottle/00017_00002/00000.jpg", "images/beverage_bottle/00020_00002/00000.jpg")
    names = [f"beverage_bottle/000{i}_00002/0000{j}.jpg" for i, j in (("18", 0), ("18", 1), ("17", 0))]
    write(shopid10k, "split/beverage_bottle/train.csv", "filename", *names)
    write(shopid10k, "split/beverage_bottle/test.txt", "00019_00002", "00020_00002")
    table = open_photos(shopid10k)
    tasks, left_out = draw(table, "shopid10k-folds", source=shopid10k)
    assert [(task.category, task.fold) for task in tasks] == [("beverage_bottle", "2")]
    assert identities(table, tasks[0].support) == {f"beverage_bottle/000{i}_00002" for i in (17, 18)}
    assert identities(table, tasks[0].query) == {f"beverage_bottle/000{i}_00002" for i in (19, 20)}
    assert left_out == ["hat is left out: the photos to look in show 1 identities, expected two or more."]
    other = PhotoTable(table.frame.assign(fold=""), table.root)
    with pytest.raises(DataError, match="its photos are of the folds: none; expected one"):
        draw(other, "shopid10k-folds")
    with pytest.raises(DataError, match="needs a column 'fold'"):
        draw(herd(), "shopid10k-folds")


def test_exclude_leaves_out_photos_of_the_querys_value() -> None:
    days = ("2024-01-01 08:00", "2024-01-01 09:00", "2024-01-02", "")
    table = photo_table(*[(name, day, day[-2:]) for name in "abcdef" for day in days], columns=("date", "camera"))
    by_day = only(table, "disjoint", exclude="date")
    assert by_day.groups is not None
    assert by_day.groups.tolist() == [0, 0, 1, -1] * 6
    assert len(pair_paths(table, by_day, same=True)) == 3 * 5  # of six, not the one of a single day
    by_camera = only(table, "disjoint", exclude="camera")
    assert by_camera.groups is not None
    assert by_camera.groups.tolist() == [0, 0, 1, -1] * 6
    assert only(table, "disjoint").groups is None
    with pytest.raises(DataError, match=r"left out by 'camra', no such column, did you mean 'camera'\?"):
        draw(table, "disjoint", exclude="camra")
    with pytest.raises(DataError, match="left out by 'viewpoint', no such column"):
        draw(table, "disjoint", exclude="viewpoint")
    with pytest.raises(DataError, match="left out by 'viewpoint', which no photo tells"):
        draw(PhotoTable(table.frame.assign(viewpoint=""), None), "disjoint", exclude="viewpoint")


def test_nothing_left_after_exclusion() -> None:
    table = PhotoTable(herd().frame.assign(camera="1"), None)
    with pytest.raises(DataError, match=r"disjoint: no category is left to evaluate\. cat is left out: no photo that"):
        draw(table, "disjoint", exclude="camera")


def test_reasons_are_counted_when_there_are_many() -> None:
    rows = [(f"{n}", f"c{n:02}") for n in range(30)]
    with pytest.raises(DataError, match=r"c19 is left out: [^.]*\. Add .* category\. And 10 more\.$"):
        draw(photo_table(*rows, columns=("category",)), "disjoint")
    with pytest.raises(DataError, match=r"There are no photos\."):
        draw(photo_table(*rows, columns=("category",)).select([]), "disjoint")


@pytest.mark.parametrize(("share", "name"), [(0.0, "disjoint"), (1.0, "market")])
def test_make_tasks_refuses_a_share_outside_its_range(share: float, name: str) -> None:
    with pytest.raises(ValueError, match="share_support"):
        draw(herd(), name, share_support=share)


def test_tasks_without_a_usable_support_are_left_out() -> None:
    rows = [("a", "train"), ("b", "train"), ("c", "test"), ("c", "test"), ("d", "test")]
    with pytest.raises(
        DataError, match="its support has 2 photos of 2 identities that are not looked up, expected two"
    ):
        draw(photo_table(*rows, columns=("split",)), "vicp-retrieval")


def test_a_photo_is_no_answer_to_itself() -> None:
    rows = [("a", "train"), ("a", "train"), ("b", "train"), ("c", "test"), ("d", "test")]
    with pytest.raises(DataError, match="cat is left out: no photo that is looked up has a right answer"):
        draw(photo_table(*rows, columns=("split",)), "vicp-retrieval")


def test_identity_is_category_and_identity() -> None:
    both = pd.concat([herd(6, 3).frame, herd(6, 3, "dog").frame], ignore_index=True)
    both["identity"] = [name[3:] for name in both["identity"]]  # the same names in both
    table = PhotoTable(both, None)
    tasks, _ = draw(table, "disjoint")
    assert [task.category for task in tasks] == ["cat", "dog"]
    for task in tasks:
        assert set(table.frame["category"].iloc[[*task.support, *task.query]]) == {task.category}


def random_table(seed: int) -> PhotoTable:
    rng = np.random.default_rng(seed)
    tables = []
    for category in ("cat", "dog")[: rng.integers(1, 3)]:
        size = int(rng.integers(20, 90))
        names = [f"{category}{code:02}-" for code in rng.integers(0, rng.integers(4, 25), size)]
        columns = {
            "split": rng.choice(SPLITS[: rng.integers(1, 7)], size),
            "camera": rng.choice(["1", "2", "3", ""], size),
            "domain": rng.choice(["x", "y", ""], size),
            "date": rng.choice(["2024-01-01", "2024-01-02 10:00", "2024-02-01", "2025", ""], size),
            "fold": ["3"] * size,
        }
        if rng.random() < 0.5:  # identities of train and of the test, as in most data sets
            taught = [sum(map(ord, name)) % 2 == 0 for name in names]
            of_test = rng.choice(SPLITS[1 : rng.integers(3, 5)], size) if rng.random() < 0.7 else ["test"] * size
            columns["split"] = np.where(taught, rng.choice(["train", "train", "reidentification"], size), of_test)
        rows = list(zip(names, [category] * size, *columns.values(), strict=True))
        tables.append(photo_table(*rows, columns=("category", *columns)).frame)
    return PhotoTable(pd.concat(tables, ignore_index=True).astype(object), None)


def check_exam(table: PhotoTable, task: EvaluationTask, name: str) -> None:
    """What holds for every task, and its pairs: all same-pairs there are and as many different ones."""
    names = table.identities
    groups = task.groups if task.groups is not None else np.full(len(table), -1)
    query, gallery, support = ({names[row] for row in rows} for rows in (task.query, task.gallery, task.support))
    assert not support & (query | gallery)
    assert len(gallery) >= 2
    assert 2 <= len(support) < len(task.support)
    assert len(set(task.query)) == len(task.query)
    assert task.leave_one_out == (name in LEAVE_ONE_OUT)
    assert task.query.tolist() == task.gallery.tolist() if task.leave_one_out else not {*task.query} & {*task.gallery}
    counted = [
        (one, row)
        for one, row in product(task.query.tolist(), task.gallery.tolist())
        if one != row and not (names[one] == names[row] and groups[one] == groups[row] >= 0)
    ]
    same = {pair for pair in counted if names[pair[0]] == names[pair[1]]}
    answered = {one for one, _ in same}
    assert answered
    if name == "open-set":
        assert {*task.query} - answered == {one for one in task.query if names[one] not in gallery} != set()
    elif not task.leave_one_out:
        assert {*task.query} == answered
    if task.leave_one_out:
        counted, same = [pair for pair in counted if pair[0] < pair[1]], {pair for pair in same if pair[0] < pair[1]}
    num_different = min(len(counted) - len(same), len(same))
    if task.pairs is None:
        assert num_different == 0
        return
    drawn = list(zip(task.pairs.left.tolist(), task.pairs.right.tolist(), strict=True))
    drawn = [(min(pair), max(pair)) for pair in drawn] if task.leave_one_out else drawn
    assert len(set(drawn)) == len(drawn) == len(same) + num_different
    assert set(drawn) <= set(counted)
    assert {pair for pair, is_same in zip(drawn, task.pairs.same, strict=True) if is_same} == same


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NEEDS_LIST])
@pytest.mark.parametrize("exclude", [None, "camera", "date"])
def test_tasks_of_random_tables_keep_every_rule(name: str, exclude: str | None) -> None:
    num_exams = 0
    for seed in range(20):
        table = random_table(seed)
        options = {"exclude": exclude, "share_support": (0.2, 0.5)[seed % 2], "seed": seed}
        shuffled = table.select(np.random.default_rng(seed).permutation(len(table)))
        try:
            tasks, left_out = draw(table, name, **options)
        except DataError as error:
            with pytest.raises(DataError, match=re.escape(str(error))):
                draw(shuffled, name, **options)
            continue
        num_exams += len(tasks)
        for task in tasks:
            check_exam(table, task, name)
        others, still_left_out = draw(shuffled, name, **options)
        assert left_out == still_left_out
        assert_equal_exams(table, tasks, shuffled, others)
        alone = table.of_category(tasks[-1].category)
        of_last = [task for task in tasks if task.category == tasks[-1].category]
        assert_equal_exams(table, of_last, alone, draw(alone, name, **options)[0])
    assert num_exams > 3


def assert_equal_exams(
    table: PhotoTable, tasks: list[EvaluationTask], other: PhotoTable, others: list[EvaluationTask]
) -> None:
    assert [(task.category, task.variant) for task in tasks] == [(task.category, task.variant) for task in others]
    for task, again in zip(tasks, others, strict=True):
        for field in ("support", "query", "gallery"):
            assert in_order(table, getattr(task, field)) == in_order(other, getattr(again, field))
        assert (task.pairs is None) == (again.pairs is None)
        if task.pairs is not None and again.pairs is not None:
            assert in_order(table, task.pairs.left) == in_order(other, again.pairs.left)
            assert in_order(table, task.pairs.right) == in_order(other, again.pairs.right)
            assert task.pairs.same.tolist() == again.pairs.same.tolist()


def test_many_pairs_are_drawn_evenly() -> None:
    table = herd(num_identities=6, photos=200)
    task = only(table, "disjoint", share_support=0.4)
    assert task.pairs is not None
    assert (task.pairs.same.sum(), len(task.pairs.same)) == (10_000, 20_000)
    assert (task.pairs.left != task.pairs.right).all()
    pairs = {frozenset(pair) for pair in zip(task.pairs.left.tolist(), task.pairs.right.tolist(), strict=True)}
    assert len(pairs) == 20_000
    names = np.array(table.identities)
    assert (task.pairs.same == (names[task.pairs.left] == names[task.pairs.right])).all()
    seen = np.bincount(np.concatenate([task.pairs.left, task.pairs.right]), minlength=len(table))
    taking_part = seen[task.query]  # 40,000 ends over 800 photos: 50 each
    assert abs(taking_part.mean() - 50) < 1e-9
    assert taking_part.min() > 20
    assert taking_part.max() < 85


def test_pairs_depend_on_the_seed() -> None:
    splits = ["train" if row < 16 else "test" for row in range(80)]
    table = PhotoTable(herd(20).frame.assign(split=splits), None)  # nothing else is drawn
    first, again, other = (pair_paths(table, only(table, "disjoint", seed=seed), same=False) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_a_large_data_set_is_drawn_in_seconds() -> None:
    rng = np.random.default_rng(0)
    codes = np.concatenate([np.zeros(20_000, dtype=np.int64), rng.integers(0, 23_000, 95_000)])  # one is huge
    frame = pd.DataFrame({"identity": [f"{code:05}" for code in codes], "category": "cat"})
    frame = frame.assign(path=[f"{row}.png" for row in range(len(frame))], row=range(1, len(frame) + 1))
    frame = frame.assign(image=contents(frame))
    start = time.process_time()
    task = only(PhotoTable(frame, None), "vicp-retrieval")
    assert time.process_time() - start < 20
    assert len(task.support) + len(task.query) == 115_000
    assert task.pairs is not None
    assert len(task.pairs.same) == 20_000
