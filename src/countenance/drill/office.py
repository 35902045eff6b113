"""A day of work in an agency, in browsers: authorities, approvals, cases, searches, uploads."""

from __future__ import annotations

import re
import time
import urllib.parse

from countenance.drill.crew import LATE, OK, UUID, Member
from countenance.drill.examining import Examining
from countenance.drill.saying import found, require
from countenance.drill.town import Town
from countenance.faces.reel import Place
from countenance.policy import Role
from countenance.testing import MARK

UPLOADS = 8
LONGEST_WAIT = 60


class Office:
    """What the people of a life do in their browsers once there are galleries and authorities."""

    def __init__(self, life: Town) -> None:
        """Take the people of a life, and what they were granted."""
        self.life, self.plant, self.crew = life, life.plant, life.crew
        self.granted = life.authorities[0]

    def live(self) -> None:
        """Do all of it once."""
        self._authorise()
        gallery = self._upload()
        self._agree(gallery)
        self._case()
        self._account()

    def _authorise(self) -> None:
        """Grant one authority and refuse the other; look at the document."""
        supervisor = self.crew[Role.SUPERVISOR]
        for authority, decision in zip(self.life.authorities, ("grant", "refuse"), strict=True):
            page = f"/authorities/{authority}/"
            reason = ("reason", supervisor.plant("grant's reason"))
            supervisor.send(f"{page}decide/", ("decision", decision), reason, form=page, to=page)
        supervisor.browser.get(f"/authorities/{self.granted}/document/")
        require(supervisor.browser.status == OK, "the document of an authority")

    def _upload(self) -> str:
        """Make a gallery and enrol photos into it; look at one."""
        steward = self.crew[Role.STEWARD]
        steward.send("/galleries/new/", ("name", self.plant("gallery")))
        gallery = found(UUID, steward.browser.url)[0]
        page = steward.browser.get(f"/galleries/{gallery}/enrol/")
        source = found(rf'<option value="({UUID})"', page)[1]
        files = [
            ("photos", self.plant("file name", after=".jpg"), self.life.photo(f"guest {number}"))
            for number in range(UPLOADS)
        ]
        files.append(("photos", self.plant("rejected file name", after=".jpg"), b"no photo"))
        fields = [("source", source), ("subjects", "each"), ("subject_name", ""), ("paths", "")]
        run = steward.send(f"/galleries/{gallery}/enrol/", *fields, files=files, to="/enrolments/")
        self._wait(steward, run)
        browser = steward.browser
        browser.get(f"{run}rejects.csv")
        photos = re.findall(rf"/photos/{UUID}/", browser.get(f"/galleries/{gallery}/"))
        for path in (photos[0], f"{photos[0]}image/"):
            browser.get(path)
            require(browser.status == OK, path)
        return gallery

    def _agree(self, gallery: str) -> None:
        """Ask a second person about terms and a grant, and carry both out; ask in words of one's own."""
        steward, supervisor = self.crew[Role.STEWARD], self.crew[Role.SUPERVISOR]
        terms = [("sensitive", ""), ("reason", steward.plant("request's reason"))]
        grant = [
            ("agency", ""),
            ("code", self.life.other),
            ("kinds", "missing person"),
            ("until", LATE),
            ("reason", steward.plant("request's reason")),
        ]
        for page, fields in (("terms", terms), ("grant", grant)):
            asked = steward.send(f"/galleries/{gallery}/{page}/", *fields, to="/approvals/")
            supervisor.decide(asked)
            path = urllib.parse.urlsplit(asked).path
            steward.send(f"{path}carry-out/", to=f"/galleries/{gallery}/")
        auditor = self.crew[Role.AUDITOR]
        reason = ("reason", auditor.plant("request's reason"))
        supervisor.decide(auditor.send("/ledger/export/", reason, to="/approvals/"))

    def _case(self) -> None:
        """Open a case, break its glass, search with a crop of its evidence, close it."""
        me = self.crew[Role.INVESTIGATOR]
        fields = [
            ("reference", self.plant("case reference")),
            ("purpose", self.plant("case purpose")),
            ("reason", me.plant("case reason")),
            ("authority", self.granted),
            ("expires_on", LATE),
        ]
        case = found(UUID, me.send("/cases/new/", *fields, to="/cases/"))[0]
        probe = self._evidence(me, case)
        self._video(me, case)
        self._request(me, probe)
        search = self._examine(probe)
        self._break_glass(case)
        asked = me.send(
            f"/cases/{case}/widen/", ("reason", me.plant("request's reason")), to="/approvals/"
        )
        self.crew[Role.SUPERVISOR].decide(asked)
        me.browser.get(search)
        require(me.browser.status == OK, search)
        self._disclose(case)
        me.send(f"/cases/{case}/close/", ("reason", me.plant("closing reason")), to=case)

    def _evidence(self, me: Member, case: str) -> str:
        """Add evidence, after a file that is none, and turn it; return the address of its page."""
        me.browser.send(f"/cases/{case}/search/", [], [("photo", "bad.jpg", b"not a photo")])
        photo = self.life.photo("person 1", 9, kind="searched template")
        name = self.plant("evidence's file name", after=".jpg")
        page = me.send(f"/cases/{case}/search/", files=[("photo", name, photo)], to="/probes/")
        path = urllib.parse.urlsplit(page).path
        me.browser.get(f"{path}image/")
        require(me.browser.status == OK, me.browser.text)
        return path

    def _video(self, me: Member, case: str) -> None:
        """Add a video, wait until it is looked through, look at a face in it, and use a frame of it."""
        engine, people = self.life.engine, [self.plant("somebody in a video") for _ in range(2)]
        video = engine.video(*people, seconds=4.0)
        frame = engine.frame_of(video, Place(number=0, seconds=0.0, stamp=0, sha256=""))
        self.life.garden.given("frame of a video", frame.rpartition(MARK)[2].decode())
        name = self.plant("video's file name", after=".mp4")
        page = me.send(f"/cases/{case}/video/", files=[("video", name, video)], to="/videos/")
        self._wait(me, page)
        browser = me.browser
        browser.get(found(rf"/videos/{UUID}/faces/0/", browser.text)[0])
        require(browser.status == OK, page)
        me.send(f"{page}use/", ("frame", "0"), form=page, to="/probes/")

    @staticmethod
    def _wait(member: Member, page: str) -> None:
        """Look at a page until it asks for itself no more: then its job is done."""
        browser, deadline = member.browser, time.monotonic() + LONGEST_WAIT
        while "hx-trigger" in browser.text:
            require(time.monotonic() < deadline, browser.text)
            time.sleep(0.3)
            browser.get(page)

    def _disclose(self, case: str) -> None:
        """Export the case's bundle, as its supervisor."""
        supervisor = self.crew[Role.SUPERVISOR]
        supervisor.prove()
        supervisor.browser.send(f"/cases/{case}/bundle/", [])
        require(supervisor.browser.body[:2] == b"PK", supervisor.browser.text[:4000])

    def _request(self, me: Member, probe: str) -> None:
        """Ask for a search, have it declined, and ask again."""
        examiner = self.crew[Role.EXAMINER]
        gallery = found(rf'name="galleries" value="({UUID})"', me.browser.get(probe))[1]
        for again in (False, True):
            reason = ("reason", me.plant("search's wish"))
            me.send(f"{probe}ask/", ("galleries", gallery), reason, form=probe, to=probe)
            if not again:
                queue = examiner.browser.get("/requests/")
                path = found(rf"/requests/{UUID}/decline/", queue)[0]
                examiner.send(path, ("reason", examiner.plant("declining reason")), to="/requests/")

    def _examine(self, probe: str) -> str:
        """Crop the evidence, check and run the search, let two examine it; return the search's page."""
        examiner = self.crew[Role.EXAMINER]
        browser = examiner.browser
        form = [("quarter_turns", "2")]
        examiner.send(f"{probe}derive/", *form, form=probe, to="/probes/")
        gallery = found(rf'name="galleries" value="({UUID})"', browser.get(probe))[1]
        reason = ("reason", examiner.plant("search reason"))
        fields = [("face", "0"), ("galleries", gallery), reason, ("top", "5")]
        examiner.send(f"{probe}check/", *fields, form=probe, to=probe)
        require(reason[1] in browser.text, browser.text)
        page = examiner.send(f"{probe}search/", *fields, form=probe, to="/searches/")
        Examining(self.life).live(page)
        browser.get(page)
        crops = re.findall(r"/faces/\d+/crop/", browser.text)
        require(crops, browser.text)
        browser.get(crops[0])
        require(browser.status == OK, crops[0])
        examiner.prove()
        return page

    def _break_glass(self, case: str) -> None:
        """Break the glass, and have that reviewed."""
        supervisor, auditor = self.crew[Role.SUPERVISOR], self.crew[Role.AUDITOR]
        reason = ("reason", supervisor.plant("glass's reason"))
        supervisor.send(f"/cases/{case}/break-glass/", reason)
        inbox = auditor.browser.get("/approvals/")
        pages = re.findall(rf"/approvals/{UUID}/", inbox)
        for path in dict.fromkeys(pages):
            if f"{path}review/" in auditor.browser.get(path):
                break
        review = [("justified", "yes"), ("reason", auditor.plant("review's reason"))]
        auditor.send(f"{path}review/", *review)

    def _account(self) -> None:
        """Change a password and make new codes; suspend somebody."""
        me = self.crew[Role.INVESTIGATOR]
        new = self.plant("password")
        fields = [("old_password", me.password), ("new_password", new), ("new_password_again", new)]
        me.browser.get("/account/")
        page = "/account/password/"
        text = me.browser.get(page)
        names = re.findall(r'name="(\w*password\w*)"', text)
        values = dict(zip(names, (me.password, new, new), strict=False))
        fields = list(values.items())
        me.send(page, *fields)
        coordinator, steward = self.crew[Role.COORDINATOR], self.crew[Role.AUDITOR]
        require(coordinator.id_of(steward), "nobody is on the list of people")
