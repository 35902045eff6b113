"""What people read uses the field's terms, and none that mislead about a person.

Only what may reach a screen, a terminal or an answer is looked at: the text of templates, and the
string literals of the entry points and services. Names in the code and docstrings are left to the
reviewers, but for the docstrings of errors and of commands, which are shown to people.
"""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "countenance"

MISLEADING = re.compile(
    r"\b("
    r"match(es|ed|ing)?"  # a candidate awaits a person's conclusion
    r"|hits?"
    r"|face ?prints?"  # a template is a vector of one model, not a print
    r"|confidence"  # a similarity is no probability
    r"|suspect photos?"
    r"|suspects?"
    r"|offenders?"
    r"|perpetrators?"
    r"|culprits?"
    r"|watch ?lists?"
    r"|identified"  # nobody is identified by a list of candidates
    r"|identification"
    r")\b",
    re.IGNORECASE,
)

# The law's own name of a kind of search, in Regulation (EU) 2024/1689 Art. 26(10): "the initial
# identification of a potential suspect". It names what an authority is for, never what was found.
LAWS_OWN = re.compile(r"\binitial identification\b", re.IGNORECASE)

# The gate for vague reasons knows what people write; this list is compared with, never shown.
NOT_SHOWN = {"policy/reasons.py": ("_STOCK",)}

# Sentences that say what the product does not do may name it.
DENIALS = (
    re.compile(r"\b(no|not|never|nobody|none|nor|without|cannot)\b[^.;:]*$", re.IGNORECASE),
    re.compile(r"\bnot (an? )?$", re.IGNORECASE),
)

TAG = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<!--.*?-->|<[^>]*>", re.DOTALL)
SAID = re.compile(
    r"\b(?:alt|title|placeholder|aria-label|aria-description|content)\s*=\s*\"([^\"]*)\""
)
TRANSLATED = re.compile(r"\{%\s*(?:translate|trans)\s+\"([^\"]*)\"")
SENTENCE = re.compile(r"\s")

SHOWN_DOCSTRINGS = ("errors.py", "cli")
SHOWN_LITERALS = ("errors.py", "policy", "reports", "bundle", "cli", "web", "apps", "ui")


def misleading_words(text):
    found = []
    text = LAWS_OWN.sub("", text)
    for word in MISLEADING.finditer(text):
        before = text[: word.start()]
        if not any(denial.search(before) for denial in DENIALS):
            found.append(word.group())
    return found


def templates():
    return sorted(PACKAGE.rglob("*.html")) + sorted(PACKAGE.rglob("templates/**/*.txt"))


def words_of_template(source):
    attributes = [*SAID.findall(source), *TRANSLATED.findall(source)]
    return "\n".join([TAG.sub("\n", source), *attributes])


def docstrings(tree):
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, kinds) and node.body and isinstance(node.body[0], ast.Expr):
            yield node.body[0].value


def sentences_of_module(source, *, with_docstrings, without=()):
    """Yield the literals with a space in them: sentences, not codes, keys or names of columns."""
    tree = ast.parse(source)
    skipped = set() if with_docstrings else {id(node) for node in docstrings(tree)}
    for node in tree.body:
        if isinstance(node, ast.Assign) and {getattr(one, "id", "") for one in node.targets} & set(
            without
        ):
            skipped |= {id(part) for part in ast.walk(node)}
    for node in ast.walk(tree):
        said = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if said and id(node) not in skipped and SENTENCE.search(node.value):
            yield node.lineno, node.value


def modules():
    for name in SHOWN_LITERALS:
        path = PACKAGE / name
        found = [path] if path.is_file() else sorted(path.rglob("*.py"))
        yield from (module for module in found if "migrations" not in module.parts)


def name_of(path):
    return str(path.relative_to(PACKAGE))


def test_there_is_something_to_look_at():
    assert len(list(modules())) > 10


@pytest.mark.parametrize("path", templates(), ids=name_of)
def test_a_template_says_nothing_misleading(path):
    assert misleading_words(words_of_template(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", list(modules()), ids=name_of)
def test_a_message_says_nothing_misleading(path):
    shown = any(part in SHOWN_DOCSTRINGS for part in path.relative_to(PACKAGE).parts)
    source = path.read_text(encoding="utf-8")
    found = {
        f"line {line}: {word}"
        for line, sentence in sentences_of_module(
            source, with_docstrings=shown, without=NOT_SHOWN.get(name_of(path), ())
        )
        for word in misleading_words(sentence)
    }
    assert found == set()


@pytest.mark.parametrize(
    "text",
    [
        "3 matches found",
        "The suspect was identified.",
        "Confidence: 98 %",
        "HIT",
        "the faceprint of a person",
        "Identification of a person",
        "The initial search led to an identification",
    ],
)
def test_misleading_words_are_noticed(text):
    assert misleading_words(text)


@pytest.mark.parametrize(
    "text",
    [
        "A candidate is not a match.",
        "This list never means that a person was identified.",
        "The list of candidates; similarity 0.61",
        "matchless and white",
        "What it is for: initial identification",
    ],
)
def test_other_words_and_denials_pass(text):
    assert misleading_words(text) == []


def test_only_what_is_shown_counts_in_a_template():
    source = '{% if match %}<a class="hit" title="Open the match">candidates</a>{% endif %}'
    assert misleading_words(words_of_template(source)) == ["match"]
