"""What tests of leads need: a search that examiners examined, a supervisor, and the case's investigator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from examining import Bench, bench, examine
from factories import acting

from countenance.apps.agencies.models import Agency
from countenance.apps.leads import services
from countenance.apps.leads.models import Lead
from countenance.apps.searches.models import Search
from countenance.examination.scale import Conclusion
from countenance.policy import Actor, Role

SAME, OTHER = Conclusion.SAME, Conclusion.OTHER
WHY = "For the file of the prosecutor, who asked for it on 4 May"
TICKET = "A ticket bought with his card at the station on 3 May"


@dataclass
class World:
    """A bench whose search two examiners examined: one person, says each, of the first candidate."""

    made: Bench
    supervisor: Actor
    subject: UUID

    @property
    def tools(self) -> Any:
        return self.made.on.tools

    @property
    def investigator(self) -> Actor:
        """Return the investigator of the case, just stepped up."""
        return replace(
            self.made.on.actor,
            roles=frozenset({Role.INVESTIGATOR}),
            stepped_up_at=self.tools.clock(),
        )

    def release(self, **changes: Any) -> Lead:
        wishes = {"search": self.made.search, "subject": self.subject} | changes
        actor = wishes.pop("actor", replace(self.supervisor, stepped_up_at=self.tools.clock()))
        return services.release_lead(actor, **wishes, tools=self.tools)


def about_first(comparison: Any) -> Conclusion:
    return SAME if comparison.about["rank"] == 1 else OTHER


def prepared(on: Any, *concluding: Any) -> World:
    """Return a world in which so many examiners each concluded like this."""
    made = bench(on, examiners=max(3, len(concluding)))
    for number, how in enumerate(concluding):
        examine(made.examiner(number), made.search, tools=on.tools, concluding=how)
    made.search = Search.objects.get(pk=made.search.pk)
    subject = UUID(made.search.outcome["candidates"][0]["subject"])
    return World(made, acting(on, Role.SUPERVISOR), subject)


def under(world: World, pack: str) -> None:
    """Put the agency under another policy pack, past the services."""
    agency = Agency.objects.get(pk=world.made.on.agency.pk)
    agency.standing = {**agency.standing, "pack": pack}
    agency.save()
