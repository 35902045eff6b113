"""A small mutator: each mutant is a module of the policy with one thing taken away or turned round.

Left alone are docstrings, annotations, decorators, imports and `__all__`: they are not rules.
"""

import ast
from dataclasses import dataclass

FLIPS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
OPERATORS = {ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.Add: ast.Sub, ast.Sub: ast.Add}
NAMES = {"any": "all", "all": "any", "min": "max", "max": "min"}
RULE_MAKERS = {"_rule", "frozenset"}


@dataclass(frozen=True)
class Mutant:
    """One change of one module."""

    module: str
    line: int
    what: str
    tree: ast.Module


def mutants_of(module, tree):
    """Yield every mutant of a module: its own tree, which is put back before the next one is made."""
    for node, changes in _sites(tree):
        shown = _shown(node)
        for what, change in changes:
            before = {
                field: list(value) if isinstance(value, list) else value
                for field, value in vars(node).items()
            }
            change(node)
            ast.fix_missing_locations(node)
            try:
                yield Mutant(module, node.lineno, f"{what}: {shown}", tree)
            finally:
                vars(node).update(before)


def _shown(node):
    return " ".join(ast.unparse(node).split())[:90]


def _sites(tree):
    """Yield each place that can be changed, with what can be done to it; always in the same order."""
    for node in _rules_in(tree):
        if changes := list(_changes(node)):
            yield node, changes


def _rules_in(node):
    """Yield the nodes below that may hold rules."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "bases", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_no_rule(child):
                yield child
                yield from _rules_in(child)


def _is_no_rule(node):
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    return isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
    )


def _changes(node):
    makers = {
        ast.If: _of_if,
        ast.Expr: _of_statement,
        ast.Compare: _of_compare,
        ast.BoolOp: _of_bool,
        ast.UnaryOp: _of_unary,
        ast.IfExp: _of_choice,
        ast.BinOp: _of_operator,
        ast.Constant: _of_constant,
        ast.Call: _of_call,
        ast.Dict: _of_dict,
        ast.Tuple: _of_elements,
        ast.Set: _of_elements,
        ast.List: _of_elements,
        ast.keyword: _of_keyword,
    }
    maker = makers.get(type(node))
    return maker(node) if maker else ()


def _negated(test):
    return ast.UnaryOp(op=ast.Not(), operand=test)


def _set(name, value):
    return lambda node: setattr(node, name, value(node) if callable(value) else value)


def _of_if(node):
    if isinstance(node.body[-1], ast.Raise):
        yield "guard taken away", _set("test", ast.Constant(value=False))
    else:
        yield "branch never taken", _set("test", ast.Constant(value=False))
    yield "condition turned round", _set("test", lambda one: _negated(one.test))


def _of_statement(node):
    if isinstance(node.value, ast.Call):
        yield "call taken away", _set("value", ast.Constant(value=None))


def _of_compare(node):
    for at, op in enumerate(node.ops):
        for other in FLIPS.get(type(op), ()):
            yield (
                f"{type(op).__name__} becomes {other.__name__}",
                lambda one, at=at, other=other: one.ops.__setitem__(at, other()),
            )


def _of_bool(node):
    other = ast.Or if isinstance(node.op, ast.And) else ast.And
    yield f"becomes {other.__name__}", _set("op", lambda _, other=other: other())
    neutral = isinstance(node.op, ast.And)
    for at in range(len(node.values)):
        yield (
            f"operand {at} taken away",
            lambda one, at=at: one.values.__setitem__(at, ast.Constant(value=neutral)),
        )


def _of_unary(node):
    if isinstance(node.op, ast.Not):
        yield "not taken away", _set("operand", lambda one: _negated(one.operand))


def _of_choice(_node):
    yield "choice turned round", _set("test", lambda one: _negated(one.test))


def _of_operator(node):
    if other := OPERATORS.get(type(node.op)):
        yield f"becomes {other.__name__}", _set("op", lambda _, other=other: other())


def _of_constant(node):
    if isinstance(node.value, bool):
        yield "turned round", _set("value", not node.value)
    elif isinstance(node.value, int):
        yield "one more", _set("value", node.value + 1)


def _of_call(node):
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in NAMES:
        yield (
            f"becomes {NAMES[name]}",
            _set("func", lambda one: ast.Name(NAMES[one.func.id], ast.Load())),
        )
    if name in RULE_MAKERS:
        for at in range(len(node.args)):
            yield f"argument {at} taken away", lambda one, at=at: one.args.pop(at)


def _of_dict(node):
    for at in range(len(node.keys)):
        yield (
            f"entry {at} taken away",
            lambda one, at=at: (one.keys.pop(at), one.values.pop(at)),
        )


def _of_elements(node):
    if isinstance(getattr(node, "ctx", None), ast.Store):
        return
    for at in range(len(node.elts)):
        yield f"element {at} taken away", lambda one, at=at: one.elts.pop(at)


def _of_keyword(node):
    """Change what a rule is called, and which scope it needs."""
    if node.arg == "rule" and isinstance(node.value, ast.Constant):
        yield "renamed", _set("value", ast.Constant(value="mutated"))
    if node.arg == "scope":
        none = isinstance(node.value, ast.Constant)
        other = "Scope.READ" if none else "None"
        yield f"becomes {other}", _set("value", ast.parse(other, mode="eval").body)
