"""What a checklist allows to be concluded."""

from __future__ import annotations

from countenance.errors import InputError
from countenance.examination.checklist import Checklist
from countenance.examination.components import Answer, Component
from countenance.examination.scale import Conclusion


def check_whole(checklist: Checklist) -> None:
    """Refuse a checklist in which something is not said of every component.

    Raises:
        InputError: it names the components of which nothing is said yet.
    """
    if missing := checklist.missing:
        labels = ", ".join(component.label for component in missing)
        raise InputError(f"Say something of every component. Missing: {labels}.")


def check_conclusion(checklist: Checklist, conclusion: Conclusion) -> None:
    """Refuse a conclusion that nothing in the whole checklist speaks for.

    Raises:
        InputError: a component is missing, or none was found similar, or different, as is concluded.
    """
    check_whole(checklist)
    said = {checklist.mark(component).said for component in Component}
    if conclusion.direction > 0 and Answer.SIMILAR not in said:
        raise InputError(
            "No component is similar, so the checklist does not support one person. "
            "Look at the components again, or conclude that there is no support either way."
        )
    if conclusion.direction < 0 and Answer.DIFFERENT not in said:
        raise InputError(
            "No component is different, so the checklist does not support two people. "
            "Look at the components again, or conclude that there is no support either way."
        )
