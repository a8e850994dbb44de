"""What each stage of making a gallery costs: measured on some photos, and arithmetic for millions of them."""

import time
from pathlib import Path
from typing import Any

from vicp.data.loading import load_photos
from vicp.data.sources import open_photos
from vicp.gallery.enrollment.chunks import THUMBNAIL_SIZE
from vicp.runtime.opening import open_encoder

MILLION = 1_000_000
DOLLARS_PER_CORE_HOUR = 0.05  # of a rented machine; an assumption
LARGE = 100  # millions


def measure_stages(model: str, photos: Path) -> dict[str, float]:
    """CPU seconds per photo: read, hash and decode it as `enroll` does, and embed it by ONNX Runtime."""
    encoder = open_encoder(model, engine="onnx")
    table = open_photos(photos, need_identity=False)
    encoder.embed(table.select([0]))  # what is done once in a process
    clock = time.process_time()
    loaded = list(
        load_photos(table, encoder.transform, thumbnail_size=THUMBNAIL_SIZE, fingerprints=True, ahead=32, bad=[])
    )
    read = time.process_time() - clock
    encoder.embed_loaded(loaded)
    embedded = time.process_time() - clock - read
    return {"read": read / len(loaded), "embed": embedded / len(loaded)}


def stage_lines(stages: dict[str, float], galleries: dict[str, Any]) -> list[str]:
    """A table of CPU hours per million photos, with the bill for a hundred million."""
    size = max(map(int, galleries))
    largest = galleries[str(size)]["ours"]
    rows = {
        "read, hash, decode a JPEG of 3 megapixels, thumbnail, fingerprint": stages["read"],
        "embed it by ONNX Runtime": stages["embed"],
        f"write it to a gallery (as at {size:,} photos, without the photo file)": 1 / largest["rows_per_second"],
        f"make the index (as at {size:,} photos)": largest["index_s"] / size,
    }
    total = sum(rows.values())
    hours = LARGE * MILLION * total / 3600
    megabytes = MILLION * largest["disk_mb"] / size
    return [
        "What a gallery costs stage by stage, from CPU seconds per photo measured here; the rest is arithmetic:",
        "",
        f"| stage | CPU ms per photo | CPU hours per million | per {LARGE} million |",
        "| --- | ---: | ---: | ---: |",
        *(_stage(name, seconds) for name, seconds in {**rows, "in all": total}.items()),
        "",
        f"A million photos take {megabytes / 1e3:,.1f} GB without the photo files, {LARGE} million "
        f"{LARGE * megabytes / 1e6:,.2f} TB. At ${DOLLARS_PER_CORE_HOUR} per core and hour, which is an assumption, "
        f"{LARGE} million take ${hours * DOLLARS_PER_CORE_HOUR:,.0f}; {LARGE} cores need "
        f"{hours / LARGE / 24:,.1f} days. No gallery of {LARGE} million has been made.",
    ]


def _stage(name: str, seconds: float) -> str:
    hours = MILLION * seconds / 3600
    return f"| {name} | {1e3 * seconds:.2f} | {hours:.2f} | {LARGE * hours:,.0f} |"
