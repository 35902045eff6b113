"""The disclosure bundle: one signed archive of a case that verifies offline."""

from __future__ import annotations

from countenance.bundle.contents import Contents
from countenance.bundle.report import Report
from countenance.bundle.verify import verify
from countenance.bundle.write import write_bundle

__all__ = ["Contents", "Report", "verify", "write_bundle"]
