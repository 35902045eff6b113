"""Whoever guesses does not learn which addresses have an account: not by text, headers or time."""

from __future__ import annotations

import random
import re
import statistics
import time
from collections.abc import Callable
from math import sqrt
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import Client
from sign_in_help import EMAIL, PASSWORD, give_app, give_codes

from countenance.apps.agencies import decoys, lockout, signing
from countenance.apps.agencies.models import Person
from countenance.errors import NotSignedIn
from countenance.policy import SYSTEM

UNKNOWN, WITHOUT_FACTOR = "nobody@example.org", "examiner@example.org"
SUPERVISOR = "supervisor@example.org"
WRONG = "a wrong long password"
SAMPLES, CONTROLS = 2000, 600
MEASUREMENTS = 3
LARGEST_T = 4.5
CHANGES_EACH_TIME = {"X-Request-ID", "Date"}


class QuickHasher(Argon2PasswordHasher):
    """The hash of the program at a hundredth of its cost.

    A cheap hash makes this test harder to pass, not easier: at full cost the noise of hashing alone
    (milliseconds) would hide what the rest differs by. That an unknown address costs a full hash at
    all is what `test_every_try_costs_one_hash_of_the_same_kind` shows.
    """

    time_cost = 1
    memory_cost = 1024
    parallelism = 1


@pytest.fixture
def on(transactional_db: None, request: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    # `transactional_db` by name: pytest-django does not see it behind `getfixturevalue`, and within one
    # transaction every row's old versions stay, so that the address tried most often would be slowest.
    settings.PASSWORD_HASHERS = [f"{QuickHasher.__module__}.QuickHasher"]
    # Trying goes on without being locked: a locked address takes the same way, but not the only one.
    monkeypatch.setattr(lockout, "SIGN_IN_TRIES", 10**9)
    deployment = request.getfixturevalue("deployment")
    give_app(deployment.person, tools=deployment.tools)
    give_codes(deployment.person, tools=deployment.tools)
    # Each kind of try has an address of its own: what an address was tried with before must not count.
    supervisor = Person.objects.get(pk=deployment.supervisor.person)
    give_app(supervisor, tools=deployment.tools)
    give_codes(supervisor, tools=deployment.tools)
    return deployment


Tries = dict[str, Callable[[], object]]


def tries_of(on: Any) -> Tries:
    def one(email: str, password: str, code: str) -> Callable[[], object]:
        def attempt() -> None:
            with pytest.raises(NotSignedIn):
                signing.sign_in(SYSTEM, email=email, password=password, code=code, tools=on.tools)

        return attempt

    return {
        "unknown": one(UNKNOWN, WRONG, "000000"),
        "wrong password": one(EMAIL, WRONG, "000000"),
        "wrong code": one(SUPERVISOR, PASSWORD, "000000"),
        "without any factor": one(WITHOUT_FACTOR, PASSWORD, "000000"),
    }


def measured(tries: Tries, samples: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return seconds of each kind of try, interleaved in an order that is drawn.

    First those on the wall, then those of the processor for this thread, which a busy machine blurs least.
    """
    order = [name for name in tries for _ in range(samples // len(tries))]
    random.Random(7).shuffle(order)
    for attempt in tries.values():
        attempt()
        attempt()
    waited: dict[str, list[float]] = {name: [] for name in tries}
    worked: dict[str, list[float]] = {name: [] for name in tries}
    for name in order:
        begun, work = time.perf_counter(), time.thread_time()
        tries[name]()
        worked[name].append(time.thread_time() - work)
        waited[name].append(time.perf_counter() - begun)
    return waited, worked


def welch(one: list[float], other: list[float]) -> float:
    """Return Welch's t of two samples, each without its slower half, which is the machine's noise.

    Of the whole samples a busy machine makes so wide that the control below is not seen.
    """
    kept = [sorted(values)[: len(values) // 2] for values in (one, other)]
    means = [statistics.fmean(values) for values in kept]
    errors = [statistics.variance(values) / len(values) for values in kept]
    return (means[0] - means[1]) / sqrt(sum(errors))


def report(seconds: dict[str, list[float]]) -> dict[str, float]:
    unknown = seconds["unknown"]
    found = {name: welch(unknown, values) for name, values in seconds.items() if name != "unknown"}
    medians = {name: f"{statistics.median(v) * 1000:.3f} ms" for name, v in seconds.items()}
    print("medians", medians, "t", {name: round(t, 2) for name, t in found.items()})
    return found


TAKEN: list[tuple[dict[str, list[float]], dict[str, list[float]]]] = []


def first_measured(on: Any) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Measure once for both tests below: the same tries tell of the wall's time and of the processor's."""
    if not TAKEN:
        TAKEN.append(measured(tries_of(on), SAMPLES))
    return TAKEN[0]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_time_does_not_tell_whether_an_address_has_an_account(on):
    # A difference in the program shows in every measurement; what else the machine does, in some.
    for number in range(MEASUREMENTS):
        waited, _ = measured(tries_of(on), SAMPLES) if number else first_measured(on)
        found = report(waited)
        if all(abs(t) < LARGEST_T for t in found.values()):
            return
    raise AssertionError(found)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_programs_own_work_is_the_same_within_a_few_parts_in_a_hundred(on):
    # With a real hash beside it, what remains here is less than one part in a thousand. As above, a
    # difference in the program shows in every measurement.
    for number in range(MEASUREMENTS):
        _, worked = measured(tries_of(on), SAMPLES) if number else first_measured(on)
        report(worked)
        medians = {name: statistics.median(values) for name, values in worked.items()}
        shares = {name: median / medians["unknown"] for name, median in medians.items()}
        if all(0.95 < share < 1.05 for share in shares.values()):
            return
    raise AssertionError(shares)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_measurement_sees_it_when_an_unknown_address_is_spared_its_work(on, monkeypatch):
    verify, decoy = signing.check_password, decoys.make(tools=on.tools)["password"]
    plain = decoys.person(tools=on.tools).password

    def only_of_people(password: str, encoded: str) -> bool:
        return encoded != plain and bool(verify(password, encoded))

    assert decoy != plain
    monkeypatch.setattr(signing, "check_password", only_of_people)
    tries = tries_of(on)
    del tries["without any factor"]
    for _ in range(MEASUREMENTS):
        _waited, worked = measured(tries, CONTROLS)
        found = report(worked)
        if found["wrong password"] < -LARGEST_T:
            return
    raise AssertionError(found)


def test_every_try_costs_one_hash_of_the_same_kind(deployment, monkeypatch):
    give_app(deployment.person, tools=deployment.tools)
    tries = tries_of(deployment)
    tries["unknown"]()  # the decoy's own password is made once
    hashed: list[str] = []
    verify = signing.check_password

    def noting(password: str, encoded: str) -> bool:
        hashed.append(encoded.rsplit("$", 2)[0])
        return bool(verify(password, encoded))

    monkeypatch.setattr(signing, "check_password", noting)
    for attempt in tries.values():
        attempt()
    assert len(hashed) == len(tries)
    assert len(set(hashed)) == 1
    assert hashed[0].startswith("argon2")


def answers(tried: dict[str, tuple[str, str, str]]) -> dict[str, Any]:
    found = {}
    for name, (email, password, code) in tried.items():
        client = Client()
        sent = {"email": email, "password": password, "code": code}
        answer = client.post("/sign-in/", sent)
        body = answer.content.decode()
        for value in (answer["X-Request-ID"], email, code):
            body = body.replace(value, "")
        body = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", body)
        headers = {k: v for k, v in answer.headers.items() if k not in CHANGES_EACH_TIME}
        cookies = {name: {**one, "expires": ""} for name, one in client.cookies.items()}
        # The page gives back what was typed; its length is compared without that.
        length = int(headers.pop("Content-Length")) - sum(
            len(one) * answer.content.count(one.encode()) for one in (email, code)
        )
        found[name] = (answer.status_code, body, headers, cookies, length)
    return found


def suspend(person: Person) -> None:
    person.standing |= {"suspended": {"since": "2026-01-01"}}
    person.save()


def test_every_refusal_has_the_same_status_body_headers_cookies_and_length(deployment):
    app = give_app(deployment.person, tools=deployment.tools)
    suspended = Person.objects.get(pk=deployment.supervisor.person)
    theirs = give_app(suspended, tools=deployment.tools)
    suspend(suspended)
    tried = {
        "unknown": (UNKNOWN, PASSWORD, "000000"),
        "wrong password": (EMAIL, WRONG, app.code()),
        "wrong code": (EMAIL, PASSWORD, "000000"),
        "both wrong": (EMAIL, WRONG, "000000"),
        "recovery code": (EMAIL, PASSWORD, "abcdef"),
        "without any factor": (WITHOUT_FACTOR, PASSWORD, "000000"),
        "suspended": (SUPERVISOR, PASSWORD, theirs.code()),
    }
    found = answers(tried)
    for _ in range(lockout.SIGN_IN_TRIES):
        answers({"again": (EMAIL, WRONG, "000000")})
    found |= answers({"locked": (EMAIL, PASSWORD, app.code())})
    assert found["unknown"][0] == 422
    assert "do not belong together" in found["unknown"][1]
    for name, answer in found.items():
        for part, expected in zip(answer, found["unknown"], strict=True):
            assert part == expected, name
