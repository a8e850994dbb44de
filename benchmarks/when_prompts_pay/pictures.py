"""One photo of every value of each kind, in rows: what a reader needs to see to believe the table."""

from pathlib import Path

import torch
from PIL import Image

from benchmarks.when_prompts_pay.tasks import KINDS, PHOTOS, make_tasks

SHOWN = 128
PICTURE = Path("pictures") / "when-prompts-pay" / "kinds.jpg"  # of the kinds, beside every page


def write_pictures(folder: Path, *, size: int) -> None:
    """Write kinds.jpg, a row of eight individuals for each kind."""
    rows = []
    for kind in KINDS:
        pixels = make_tasks(kind, 1, size=size, split="seen", seed=0).pixels[0, ::PHOTOS]
        rows.append(torch.cat(list(pixels), dim=2))
    sheet = Image.fromarray(torch.cat(rows, dim=1).permute(1, 2, 0).numpy())
    folder.mkdir(parents=True, exist_ok=True)
    sheet.resize((SHOWN * 8, SHOWN * len(KINDS)), Image.Resampling.LANCZOS).save(folder / PICTURE.name, quality=85)
