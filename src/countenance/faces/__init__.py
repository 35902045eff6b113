"""Photo bytes to faces and templates; also usable as a plain library.

`Engine` is all that most callers need. It decodes photos in worker processes; the stages are in
`decode`, `detect`, `align`, `quality` and `embed`, and `pipeline` runs them in this process.
"""

from countenance.faces.engine import Engine
from countenance.faces.limits import Limits

__all__ = ["Engine", "Limits"]
