"""What a CloudFormation template comes to with given parameters.

It resolves the functions that our templates use, to plain values; a resource's attribute or name
becomes a text that says which it was. It deploys nothing and knows no service.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml

PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::StackId": (
        "arn:aws:cloudformation:eu-west-1:123456789012:stack/tamlil-test/"
        "5b6d1a70-c9d4-11f0-8b1f-0a1b2c3d4e5f"
    ),
    "AWS::StackName": "tamlil-test",
    "AWS::URLSuffix": "amazonaws.com",
}
_NOTHING = object()


def load_template(path: Path) -> dict[str, Any]:
    """The document, with ``!Ref x`` as ``{"Ref": "x"}`` and so on."""
    loaded: dict[str, Any] = json.loads(json.dumps(cfn_yaml.load(str(path))))
    return loaded


@dataclass
class Stack:
    """A template with the parameters that it is given; those not given have their defaults.

    `physical` names resources: logical id, or ``id.Attribute``, to the text that stands for it.
    """

    template: Mapping[str, Any]
    given: Mapping[str, str] = field(default_factory=dict)
    physical: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = set(self.given) - set(self.template["Parameters"])
        assert not unknown, f"no parameters of the template: {unknown}"

    def properties(self, logical_id: str) -> dict[str, Any]:
        """A resource's properties; it must exist with these parameters."""
        resource = self.template["Resources"][logical_id]
        condition = resource.get("Condition")
        assert condition is None or self.condition(condition), f"{logical_id} is not made"
        found: dict[str, Any] = self.resolve(resource["Properties"])
        return found

    def made(self) -> set[str]:
        """Logical ids of the resources that these parameters make."""
        resources = self.template["Resources"].items()
        return {
            name
            for name, resource in resources
            if "Condition" not in resource or self.condition(resource["Condition"])
        }

    def outputs(self) -> dict[str, Any]:
        """Names of outputs to their values."""
        named = self.template.get("Outputs", {}).items()
        return {
            name: self.resolve(output["Value"])
            for name, output in named
            if "Condition" not in output or self.condition(output["Condition"])
        }

    def refusals(self) -> list[str]:
        """What the template's rules say against these parameters; nothing is deployed then."""
        return [
            assertion["AssertDescription"]
            for rule in self.template.get("Rules", {}).values()
            if self.resolve(rule.get("RuleCondition", True))
            for assertion in rule["Assertions"]
            if not self.resolve(assertion["Assert"])
        ]

    def condition(self, name: str) -> bool:
        """Whether a named condition holds."""
        return bool(self.resolve(self.template["Conditions"][name]))

    def resolve(self, value: Any) -> Any:
        """Plain values for everything below `value`; what is `AWS::NoValue` is left out."""
        if isinstance(value, Mapping):
            if len(value) == 1:
                ((name, argument),) = value.items()
                if name in _FUNCTIONS:
                    return _FUNCTIONS[name](self, argument)
            resolved = {key: self.resolve(item) for key, item in value.items()}
            return {key: item for key, item in resolved.items() if item is not _NOTHING}
        if isinstance(value, list):
            items = [self.resolve(item) for item in value]
            return [item for item in items if item is not _NOTHING]
        return value

    def ref(self, name: str) -> Any:
        """What ``Ref`` gives."""
        if name == "AWS::NoValue":
            return _NOTHING
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.template["Parameters"]:
            return self._parameter(name)
        assert name in self.template["Resources"], f"nothing is called {name}"
        return self.physical.get(name, f"<{name}>")

    def attribute(self, path: str) -> str:
        """What ``Fn::GetAtt`` gives; `path` is ``Id.Attribute``."""
        assert path.partition(".")[0] in self.template["Resources"], f"nothing is called {path}"
        return self.physical.get(path, f"<{path}>")

    def _parameter(self, name: str) -> Any:
        parameter = self.template["Parameters"][name]
        value = self.given.get(name, parameter.get("Default"))
        assert value is not None, f"parameter {name} has no default and was not given"
        if parameter["Type"] == "CommaDelimitedList":
            return str(value).split(",")
        return str(value)


def _sub(stack: Stack, argument: Any) -> str:
    text, own = (argument, {}) if isinstance(argument, str) else argument
    values = {name: stack.resolve(value) for name, value in own.items()}

    def put(found: re.Match[str]) -> str:
        name = found[1]
        if name in values:
            return str(values[name])
        return str(stack.attribute(name) if "." in name else stack.ref(name))

    return re.sub(r"\$\{([\w:.]+)\}", put, text)


def _if(stack: Stack, argument: Sequence[Any]) -> Any:
    name, yes, no = argument
    return stack.resolve(yes if stack.condition(name) else no)


def _equals(stack: Stack, argument: Sequence[Any]) -> bool:
    first, second = (str(stack.resolve(value)) for value in argument)
    return first == second


def _join(stack: Stack, argument: Sequence[Any]) -> str:
    return str(argument[0]).join(map(str, stack.resolve(argument[1])))


def _attribute(stack: Stack, argument: Any) -> str:
    return stack.attribute(argument if isinstance(argument, str) else ".".join(argument))


def _cidr(stack: Stack, argument: Sequence[Any]) -> list[str]:
    block, count, _bits = (stack.resolve(value) for value in argument)
    return [f"{block}#{number}" for number in range(int(count))]


def _condition(stack: Stack, argument: Any) -> Any:
    """``Condition`` is a function among conditions, and a plain key in a policy's statement."""
    if isinstance(argument, str):
        return stack.condition(argument)
    return {"Condition": stack.resolve(argument)}


_FUNCTIONS: dict[str, Callable[[Stack, Any], Any]] = {
    "Condition": _condition,
    "Fn::And": lambda stack, argument: all(stack.resolve(item) for item in argument),
    "Fn::Base64": lambda stack, argument: stack.resolve(argument),
    "Fn::Cidr": _cidr,
    "Fn::Equals": _equals,
    "Fn::GetAZs": lambda _stack, _argument: ["zone-a", "zone-b", "zone-c"],
    "Fn::GetAtt": _attribute,
    "Fn::If": _if,
    "Fn::Join": _join,
    "Fn::Not": lambda stack, argument: not stack.resolve(argument[0]),
    "Fn::Or": lambda stack, argument: any(stack.resolve(item) for item in argument),
    "Fn::Select": lambda stack, argument: stack.resolve(argument[1])[int(argument[0])],
    "Fn::Split": lambda stack, argument: str(stack.resolve(argument[1])).split(argument[0]),
    "Fn::Sub": _sub,
    "Ref": lambda stack, argument: stack.ref(argument),
}
