"""Options that several commands take together: a parameter that is a dataclass is one option per field of it."""

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints


def with_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command as typer takes it: each parameter that is a dataclass is replaced by its fields."""
    signature = inspect.signature(command)
    annotations = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    groups: dict[str, Any] = {name: annotation for name, annotation in annotations.items() if is_dataclass(annotation)}

    @wraps(command)
    def run(**options: Any) -> None:
        given = {
            name: group(**{each.name: options.pop(each.name) for each in fields(group)})
            for name, group in groups.items()
        }
        command(**options, **given)

    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        parameters += (
            _parameters_of(groups[name]) if name in groups else [parameter.replace(kind=parameter.KEYWORD_ONLY)]
        )
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _parameters_of(group: Any) -> list[inspect.Parameter]:
    """Return a parameter per field of a dataclass, in their order."""
    annotations = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=annotations[each.name]
        )
        for each in fields(group)
    ]
