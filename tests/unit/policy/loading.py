"""The modules of `countenance.policy`, as they are or with one of them mutated, beside the real ones."""

import ast
import sys
from functools import cache
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path

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


class Policy:
    """The modules that the tables look at, each loaded when it is first asked for."""

    def __init__(self, load):
        """Keep how a module is loaded."""
        self.load = load
        self.modules = {}

    def __getattr__(self, name):
        """Return a module by its last name; `packs_rules` is the rules of the packs."""
        full = f"{PACKAGE}.{name.replace('packs_', 'packs.')}"
        if full not in sources():
            raise AttributeError(name)
        if full not in self.modules:
            self.modules[full] = self.load(full)
        return self.modules[full]


def real():
    """Return the modules as everybody imports them."""
    return Policy(import_module)


class _Loader:
    """Find the policy's modules in memory, one of them with other code."""

    def __init__(self, changed, tree):
        self.changed, self.code = changed, compile(tree, str(sources()[changed]), "exec")
        self.modules = {}

    def find_spec(self, name, path=None, target=None):  # importlib's interface
        """Return a specification for the modules of the policy, and for no others."""
        if name not in sources():
            return None
        spec = ModuleSpec(name, self, is_package=sources()[name].name == "__init__.py")
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(str(sources()[name].parent))
        return spec

    def create_module(self, spec):  # importlib's interface
        """Let importlib make the module."""
        return

    def exec_module(self, module):
        """Run the code; the package itself only hands on names, so it stays empty and costs nothing."""
        name = module.__name__
        if name == self.changed:
            exec(self.code, module.__dict__)
        elif name != PACKAGE:
            exec(_code_of(name), module.__dict__)

    def load(self, name):
        """Return a module and keep those that it needs; the real ones stay as they are."""
        parent = sys.modules["countenance"]
        before = {key: sys.modules.pop(key) for key in list(sys.modules) if _is_ours(key)}
        known = parent.__dict__.get("policy")
        sys.modules.update(self.modules)
        sys.meta_path.insert(0, self)
        try:
            return import_module(name)
        finally:
            sys.meta_path.remove(self)
            ours = [key for key in sys.modules if _is_ours(key)]
            self.modules = {key: sys.modules.pop(key) for key in ours}
            sys.modules.update(before)
            parent.policy = known


def mutated(name, tree):
    """Return the modules loaded anew beside the real ones, the named one from this tree."""
    policy = Policy(_Loader(name, tree).load)
    policy.load(name)
    return policy


def _is_ours(name):
    return name == PACKAGE or name.startswith(PACKAGE + ".")
