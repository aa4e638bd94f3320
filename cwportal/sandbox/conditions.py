"""The filter grammar of contract.md section 3: a small recursive parser that yields a predicate over answered records.

Text compares without regard to case and a comparison with an absent value is never true, `!=` included, as in the
database behind ConnectWise. The tests on `null` are `= null` and `!= null`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from .fields import Field, moment
from .problems import bad_request
from .resources import RESOURCES, Resource

Predicate = Callable[[Mapping[str, Any]], bool]
Fields = Callable[[str], tuple[Callable[[Mapping[str, Any]], Any], str]]
"""Field path -> (getter, kind), raising 400 for an unknown path."""

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:[^"]|"")*" | '(?:[^']|'')*')
    | (?P<date>\[[^\]]*\])
    | (?P<number>-?\d+(?:\.\d+)?(?![\w/]))
    | (?P<word>[A-Za-z_][\w]*(?:/[A-Za-z_][\w]*)*)
    | (?P<sign><=|>=|!=|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE,
)
_INFO_DATES = ("lastUpdated", "dateEntered")
_INFO_NAMES = ("updatedBy", "enteredBy")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def known_fields(resource: Resource) -> Fields:
    """Paths that can be filtered and sorted on: the record's own fields, and id, name, identifier of references."""

    def look_up(path: str) -> tuple[Callable[[Mapping[str, Any]], Any], str]:
        head, _, rest = path.partition("/")
        if head == "_info" and rest:
            head, rest = rest, ""
        if head in _INFO_DATES + _INFO_NAMES and not rest:
            return (lambda item: item.get("_info", {}).get(head)), ("date" if head in _INFO_DATES else "str")
        if path == "id":
            return (lambda item: item.get("id")), "int"
        spec = resource.fields.get(head)
        if spec is not None and not rest and spec.kind in {"str", "num", "int", "bool", "date", "enum"}:
            return (lambda item: item.get(head)), spec.kind
        if spec is not None and rest and spec.kind in {"ref", "site"} and rest in _reference_fields(spec):
            return (lambda item: (item.get(head) or {}).get(rest)), ("int" if rest == "id" else "str")
        raise bad_request(f"The field {path} is not a member of {resource.noun}.")

    return look_up


def _reference_fields(spec: Field) -> set[str]:
    target = RESOURCES.get(spec.options[0]) if spec.options else None
    return {"id", "name", *(target.shown if target else ())}


def child_fields(path: str) -> tuple[Callable[[Mapping[str, Any]], Any], str]:
    """Any path inside the elements of a list; its kind is decided by the literal it is compared with."""
    names = path.split("/")

    def get(item: Mapping[str, Any]) -> Any:
        value: Any = item
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    return get, "any"


class _Parser:
    def __init__(self, source: str, fields: Fields) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.fields = fields
        self.at = 0
        position, end = 0, len(source.rstrip())
        while position < end:
            match = _TOKEN.match(source, position)
            if match is None or match.lastgroup is None:
                raise bad_request(f"The condition cannot be read at: {source[position : position + 40].strip()}")
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()

    def whole(self) -> Predicate:
        predicate = self.any_of()
        if self.at < len(self.tokens):
            raise bad_request(f"The condition has an unexpected {self.tokens[self.at][1]}.")
        return predicate

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "end of condition")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token

    def word(self, *wanted: str) -> str | None:
        """Take the next token if it is one of these words."""
        kind, text = self.peek()
        if kind == "word" and text.lower() in wanted:
            self.at += 1
            return text.lower()
        return None

    def sign(self, wanted: str) -> None:
        if self.take() != ("sign", wanted):
            raise bad_request(f"The condition lacks a {wanted}.")

    def any_of(self) -> Predicate:
        parts = [self.all_of()]
        while self.word("or"):
            parts.append(self.all_of())
        return parts[0] if len(parts) == 1 else lambda item: any(part(item) for part in parts)

    def all_of(self) -> Predicate:
        parts = [self.term()]
        while self.word("and"):
            parts.append(self.term())
        return parts[0] if len(parts) == 1 else lambda item: all(part(item) for part in parts)

    def term(self) -> Predicate:
        if self.word("not"):
            inner = self.term()
            return lambda item: not inner(item)
        if self.peek() == ("sign", "("):
            self.take()
            inner = self.any_of()
            self.sign(")")
            return inner
        return self.comparison()

    def comparison(self) -> Predicate:
        kind, path = self.take()
        if kind != "word":
            raise bad_request(f"The condition has {path} where a field is expected.")
        get, field_kind = self.fields(path)
        negated = self.word("not") is not None
        operator = self.word("like", "contains", "in")
        if operator is None:
            kind, operator = self.take()
            if kind != "sign" or operator not in _COMPARISONS or negated:
                raise bad_request(f"The condition has no operator after {path}.")
            return self.compare(get, path, field_kind, operator)
        test = self.membership(path, field_kind) if operator == "in" else self.pattern(path, operator)

        def check(item: Mapping[str, Any]) -> bool:
            value = get(item)
            return value is not None and test(_fold(value)) is not negated

        return check

    def compare(self, get: Callable[[Mapping[str, Any]], Any], path: str, kind: str, operator: str) -> Predicate:
        if self.word("null"):
            if operator == "=":
                return lambda item: get(item) is None
            if operator == "!=":
                return lambda item: get(item) is not None
            raise bad_request(f"The condition compares {path} with null by {operator}.")
        wanted = self.literal(path, kind)
        compare = _COMPARISONS[operator]

        def check(item: Mapping[str, Any]) -> bool:
            value = get(item)
            if value is None:
                return False
            value = _fold(value)
            return type(value) is type(wanted) and compare(value, wanted)

        return check

    def membership(self, path: str, kind: str) -> Callable[[Any], bool]:
        self.sign("(")
        wanted = {self.literal(path, kind)}
        while self.peek() == ("sign", ","):
            self.take()
            wanted.add(self.literal(path, kind))
        self.sign(")")
        return lambda value: value in wanted

    def pattern(self, path: str, operator: str) -> Callable[[Any], bool]:
        kind, text = self.take()
        if kind != "string":
            raise bad_request(f"The condition on {path} needs a quoted text after {operator}.")
        wanted = _unquote(text).casefold()
        if operator == "contains":
            return lambda value: wanted in str(value)
        expression = re.compile(".*".join(re.escape(part) for part in re.split(r"[*%]", wanted)), re.DOTALL)
        return lambda value: expression.fullmatch(str(value)) is not None

    def literal(self, path: str, field_kind: str) -> Any:
        """The next value in comparable form: folded text, Decimal or bool; 400 if it does not fit the field."""
        kind, text = self.take()
        value: Any = None
        if kind == "string":
            value = _fold(_unquote(text))
            if field_kind in {"int", "num"}:
                value = Decimal(value) if re.fullmatch(r"-?\d+(\.\d+)?", value) else None
        elif kind == "number":
            value = Decimal(text) if field_kind in {"int", "num", "any"} else None
        elif kind == "date":
            value = moment(text[1:-1]) if field_kind in {"date", "any"} else None
            value = value and value.casefold()
        elif kind == "word" and text.lower() in {"true", "false"}:
            value = text.lower() == "true" if field_kind in {"bool", "any"} else None
        if value is None or (field_kind == "bool" and not isinstance(value, bool)):
            raise bad_request(f"The condition compares {path} with {text}, which does not fit.")
        if field_kind == "date" and kind != "date":
            raise bad_request(f"The condition on {path} needs a date in square brackets.")
        return value


def _unquote(text: str) -> str:
    return text[1:-1].replace(text[0] * 2, text[0])


def _fold(value: Any) -> Any:
    if isinstance(value, str):
        return value.casefold()
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return value


@lru_cache(maxsize=512)
def own(kind: str, source: str) -> Predicate:
    """`conditions` of a resource. Raises 400."""
    return _Parser(source, known_fields(RESOURCES[kind])).whole()


@lru_cache(maxsize=128)
def children(kind: str, source: str) -> Predicate:
    """`childConditions`: one element of one list field has to fulfil them all. Raises 400."""
    heads = set()

    def inner(path: str) -> tuple[Callable[[Mapping[str, Any]], Any], str]:
        head, _, rest = path.partition("/")
        spec = RESOURCES[kind].fields.get(head)
        if spec is None or spec.kind not in {"refs", "items", "custom"} or not rest:
            raise bad_request(f"The field {path} is not a list of {RESOURCES[kind].noun}.")
        heads.add(head)
        return child_fields(rest)

    test = _Parser(source, inner).whole()
    if len(heads) != 1:
        raise bad_request("childConditions must be about one list.")
    name = heads.pop()
    return lambda item: any(test(element) for element in item.get(name) or ())


@lru_cache(maxsize=128)
def custom(source: str) -> Predicate:
    """`customFieldConditions` such as `caption="X" AND value != null`. Raises 400."""

    def inner(path: str) -> tuple[Callable[[Mapping[str, Any]], Any], str]:
        if path not in {"caption", "value", "id"}:
            raise bad_request(f"customFieldConditions know caption and value, not {path}.")
        return child_fields(path)

    test = _Parser(source, inner).whole()
    return lambda item: any(test(element) for element in item.get("customFields") or ())
