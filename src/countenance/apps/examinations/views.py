"""The pages on which an examiner works: the probe alone, then candidate after candidate.

Nothing on them names a case, a search, a name, a rank, a similarity, a source or another examiner, and they
are the same for a control.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.forms import CharField
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from countenance.apps.examinations import photos, queries, services, viewing
from countenance.apps.examinations.image_views import number_of
from countenance.apps.examinations.models import Comparison, Examination, ExaminationState
from countenance.apps.examinations.photos import Side, look_key
from countenance.apps.examinations.reveal_views import revealed
from countenance.apps.examinations.standings import CONCLUSIONS
from countenance.apps.galleries import looks
from countenance.errors import NotFound
from countenance.examination.checklist import Checklist, read_analysis, read_comparison
from countenance.examination.components import Answer, Component, Visibility
from countenance.examination.scale import Conclusion
from countenance.ui.checklists import Marking, marking, posted
from countenance.ui.faceview import FacePhoto, Pair, face_photo
from countenance.ui.forms import ErrorsOn, Form, ReasonForm
from countenance.ui.pages import UNUSABLE, confirm_page, status_of
from countenance.ui.requests import Request


class SaidForm(Form):
    """What a page of an examination sends beside its checklist; here to hold what is said against it."""

    conclusion = CharField(required=False)


def examination(request: Request, examination_id: UUID) -> HttpResponse:
    """Show an examination: the probe alone, then the next candidate, at last what it was."""
    one = queries.examination(request.actor, examination_id)
    if one.state == ExaminationState.RECORDED:
        return revealed(request, one)
    if one.state == ExaminationState.ENDED:
        context = {"section": "examinations", "code": one.about["code"]}
        return render(request, "examinations/ended.html", context)
    if one.analysis is not None:
        rows = queries.comparisons(one)
        following = next((row for row in rows if row.said is None), rows[0])
        return _to_letter(one, following)
    return _analyse(request, one)


def _analyse(request: Request, one: Examination) -> HttpResponse:
    """Show the probe alone, and take what is said of it."""
    form = SaidForm(request.POST or None)
    said = read_analysis(one.draft or {})
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            data = posted(request.POST)
            said = read_analysis(data)
            recording = "record" in request.POST
            do = services.record_analysis if recording else services.save_analysis_draft
            do(request.actor, examination=one, checklist=data, tools=request.tools)
            if _by_itself(request):
                return _saved(request)
            return HttpResponseRedirect(reverse("examination", args=[one.pk]))
        if _by_itself(request):
            return _unsaved(form)
    return _analysis_page(request, one, form, said)


def _analysis_page(
    request: Request, one: Examination, form: SaidForm, said: Checklist
) -> HttpResponse:
    probe = number_of(request, "probe")
    shown = viewing.view_examination(
        request.actor, examination=one, probe=probe, tools=request.tools
    )
    _note(request, one, shown)
    checklist = marking(said, Visibility)
    unsaved = form.is_bound and said.as_json() != (one.draft or Checklist().as_json())
    context = {
        "section": "examinations",
        "examination": {"id": one.pk, "code": one.about["code"], "of": one.about["candidates"]},
        "form": form,
        "pair": _pair(request, one, shown.probe, None, checklist),
        "probes": _several(one, "", shown.probes, probe, "?probe="),
        "checklist": checklist,
        "form_id": "said",
        "status_id": "draft",
        "unsaved": unsaved,
        "status": "Draft saved" if one.draft and not unsaved else "",
        "buttons": [
            {"label": "Save the draft", "name": "save", "value": "1", "primary": False},
            {"label": "Record the analysis", "name": "record", "value": "1", "primary": True},
        ],
    }
    return render(request, "examinations/analysis.html", context, status=status_of(form))


def comparison(request: Request, examination_id: UUID, letter: str) -> HttpResponse:
    """Show the probe beside one candidate, with the checklist, and take what is said."""
    one = queries.examination(request.actor, examination_id)
    if one.state == ExaminationState.ENDED:
        raise NotFound("There is no such candidate in this examination.")
    row = queries.comparison(one, letter)
    form = SaidForm(request.POST or None)
    draft = row.draft or {"checklist": {}, "conclusion": None}
    said, step = read_comparison(draft["checklist"]), draft["conclusion"] or ""
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            data, step = posted(request.POST), form.cleaned_data["conclusion"]
            said = read_comparison(data)
            recording = "record" in request.POST
            do = services.record_conclusion if recording else services.save_comparison_draft
            do(
                request.actor,
                comparison=row,
                checklist=data,
                conclusion=step,
                tools=request.tools,
            )
            if _by_itself(request):
                return _saved(request)
            return HttpResponseRedirect(
                reverse("examination", args=[one.pk]) if recording else request.get_full_path()
            )
        if _by_itself(request):
            return _unsaved(form)
    return _comparison_page(request, one, row, form, said, step)


def _comparison_page(  # noqa: PLR0917 # what the page consists of
    request: Request,
    one: Examination,
    row: Comparison,
    form: SaidForm,
    said: Checklist,
    step: str,
) -> HttpResponse:
    letter = row.about["letter"]
    number, probe = number_of(request, "photo"), number_of(request, "probe")
    every = "others" in request.GET or number > 1
    shown = viewing.view_examination(
        request.actor,
        examination=one,
        comparison=row,
        every=every,
        number=number,
        probe=probe,
        tools=request.tools,
    )
    _note(request, one, shown, letter)
    shown_now = {"checklist": said.as_json(), "conclusion": step or None}
    empty = {"checklist": Checklist().as_json(), "conclusion": None}
    unsaved = form.is_bound and shown_now != (row.draft or empty)
    if row.said is not None:
        said, step = read_comparison(row.said["checklist"]), row.said["conclusion"]
    checklist = marking(said)
    side = photos.side_of(shown.candidate, number) if shown.candidate else None
    others = range(1, len(shown.candidate) + 1) if every else ()
    context = {
        "section": "examinations",
        "examination": {"id": one.pk, "code": one.about["code"]},
        "open": one.state == ExaminationState.OPEN,
        "letter": letter,
        "form": form,
        "pair": _pair(request, one, shown.probe, side, checklist, letter=letter),
        "probes": _several(one, "", shown.probes, probe, f"?photo={number}&probe="),
        "strip": _strip(one, shown, letter),
        "others": _several(one, letter, others, number, f"?probe={probe}&photo="),
        "ask_others": f"?probe={probe}&others=1",
        "held": bool(shown.candidate),
        "may_ask_others": len(row.about["faces"]) > 1 and not every,
        "analysis": _written(read_analysis(one.analysis["checklist"])),
        "checklist": checklist,
        "said": None if row.said is None else _written(said),
        "said_note": said.note,
        "conclusions": tuple(Conclusion),
        "conclusion": step,
        "concluded": CONCLUSIONS.get(step),
        "form_id": "said",
        "status_id": "draft",
        "unsaved": unsaved,
        "status": "Draft saved" if row.draft and not unsaved else "",
        "buttons": [
            {"label": "Save the draft", "name": "save", "value": "1", "primary": False},
            {"label": "Record the conclusion", "name": "record", "value": "1", "primary": True},
        ],
    }
    return render(request, "examinations/comparison.html", context, status=status_of(form))


def _by_itself(request: Request) -> bool:
    """Say whether the page sent what was changed, without anybody pressing a button."""
    return bool(request.headers.get("HX-Request"))


def _saved(request: Request) -> HttpResponse:
    # Somebody answered a component: that is work, and puts off the idle lock.
    request.session.modified = True
    return HttpResponse("Draft saved")


def _unsaved(form: Form) -> HttpResponse:
    said = " ".join(str(text) for texts in form.errors.values() for text in texts)
    return HttpResponse(
        f"The draft is not saved. {said}", status=UNUSABLE, content_type="text/plain; charset=utf-8"
    )


def _note(request: Request, one: Examination, shown: viewing.Shown, letter: str = "") -> None:
    """Let this session fetch what the page that was recorded shows."""
    keys = [look_key(one.pk, "", number) for number in shown.probes]
    keys += [look_key(one.pk, other, 1) for other in shown.strip]
    keys += [look_key(one.pk, letter, n) for n in range(1, len(shown.candidate) + 1)]
    looks.note_look(request, keys)


def _pair(  # noqa: PLR0917 # what the page consists of
    request: Request,
    one: Examination,
    probe: Side | None,
    candidate: Side | None,
    checklist: Marking,
    letter: str = "",
) -> Pair | None:
    """Return the photos that a page shows large; None if that of the probe is not held."""
    if probe is None:
        return None
    first, second = number_of(request, "probe"), number_of(request, "photo")
    beside = None if candidate is None else _photo(one, candidate, letter, second)
    return Pair.of(
        _photo(one, probe, "", first),
        beside,
        checklist.pins,
        originals="originals" in request.GET,
        plain=f"?probe={first}&photo={second}&originals=1",
    )


def _photo(one: Examination, side: Side, letter: str, number: int) -> FacePhoto:
    label = f"Candidate {letter}" if letter else "Probe"
    many = letter or len(photos.probes(one)) > 1
    return face_photo(
        _href(one, letter, number),
        _href(one, letter, number, "original"),
        label=f"{label}, photo {number}" if many and number > 1 else label,
        landmarks=side.landmarks,
        number=number,
    )


def _href(one: Examination, letter: str, number: int, form: str = "") -> str:
    """Return where a photo is: of the probe, if there is no letter; small, or as it was taken."""
    asked = {form: "1"} if form else {}
    if letter:
        href = reverse("comparison_photo", args=[one.pk, letter, number])
    else:
        href = reverse("examination_probe", args=[one.pk])
        asked |= {"photo": str(number)} if number > 1 else {}
    return f"{href}?{urlencode(asked)}" if asked else href


def _several(
    one: Examination, letter: str, numbers: Iterable[int], current: int, page: str
) -> list[dict[str, Any]]:
    """Return the photos among which the one that is shown large can be changed; none of a single one."""
    found = list(numbers)
    return [
        {
            "number": number,
            "page": f"{page}{number}",
            "current": number == current,
            "photo": _href(one, letter, number, "small"),
        }
        for number in found
        if len(found) > 1
    ]


def _strip(one: Examination, shown: viewing.Shown, current: str) -> list[dict[str, Any]]:
    items = []
    for row in queries.comparisons(one):
        letter = row.about["letter"]
        waits = "Draft" if row.draft else "To compare"
        state = "Concluded" if row.said else "Being compared" if letter == current else waits
        items.append(
            {
                "letter": letter,
                "href": reverse("comparison", args=[one.pk, letter]),
                "current": letter == current,
                "concluded": row.said is not None,
                "state": state,
                "photo": _href(one, letter, 1, "small") if shown.strip[letter] else "",
            }
        )
    return items


def _written(said: Checklist) -> list[dict[str, str]]:
    """Return a checklist to be read."""
    words: dict[str, str] = {str(one): one.label for one in (*Answer, *Visibility)}
    return [
        {
            "label": one.label,
            "said": words.get(said.mark(one).said or "", ""),
            "note": said.mark(one).note,
        }
        for one in Component
    ]


def _to_letter(one: Examination, row: Comparison) -> HttpResponse:
    return HttpResponseRedirect(reverse("comparison", args=[one.pk, row.about["letter"]]))


def end(request: Request, examination_id: UUID) -> HttpResponse:
    """Give up an examination, with a reason."""
    one = queries.examination(request.actor, examination_id)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with ErrorsOn(form):
            services.end_examination(
                request.actor, examination=one, **form.cleaned_data, tools=request.tools
            )
            return HttpResponseRedirect(reverse("examinations"))
    return confirm_page(
        request,
        form,
        heading="Give up this examination?",
        verb="Give it up",
        keep="Go on with it",
        back=reverse("examination", args=[one.pk]),
        back_label=f"Examination {one.about['code']}",
        crumb="Give up",
        section="examinations",
        consequences=_consequences(),
    )


def _consequences() -> list[str]:
    return [
        "No lead comes of what you concluded in it. If it is a control, it counts for your error rate.",
        "You cannot take it up again. Another examiner examines in your place.",
    ]
