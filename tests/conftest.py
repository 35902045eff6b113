"""What all tests share."""

from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# A wrong shape of an array fails in tests, at the function that was given it.
install_import_hook("countenance.faces", "shapes.checked")

# The machine may be busy: an example is never failed for its time, only pytest-timeout ends a test.
settings.register_profile("countenance", deadline=None, print_blob=True)
settings.load_profile("countenance")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The project's shared photos beside the checkout; absent on most machines."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared photos are not beside this checkout")
    return folder
