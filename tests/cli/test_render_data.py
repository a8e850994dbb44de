from vicp.cli.render.data import check_lines, leak_lines, split_lines
from vicp.data.audit.check import CheckReport, GroupCounts
from vicp.data.audit.leaks import IdentityLeak, Leaks, PhotoLeak
from vicp.data.records import BadPhoto
from vicp.data.split import SplitPart, SplitReport

NO_LEAKS = Leaks((), (), 0, 0, 0, ())


def test_check_lines_of_an_identity_in_two_splits() -> None:
    report = CheckReport(
        photos=5,
        categories=(GroupCounts("cat", 5, 2, 2, 2.5, 3),),
        splits=(GroupCounts("test", 1, 1, 1, 1.0, 1), GroupCounts("train", 4, 2, 2, 2.0, 2)),
        bad=(),
        warning="",
        leaks=Leaks((IdentityLeak("cat/tom", ("test", "train")),), (), 0, 0, 0, ()),
        moments=5,
    )
    assert check_lines(report) == [
        "5 photos",
        "  cat: 5 photos of 2 identities, 2 to 3 each (median 2.5)",
        "  split test: 1 photo of 1 identities, 1 to 1 each (median 1)",
        "  split train: 4 photos of 2 identities, 2 to 2 each (median 2)",
        "Identities in splits that should share none: 1 (an error: numbers measured on these splits would be too good)",
        "  cat/tom: test, train",
        "Every photo can be used.",
    ]


def test_check_lines_of_bad_photos_and_unknown_identities() -> None:
    counts = (GroupCounts("photos", 3, 0, 0, 0.0, 0),)
    report = CheckReport(3, counts, (), (BadPhoto(2, "a.jpg", "the file is empty"),), "no identities", NO_LEAKS, 2)
    assert check_lines(report) == [
        "3 photos",
        "  photos: 3 photos, identities unknown",
        "no identities",
        "1 photo cannot be used:",
        "  row 2 (a.jpg): the file is empty",
    ]


def test_leak_lines_of_a_wrong_label() -> None:
    leaks = Leaks((), (PhotoLeak("0", "1", "near", "identities"),), 0, 1, 0, ("a note",))
    assert leak_lines(leaks) == [
        "a note",
        "Pairs of equal or near-equal photos under two identities: 1 (a warning: probably a wrong label)",
        "  0 and 1 (near)",
    ]


def test_leak_lines_list_twenty_of_each_kind_and_count_all() -> None:
    photos = tuple(PhotoLeak("a", "b", "equal", "splits") for _ in range(1000))
    lines = leak_lines(Leaks((), photos, 1300, 0, 7, ()))
    assert len(lines) == 1 + 20 + 1 + 1
    assert lines[21:] == [
        "  and 1280 more",
        "Other pairs of equal or near-equal photos: 7; in one gallery they find each other, so `vicp evaluate` leaves "
        "them out",
    ]


def test_leak_lines_without_leaks_is_empty() -> None:
    assert leak_lines(NO_LEAKS) == []


def test_split_lines_name_splits_folds_and_notes() -> None:
    splits = (SplitPart("train", 8, 4, ("cat",)), SplitPart("", 1, 1, ("cat",)))
    report = SplitReport(9, "time", splits, (SplitPart("0", 9, 5, ("cat", "dog")),), ("a note",))
    assert split_lines(report) == [
        "9 photos split by time",
        "  train: 8 photos of 4 identities",
        "  none: 1 photo of 1 identity",
        "  fold 0: 9 photos of 5 identities (cat, dog)",
        "a note",
    ]
