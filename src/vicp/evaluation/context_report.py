"""The context report: mAP under the own context and every control, paired differences, and the verdict."""

from collections.abc import Mapping

from vicp.adapt.controls import CONTROLS
from vicp.evaluation.estimates import Sample
from vicp.evaluation.results import CONTEXT_ROWS, ContextSummary, Estimate


def summarise_contexts(
    samples: Mapping[str, Sample],
    *,
    prompt_cosine: Mapping[str, float] | None = None,
    label_accuracy: Estimate | None = None,
    majority_rate: float | None = None,
) -> ContextSummary:
    """Return the context report of one category, or of the mean over several.

    Args:
        samples: mAP by the keys of CONTEXT_ROWS, "own" among them, resampled alike.
        prompt_cosine: See `ContextSummary`.
        label_accuracy: likewise.
        majority_rate: likewise.
    """
    ordered = {name: samples[name] for name in CONTEXT_ROWS if name in samples}
    rows = {name: sample.estimate() for name, sample in ordered.items()}
    differences = {name: samples["own"].minus(each).estimate() for name, each in ordered.items() if name != "own"}
    return ContextSummary(
        rows=rows,
        differences=differences,
        prompt_cosine=prompt_cosine or {},
        label_accuracy=label_accuracy,
        majority_rate=majority_rate,
        verdict=context_verdict(rows, differences),
    )


def context_verdict(rows: Mapping[str, Estimate], differences: Mapping[str, Estimate]) -> str:
    """Return one sentence that says whether the category's own context beats every control.

    The best alternative is the control of highest mAP; the figure is the paired difference and half of its interval.

    Args:
        rows: mAP by context.
        differences: Own minus each of them, resample by resample.
    """
    controls = [name for name in CONTROLS if name in differences]
    if not controls:
        return "Whether the context helps was not measured: there is nothing to compare it with."
    best = max(controls, key=lambda name: rows[name].value)
    gap = differences[best]
    assert gap.low is not None
    assert gap.high is not None
    figure = f"{100 * abs(gap.value):.1f} ± {50 * (gap.high - gap.low):.1f} mAP"
    where = f"own {100 * rows['own'].value:.1f}, {best} {100 * rows[best].value:.1f}"
    frozen = f"; plain backbone {100 * rows['frozen'].value:.1f}" if "frozen" in rows else ""
    if gap.is_shown_as_zero:
        return f"The context does nothing here: {figure} from the best alternative ({where}{frozen})."
    if gap.low > 0:
        return f"The context adds {figure} over the best alternative ({where}{frozen})."
    if gap.high < 0:
        return f"The context hurts: {figure} below the best alternative ({where}{frozen})."
    return f"The context does nothing here: {figure} from the best alternative ({where}{frozen})."


def own_leads(context: ContextSummary) -> bool:
    """Return whether the own context has a higher mAP than every control."""
    return all(context.rows["own"].value > each.value for name, each in context.rows.items() if name in CONTROLS)
