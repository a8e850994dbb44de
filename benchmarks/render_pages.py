"""Writes every page in results/ again from the JSON beside it: after a change of what pages say.

python -m benchmarks.render_pages
"""

import json
from collections.abc import Callable
from typing import Any

from benchmarks.ablations import bridge, choice, parts, selection
from benchmarks.backbone.page import page as backbone_page
from benchmarks.checkpoint import run as checkpoint
from benchmarks.cluster import run as cluster
from benchmarks.context.page import page as context_page
from benchmarks.decisions.page import page as decisions_page
from benchmarks.embedding_speed import run as embedding_speed
from benchmarks.evaluation_speed.page import page as evaluation_speed_page
from benchmarks.faults import run as faults
from benchmarks.gallery.page import page as gallery_page
from benchmarks.lib.program import ROOT
from benchmarks.mislabels import run as mislabels
from benchmarks.pairs import run as pairs
from benchmarks.routing import run as routing
from benchmarks.service.page import page as service_page
from benchmarks.sets import demo
from benchmarks.sets import run as sets
from benchmarks.speed.page import page as speed_page
from benchmarks.training_speed.page import page as training_speed_page
from benchmarks.walks import run as walks
from benchmarks.when_prompts_pay.page import page as when_prompts_pay_page

PAGES: dict[str, Callable[[Any], str]] = {
    "ablations/bridge": bridge.page,
    "ablations/choice": choice.page,
    "ablations/parts": parts.page,
    "ablations/selection": selection.page,
    "cluster": cluster.page,
    "backbone": backbone_page,
    "context": context_page,
    "context-cluttered": context_page,
    "decisions": decisions_page,
    "demo": demo.page,
    "embed": embedding_speed.page,
    "evaluate": evaluation_speed_page,
    "faults": faults.page,
    "gallery": gallery_page,
    "mini": checkpoint.page,
    "mislabels": mislabels.page,
    "omniglot": sets.page,
    "pairs": pairs.page,
    "routing": routing.page,
    "speed": speed_page,
    "service": service_page,
    "sets": sets.page,
    "training": training_speed_page,
    "walks": walks.page,
    "when-prompts-pay": when_prompts_pay_page,
    "when-prompts-pay-cluttered": when_prompts_pay_page,
    "when-prompts-pay-mini": when_prompts_pay_page,
}


def render(name: str) -> str:
    """Return the page of results/`name`.json."""
    facts = json.loads((ROOT / "results" / f"{name}.json").read_text(encoding="utf-8"))
    return PAGES[name](facts)


def main() -> None:
    for name in PAGES:
        (ROOT / "results" / f"{name}.md").write_text(render(name), encoding="utf-8")


if __name__ == "__main__":
    main()
