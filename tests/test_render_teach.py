"""The result of `vicp teach`, as JSON and as lines for people."""

from dataclasses import replace
from pathlib import Path

from vicp.adapt.prompt import Choice, Prompt
from vicp.adapt.recipe import Null
from vicp.adapt.teach import SuspectPair, TeachResult
from vicp.cli.render.teach import teach_facts, teach_lines


def result() -> TeachResult:
    choice = Choice("chose nothing, as asked (0.50 of held-out comparisons right)", {"null": 0.5}, 0.25, 0.75)
    return TeachResult(
        Prompt(Null(), "cat", 8, None, "feed", choice=choice, labels_predictable=True),
        photos=9,
        photos_in_pairs=7,
        skipped=2,
        pairs=8,
        same_pairs=3,
        dropped_pairs=1,
        moments=9,
        burst_pairs=0,
        label_accuracy=0.875,
        majority_rate=0.625,
        suspects=(SuspectPair("a.jpg", "b.jpg", True),),
    )


def test_lines_for_people() -> None:
    assert teach_lines(result(), Path("cat.prompt")) == [
        "Read 8 pairs (3 same, 5 different) of 7 photos out of 9.",
        "Left out 2 photos that cannot be used, and 1 pair with them.",
        "Of pairs whose label it had not seen, the model got 88 % right (always the same",
        "  answer: 62 %).",
        "Chose nothing, as asked (0.50 of held-out comparisons right).",
        "Look again at a label that the other pairs contradict: a.jpg and b.jpg (same).",
        "Wrote cat.prompt.",
    ]
    pairs = tuple(SuspectPair(f"{number}.jpg", "b.jpg", number > 0) for number in range(7))
    said = " ".join(" ".join(teach_lines(replace(result(), suspects=pairs), Path("cat.prompt"))).split())
    assert "Look again at labels that the other pairs contradict: 0.jpg and b.jpg (different); 1.jpg" in said
    assert "4.jpg and b.jpg (same); and 2 more." in said
    assert "Look again" not in " ".join(teach_lines(replace(result(), suspects=()), Path("cat.prompt")))


def test_bursts_are_said() -> None:
    some = teach_lines(replace(result(), moments=4), Path("cat.prompt"))
    assert some[2] == "The 9 photos are of 4 moments: of each burst, one photo is evidence."
    frames = teach_lines(replace(result(), moments=4, burst_pairs=3), Path("cat.prompt"))
    assert frames[2].startswith("3 of the 3 same-pairs are two frames each of one moment (near-equal, ")
    assert teach_facts(replace(result(), burst_pairs=3), Path("cat.prompt"))["burst_pairs"] == 3


def test_facts_for_json() -> None:
    facts = teach_facts(result(), Path("cat.prompt"))
    assert facts["suspects"] == [{"left": "a.jpg", "right": "b.jpg", "same": True}]
    assert (facts["adaptation"], facts["recipe"]) == ("null", {"type": "Null"})
    assert facts["choice"]["threshold"] == 0.25
    assert (facts["prompt"], facts["category"], facts["model"], facts["seed"]) == ("cat.prompt", "cat", "feed", None)
    assert (facts["label_accuracy"], facts["majority_rate"], facts["labels_predictable"]) == (0.875, 0.625, True)
