"""The sentences of an evaluation report: what columns mean, what was measured, and what contexts changed."""

from collections.abc import Sequence

from vicp.evaluation.report.write import percent
from vicp.evaluation.results import ContextSummary, Estimate, IdentityErrors, Row

ADAPTATIONS: dict[str, str] = {
    "null": "As trained; no pairs are used.",
    "static": "A prompt learned in training, the same for every category.",
    "prompt": "Prompt tokens made from the category's labelled pairs, as in the paper.",
    "generated": "All that the model makes from the category's labelled pairs: prompt tokens and, of some, a metric.",
    "metric": "Features whitened with the category's same-pairs.",
    "tuned": "A prompt trained for a few steps on the category's pairs.",
    "finetuned": "The whole backbone trained for a few steps on the category's pairs.",
    "auto": "Whichever did best on pairs held out for that.",
    "verifier": "The first photos in a new order, by the in-context verifier.",
}
"""What is done with the pairs, one plain sentence each; "verifier" is a second stage."""

MEANINGS: dict[str, str] = {
    "map": "how high in the list all photos of the right individual stand.",
    "rank1": "how often the first photo in the list shows the right individual.",
    "rank5": "how often one of the first five does.",
    "minp": "how high the last photo of the right individual stands; low where one of them is hard to find.",
    "auc": "how often two photos of one individual look more alike than two of different ones; guessing gives 50.",
    "acc": "how often the decision “same” or “different” about two photos is right.",
    "tpr_at_fpr_1e-2": "how many same-pairs are recognised when 1 in 100 different-pairs is let through.",
    "fnmr_at_fmr_1e-2": "how many same-pairs are missed when 1 in 100 different-pairs is let through; lower is better.",
    "auroc_new": "how well new individuals are separated from known ones; guessing gives 50.",
    "fnir_at_fpir_1e-1": "how many known individuals are missed when 1 in 10 new ones is let through; lower is better.",
}
"""The keys of METRICS, in words that need no others."""


def adaptation_sentence(adaptation: str) -> str:
    """Return what an adaptation does, stage by stage; empty for one that is not known."""
    stages = [stage.strip() for stage in adaptation.split("+")]
    return " ".join(ADAPTATIONS[stage] for stage in stages if stage in ADAPTATIONS)


def counts_sentence(rows: Sequence[Row]) -> str:
    """Return how many photos, identities and pairs are behind rows of one category; empty where nobody counted."""
    queries, gallery, identities, pairs, draws = (
        max((getattr(row, name) for row in rows), default=0)
        for name in ("num_queries", "num_gallery", "num_identities", "num_pairs", "num_draws")
    )
    parts = [
        f"{_amount(queries, 'photo')} looked up among {gallery}" if queries else "",
        f"{_amount(identities, 'individual')}" if identities else "",
        f"{_amount(pairs, 'labelled pair')} to adapt with, drawn {_times(draws)}" if pairs else "",
    ]
    sentence = "; ".join(part for part in parts if part)
    return f"{sentence}." if sentence else ""


def chosen_words(row: Row) -> str:
    """Return what "auto" chose and how often, as in "generated 4, null 1"; empty for other adaptations."""
    return ", ".join(f"{name} {count}" for name, count in row.chosen.items())


def label_sentence(context: ContextSummary) -> str:
    """Return how well the language model predicts a label; empty where that could not be measured."""
    if context.label_accuracy is None:
        return ""
    accuracy = f"correctly {percent(context.label_accuracy.value)} % of the time"
    majority = context.majority_rate
    baseline = "" if majority is None else f"; one answer for all pairs gives {percent(majority)} %"
    return f"Shown a further pair, the language model says “same” or “different” {accuracy}{baseline}."


def cosine_sentence(context: ContextSummary) -> str:
    """Return how alike the prompts of different contexts are; empty where nobody measured."""
    if not context.prompt_cosine:
        return ""
    listed = ", ".join(f"{name} {cosine:.3f}" for name, cosine in context.prompt_cosine.items())
    return f"How alike the prompts are (mean cosine; 1 is the same prompt): {listed}."


def difference_words(difference: Estimate) -> str:
    """Return what a difference "own minus this" shows, as far as its interval allows; empty without an interval."""
    if difference.low is None or difference.high is None:
        return ""
    if difference.is_shown_as_zero:
        return "no difference"
    if difference.low > 0:
        return "own is better"
    return "own is worse" if difference.high < 0 else "could be chance"


def confusion_words(error: IdentityErrors) -> str:
    """Return which identity stands first instead, and how often; empty where none does."""
    return f"{error.confused_with} ({_times(error.confused)})" if error.confused_with else ""


def _amount(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
