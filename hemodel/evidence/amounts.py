"""Amounts: small arithmetic over parameters, as written in a row of a file. Nothing is evaluated that is not in the tree.

An amount has numbers, names of parameters, + - * / and brackets: `p_heparin * c_heparin + (1 - p_heparin) * c_aspirin`. It is parsed
once; from the tree come the product of arrays, the formula of a spreadsheet, the set of names, and the unit.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from hemodel.errors import shown
from hemodel.evidence.parameters import finite

Array = NDArray[np.float64]
Unit = Mapping[str, int]
"""Powers of what is counted: {"GBP": 1, "cycle": -1} is GBP per cycle."""

_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_SIGNS_DO: Mapping[str, Callable[[Array, Array], Array]] = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
_FUNCTIONS_DO: Mapping[str, Callable[..., Array]] = {"NORMSDIST": special.ndtr, "LN": np.log, "SQRT": np.sqrt, "MIN": np.minimum}
_RANK = {"+": 1, "-": 1, "*": 2, "/": 2}
_LONGEST = 1_000  # characters of an amount, and so the depth of its tree


class Unreadable(ValueError):
    """Text that is no amount, or an amount that makes no sense: the message says why."""


@dataclass(frozen=True)
class Number:
    """A number as it was written."""

    value: float


@dataclass(frozen=True)
class Name:
    """The name of a parameter."""

    name: str


@dataclass(frozen=True)
class Operation:
    """`sign` is one of + - * /."""

    sign: str
    left: Tree
    right: Tree


@dataclass(frozen=True)
class Call:
    """A function of one amount or more: never written in a file, only made by the package (the expected price of vials)."""

    function: str  # under its name in a spreadsheet
    arguments: tuple[Tree, ...]


Tree = Number | Name | Operation | Call


@dataclass(frozen=True)
class Amount:
    """An amount: its text, and the tree that everything is made from."""

    text: str
    tree: Tree

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters in it, in the order in which they stand."""
        return tuple(dict.fromkeys(_names(self.tree)))

    def value(self, values: Callable[[str], Array]) -> Array:
        """What it comes to, with the values of each name: any arrays that fit together."""
        return _value(self.tree, values)

    def renamed(self, name: Callable[[str], str]) -> Amount:
        """The same amount with other names."""
        tree = _renamed(self.tree, name)
        return Amount(formula(tree), tree)

    def unit(self, units: Callable[[str], str]) -> Unit:
        """The unit that follows from those of the names; raises `Unreadable` where unlike things are added."""
        return _unit(self.tree, units)


def parse(text: str) -> Amount:
    """The amount that a text says; raises `Unreadable` with the reason for anything else.

    >>> parse("2 * (c_visit + c_test)").names
    ('c_visit', 'c_test')
    """
    stripped = " ".join(text.split())
    if not stripped:
        raise Unreadable("is empty")
    if len(stripped) > _LONGEST:
        raise Unreadable(f"has {len(stripped)} characters, more than {_LONGEST:,}")
    if odd := re.search(r"[^a-z0-9_+\-*/(). eE]|\*\*|//", stripped):
        raise Unreadable(f"holds {shown(odd.group())}")
    try:
        tree = ast.parse(stripped, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unreadable("cannot be read: a sign, a bracket or a name is missing or one too many") from None
    try:
        return Amount(stripped, _tree(tree, stripped))
    except RecursionError:
        raise Unreadable("has too many brackets within brackets") from None


def formula(tree: Tree, name: Callable[[str], str] = str) -> str:
    """The tree as text, with as few brackets as the order of operations needs: also the formula of a spreadsheet.

    >>> formula(parse("(a_b + 1) * (c_d / (2 * e_f))").tree)
    '(a_b+1)*(c_d/(2*e_f))'
    """
    match tree:
        case Number(value):
            written = str(int(value)) if abs(value) < 1e15 and value == int(value) else repr(value)
            return f"({written})" if value < 0 else written
        case Name(known):
            return name(known)
        case Operation(sign, left, right):
            first, second = formula(left, name), formula(right, name)
            if isinstance(left, Operation) and _RANK[left.sign] < _RANK[sign]:
                first = f"({first})"
            if isinstance(right, Operation) and (_RANK[right.sign] < _RANK[sign] or _RANK[right.sign] == _RANK[sign]):
                second = f"({second})"
            return f"{first}{sign}{second}"
        case Call(function, arguments):
            return f"{function}({','.join(formula(argument, name) for argument in arguments)})"


def words(unit: Unit) -> str:
    """A unit in words: `GBP per cycle`.

    >>> words({"GBP": 1, "cycle": -1}), words({})
    ('GBP per cycle', 'a plain number')
    """
    over = " ".join(f"{name}^{n}" if n > 1 else name for name, n in unit.items() if n > 0)
    under = " and ".join(f"{name}^{-n}" if n < -1 else name for name, n in unit.items() if n < 0)
    return " per ".join(part for part in (over, under) if part) if under or over else "a plain number"


def unit_of(text: str) -> Unit:
    """The unit of a parameter in powers: counts such as `per cycle` and shares have no noun of their own.

    >>> dict(unit_of("GBP per pack")), dict(unit_of("probability")), dict(unit_of("per cycle"))
    ({'GBP': 1, 'pack': -1}, {}, {'cycle': -1})
    """
    if text in ("probability", "ratio", "estimation scale", "number"):
        return {}
    over, per, under = text.partition("per ")
    powers = Counter({_singular(over.strip()): 1} if over.strip() else {})
    if per:
        powers[under.strip()] -= 1
    return {name: n for name, n in powers.items() if n}


def _singular(noun: str) -> str:
    return {"days": "day", "weeks": "week", "months": "month", "years": "year", "persons": "person"}.get(noun, noun)


def _tree(node: ast.expr, text: str) -> Tree:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            number = finite(value)
            if number is None:
                raise Unreadable(f"holds {shown(ast.get_source_segment(text, node))}, which is no finite number")
            return Number(number)
        case ast.Name(id=name):
            return Name(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _tree(operand, text)
            return Number(-inner.value) if isinstance(inner, Number) else Operation("*", Number(-1.0), inner)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _tree(operand, text)
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _SIGNS:
            sign = _SIGNS[type(op)]
            second = _tree(right, text)
            if sign == "/" and isinstance(second, Number) and second.value == 0:
                raise Unreadable("divides by 0")
            return Operation(sign, _tree(left, text), second)
    raise Unreadable(f"holds {shown(ast.get_source_segment(text, node) or text)}, which is no arithmetic")


def _names(tree: Tree) -> list[str]:
    match tree:
        case Number():
            return []
        case Name(name):
            return [name]
        case Operation(_, left, right):
            return _names(left) + _names(right)
        case Call(_, arguments):
            return [name for argument in arguments for name in _names(argument)]


def _renamed(tree: Tree, name: Callable[[str], str]) -> Tree:
    match tree:
        case Name(known):
            return Name(name(known))
        case Operation(sign, left, right):
            return Operation(sign, _renamed(left, name), _renamed(right, name))
        case Call(function, arguments):
            return Call(function, tuple(_renamed(argument, name) for argument in arguments))
    return tree


def _value(tree: Tree, values: Callable[[str], Array]) -> Array:
    match tree:
        case Number(number):
            return np.array(number)
        case Name(name):
            return values(name)
        case Operation(sign, left, right):
            return _SIGNS_DO[sign](_value(left, values), _value(right, values))
        case Call(function, arguments):
            return _FUNCTIONS_DO[function](*(_value(argument, values) for argument in arguments))


def _unit(tree: Tree, units: Callable[[str], str]) -> Unit:
    match tree:
        case Number():
            return {}
        case Name(name):
            return unit_of(units(name))
        case Call(function, arguments):
            inner = [_unit(argument, units) for argument in arguments]
            return inner[0] if function == "MIN" else {}
        case Operation(sign, left, right):
            first, second = _unit(left, units), _unit(right, units)
            if sign in "*/":
                powers = Counter(first)
                for noun, n in second.items():
                    powers[noun] += n if sign == "*" else -n
                return {noun: n for noun, n in powers.items() if n}
            one, other = money_and_time(first), money_and_time(second)
            if one != other and Number(0.0) not in (left, right):
                raise Unreadable(f"adds {words(first)} and {words(second)}")
            return first


UNCOUNTED = ("pack", "vial", "giving", "test", "visit", "event", "patient", "death", "person", "cycle")
"""Nouns of what happens: a cost per test on a row about packs is one test a pack, so they need not cancel."""


def money_and_time(unit: Unit) -> Unit:
    """A unit without the nouns that need not cancel."""
    return {noun: n for noun, n in unit.items() if noun not in UNCOUNTED}
