"""When a camera took a photo, from the metadata of the encoded file."""

import re
from io import BytesIO

import pandas as pd
from PIL import ExifTags, Image

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
    try:
        with Image.open(BytesIO(data)) as image:
            exif = image.getexif()
            details = exif.get_ifd(ExifTags.IFD.Exif)
            value = details.get(ExifTags.Base.DateTimeOriginal) or exif.get(DATE_TAG)
    except Exception:  # metadata may be damaged in every way, and is no reason to refuse a photo
        return ""
    return value.strip("\0 ") if isinstance(value, str) else ""
