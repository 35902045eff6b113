"""Two examiners in their browsers, each alone; then what a supervisor and an investigator make of it."""

from __future__ import annotations

import urllib.parse

from countenance.drill.crew import OK, UUID, Member
from countenance.drill.saying import found, require
from countenance.drill.town import Town
from countenance.errors import Unavailable
from countenance.examination.components import Component
from countenance.policy import Role

SECOND = "second examiner"
CANDIDATES = 50
DRAWS = 20
"""So often somebody draws at most until it is the search: now and then a control takes its place."""


class Examining:
    """From a search with candidates to a lead and what became of it."""

    def __init__(self, life: Town) -> None:
        """Take the people of a life."""
        self.plant, self.crew = life.plant, life.crew
        self.first, self.second = life.crew[Role.EXAMINER], life.crew[SECOND]

    def live(self, search: str) -> None:
        """Examine a search, follow a conclusion, release a lead, say what became of it, close the search."""
        self.examine(search, said="similar", conclusion="same")
        self._follow(search)
        lead = self._release(search)
        self._use(lead)
        path, supervisor = urllib.parse.urlsplit(search).path, self.crew[Role.SUPERVISOR]
        reason = ("reason", supervisor.plant("reason to close a search"))
        supervisor.send(f"{path}close/", reason, to=path)

    def examine(self, search: str, *, said: str, conclusion: str) -> None:
        """Let whoever ran a search examine it, and somebody else who draws it; look at them side by side."""
        path = urllib.parse.urlsplit(search).path
        begun = self.first.send(f"{path}examine/", form=path, to="/examinations/")
        self._carry_out(self.first, begun, said, conclusion)
        side_by_side = f"{path}consolidation/"
        for _ in range(DRAWS):
            begun = self.second.send(
                "/examinations/next/", form="/examinations/", to="/examinations/"
            )
            self._carry_out(self.second, begun, said, conclusion)
            if side_by_side in self.second.browser.text:
                break
        for one in (self.first, self.second):
            one.browser.get(side_by_side)
            require(one.browser.status == OK, side_by_side)

    def _carry_out(self, examiner: Member, begun: str, said: str, conclusion: str) -> None:
        """Write down what the probe shows, and conclude on each candidate, with notes and pins."""
        seen = [(f"said-{one}", "clear") for one in Component]
        page = examiner.send(
            begun, *seen, *self._noted("analysis"), ("record", "1"), form=begun, to="/A/"
        )
        picture = found(r"/examinations/[^\"&?]+\.jpg", examiner.browser.text)[0]
        compared = [(f"said-{one}", said) for one in Component]
        compared += [("conclusion", conclusion)]
        for _ in range(CANDIDATES):
            draft = [*compared, *self._noted("draft"), ("save", "1")]
            examiner.send(page, *draft, to=urllib.parse.urlsplit(page).path)
            examiner.browser.get(picture)
            require(examiner.browser.status == OK, picture)
            done = [*compared, *self._noted("conclusion"), ("record", "1")]
            page = examiner.send(page, *done, form=page, to="/examinations/")
            if page == begun:
                return
        raise Unavailable(f"The examination never ended: {page}")

    def _noted(self, kind: str) -> list[tuple[str, str]]:
        """Return the fields of new notes, and of pins that are nowhere else."""
        pins = self.crew[Role.EXAMINER].garden.pins(f"pins of {kind}")
        one = next(iter(Component))
        return [
            ("note", self.plant(f"note of {kind}")),
            (f"note-{one}", self.plant(f"note of {kind}")),
            (f"pins-{one}", pins),
        ]

    def _follow(self, search: str) -> None:
        """Put another conclusion after one's own."""
        page = self.first.browser.get(f"{search}consolidation/")
        path = found(rf"/examinations/{UUID}/[^\"]*follow[^\"]*", page)[0]
        fields = [(f"said-{one}", "similar") for one in Component]
        fields += [("conclusion", "same_strong"), *self._noted("a conclusion that follows")]
        self.first.send(path, *fields, ("reason", self.first.plant("reason to follow")), to=search)

    def _release(self, search: str) -> str:
        """Release the first candidate; return the page of the lead."""
        supervisor = self.crew[Role.SUPERVISOR]
        supervisor.prove()
        return supervisor.send(f"{search}release/1/", to="/leads/")

    def _use(self, lead: str) -> None:
        """Read a lead, take its report and photo out, and say what else there is and what it was."""
        me, path = self.crew[Role.INVESTIGATOR], urllib.parse.urlsplit(lead).path
        page = me.browser.get(path)
        me.browser.get(found(rf"{path}probe\.jpg", page)[0])
        require(me.browser.status == OK, path)
        me.send(f"{path}evidence/", ("what", me.plant("evidence beside a lead")), to=path)
        note = ("note", self.plant("note of an outcome"))
        me.send(f"{path}outcome/", ("outcome", "right"), note, to=path)
        me.prove()
        me.browser.send(f"{path}report.pdf", [("size", "a4")], form=path)
        require(me.browser.body[:4] == b"%PDF", me.browser.text[:4000])
        me.browser.send(f"{path}photo/", [("reason", me.plant("what a photo is for"))])
        require(me.browser.body[:2] == b"\xff\xd8", me.browser.text[:4000])
