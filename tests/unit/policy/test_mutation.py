"""The tables notice when a rule is taken away: nearly every mutant of the policy fails one of them.

Each mutant is loaded beside the real policy and asked by the tables until one fails. A mutant that
does not even load is counted neither way. None is left out as equivalent unless it is listed here
with its reason.
"""

import time

import pytest
from unit.policy import (
    table_approvals,
    table_casework,
    table_docs,
    table_examining,
    table_packs,
    table_people,
    table_reasons,
    table_results,
    table_rules,
    table_searching,
    table_terms,
)
from unit.policy.loading import PACKAGE, mutated, real, sources, tree_of
from unit.policy.mutants import mutants_of

LEAST_KILLED = 0.95

TABLES = (
    *table_people.TABLES,
    *table_rules.TABLES,
    *table_casework.TABLES,
    *table_packs.TABLES,
    *table_terms.TABLES,
    *table_reasons.TABLES,
    *table_approvals.TABLES,
    *table_searching.TABLES,
    *table_examining.TABLES,
    *table_results.TABLES,
    *table_docs.TABLES,
)
# Those tables come first that are about the module: most mutants then fail at once.
FIRST = {
    "people": table_people,
    "rules": table_rules,
    "casework": table_casework,
    "reasons": table_reasons,
    "approvals": table_approvals,
    "searching": table_searching,
    "examining": table_examining,
    "results": table_results,
}

# Mutants that do what the original does: (module, what) -> why nothing can tell them apart.
EQUIVALENT: dict[tuple[str, str], str] = {}


def tables_for(module):
    """Return all tables, those about the module first."""
    about = FIRST.get(module.rpartition(".")[2], table_packs if "packs" in module else table_rules)
    return sorted(TABLES, key=lambda table: table not in about.TABLES)


def survives(mutant, tables):
    """Say whether no table notices; None if the mutant does not load."""
    try:
        policy = mutated(mutant.module, mutant.tree)
    except Exception:  # noqa: BLE001 # whatever keeps it from loading
        return None
    try:
        for table in tables:
            noticing = table
            table(policy)
    except Exception:  # noqa: BLE001 # an assertion, or what the mutant ran into
        # Who noticed this one is asked first about the next one, which is often its neighbour.
        tables.remove(noticing)
        tables.insert(0, noticing)
        return False
    return True


def judged():
    """Return the number of mutants that were killed, survived and did not load, and the survivors."""
    killed, stillborn, survivors = 0, 0, []
    for module in sources():
        tables = tables_for(module)
        for mutant in mutants_of(module, tree_of(module)):
            name = module.removeprefix(f"{PACKAGE}.")
            if (name, mutant.what) in EQUIVALENT:
                continue
            lives = survives(mutant, tables)
            if lives is None:
                stillborn += 1
            elif lives:
                survivors.append(f"{name}:{mutant.line} {mutant.what}")
            else:
                killed += 1
        # No mutant has left anything behind: neither in the tree nor in the modules that they share.
        policy = mutated(module, tree_of(module))
        for table in tables:
            table(policy)
    return killed, stillborn, survivors


def test_the_tables_hold_without_a_mutation():
    for module in sources():
        policy = mutated(module, tree_of(module))
        assert policy.people.Role is not real().people.Role
        assert policy.rules.Actor is policy.people.Actor
    for table in TABLES:
        table(policy)


def test_every_exclusion_is_a_mutant_and_has_a_reason():
    made = {
        (module.removeprefix(f"{PACKAGE}."), mutant.what)
        for module in {f"{PACKAGE}.{name}" for name, _what in EQUIVALENT}
        for mutant in mutants_of(module, tree_of(module))
    }
    assert set(EQUIVALENT) <= made
    assert all(reason.endswith(".") for reason in EQUIVALENT.values())


@pytest.mark.slow
@pytest.mark.timeout(600)  # less than a minute on a machine that does nothing else
def test_nearly_every_mutant_of_the_policy_is_noticed(capsys):
    began = time.perf_counter()
    killed, stillborn, survivors = judged()
    score = killed / (killed + len(survivors))
    with capsys.disabled():
        print(  # the score is for whoever runs the tests
            f"\npolicy mutation score: {score:.1%} ({killed} of {killed + len(survivors)} killed, "
            f"{stillborn} did not load, {len(EQUIVALENT)} equivalent, "
            f"{time.perf_counter() - began:.0f} s)"
        )
        for survivor in survivors:
            print(f"  survived: {survivor}")  # likewise
    assert killed > 1000
    assert stillborn < killed / 20, "the mutator makes what Python cannot load"
    assert score >= LEAST_KILLED, "\n".join(survivors)
