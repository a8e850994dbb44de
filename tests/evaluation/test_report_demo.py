"""The demo's verdict counts the categories; its two files hold all of the report, escaped and whole."""

import json
import re
from dataclasses import replace

import pytest
from tests.helpers.html_page import HtmlPage

from vicp.decisions.outcome import Candidate, Identification
from vicp.errors import DataError
from vicp.evaluation.context_report import context_verdict
from vicp.evaluation.demo.results import AnsweredPhoto, DemoCategory, DemoReport
from vicp.evaluation.report.demo import demo_dict, demo_lines, demo_verdict, write_demo
from vicp.evaluation.results import ContextSummary, Estimate, Hit, RankList

PNG = b"\x89PNG\r\n\x1a\nrest"
JPEG = b"\xff\xd8\xff\xe0rest"
MAPS = {"own": 0.342, "other": 0.2, "shuffled": 0.25, "null": 0.281, "frozen": 0.3}


def around(value: float, half: float) -> Estimate:
    return Estimate(value, max(value - half, -1), min(value + half, 1))


def context(accuracy: float | None = 0.7141, **maps: float) -> ContextSummary:
    rows = {name: around(value, 0.02) for name, value in maps.items()}
    differences = {name: around(maps["own"] - value, 0.01) for name, value in maps.items() if name != "own"}
    label_accuracy = None if accuracy is None else Estimate(accuracy)
    return ContextSummary(rows, differences, {}, label_accuracy, 0.5, context_verdict(rows, differences))


def category(name: str = "cat", **maps: float) -> DemoCategory:
    hits = (Hit(JPEG, "a/2.jpg", "a", 0.91, True), Hit(JPEG, "b/1.jpg", "b", 0.62, False))
    maps = maps or MAPS
    return DemoCategory(
        category=name,
        queries=12,
        gallery=40,
        identities=8,
        pairs=32,
        other="shoe",
        context=context(**maps),
        rank1={row: value / 2 for row, value in maps.items()},
        rank_lists=(RankList(JPEG, "a/1.jpg", "a", hits),),
        matches=PNG,
    )


def demo(*categories: DemoCategory, **maps: float) -> DemoReport:
    maps = maps or MAPS
    return DemoReport(
        source="photos of cats",
        model="mini 1f2e",
        command="vicp demo --seed 7",
        seconds=81.34,
        seed=7,
        protocol="leave-one-out",
        context=context(None, **maps),
        rank1={row: value / 2 for row, value in maps.items()},
        categories=categories,
        skipped=("shoe: 3 identities, needs 8",),
    )


def page_of(report: DemoReport, folder) -> HtmlPage:
    write_demo(report, folder)
    return HtmlPage((folder / "report.html").read_text(encoding="utf-8"))


def test_demo_verdict_is_the_paired_verdict_and_counts_leading_categories() -> None:
    behind, ahead = category("dog", own=0.5, other=0.1, null=0.52), category("cat", own=0.9, other=0.2, null=0.4)
    assert demo_verdict(demo(ahead, behind)) == (
        "The context adds 6.1 ± 1.0 mAP over the best alternative (own 34.2, null 28.1; plain backbone 30.0). "
        "Own is ahead in 1 of 2 categories."
    )
    assert demo_verdict(demo(behind)).endswith("Own is ahead in 0 of 1 category.")


def test_report_json_holds_every_number_of_the_report(tmp_path):
    report = demo(category("Katze · ü"))
    write_demo(report, tmp_path / "new" / "folder")
    found = json.loads((tmp_path / "new" / "folder" / "report.json").read_text(encoding="utf-8"))
    assert found == demo_dict(report)
    assert found["unit"] == "fraction"
    assert found["verdict"] == demo_verdict(report)
    assert found["differences"]["null"] == pytest.approx({"map": 0.061, "low": 0.051, "high": 0.071})
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


def test_demo_lines_align_the_means_in_percent() -> None:
    report = demo(category(), own=0.342, null=0.281, metric=1.0)
    assert demo_lines(report) == [
        demo_verdict(report),
        "        mAP %  95 % interval  Rank-1 %",
        "own      34.2   32.2 to 36.2      17.1  prompt from the category's own pairs",
        "null     28.1   26.1 to 30.1      14.1  from no pairs at all",
        "metric  100.0  98.0 to 100.0      50.0  whitening from the own pairs",
        "Left out: shoe: 3 identities, needs 8",
    ]


def test_demo_page_holds_verdict_figures_and_origin(tmp_path):
    page = page_of(demo(category(), category("dog")), tmp_path)
    for words in (
        "The context adds 6.1 ± 1.0 mAP over the best alternative (own 34.2, null 28.1; plain backbone 30.0).",
        "Own is ahead in 2 of 2 categories.",
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


def test_answers_on_real_photos_stand_first(tmp_path):
    """Right and wrong answers, each with its candidates; a photo that looks like nothing known is never right."""
    tom, bella = Candidate("tom", 0.9, 0.7, "tom/1.jpg"), Candidate("bella", 0.5, 0.004, "bella/1.jpg")
    said = Identification(
        "q.jpg", "cat", "same", 0.7, 0.296, (tom, bella), "probably tom, 70 % (50 to 90 %); next bella"
    )
    new = replace(said, verdict="new", probability=0.6, probability_new=0.6, sentence="probably somebody new, 60 %")
    unsure = replace(said, verdict="unsure", sentence="cannot say")
    asked = (("tom", said), ("bella", said), (None, said), (None, new), ("tom", new), ("tom", unsure))
    answers = tuple(AnsweredPhoto(JPEG, truth, answer, (JPEG, JPEG)) for truth, answer in asked)
    report = replace(demo(category()), answers=answers)
    page = page_of(report, tmp_path)
    assert [tag for tag, _ in page.tags].count("h1") == 1
    assert page.text.index("Who is this? 2 of 6 answers are right.") < page.text.index("The context adds")
    assert page.text.count("Probably tom, 70 % (50 to 90 %)") == 3
    assert page.text.count("wrong: it is somebody new") == 1
    assert page.text.replace("\xa0", " ").count("somebody new60 %") == 2
    assert "bella< 1 %" in page.text
    assert demo_lines(report)[:4] == [
        "Who is this? 2 of 6 answers are right.",
        "  Probably tom, 70 % (50 to 90 %)  right: it is tom",
        "  Probably tom, 70 % (50 to 90 %)  wrong: it is bella",
        "  Probably tom, 70 % (50 to 90 %)  wrong: it is somebody new",
    ]
    found = demo_dict(report)["answers"]
    assert [each["right"] for each in found] == [True, False, False, True, False, False]
    assert found[1]["truth"] == "bella"
    assert found[3]["answer"]["verdict"] == "new"


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


def test_demo_page_leaves_out_sections_without_content(tmp_path):
    bare = replace(category(), context=context(None, **MAPS), matches=None, rank_lists=(), pairs=1)
    page = page_of(replace(demo(bare), skipped=()), tmp_path)
    assert "language model" not in page.text
    assert "What it finds" not in page.text
    assert "What it compares" not in page.text
    assert "1 labelled pair of" in page.text
    assert "Left outNothing." in page.text  # a term and its description


def test_demo_page_replaces_bytes_that_are_not_text(tmp_path):
    page = page_of(replace(demo(category()), skipped=("bad\udcff.jpg: no photo",)), tmp_path)
    assert "bad?.jpg: no photo" in page.text


def test_files_are_replaced_whole(tmp_path):
    write_demo(demo(category("old")), tmp_path)
    write_demo(demo(category("new")), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json"]
    assert json.loads((tmp_path / "report.json").read_text())["categories"][0]["category"] == "new"


def test_a_failed_write_keeps_the_old_report_and_leaves_no_rest(tmp_path):
    write_demo(demo(category("old")), tmp_path)
    broken = replace(category("new"), context=context(float("nan"), **MAPS))
    with pytest.raises(ValueError, match="JSON compliant"):
        write_demo(demo(broken), tmp_path)
    assert json.loads((tmp_path / "report.json").read_text())["categories"][0]["category"] == "old"
    (tmp_path / "report.html").unlink()
    (tmp_path / "report.html").mkdir()
    with pytest.raises(DataError, match=r"report\.html: cannot write the report \(Is a directory\)"):
        write_demo(demo(category("new")), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json"]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match=r"cannot write the report \(.+\); choose another folder") as caught:
        write_demo(demo(category()), tmp_path / "file" / "out")
    assert "\n" not in str(caught.value)
