"""The card of a prompt on the hub: what it is for, and how far to trust it."""

import yaml

from vicp.adapt.prompt import Prompt
from vicp.model.loading.packaged import MODELS

_NOT_MEASURED = "not measured"


def prompt_card(prompt: Prompt, *, file: str, base_model: str | None) -> str:
    """Return the README.md of a prompt's repository.

    Args:
        prompt: The prompt.
        file: Its file in the repository.
        base_model: Hub name of the model that it is for; None where that is a folder or a packaged model.
    """
    facts = {
        "library_name": "vicp",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["vicp-prompt"],
        **({} if base_model is None else {"base_model": base_model}),
    }
    public = base_model or (prompt.model if prompt.model in MODELS else None)  # no name of a folder of this machine
    model = f"the model {f'`{public}`, ' if public else ''}fingerprint `{prompt.fingerprint}`"
    rows = "\n".join(f"| {name} | {value} |" for name, value in _trust(prompt).items())
    return f"""---
{yaml.safe_dump(facts, sort_keys=False).strip()}
---

# A VICP prompt for {prompt.category}

It tells individuals of the category {prompt.category} apart. It was taught with {prompt.num_pairs} labelled pairs and
belongs to {model}; VICP refuses it with any other.

```sh
vicp pull OWNER/NAME --out {file}
vicp identify photos query.jpg --prompt {file}
```

## How far to trust it

Measured on individuals held out of the pairs that it was taught with, and on no others: photos from elsewhere may
fare worse.

| | |
| --- | --- |
{rows}

The file holds embeddings of the photos that it was taught with, on which answers are calibrated, and no photo.
"""


def _trust(prompt: Prompt) -> dict[str, str]:
    """Return what is known of how good a prompt is, by what it is."""
    use, choice, labels = prompt.usefulness, prompt.choice, prompt.labels_predictable
    half = None if use is None else use.rank1_of_half
    return {
        "How it was made": str(prompt.recipe),
        "Why": _NOT_MEASURED if choice is None else choice.reason,
        "Held-out individuals": _NOT_MEASURED if use is None else f"{use.individuals}, {use.photos} photos",
        "Right individual first": _NOT_MEASURED if use is None else f"{100 * use.rank1:.0f} of 100 photos",
        "mAP": _NOT_MEASURED if use is None else f"{100 * use.map:.0f} %",
        "Right individual first, with half of the pairs": (
            _NOT_MEASURED if half is None else f"{100 * half:.0f} of 100 photos"
        ),
        "Held-out labels predicted from the others": {None: _NOT_MEASURED, True: "yes", False: "no"}[labels],
        "Answers are calibrated": "yes" if prompt.held_out is not None else "no, too few individuals",
    }
