"""Write docs/rest.md, the page of every route of the REST API, from docs/openapi.json: `make docs`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "rest.md"
DESCRIPTION = Path(__file__).parent / "openapi.json"
INTRODUCTION = """# REST

`vicp serve GALLERY` gives programs what the page in the browser does. [The page](page.md#rest) shows how to begin, and
[errors](errors.md) explains each `type` of a problem. This page is written from [openapi.json](openapi.json), which the
service also gives at `/api/v1/openapi.json`.
"""
TITLES = {
    "service": "The service",
    "galleries": "Galleries",
    "answers": "Questions",
    "photos": "Photos",
    "identities": "Individuals",
    "review": "Review and labels",
    "history": "History",
    "jobs": "Jobs",
}


def page() -> str:
    """Return the page."""
    description = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    schemas = description["components"]["schemas"]
    routes = [
        (method.upper(), path, operation)
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
    ]
    parts = [INTRODUCTION]
    for tag, title in TITLES.items():
        parts.append(f"## {title}\n")
        parts += [_route(*route) for route in routes if route[2]["tags"] == [tag]]
    parts.append("## What is sent and returned\n")
    parts += [_schema(name, schema) for name, schema in sorted(schemas.items())]
    return "\n".join(parts)


def _route(method: str, path: str, operation: dict[str, Any]) -> str:
    lines = [f"### `{method} {path}`\n", operation["description"].strip() + "\n"]
    given = [_parameter(each) for each in operation.get("parameters", []) if each["in"] != "path"]
    given += _body(operation.get("requestBody", {}))
    if given:
        lines += [*given, ""]
    answers = [f"{status}, {named}" if named else status for status, named in _answers(operation)]
    return "\n".join([*lines, f"Answers {'; '.join(answers)}.\n"])


def _parameter(parameter: dict[str, Any]) -> str:
    meaning = parameter.get("description", "")
    where = "header, " if parameter["in"] == "header" else ""
    return f"- `{parameter['name']}` ({where}{_type(parameter['schema'])})" + (f": {meaning}" if meaning else "")


def _body(body: dict[str, Any]) -> Iterator[str]:
    for media, content in body.get("content", {}).items():
        schema = content["schema"]
        if "properties" not in schema:
            yield f"- {media}: {_type(schema)}"
            continue
        for name, field in schema["properties"].items():
            meaning = field.get("description", "")
            yield f"- `{name}` ({media}, {_type(field)})" + (f": {meaning}" if meaning else "")


def _answers(operation: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for status, answer in operation["responses"].items():
        if status[0] == "2":
            content = list(answer.get("content", {}).items())
            yield status, _type(content[0][1].get("schema", {})) or content[0][0] if content else ""


def _schema(name: str, schema: dict[str, Any]) -> str:
    lines = [f"### {name}\n", schema.get("description", "").strip() + "\n"]
    lines += ["| key | type | meaning |", "| --- | --- | --- |"]
    for key, field in schema.get("properties", {}).items():
        meaning = " ".join(field.get("description", "").split())
        lines.append(f"| `{key}` | {_type(field)} | {meaning} |")
    return "\n".join([*lines, ""])


def _type(schema: dict[str, Any]) -> str:
    """Return a type in words, with a link to what is described on the page."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("format") == "binary" or schema.get("contentMediaType"):
        return "a file"
    return str(schema.get("type", "")).replace("null", "nothing")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
