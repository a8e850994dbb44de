"""Damaged tables: every row is read, left out with a word, or named as bad."""

import io
import json
from functools import cache
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.faults.mutations import mutate
from vicp.data.seeds import derive_seed
from vicp.data.sources import open_photos
from vicp.data.support.support_file import read_support
from vicp.errors import VICPError

_ROWS = 12
_WORDS = (
    *(
        '"',
        '""',
        "\n",
        "\r",
        ",",
        ";",
        "\t",
        "\0",
        "unknown",
        "#REF!",
        "1.2E+11",
        "=A1",
        "\ufffd",
        "e\u0301",
        "\u200b",
        "[1, 2, 3, 4]",
    ),
    *(
        "nan",
        "NA",
        "None",
        "-1",
        "7.0",
        "2024-13-45",
        "../x.jpg",
        "C:\\a\\b.jpg",
        "a.jpg#xywh=1,2,3,4",
        "x" * 300,
        "{}",
        "[",
        "\ud800",
    ),
)


@cache
def originals() -> dict[str, bytes]:
    """Return tables of every format by their endings, and labelled pairs."""
    names = ("tom", "kit", "rex")
    frame = pd.DataFrame({"path": [f"{i}.jpg" for i in range(_ROWS)], "identity": [names[i % 3] for i in range(_ROWS)]})
    frame = frame.assign(
        date="2024-05-01 10:00:00", bbox="[1, 2, 3, 4]", viewpoint="left", split="train", species="cat"
    )
    book, parquet, structs = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    for row in [list(frame), *frame.to_numpy().tolist()]:
        book.active.append(row)
    sheet = io.BytesIO()
    book.save(sheet)
    frame.to_parquet(parquet)
    features = {"info": {"features": {"label": {"names": ["tom", "kit"], "_type": "ClassLabel"}}}}
    images = [{"bytes": b"\xff\xd8\xff", "path": f"{i}.jpg"} for i in range(_ROWS)]
    hub = pa.table({"image": images, "label": [i % 2 for i in range(_ROWS)]})
    pq.write_table(hub.replace_schema_metadata({"huggingface": json.dumps(features)}), structs)
    tool = frame.rename(columns={"path": "File", "identity": "Individual", "date": "DateTime"}).assign(
        RelativePath="CAM\\1"
    )
    return {
        "a.csv": frame.to_csv(index=False).encode(),
        "b.csv": tool.to_csv(index=False, sep=";").encode(),
        "c.tsv": frame.to_csv(index=False, sep="\t").encode("utf-16"),
        "d.xlsx": sheet.getvalue(),
        "e.parquet": parquet.getvalue(),
        "f.parquet": structs.getvalue(),
        "pairs.csv": b"left,right,same\n" + b"".join(f"{i}.jpg,{i + 1}.jpg,{i % 2}\n".encode() for i in range(9)),
    }


def run_case(number: int, folder: Path) -> str:
    """Damage a table's bytes or its words, and read it; return the rows that are neither read nor spoken of."""
    rng = np.random.default_rng(derive_seed(number, "faults", "tables"))
    names = sorted(originals())
    name = names[number % len(names)]
    data = originals()[name]
    is_text = name.endswith((".csv", ".tsv"))
    path = folder / name
    path.write_bytes(_other_words(data, rng) if is_text and rng.random() < 0.7 else mutate(data, rng))
    try:
        if name == "pairs.csv":
            table = pd.DataFrame({"path": [f"{i}.jpg" for i in range(_ROWS)]})
            (folder / "photos.csv").write_text(table.to_csv(index=False))
            read_support(path, open_photos(folder / "photos.csv", need_identity=False))
            return ""
        table = open_photos(path, need_identity=bool(rng.random() < 0.5), skip_bad=bool(rng.random() < 0.5))
    except VICPError as error:
        str(error).encode("utf-8", "replace")
        return ""
    return "" if len(table) + len(table.skipped) or table.notes else "no row, and not a word"


def _other_words(data: bytes, rng: np.random.Generator) -> bytes:
    """Return the text with words put in, or in place of values."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    text = data.decode(encoding)
    for _ in range(int(rng.integers(1, 4))):
        word = _WORDS[rng.integers(len(_WORDS))]
        places = [place for place, letter in enumerate(text) if letter in ",;\t\n"] or [0]
        start = places[rng.integers(len(places))]
        end = start + 1 if rng.random() < 0.5 else min((place for place in places if place > start), default=len(text))
        text = text[: start + 1] + word + text[end:]
    return text.encode(encoding, "surrogatepass")
