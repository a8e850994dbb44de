"""Write docs/openapi.json, the description of the REST API: `make docs`."""

import json
from pathlib import Path

from vicp.service.app import make_app
from vicp.service.settings import ServiceSettings

PAGE = Path(__file__).parent / "openapi.json"


def openapi_text() -> str:
    """Return the description as the file holds it; the version of the program is left out."""
    described = make_app(ServiceSettings(galleries=("herd",))).openapi()
    described["info"].pop("version")
    return json.dumps(described, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PAGE.write_text(openapi_text(), encoding="utf-8")
