"""Small Python programs, what they print, and the thought that leads there.

A program is a few assignments to whole numbers, `for` loops over `range`, and `if`/`else`, with one `print` (rarely
two) at the end. `Trace` follows it statement by statement and writes every operation out (`b = a + 5 = 7 + 5 = 12`):
a thought that states only results asks one forward pass to look up, calculate and write at once, and is learnt far
more slowly.
"""

from __future__ import annotations

import ast
import contextlib
import io
import operator
import random
from collections.abc import Callable
from dataclasses import dataclass, field

LIMIT = 99
"""Largest magnitude a value may take; sums with a third digit would need far more training."""
MIN_STEPS, MAX_STEPS = 2, 10
"""Executed assignments and tests of one program."""

_ARITHMETIC: dict[type[ast.operator], tuple[str, Callable[[int, int], int]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
}
_COMPARISONS: dict[type[ast.cmpop], tuple[str, Callable[[int, int], bool]]] = {
    ast.Lt: ("<", operator.lt),
    ast.Gt: (">", operator.gt),
    ast.LtE: ("<=", operator.le),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
}


@dataclass(frozen=True, slots=True)
class Program:
    """A program with its thought and the text it really prints."""

    source: str
    thought: str
    output: str
    steps: int
    """Executed assignments and tests; headers of loops and the final print do not count."""


def seeded(*key: str | int) -> random.Random:
    """A generator of its own for each key, the same on every machine."""
    return random.Random("-".join(map(str, key)))  # noqa: S311 - data, not secrets


def execute(source: str) -> str:
    """What `source` prints when Python runs it. Only for programs from `synthesise`."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(source, "<program>", "exec"), {})  # noqa: S102 - our own synthetic program
    return printed.getvalue().strip()


def normalise(source: str) -> str:
    """`source` with names replaced by their order of appearance: two programs that differ only in names are one."""
    names: dict[str, str] = {"print": "print", "range": "range"}
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.setdefault(node.id, f"v{len(names)}")
    return ast.unparse(tree)


@dataclass
class Trace:
    """Follows a program and writes down what happens, one line for each statement executed."""

    values: dict[str, int] = field(default_factory=dict[str, int])
    lines: list[str] = field(default_factory=list[str])
    steps: int = 0
    largest: int = 0

    def run(self, source: str) -> Trace:
        """This trace after `source`; a statement outside nano's small language raises ValueError."""
        for node in ast.parse(source).body:
            self._statement(node)
        return self

    def copy(self) -> Trace:
        """A trace to try a statement on."""
        return Trace(dict(self.values), list(self.lines), self.steps, self.largest)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self._assign(name, value)
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                self._assign(name, ast.BinOp(ast.Name(name), op, value))
            case ast.For(target=ast.Name(id=name), iter=ast.Call(args=arguments), body=body):
                self._loop(name, range(*map(self._value, arguments)), body)
            case ast.If(test=ast.Compare(left=left, ops=[op], comparators=[right]), body=body, orelse=orelse):
                self._branch(left, op, right, body, orelse)
            case ast.Expr(value=ast.Call(func=ast.Name(id="print"), args=arguments)):
                self._print(arguments)
            case _:
                raise ValueError(f"nano's language has no statement like {ast.unparse(node)!r}")

    def _assign(self, name: str, expression: ast.expr) -> None:
        value = self._value(expression)
        self.lines.append(f"{name} = {self._spell(expression)}")
        self.values[name] = value
        self.largest = max(self.largest, abs(value))
        self.steps += 1

    def _loop(self, name: str, turns: range, body: list[ast.stmt]) -> None:
        for turn in turns:
            self.values[name] = turn
            self.lines.append(f"{name} = {turn}")
            for statement in body:
                self._statement(statement)

    def _branch(
        self, left: ast.expr, op: ast.cmpop, right: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt]
    ) -> None:
        sign, holds = _COMPARISONS[type(op)]
        a, b = self._value(left), self._value(right)
        self.lines.append(f"{ast.unparse(left)} {sign} {ast.unparse(right)}: {a} {sign} {b} is {holds(a, b)}")
        self.steps += 1
        for statement in body if holds(a, b) else orelse:
            self._statement(statement)

    def _print(self, arguments: list[ast.expr]) -> None:
        call = ", ".join(map(ast.unparse, arguments))
        # A name's own value is all there is to say; an expression is worked out once more.
        shown = [str(self._value(a)) if isinstance(a, ast.Name) else self._worked(a) for a in arguments]
        self.lines.append(f"print({call}): {' '.join(shown)}")

    def _spell(self, expression: ast.expr) -> str:
        """`a + 5 = 7 + 5 = 12`, with no more links in the chain than there is to say."""
        source, worked = ast.unparse(expression), self._worked(expression)
        return worked if worked.startswith(source) else f"{source} = {worked}"

    def _worked(self, expression: ast.expr) -> str:
        value = self._value(expression)
        if isinstance(expression, ast.BinOp):
            sign, _ = _ARITHMETIC[type(expression.op)]
            return f"{self._value(expression.left)} {sign} {self._value(expression.right)} = {value}"
        return str(value)

    def _value(self, expression: ast.expr) -> int:
        match expression:
            case ast.Constant(value=int(value)):
                return value
            case ast.Name(id=name):
                return self.values[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._value(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return _ARITHMETIC[type(op)][1](self._value(left), self._value(right))
            case _:
                raise ValueError(f"nano's language has no expression like {ast.unparse(expression)!r}")


def explain(source: str) -> str:
    """The thought for a program: one line for each executed statement."""
    return "\n".join(Trace().run(source).lines)


def synthesise(rng: random.Random) -> Program:
    """A random program of 2 to 10 steps whose values stay within `LIMIT`."""
    target = rng.randint(MIN_STEPS, MAX_STEPS)
    writer = _Writer(rng)
    while writer.trace.steps < target:
        writer.add(target - writer.trace.steps)
    for _ in range(1 if rng.random() < 0.92 else 2):
        writer.finish()
    source = "\n".join(writer.source)
    return Program(source, "\n".join(writer.trace.lines), execute(source), writer.trace.steps)


_NAMES = [*"abcdefghkmnpqrstuvwxyz", "total", "count", "score", "price", "width", "size", "result", "value"]


class _Writer:
    """Grows a program block by block, and drops a block whose values grow too large."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.source: list[str] = []
        self.trace = Trace()
        self.names = rng.sample(_NAMES, 4)

    def add(self, room: int) -> None:
        """One more block of at most `room` steps."""
        while True:
            block = self._block(room)
            trial = self.trace.copy().run(block)
            negative_is_welcome = self.rng.random() < 0.03
            fits = trial.largest <= LIMIT and trial.steps - self.trace.steps <= room
            if fits and (negative_is_welcome or min(trial.values.values()) >= 0):
                self.source.append(block)
                self.trace = trial
                return

    def finish(self) -> None:
        """A print of one name, two names, or a sum or difference."""
        known, kind = self._known(), self.rng.random()
        shown = self._latest() if self.rng.random() < 0.75 else self.rng.choice(known)
        if kind < 0.25 and len(known) > 1:
            pair = [shown, self.rng.choice([name for name in known if name != shown])]
            shown = ", ".join(self.rng.sample(pair, 2))
        elif kind < 0.45:
            shown = self._expression(shown)
        line = f"print({shown})"
        self.source.append(line)
        self.trace.run(line)

    def _expression(self, left: str) -> str:
        """A sum or difference that stays between 0 and `LIMIT`."""
        while True:
            expression = f"{left} {self.rng.choice('+-')} {self._operand(but=left)}"
            trial = self.trace.copy().run(f"shown = {expression}")
            if 0 <= trial.values["shown"] <= LIMIT or self.trace.values[left] < 0:
                return expression

    def _block(self, room: int) -> str:
        kind = self.rng.random()
        if not self.trace.values or (kind < 0.2 and self._fresh()):
            return f"{self._target(fresh=True)} = {self._number()}"
        if kind < 0.42 and room >= 2:
            return self._loop(room)
        if kind < 0.58 and room >= 2:
            return self._branch()
        return self._assignment()

    def _loop(self, room: int) -> str:
        turns = self.rng.randint(2, min(4, room))
        start = self.rng.choice([0, 0, 0, 1, 1, 2, 3])
        limits = str(turns) if start == 0 else f"{start}, {start + turns}"
        index = self.rng.choice("ij")
        lines = [f"for {index} in range({limits}):", f"    {self._update(index)}"]
        if 2 * turns <= room and self.rng.random() < 0.3:
            lines.append(f"    {self._update(index)}")
        return "\n".join(lines)

    def _branch(self) -> str:
        name = self.rng.choice(self._known())
        near = self.trace.values[name] + self.rng.randint(-8, 8)
        limit = max(1, near) if self.rng.random() < 0.5 else self.rng.randint(1, 40)
        test = f"{name} {self.rng.choice([*'<><><><>', '<=', '>=', '==', '!='])} {limit}"
        target = self._target()
        yes, no = self._assignment(target), self._assignment(target)
        return f"if {test}:\n    {yes}\nelse:\n    {no}"

    def _update(self, index: str) -> str:
        """A statement worth repeating: it changes a value by a number, the loop's variable or another name."""
        name = self.rng.choice(self._known())
        sign = self.rng.choice("++++---*")
        by = self.rng.choice(["2", "2", "3"]) if sign == "*" else self.rng.choice([index, self._operand(but=name)])
        return f"{name} {sign}= {by}" if self.rng.random() < 0.5 else f"{name} = {name} {sign} {by}"

    def _assignment(self, target: str | None = None) -> str:
        target = target or self._target()
        left = self.rng.choice(self._known())
        sign = self.rng.choices(["+", "-", "*", "//", "%"], [40, 32, 16, 4, 8])[0]
        right = self._operand(but=left) if sign in "+-" else self._factor(sign)
        kind = self.rng.random()
        if kind < 0.3:
            return f"{left} {sign}= {right}" if target == left or kind < 0.2 else f"{target} = {left} {sign} {right}"
        if kind < 0.36 and target != left:
            return f"{target} = {left}"
        return f"{target} = {left} {sign} {right}"

    def _factor(self, sign: str) -> str:
        if sign == "*" and self.rng.random() < 0.3:
            return self.rng.choice(self._known())
        return str(self.rng.randint(2, 5))

    def _operand(self, but: str) -> str:
        others = [name for name in self._known() if name != but]
        return self.rng.choice(others) if others and self.rng.random() < 0.4 else self._number()

    def _number(self) -> str:
        return str(self.rng.randint(1, 12 if self.rng.random() < 0.7 else 30))

    def _target(self, *, fresh: bool = False) -> str:
        unused = self._fresh()
        return unused[0] if unused and (fresh or self.rng.random() < 0.5) else self.rng.choice(self._known())

    def _fresh(self) -> list[str]:
        return [name for name in self.names if name not in self.trace.values]

    def _latest(self) -> str:
        """The name assigned last, which usually depends on most of the program."""
        return next(name for line in reversed(self.trace.lines) if (name := line.split(" = ")[0]) in self._known())

    def _known(self) -> list[str]:
        return [name for name in self.names if name in self.trace.values]
