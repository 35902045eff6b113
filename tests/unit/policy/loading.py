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
    """Return a module's syntax tree; whoever changes it puts it back."""
    path = sources()[name]
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def _code_of(name):
    # Of the file, since the tree may be that of a mutant just now.
    return compile(sources()[name].read_bytes(), str(sources()[name]), "exec")


@cache
def changes_with(name):
    """Return the modules that may differ if one does: itself, what holds it, and what imports any of these."""
    found, more = set(), {name}
    while more:
        found |= more
        more = {one for one in sources() if one not in found and _needs(one) & found}
        more |= {one.rpartition(".")[0] for one in found if _is_ours(one)} & set(sources()) - found
    return frozenset(found)


@cache
def _needs(name):
    """Return all names that a module imports, also within its functions."""
    found = set()
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import is not read here"
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return found - {PACKAGE}  # which hands on names only, and is left empty here


class Policy:
    """The modules that the tables look at, each loaded when it is first asked for."""

    def __init__(self, load):
        """Keep how a module is loaded."""
        self.load = load

    def __getattr__(self, name):
        """Return a module by its last name; `packs_rules` is the rules of the packs."""
        full = f"{PACKAGE}.{name.replace('packs_', 'packs.')}"
        if full not in sources():
            raise AttributeError(name)
        setattr(self, name, self.load(full))  # whoever asks again finds it
        return getattr(self, name)


def real():
    """Return the modules as everybody imports them."""
    return Policy(import_module)


class _Loader:
    """Find the policy's modules in memory, one of them with other code."""

    def __init__(self, changed, code, shared):
        self.changed, self.code = changed, code
        self.modules = dict(shared)

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


@cache
def _shared_by(name):
    """Return what no mutant of a module changes, loaded once beside the real ones."""
    loader = _Loader(name, _code_of(name), {})
    for one in sources():
        loader.load(one)
    return {key: one for key, one in loader.modules.items() if key not in changes_with(name)}


def mutated(name, tree):
    """Return the modules beside the real ones: the named one from this tree, and anew what needs it."""
    code = compile(tree, str(sources()[name]), "exec")
    policy = Policy(_Loader(name, code, _shared_by(name)).load)
    policy.load(name)
    return policy


def _is_ours(name):
    return name == PACKAGE or name.startswith(PACKAGE + ".")
