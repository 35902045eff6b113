"""The modules of `countenance.policy`, as they are or with one of them mutated, beside the real ones."""

import ast
import sys
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import countenance.policy

ROOT = Path(countenance.policy.__file__).parent
PACKAGE = "countenance.policy"


@cache
def sources():
    """Return each module's file by its name."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join([PACKAGE, *(part for part in parts if part != "__init__")])
        found[name] = path
    return found


@cache
def tree_of(name):
    """Return a module's syntax tree; nobody changes it."""
    path = sources()[name]
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def _code_of(name):
    return compile(tree_of(name), str(sources()[name]), "exec")


@dataclass
class Policy:
    """The modules that the tables look at."""

    modules: dict

    def __getattr__(self, name):
        """Return a module by its last name; `packs_rules` is the rules of the packs."""
        try:
            return self.modules[f"{PACKAGE}.{name.replace('packs_', 'packs.')}"]
        except KeyError:
            raise AttributeError(name) from None


def real():
    """Return the modules as everybody imports them."""
    return Policy({name: import_module(name) for name in sources()})


class _Loader:
    """Find the policy's modules in memory, one of them with other code."""

    def __init__(self, changed, code):
        self.changed, self.code = changed, code

    def find_spec(self, name, path=None, target=None):  # importlib's interface
        """Return a specification for the modules of the policy, and for no others."""
        from importlib.machinery import ModuleSpec  # only needed here

        if name not in sources():
            return None
        spec = ModuleSpec(name, self, is_package=sources()[name].name == "__init__.py")
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(str(sources()[name].parent))
        return spec

    def create_module(self, spec):  # importlib's interface
        """Let importlib make the module."""
        return

    def exec_module(self, module: ModuleType):
        """Run the code."""
        name = module.__name__
        exec(self.code if name == self.changed else _code_of(name), module.__dict__)  # our own code


def mutated(name, tree):
    """Return all modules loaded anew, the named one from this tree; the real ones stay as they are."""
    loader = _Loader(name, compile(tree, str(sources()[name]), "exec"))
    parent = sys.modules["countenance"]
    before = {key: sys.modules.pop(key) for key in list(sys.modules) if _is_ours(key)}
    known = parent.__dict__.get("policy")
    sys.meta_path.insert(0, loader)
    try:
        return Policy({key: import_module(key) for key in sources()})
    finally:
        sys.meta_path.remove(loader)
        for key in [key for key in sys.modules if _is_ours(key)]:
            del sys.modules[key]
        sys.modules.update(before)
        parent.policy = known


def _is_ours(name):
    return name == PACKAGE or name.startswith(PACKAGE + ".")
