"""The verdict says what the numbers say; the two files hold all of it, escaped and whole."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from vicp.errors import DataError
from vicp.evaluation.report.context import (
    CategoryReport,
    DemoReport,
    Hit,
    MethodResult,
    RankList,
    mean_results,
    report_dict,
    report_lines,
    verdict,
    write_report,
)

PNG = b"\x89PNG\r\n\x1a\nrest"
JPEG = b"\xff\xd8\xff\xe0rest"


def result(value: float, half: float = 0.02) -> MethodResult:
    return MethodResult(value, value / 2, max(value - half, 0), min(value + half, 1))


def category(name: str = "cat", half: float = 0.02, **maps: float) -> CategoryReport:
    hits = (Hit(JPEG, "a/2.jpg", "a", 0.91, True), Hit(JPEG, "b/1.jpg", "b", 0.62, False))
    maps = maps or {"own": 0.342, "null": 0.281, "other": 0.20, "shuffled": 0.25, "frozen": 0.30}
    return CategoryReport(
        category=name,
        queries=12,
        gallery=40,
        identities=8,
        pairs=32,
        label_accuracy=0.7141,
        results={key: result(value, half) for key, value in maps.items()},
        rank_lists=(RankList(JPEG, "a/1.jpg", "a", hits),),
        matches=PNG,
        other="shoe",
    )


def demo(*categories: CategoryReport) -> DemoReport:
    return DemoReport(
        source="photos of cats",
        model="mini 1f2e",
        command="vicp demo --seed 7",
        seconds=81.34,
        seed=7,
        protocol="leave-one-out",
        categories=categories,
        skipped=("shoe: 3 identities, needs 8",),
    )


class Page(HTMLParser):
    """Every tag of a page, its attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


def page_of(report: DemoReport, folder) -> Page:
    write_report(report, folder)
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_verdict_when_the_context_helps():
    assert verdict(demo(category(), category("dog"))) == (
        "The context adds 6.1 mAP over the best alternative (null): "
        "own 34.2, null 28.1, frozen 30.0 mAP; own is ahead in 2 of 2 categories."
    )


def test_verdict_when_the_context_does_nothing():
    report = demo(category(own=0.342, other=0.2, shuffled=0.35, null=0.3, frozen=0.36))
    assert verdict(report) == (
        "The context does nothing here: own 34.2, best alternative shuffled 35.0, but frozen 36.0 mAP; "
        "own is ahead in 0 of 1 category."
    )


def test_verdict_when_the_gap_could_be_chance():
    report = demo(category(own=0.342, null=0.33))  # 1.2 points, intervals of 2 points either side
    assert verdict(report) == (
        "The context may add 1.2 mAP over the best alternative (null), which could be chance: "
        "own 34.2, null 33.0 mAP; own is ahead in 1 of 1 category."
    )
    assert verdict(demo(category(own=0.342, null=0.33, half=0.008))).startswith("The context adds 1.2 mAP")


def test_verdict_counts_categories_against_every_alternative():
    behind = category("dog", own=0.5, other=0.1, null=0.52)
    ahead = category("cat", own=0.9, other=0.2, null=0.4)
    assert verdict(demo(ahead, behind)).endswith("own is ahead in 1 of 2 categories.")


@pytest.mark.parametrize("maps", [{"own": 0.5, "frozen": 0.3}, {"null": 0.5, "other": 0.3}])
def test_verdict_without_a_comparison(maps):
    needed = "own and one of other, shuffled, null in every category"
    unmeasured = f"Whether the context helps was not measured: it takes {needed}."
    assert verdict(demo(category(**maps))) == unmeasured
    assert verdict(demo()) == unmeasured


def test_means_and_their_interval():
    first = category("a", own=0.2, null=0.1, verifier=0.5, half=0.03)
    second = category("b", null=0.3, own=0.4, other=0.1, verifier=0.7, half=0.04)
    means = mean_results(demo(first, second))
    assert list(means) == ["own", "null", "verifier"]  # "other" is not in both; the unknown key is last
    own = means["own"]
    assert (own.map, own.rank1) == pytest.approx((0.3, 0.15))
    assert (own.low, own.high) == pytest.approx((0.275, 0.325))  # sqrt(0.03^2 + 0.04^2) / 2


@pytest.mark.parametrize("value", [-0.1, 34.2, float("nan")])
def test_a_result_is_a_fraction(value):
    with pytest.raises(ValueError, match=r"fraction in \[0, 1\].*rank1"):
        MethodResult(0.5, value, 0.4, 0.6)


def test_json_round_trip(tmp_path):
    report = demo(category("Katze · ü"))
    write_report(report, tmp_path / "new" / "folder")
    found = json.loads((tmp_path / "new" / "folder" / "report.json").read_text(encoding="utf-8"))
    assert found == report_dict(report)
    assert found["unit"] == "fraction"
    assert found["verdict"] == verdict(report)
    assert found["mean"]["own"]["map"] == 0.342
    assert (found["seed"], found["seconds"], found["protocol"]) == (7, 81.34, "leave-one-out")
    assert (found["source"], found["model"]) == ("photos of cats", "mini 1f2e")
    assert (found["command"], found["skipped"]) == ("vicp demo --seed 7", ["shoe: 3 identities, needs 8"])
    (only,) = found["categories"]
    assert list(only["results"]) == ["own", "other", "shuffled", "null", "frozen"]
    assert only["results"]["null"] == pytest.approx({"map": 0.281, "rank1": 0.1405, "low": 0.261, "high": 0.301})
    facts = {key: only[key] for key in ("category", "queries", "gallery", "identities", "pairs")}
    assert facts == {"category": "Katze · ü", "queries": 12, "gallery": 40, "identities": 8, "pairs": 32}
    assert (only["label_accuracy"], only["other"]) == (0.7141, "shoe")


def test_lines_for_a_terminal():
    report = demo(category(own=0.342, null=0.281, verifier=1.0))
    assert report_lines(report) == [
        verdict(report),
        "          mAP %  95 % interval  Rank-1 %",
        "own        34.2   32.2 to 36.2      17.1  Prompt from this category's own labelled pairs.",
        "null       28.1   26.1 to 30.1      14.1  No pairs at all.",
        "verifier  100.0  98.0 to 100.0      50.0",
        "Left out: shoe: 3 identities, needs 8",
    ]
    assert report_lines(demo())[:-1] == [verdict(demo())]


def test_the_page_says_it_all(tmp_path):
    page = page_of(demo(category(), category("dog")), tmp_path)
    for words in (
        "The context adds 6.1 mAP over the best alternative (null)",
        "own 34.2, null 28.1, frozen 30.0 mAP; own is ahead in 2 of 2 categories.",
        "Prompt from this category's own labelled pairs.",
        "Mean over 2 categories",
        "34.2 32.2 to 36.2",
        "correctly 71.4 % of the time",
        "Pairs of shoe.",
        "similarity 0.91",
        "vicp demo --seed 7",
        "mini 1f2e",
        "leave-one-out",
        "81.3 s",
        "shoe: 3 identities, needs 8",
    ):
        assert words in page.text.replace("\xa0", " "), words
    assert [tag for tag, _ in page.tags].count("h2") == 4  # mean, cat, dog, how it was made
    assert {"cat", "dog"} <= {word.strip() for word in page.words}


def test_right_and_wrong_are_marked_by_more_than_colour(tmp_path):
    page = page_of(demo(category(), category("dog")), tmp_path)
    classes = [attributes.get("class") for tag, attributes in page.tags if tag == "li"]
    assert (classes.count("hit right"), classes.count("hit wrong")) == (2, 2)
    marks = "".join(page.words)
    assert (marks.count("✓"), marks.count("✗")) == (2 + 2, 2 + 2)  # and one each in a legend per category
    texts = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert texts.count("Hit 2, wrong: b/1.jpg, identity b") == 2
    assert len(texts) == 2 * 4
    assert all(texts)


def test_names_never_become_markup(tmp_path):
    hostile = "<b>x</b> \"'><script>alert(1)</script>"
    shown = category(hostile)
    hit = replace(shown.rank_lists[0].hits[0], name=hostile, identity=hostile)
    rank = RankList(JPEG, hostile, hostile, (hit,))
    report = replace(
        demo(
            replace(
                shown,
                other=hostile,
                rank_lists=(rank,),
                results=dict(shown.results, **{hostile: result(0.1)}),
            )
        ),
        **dict.fromkeys(("source", "model", "command", "protocol"), hostile),
        skipped=(hostile,),
    )
    page = page_of(report, tmp_path)
    clean = page_of(demo(category()), tmp_path / "clean")
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in clean.tags}
    assert "script" not in {tag for tag, _ in page.tags}
    assert hostile in page.text
    assert f"Query photo {hostile}, identity {hostile}" in [a.get("alt") for _, a in page.tags]


def test_the_page_needs_nothing_from_outside(tmp_path):
    page = page_of(demo(category()), tmp_path)
    links = [a[key] for _, a in page.tags for key in ("src", "href", "action") if key in a]
    assert links
    assert all(link.startswith(("data:image/jpeg;base64,", "data:image/png;base64,")) for link in links)
    assert sum(link.startswith("data:image/png") for link in links) == 1
    assert not re.search(r"https?:|url\(|@import", (tmp_path / "report.html").read_text(encoding="utf-8"))


def test_what_is_missing_is_left_out(tmp_path):
    bare = replace(category(), label_accuracy=None, matches=None, rank_lists=(), pairs=1)
    page = page_of(replace(demo(bare), skipped=()), tmp_path)
    assert "language model" not in page.text
    assert "What it finds" not in page.text
    assert "What it compares" not in page.text
    assert "1 labelled pair of" in page.text
    assert "Left outNothing." in page.text  # a term and its description
    assert "was not measured" in page_of(demo(), tmp_path / "empty").text


def test_file_names_that_are_not_text(tmp_path):
    page = page_of(replace(demo(category()), skipped=("bad\udcff.jpg: no photo",)), tmp_path)
    assert "bad?.jpg: no photo" in page.text


def test_files_are_replaced_whole(tmp_path):
    write_report(demo(category("old")), tmp_path)
    write_report(demo(category("new")), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json"]
    assert json.loads((tmp_path / "report.json").read_text())["categories"][0]["category"] == "new"


def test_a_failed_write_keeps_the_old_report_and_leaves_no_rest(tmp_path):
    write_report(demo(category("old")), tmp_path)
    broken = replace(category("new"), label_accuracy=float("nan"))
    with pytest.raises(ValueError, match="JSON compliant"):
        write_report(demo(broken), tmp_path)
    assert json.loads((tmp_path / "report.json").read_text())["categories"][0]["category"] == "old"
    (tmp_path / "report.html").unlink()
    (tmp_path / "report.html").mkdir()
    with pytest.raises(DataError, match=r"report\.html: cannot write the report \(Is a directory\)"):
        write_report(demo(category("new")), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json"]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match=r"cannot write the report \(.+\); choose another folder") as caught:
        write_report(demo(category()), tmp_path / "file" / "out")
    assert "\n" not in str(caught.value)
