"""results/service.md from the measured facts."""

from typing import Any


def page(facts: dict[str, Any]) -> str:
    """Return the page."""
    about = facts["about"]
    rows = "\n".join(
        f"| {name} | {task['calls']} | {task['p50_ms']} | {task['p95_ms']} |" for name, task in facts["by_task"].items()
    )
    keys = "Not measured: no Chromium."
    if facts["next_pair_ms"] is not None:
        keys = (
            f"In a gallery of {about['large']:,} photos the next pair stands {facts['next_pair_ms']} ms after the key "
            f"(median of 20; 95 % within {facts['next_pair_p95_ms']} ms), both pictures decoded and painted. axe-core "
            f"finds {facts['axe_violations']} faults on the page."
        )
    seconds = f"{about['seconds']:g}"
    command = f"--seconds {seconds} " + " ".join(
        f"--{name} {about[name]}" for name in ("clients", "photos", "large", "model")
    )
    busy = ""
    if about["load_before"] > about["cores"]:
        busy = (
            f"The machine was busy with other work (a load of {about['load_before']} before the start): on an idle one "
            "times are a fraction of these.\n"
        )
    return f"""# What the service takes

Made by `python -m benchmarks.service.run {command}` on {about["cores"]} cores.
{busy}
{about["clients"]} clients ask about photos and label pairs in turn for {seconds} seconds, each waiting for one answer
before the next question, while another adds photos (it added {facts["photos_added"]}). "review" is the next pair, its
two pictures and the label.

| task | calls | median, ms | 95 %, ms |
|---|---|---|---|
{rows}

Errors: {facts["errors"]}; told to come again (429): {facts["busy"]}. Memory of the server: {facts["rss_start_mb"]} MB
before, {facts["rss_end_mb"]} MB after. First page {facts["first_page_s"]} s after the start.

## From key to picture

{keys}
"""
