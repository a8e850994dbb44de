"""Write docs/python.md, the page of every public name, from the docstrings: `make docs`."""

import ast
import inspect
import re
import textwrap
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import vicp

PAGE = Path(__file__).parent / "python.md"
SECTIONS = {
    "Models": ("load", "Model"),
    "Prompts": ("Prompt", "TeachResult", "SuspectPair"),
    "Answers": ("Identification", "IdentificationReport", "Candidate", "Verification", "ErrorTargets"),
    "Galleries": ("Gallery", "PhotoFilter"),
    "Photos": ("PhotoTable", "open_photos", "BoxFile"),
    "Evaluation": ("evaluate", "EvaluationReport"),
    "scikit-learn": ("PromptedEmbedder", "IndividualClassifier"),
    "Errors": (
        "VICPError",
        "ConfigError",
        "DataError",
        "WeightsError",
        "PromptError",
        "GalleryError",
        "TrainingError",
        "StoppedError",
    ),
}
INTRODUCTION = """# Python

Every public name of `vicp`, written from its docstring by `make docs`. `import vicp` is light, and PyTorch loads when
it is needed: to teach, train and evaluate, and for models that are not exported.
[The examples](../examples/README.md) show the names together, and [the glossary](glossary.md) explains the terms.
`vicp.__version__` is the version as text.

In the signatures `Photo` is a path, a PIL image or a uint8 array (H, W), (H, W, 3) or (H, W, 4). `Photos` is one of
these, a sequence of them, a folder, a CSV or Parquet table, or a `PhotoTable`. `Pairs` is a number of pairs, a CSV of
pairs, or a sequence of (left, right, same).
"""
HEADINGS = re.compile(r"^(Args|Attributes|Raises|Returns|Yields|Example|Examples):\n", re.M)


def page() -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    for title, names in SECTIONS.items():
        parts.append(f"## {title}\n")
        parts += [describe(name, getattr(vicp, name)) for name in names]
    return "\n".join(parts)


def describe(name: str, thing: Any) -> str:
    """Return the section of a public function or class, with its public methods, those of its bases in vicp last."""
    parts = [f"### `vicp.{name}`\n", *signature(thing), docstring(thing)]
    if inspect.isclass(thing):
        bases = [base for base in thing.__mro__ if base.__module__.startswith("vicp.")]
        for member, value in (item for base in bases for item in vars(base).items()):
            function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            if not member.startswith("_") and inspect.isfunction(function):
                parts += [f"#### `{name}.{member}`\n", *([] if isinstance(value, property) else signature(function))]
                parts.append(docstring(function))
    return "\n".join(parts)


def signature(thing: Any) -> list[str]:
    """Return the signature as it stands in the source, in a block; nothing for a class that takes no arguments."""
    if inspect.isclass(thing):
        if issubclass(thing, Exception):
            return []
        if hasattr(thing, "__dataclass_fields__"):
            fields = thing.__dataclass_fields__.values()
            return [_block(thing.__name__, [_field(field) for field in fields], "")]
    function = thing.__init__ if inspect.isclass(thing) else thing
    node = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(node, ast.FunctionDef)
    node.args.args = [argument for argument in node.args.args if argument.arg not in ("self", "cls")]
    returns = "" if inspect.isclass(thing) or node.returns is None else f" -> {_type(node.returns)}"
    return [_block(thing.__name__, _arguments(node.args), returns)]


def _type(annotation: ast.expr) -> str:
    """Return a type as it stands, without the quotes of one that is imported for type checkers alone."""
    return annotation.value if isinstance(annotation, ast.Constant) and annotation.value else ast.unparse(annotation)


def docstring(thing: Any) -> str:
    """Return a docstring in Google style as Markdown."""
    text = inspect.getdoc(thing) or ""
    if inspect.isclass(thing) and not thing.__doc__:
        raise ValueError(f"{thing} has no docstring")
    first, *sections = HEADINGS.split(text)
    parts = [first.strip() + "\n"]
    for heading, body in zip(sections[::2], sections[1::2], strict=True):
        parts.append(_section(heading, textwrap.dedent(body).rstrip()))
    return "\n".join(parts)


def _section(heading: str, body: str) -> str:
    if heading.startswith("Example"):
        example = re.sub(r" +# doctest: \+\w+", "", body)
        return f"```pycon\n{example}\n```\n"
    entries = re.split(r"\n(?=\S)", body)
    lines = [re.sub(r"\s*\n\s+", " ", entry) for entry in entries]
    return f"{heading}:\n\n" + "\n".join(re.sub(r"^([\w*]+): ", r"- `\1`: ", line) for line in lines) + "\n"


def _arguments(arguments: ast.arguments) -> list[str]:
    """Return each argument with its annotation and default."""
    plain = [ast.unparse(argument) for argument in arguments.args]
    first = len(plain) - len(arguments.defaults)
    for i, default in enumerate(arguments.defaults, first):
        plain[i] += f" = {ast.unparse(default)}"
    named = [
        ast.unparse(argument) + ("" if default is None else f" = {ast.unparse(default)}")
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    return [*plain, *(["*", *named] if named else [])]


def _field(field: Any) -> str:
    if field.default is not MISSING:
        default = f" = {field.default!r}"
    else:
        default = "" if field.default_factory is MISSING else " = ..."
    return f"{field.name}: {_annotation(field.type)}{default}"


def _annotation(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b(?:\w+\.)+(?=[A-Z])", "", text)


def _block(name: str, arguments: list[str], returns: str) -> str:
    line = f"{name}({', '.join(arguments)}){returns}"
    if len(line) > 100:
        line = "\n".join([f"{name}(", *(f"    {argument}," for argument in arguments), f"){returns}"])
    return f"```python\n{line}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
