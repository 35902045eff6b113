"""Reading agencies and people."""

from __future__ import annotations

from countenance.apps.agencies.models import Agency, Person
from countenance.errors import NotFound
from countenance.policy import Actor


def people(actor: Actor) -> list[Person]:
    """Return the people of the actor's agency, oldest first."""
    return list(Person.objects.filter(agency_id=actor.agency).order_by("added_at"))


def operator() -> Person:
    """Return the person on whose behalf the command line acts: the first one, added by `init`.

    Raises:
        NotFound: the deployment has no person yet.
    """
    person = Person.objects.select_related("agency").order_by("added_at").first()
    if person is None:
        raise NotFound("This deployment has no person yet. Run `countenance init`.")
    return person


def person(actor: Actor) -> Person:
    """Return the acting person.

    Raises:
        NotFound: there is none of this id in the agency.
    """
    found = Person.objects.filter(pk=actor.person, agency_id=actor.agency).first()
    if found is None:
        raise NotFound
    return found


def agency(actor: Actor) -> Agency:
    """Return the acting person's agency."""
    return Agency.objects.get(pk=actor.agency)
