"""Who may examine what a search found: the facts for policy, read from the rows."""

from __future__ import annotations

from countenance import policy
from countenance.apps.cases.models import Authority
from countenance.apps.searches.models import Search
from countenance.apps.searches.queries import root_of
from countenance.errors import SamePerson
from countenance.policy import Actor, Permit


def permit_examiner(actor: Actor, search: Search) -> Permit:
    """Permit an examiner who had no part in what the search came from, and has not examined it.

    Raises:
        SamePerson: they added the photo, asked for the search, granted its authority, or examined it.
        NotPermitted: it is another agency's.
    """
    policy.permit_own(actor, search.agency_id)
    root = root_of(search.probe)
    root.check_links()
    request = search.answers
    involved = {root.added_by_id}
    if request is not None:
        request.check_links()
        involved.add(request.asked_by_id)
    if search.authority_id is not None:
        granted = Authority.objects.get(pk=search.authority_id).facts.granted_by
        involved |= {granted} if granted is not None else set()
    if actor.person in involved:
        raise SamePerson(
            "Whoever added the photo, asked for the search or granted its authority does not examine it. "
            "Another examiner of your agency can.",
            rule="examination.same_person",
        )
    if search.examinations.filter(examiner_id=actor.person).exists():
        raise SamePerson(
            "Nobody examines the same search twice. Another examiner of your agency can.",
            rule="examination.once",
        )
    return Permit(rule="examination.other_person")
