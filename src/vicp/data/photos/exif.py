"""When a camera took a photo, from the metadata of the encoded file; in the bounds of `decoding`."""

import re

import pandas as pd
from PIL import ExifTags

from vicp.data.decoding import tiff
from vicp.data.decoding.decode import exif_of

DATE_TAG = ExifTags.Base.DateTime
_DATE = re.compile(r"(\d{4}):(\d\d):(\d\d)[ T](\d\d):(\d\d):(\d\d)")


def exif_date(data: bytes) -> str:
    """Return when the camera took an encoded photo, as ISO 8601 (2025-04-01T12:30:00); "" where it does not say."""
    match = _DATE.match(exif_date_text(data))
    if match is None:
        return ""
    text = "{}-{}-{}T{}:{}:{}".format(*match.groups())
    return "" if pd.isna(pd.to_datetime(text, format="ISO8601", errors="coerce")) else text


def exif_date_text(data: bytes) -> str:
    """Return the date in the metadata of an encoded photo, as the camera wrote it; "" where there is none."""
    return tiff.date_of(exif_of(data))
