"""Three files and a few lines say the same of an evaluation; names stay names, nothing is fetched or half written."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.helpers.html_page import HtmlPage

from vicp.errors import DataError
from vicp.evaluation.report.evaluation import EvaluationReport, evaluation_lines
from vicp.evaluation.report.markdown import evaluation_markdown, table_markdown
from vicp.evaluation.report.phrases import ADAPTATIONS, MEANINGS, adaptation_sentence
from vicp.evaluation.report.results_table import results_table
from vicp.evaluation.report.serialise import evaluation_dict
from vicp.evaluation.report.tables import headline
from vicp.evaluation.results import (
    CONTEXT_ROWS,
    METRICS,
    ContextSummary,
    Diagnosis,
    Estimate,
    Hit,
    IdentityErrors,
    RankList,
    Row,
    SuspectLabel,
)

PNG, JPEG = b"\x89PNG\r\n\x1a\nrest", b"\xff\xd8\xff\xe0rest"
HOSTILE = "<b>x</b> \"'&|`<script>alert(1)</script>"
VERDICT = "The context adds 9.0 mAP over the best alternative (other)."

CONTEXT = ContextSummary(
    rows={"other": Estimate(0.39), "own": Estimate(0.48, 0.45, 0.51), "metric": Estimate(0.5, 0.47, 0.53)},
    differences={"other": Estimate(0.09, 0.05, 0.13), "metric": Estimate(-0.02, -0.04, 0.0)},
    prompt_cosine={"own draws": 0.981, "other": 0.412},
    label_accuracy=Estimate(0.714, 0.6, 0.8),
    majority_rate=0.531,
    verdict=VERDICT,
)


def row(method: str, adaptation: str, category: str, values: Mapping[str, Estimate], **facts: object) -> Row:
    plain = Row(
        method=method,
        adaptation=adaptation,
        protocol="vicp",
        category=category,
        variant="",
        values=values,
        num_queries=12,
        num_gallery=11,
        num_identities=4,
        num_pairs=0,
        num_draws=1,
        seconds=1.5,
        chosen={},
        context=None,
        paper={},
    )
    return replace(plain, **facts)


def retrieved(value: float) -> dict[str, Estimate]:
    return {"map": Estimate(value, value - 0.03, value + 0.03), "rank1": Estimate(value + 0.1)}


def rows_of(category: str, *, lower: float = 0.0) -> tuple[Row, ...]:
    return (
        row("plain", "null", category, retrieved(0.44 - lower), paper={"map": 0.552} if category == "mean" else {}),
        row("vicp", "generated", category, retrieved(0.48 - lower), context=CONTEXT, num_pairs=32, num_draws=5),
        row("vicp", "auto", category, retrieved(0.46 - lower), chosen={"generated": 4, "null": 1}, context=CONTEXT),
    )


def diagnosis(category: str) -> Diagnosis:
    hits = (Hit(JPEG, "a/2.jpg", "a", 0.91, True), Hit(JPEG, "b/1.jpg", "b", 0.62, False))
    errors = [IdentityErrors(f"z{place}", 3, place / 100, place / 50, "z7", 2) for place in range(12)]
    return Diagnosis(
        category=category,
        method="vicp",
        adaptation="generated",
        errors=tuple(errors),
        suspects=(SuspectLabel("a/1.jpg", "a", "b", 0.41, 0.88, 4, 5),),
        leaks=("1 pair of photos shows the same.",),
        probes={"as they are": Estimate(0.55, 0.5, 0.6), "background only": Estimate(0.12)},
        probe_verdict="Background alone keeps 22 % of the mAP.",
        pictures={"How alike pairs are": PNG},
        rank_lists=(RankList(JPEG, "a/1.jpg", "a", hits),),
    )


def evaluation(*categories: str) -> EvaluationReport:
    return EvaluationReport(
        protocol="vicp",
        protocol_sentence="Each photo is looked up among all others.",
        source="photos of cats",
        command="vicp evaluate photos --seed 7",
        seconds=81.34,
        seed=7,
        num_draws=5,
        methods={"plain": "11aa", "vicp": "22bb"},
        rows=(*rows_of("mean"), *(each for name in categories for each in rows_of(name, lower=0.1))),
        curves={"ROC": PNG},
        diagnoses=tuple(diagnosis(name) for name in categories[:1]),
        skipped=("shoe: 3 identities, needs 8",),
    )


def page_of(shown: EvaluationReport, folder: Path) -> HtmlPage:
    shown.save(folder)
    return HtmlPage((folder / "report.html").read_text(encoding="utf-8"))


def test_headline_names_the_best_row_and_its_context():
    said = "Best of 3: vicp (generated) with mAP 48.0 % (95 % interval 45.0 to 51.0), mean over 2 categories."
    assert headline(evaluation("cat", "dog")) == f"{said} {VERDICT}"


def test_headline_names_a_context_that_is_not_the_best_rows():
    ahead = row("plain", "metric", "mean", {"map": Estimate(0.6)})
    shown = replace(evaluation("cat"), rows=(ahead, *evaluation("cat").rows))
    assert headline(shown) == f"Best of 4: plain (metric) with mAP 60.0 % on 1 category. vicp (generated): {VERDICT}"


def test_headline_without_map_without_means_and_without_anything():
    verified = row("plain", "null", "cat", {"auc": Estimate(0.912, 0.9, 0.93), "acc": Estimate(0.95)})
    shown = replace(evaluation(), rows=(verified,))
    assert headline(shown) == "plain (null) reaches AUC 91.2 % (95 % interval 90.0 to 93.0) on cat."
    empty = replace(evaluation(), rows=(), curves={})
    assert headline(empty) == "Nothing was measured: every category was left out."
    assert evaluation_lines(empty) == [headline(empty), "Left out: shoe: 3 identities, needs 8"]


def test_json_holds_every_number_as_a_fraction(tmp_path):
    shown = evaluation("cat", "dog")
    shown.save(tmp_path / "new" / "folder")
    found = json.loads((tmp_path / "new" / "folder" / "report.json").read_text(encoding="utf-8"))
    assert found == evaluation_dict(shown)
    assert list(found)[:3] == ["verdict", "unit", "protocol"]
    assert (found["verdict"], found["unit"]) == (headline(shown), "fraction")
    assert found["protocol"] == {"name": "vicp", "sentence": "Each photo is looked up among all others."}
    assert (found["command"], found["seed"], found["draws"]) == ("vicp evaluate photos --seed 7", 7, 5)
    assert (found["methods"], found["seconds"]) == ({"plain": "11aa", "vicp": "22bb"}, 81.34)
    assert (found["source"], found["skipped"]) == ("photos of cats", ["shoe: 3 identities, needs 8"])
    assert [(each["method"], each["category"]) for each in found["rows"]][2:5] == [
        ("vicp", "mean"),
        ("plain", "cat"),
        ("vicp", "cat"),
    ]


def test_json_row_has_values_intervals_and_counts():
    values = {"minp": Estimate(0.2), "auroc_new": Estimate(0.8, 0.7, 0.9), "map": Estimate(0.44, 0.41, 0.47)}
    plain = row("plain", "null", "cat", values, variant="street", paper={"map": 0.552})
    (found,) = evaluation_dict(replace(evaluation(), rows=(plain,)))["rows"]
    assert found == {
        "method": "plain",
        "adaptation": "null",
        "protocol": "vicp",
        "category": "cat",
        "variant": "street",
        "map": 0.44,
        "rank1": None,
        "rank5": None,
        "auc": None,
        "acc": None,
        "minp": 0.2,
        "auroc_new": 0.8,
        "interval": {"map": [0.41, 0.47], "auroc_new": [0.7, 0.9]},
        "queries": 12,
        "gallery": 11,
        "identities": 4,
        "pairs": 0,
        "draws": 1,
        "seconds": 1.5,
        "chosen": {},
        "context": None,
        "paper": {"map": 0.552},
    }


def test_json_context_and_diagnosis_hold_their_numbers():
    found = evaluation_dict(evaluation("cat"))
    assert found["rows"][2]["chosen"] == {"generated": 4, "null": 1}
    assert found["rows"][1]["context"] == {
        "verdict": VERDICT,
        "rows": {
            "other": {"map": 0.39, "low": None, "high": None},
            "own": {"map": 0.48, "low": 0.45, "high": 0.51},
            "metric": {"map": 0.5, "low": 0.47, "high": 0.53},
        },
        "differences": {
            "other": {"map": 0.09, "low": 0.05, "high": 0.13},
            "metric": {"map": -0.02, "low": -0.04, "high": 0.0},
        },
        "prompt_cosine": {"own draws": 0.981, "other": 0.412},
        "label_accuracy": {"value": 0.714, "low": 0.6, "high": 0.8},
        "majority_rate": 0.531,
    }
    (looked,) = found["diagnoses"]
    assert len(looked["errors"]) == 12
    assert looked["errors"][3] == {
        "identity": "z3",
        "num_queries": 3,
        "map": 0.03,
        "rank1": 0.06,
        "confused_with": "z7",
        "confused": 2,
    }
    assert looked["suspects"][0]["looks_like"] == "b"
    assert looked["leaks"] == ["1 pair of photos shows the same."]
    assert looked["probes"]["as they are"] == {"map": 0.55, "low": 0.5, "high": 0.6}
    assert "pictures" not in looked


def test_markdown_of_a_small_evaluation():
    plain = row("plain", "null", "mean", {"map": Estimate(0.44, 0.41, 0.47), "rank1": Estimate(0.5)})
    cat = row("plain", "null", "cat | dog", {"map": Estimate(0.4)}, num_pairs=1)
    shown = replace(evaluation(), rows=(plain, cat), diagnoses=(), skipped=())
    assert evaluation_markdown(shown) == (
        "# plain (null) reaches mAP 44.0 % (95 % interval 41.0 to 47.0) on 1 category.\n\n"
        "All figures are percent; in brackets the 95 % interval over identities and support draws.\n\n"
        "## Means\n\n"
        "| method | adaptation | mAP | Rank-1 |\n"
        "| :-- | :-- | --: | --: |\n"
        "| plain | null | 44.0 (41.0 to 47.0) | 50.0 |\n\n"
        "## cat \\| dog\n\n"
        "12 photos looked up among 11; 4 individuals; 1 labelled pair to adapt with, drawn once.\n\n"
        "| method | adaptation | mAP |\n"
        "| :-- | :-- | --: |\n"
        "| plain | null | 40.0 |\n\n"
        "## How this was made\n\n"
        "- Protocol vicp: Each photo is looked up among all others.\n"
        "- Photos: photos of cats\n"
        "- plain: 11aa\n"
        "- vicp: 22bb\n"
        "- Seed 7, supports drawn per category: 5, 81.3 s\n\n"
        "    vicp evaluate photos --seed 7\n\n"
        "## Left out\n\n"
        "Nothing.\n"
    )


def test_markdown_tables_align_figures_and_escape_cells():
    shown = evaluation("cat")
    lines = evaluation_markdown(shown).splitlines()
    for line in (
        "| method | adaptation | mAP | Rank-1 | paper |",
        "| plain | null | 44.0 (41.0 to 47.0) | 54.0 | mAP 55.2 |",
        "| vicp | auto (generated 4, null 1) | 46.0 (43.0 to 49.0) | 56.0 | – |",
        f"| own | {CONTEXT_ROWS['own']} | 48.0 (45.0 to 51.0) | – |  |",
        f"| other | {CONTEXT_ROWS['other']} | 39.0 | +9.0 (+5.0 to +13.0) | own is better |",
        f"| metric | {CONTEXT_ROWS['metric']} | 50.0 (47.0 to 53.0) | -2.0 (-4.0 to 0.0) | could be chance |",
        "How alike the prompts are (mean cosine; 1 is the same prompt): own draws 0.981, other 0.412.",
        "Shown a further pair, the language model says “same” or “different” correctly 71.4 % of the time; "
        "one answer for all pairs gives 53.1 %.",
        "| z9 | z7 (twice) | 3 | 9.0 | 18.0 |",
        "| a/1.jpg | a | b | 0.41 | 0.88 | 4 of 5 |",
        "- 1 pair of photos shows the same.",
        "Background alone keeps 22 % of the mAP.",
        "| background only | 12.0 |",
        "- shoe: 3 identities, needs 8",
    ):
        assert line in lines, line
    assert not any(line.startswith("| z10 ") for line in lines)  # the worst ten only
    assert lines.count("### Context of vicp (generated)") == 2  # over all categories and for cat; auto's is the same


def test_markdown_of_several_folds_and_hostile_names():
    fold = row("plain", "null", "mean of fold 0", {"map": Estimate(0.3), "fnmr_at_fmr_1e-2": Estimate(0.2)})
    overall = row("a|b <i> `x`", "null", "mean", {"map": Estimate(0.4)})
    assert table_markdown(results_table((overall, fold))).splitlines() == [
        "| method | adaptation | over | mAP | FNMR at FMR 1e-2 |",
        "| :-- | :-- | :-- | --: | --: |",
        "| a\\|b \\<i\\> \\`x\\` | null | mean | 40.0 | – |",
        "| plain | null | mean of fold 0 | 30.0 | 20.0 |",
    ]


def test_evaluation_lines_align_the_means_in_percent():
    second = replace(CONTEXT, verdict="The context does nothing here.")
    extra = row("next", "generated", "mean", {"map": Estimate(0.1)}, context=second)
    shown = evaluation("cat", "dog")
    shown = replace(shown, rows=(*shown.rows[:2], extra, *shown.rows[3:]))
    assert evaluation_lines(shown) == [
        headline(shown),
        "method  adaptation                  mAP  Rank-1     paper",
        "plain   null        44.0 (41.0 to 47.0)    54.0  mAP 55.2",
        "vicp    generated   48.0 (45.0 to 51.0)    58.0         –",
        "next    generated                  10.0       –         –",
        "next (generated): The context does nothing here.",
        "Left out: shoe: 3 identities, needs 8",
    ]


def test_evaluation_page_holds_verdict_tables_and_origin(tmp_path):
    shown = evaluation("cat", "dog")
    page = page_of(shown, tmp_path)
    assert page.astray == []
    for words in (
        "Best of 3: vicp (generated) with mAP 48.0 % (95 % interval 45.0 to 51.0)",
        VERDICT,
        ADAPTATIONS["generated"],
        "Chose generated 4, null 1.",
        "paper 55.2",
        MEANINGS["rank1"],
        CONTEXT_ROWS["metric"],
        "+9.0 +5.0 to +13.0 own is better",
        "correctly 71.4 % of the time",
        "12 photos looked up among 11; 4 individuals; 32 labelled pairs to adapt with, drawn 5 times.",
        "The worst first; report.json has all 12.",
        "z7 (twice)",
        "4 of 5",
        "1 pair of photos shows the same.",
        "Background alone keeps 22 % of the mAP.",
        "similarity 0.91",
        "vicp evaluate photos --seed 7",
        "81.3 s",
        "shoe: 3 identities, needs 8",
    ):
        assert words in page.text, words
    assert [tag for tag, _ in page.tags].count("h2") == 7  # means, context, curves, overview, cat, dog, how it was made
    pictures = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert pictures[0] == "ROC"
    assert {"How alike pairs are", "Hit 2, wrong: b/1.jpg, identity b"} < set(pictures)


def test_bars_brackets_and_the_best_row(tmp_path):
    evaluation("cat").save(tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    bar = '<i class="fill" style="width:48.0%"></i><i class="interval" style="left:45.0%;right:49.0%"></i>'
    assert bar in page
    assert '<i class="printed" style="left:55.2%"></i>' in page
    start = page[page.index('<tr class="lead">') :]
    assert start[: start.index("</span></span>")].endswith('<span class="key">vicp <span class="tag">generated')


def test_the_page_without_retrieval_and_the_page_of_nothing(tmp_path):
    verified = {"auc": Estimate(0.912, 0.9, 0.93), "acc": Estimate(0.95)}
    rows = (row("plain", "null", "mean", verified), row("plain", "null", "cat", {}))
    page = page_of(replace(evaluation(), rows=rows, curves={}), tmp_path)
    assert "AUC % and 95 % interval" in page.text
    assert "mAP" not in page.text
    empty = page_of(replace(evaluation(), rows=(), curves={}, skipped=()), tmp_path / "empty")
    assert "Nothing was measured" in empty.text
    assert "Left outNothing." in empty.text
    assert (page.astray, empty.astray) == ([], [])


def hostile(clean: EvaluationReport) -> EvaluationReport:
    looked = replace(
        clean.diagnoses[0],
        category=HOSTILE,
        method=HOSTILE,
        errors=(IdentityErrors(HOSTILE, 1, 0.1, 0.0, HOSTILE, 1),),
        suspects=(SuspectLabel(HOSTILE, HOSTILE, HOSTILE, 0.1, 0.2, 3, 5),),
        leaks=(HOSTILE,),
        probe_verdict=HOSTILE,
        pictures={HOSTILE: PNG},
    )
    context = replace(CONTEXT, verdict=HOSTILE, prompt_cosine={HOSTILE: 0.5})
    rows = tuple(
        replace(each, method=HOSTILE, category=each.category if each.category == "mean" else HOSTILE, context=context)
        for each in clean.rows
    )
    names = dict.fromkeys(("protocol", "protocol_sentence", "source", "command"), HOSTILE)
    said = replace(clean, rows=rows, diagnoses=(looked,), skipped=(HOSTILE,), methods={HOSTILE: HOSTILE}, **names)
    return replace(said, curves={HOSTILE: PNG})


def test_names_never_become_markup(tmp_path):
    page, clean = page_of(hostile(evaluation("cat")), tmp_path), page_of(evaluation("cat"), tmp_path / "clean")
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in clean.tags}
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.astray == []
    assert HOSTILE in page.text
    assert HOSTILE in [attributes.get("alt") for _, attributes in page.tags]
    markdown = (tmp_path / "report.md").read_text(encoding="utf-8").replace(f"    {HOSTILE}\n", "")  # the command, code
    assert not re.search(r"(?<!\\)<", markdown)
    for table in (block.splitlines() for block in markdown.split("\n\n") if block.startswith("| ")):
        assert len({len(re.split(r"(?<!\\)\|", line)) for line in table}) == 1, table


def test_the_page_needs_nothing_from_outside(tmp_path):
    page = page_of(evaluation("cat", "dog"), tmp_path)
    links = [a[key] or "" for _, a in page.tags for key in ("src", "href", "action") if key in a]
    assert [link for link in links if not link.startswith(("data:image/jpeg;base64,", "data:image/png;base64,"))] == [
        "#category-1",
        "#category-2",
    ]
    assert {"category-1", "category-2"} <= {a.get("id") for _, a in page.tags}
    assert not re.search(r"https?:|url\(|@import", (tmp_path / "report.html").read_text(encoding="utf-8"))
    policies = [a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_nan_is_refused_before_anything_is_written(tmp_path):
    broken = replace(evaluation("cat"), seconds=float("nan"))
    with pytest.raises(ValueError, match="JSON compliant"):
        broken.save(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match=r"cannot write the report \(.+\); choose another folder") as caught:
        evaluation("cat").save(tmp_path / "file" / "out")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_a_full_disk_is_one_line(tmp_path):
    (tmp_path / "report.json.part").symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"report\.json: cannot write the report \(No space left on device\)"):
        evaluation("cat").save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_every_metric_and_adaptation_has_a_sentence():
    assert MEANINGS.keys() == METRICS.keys()
    assert adaptation_sentence("generated + verifier") == f"{ADAPTATIONS['generated']} {ADAPTATIONS['verifier']}"
    assert adaptation_sentence("of my own") == ""


def test_results_by_side_are_in_the_lines_and_the_json():
    sides = {
        "left": {"map": Estimate(0.4), "rank1": Estimate(0.5)},
        "right": {"map": Estimate(0.2), "rank1": Estimate(0.1)},
    }
    shown = replace(row("plain", "null", "mean", {"map": Estimate(0.3)}), sides=sides)
    report = replace(evaluation(), rows=(shown,))
    line = "plain, null, by side of the query: left mAP 40.0, Rank-1 50.0; right mAP 20.0, Rank-1 10.0."
    assert line in evaluation_lines(report)
    assert evaluation_dict(report)["rows"][0]["sides"]["left"]["rank1"]["value"] == 0.5
