"""Work for later, in PostgreSQL: thin tasks that call the same services, and the worker thread.

A task's arguments are ids and nothing else, because the queue's rows are not sealed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

import structlog
from django.db import connection
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued

from countenance import config
from countenance.apps.agencies.models import Person
from countenance.apps.evaluations import selftests
from countenance.apps.evaluations import services as evaluating
from countenance.apps.examinations import retention as examined
from countenance.apps.galleries import distributing, enrolment, indexing, queries, renewing
from countenance.apps.galleries.models import EnrolmentRun, Gallery
from countenance.apps.records.locks import session_lock
from countenance.apps.records.sealed import using_keyring
from countenance.apps.searches import footage, footage_queries, purging, retention
from countenance.apps.searches.footage_rows import Footage
from countenance.errors import CountenanceError
from countenance.policy import SYSTEM
from countenance.tools import Tools
from countenance.web import maintenance, notices, wiring, witnesses
from countenance.web.mail import Mailer

log = structlog.get_logger()


QUEUES = (
    ["enrolment", "maintenance"],
    ["footage"],
    ["evaluation"],
    ["clock"],
    ["ledger"],
    ["notices"],
)
"""Each list is worked off one job at a time, beside the others."""
LOOKS = RetryStrategy(max_attempts=3, exponential_wait=5)
"""Somebody waits for a video, so after three minutes it is said that it fails."""
RETRIES = RetryStrategy(max_attempts=6, exponential_wait=5)
"""A fault that passes, such as a lost database connection, is tried again within an hour or so."""


EVALUATE = "evaluate_gallery"
DOING = "doing"


@contextmanager
def _keys_of(agency: UUID) -> Iterator[Tools]:
    """Work with the keys of one agency only: what a job is about belongs to one."""
    tools = wiring.current()
    view = tools.keyring.only(agency)
    with using_keyring(view):
        yield replace(tools, keyring=view)


@app.task(name="enrol_staged", queue="enrolment", retry=RETRIES)
def enrol_staged(run_id: str) -> None:
    """Carry out an enrolment whose photos were uploaded, then snapshot the gallery's index."""
    # Not the queue's own lock: that would outlive a killed process and hold the enrolment back for ever.
    with session_lock(UUID(run_id), wait=True):
        run = EnrolmentRun.objects.select_related("gallery", "source", "started_by").get(pk=run_id)
        actor = run.started_by.actor
        with _keys_of(run.gallery.agency_id) as tools:
            enrolment.enrol_staged(actor, run=run, tools=tools)
            indexing.write_snapshot(run.gallery, tools=tools)


@app.task(name="look_through", queue="footage", retry=LOOKS, pass_context=True)
def look_through(context: JobContext, footage_id: str) -> None:
    """Find the faces in a video that was added to a case; one at a time, because each is held in memory."""
    last = context.job.attempts >= (LOOKS.max_attempts or 0)
    with session_lock(UUID(footage_id), wait=True):
        found = Footage.objects.select_related("case__agency", "added_by").defer("crops")
        one = found.get(pk=footage_id)
        with _keys_of(one.agency_id) as tools:
            try:
                footage.look_through(one.added_by.actor, footage=one, tools=tools)
            except Exception:
                if last:
                    footage.give_up(one.added_by.actor, footage=one, tools=tools)
                raise


@app.task(name=EVALUATE, queue="evaluation")
def evaluate_gallery(gallery_id: str, person_id: str) -> None:
    """Measure a gallery with its own photos, for somebody who asked for it."""
    gallery = Gallery.objects.select_related("agency").get(pk=gallery_id)
    person = Person.objects.select_related("agency").get(pk=person_id)
    with _keys_of(gallery.agency_id) as tools:
        evaluating.evaluate_gallery(person.actor, gallery=gallery, tools=tools)


@app.periodic(cron="*/5 * * * *")
@app.task(name="snapshot_indexes", queue="maintenance", pass_context=False)
def snapshot_indexes(timestamp: int) -> None:  # noqa: ARG001 # procrastinate passes the planned time
    """Seal anew the indexes that changed, so that a restart need not build them from the faces.

    And have nobody in Milvus who was removed, also of galleries that are closed.
    """
    for gallery in Gallery.objects.filter(version__gt=0):
        try:
            with _keys_of(gallery.agency_id) as tools:
                distributing.tidy(gallery, tools=tools)
                renewing.follow(gallery, tools=tools)
        except CountenanceError as error:
            log.warning("tidying.failed", code=error.code)
        if gallery.closed_at is not None or not indexing.snapshot_is_stale(gallery):
            continue
        try:
            with _keys_of(gallery.agency_id) as tools:
                indexing.write_snapshot(gallery, tools=tools)
        except CountenanceError as error:
            # The others get theirs; without one a gallery is built from its faces at start.
            log.warning("snapshot.failed", code=error.code)


@app.periodic(cron="* * * * *")
@app.task(name="mind_the_clock", queue="clock", pass_context=False)
def mind_the_clock(timestamp: int) -> None:  # noqa: ARG001 # procrastinate passes the planned time
    """Freeze and destroy what was found under an authority that was refused, or not granted in time."""
    try:
        run_clock()
    finally:
        # Its thread may never be used again, and would keep the connection.
        connection.close()


# Twice a minute, so that no entry waits for more than one.
@app.periodic(cron="* * * * * */30")
@app.task(name="sign_checkpoint", queue="ledger", pass_context=False)
def sign_checkpoint(timestamp: int) -> None:  # noqa: ARG001 # procrastinate passes the planned time
    """Sign the ledger's head and bring it to its witnesses."""
    try:
        run_signing()
    finally:
        connection.close()


def run_signing() -> int:
    """Sign the head and ask the witnesses; return how many signed now. Also at start and at the end.

    Raises:
        LedgerBroken, BadProof: the ledger does not go on from what it signed before.
    """
    done = witnesses.sign_and_ask(tools=wiring.current())
    return sum(one.state is witnesses.State.SIGNED for one in done.asked)


@app.periodic(cron="*/5 * * * *")
@app.task(name="clear_sessions", queue="clock", pass_context=False)
def clear_sessions(timestamp: int) -> None:  # noqa: ARG001 # procrastinate passes the planned time
    """Delete the sessions that have ended, and old tries to sign in, also where nobody restarts."""
    try:
        maintenance.clear_sessions()
    finally:
        connection.close()


@app.periodic(cron="17 * * * *")
@app.task(name="mind_retention", queue="clock", pass_context=False)
def mind_retention(timestamp: int) -> None:  # noqa: ARG001 # procrastinate passes the planned time
    """Destroy what closed cases hold for longer than policy says."""
    try:
        run_retention()
    finally:
        connection.close()


@app.periodic(cron="37 * * * *")
# Not among enrolments, which are not to wait for it.
@app.task(name="run_selftests", queue="evaluation", pass_context=False)
def run_selftests(timestamp: int) -> None:  # noqa: ARG001 # procrastinate passes the planned time
    """Search galleries again for people known not to be in them, where a steward had them kept for it."""
    try:
        done = selftests.run_due(SYSTEM, tools=wiring.current())
        if done:
            log.info("selftests.ran", selftests=done)
    finally:
        connection.close()


def run_retention() -> int:
    """Do what is overdue, and return of how many searches, cases and controls something was destroyed; also at start.

    Raises:
        CountenanceError: it failed for one; all others had their turn.
    """
    tools = wiring.current()
    steps = (
        retention.purge_ended_results,
        retention.purge_ended_evidence,
        examined.destroy_old_controls,
        examined.end_all_left,
        examined.requeue_open,
    )
    *done, _, _ = _each_of(steps, tools=tools)
    if any(done):
        log.info("retention.ran", searches=done[0], cases=done[1], controls=done[2])
    return sum(done)


@app.periodic(cron="*/5 * * * *")
@app.task(name="send_notices", queue="notices", pass_context=False)
def send_notices(timestamp: int) -> None:  # noqa: ARG001 # procrastinate passes the planned time
    """Tell people by e-mail that something waits, if there is a mail server."""
    settings = config.current()
    if not settings.mail.host:
        return
    mailer = Mailer(settings)
    try:
        _notices.send_due(mailer, tools=wiring.current())
    finally:
        mailer.close()
        connection.close()


_notices = notices.Round()


def run_clock() -> int:
    """Do what is overdue, and return how many searches were destroyed; also called at start.

    Raises:
        CountenanceError: it failed for a search; all others had their turn.
    """
    steps = (purging.settle_granted, purging.freeze_overdue, purging.purge_frozen)
    _, frozen, purged = _each_of(steps, tools=wiring.current())
    if frozen or purged:
        log.info("clock.ran", frozen=frozen, purged=purged)
    return purged


def _each_of(steps: Sequence[Callable[..., int]], *, tools: Tools) -> list[int]:
    """Do each step, also if one fails, and return what they return; raise the first failure after all."""
    done, failures = [], []
    for step in steps:
        try:
            done.append(step(SYSTEM, tools=tools))
        except CountenanceError as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return done


class Queue:
    """Hands work to procrastinate; the same work twice is queued once."""

    def enrol(self, run: UUID) -> None:
        """Carry out an enrolment whose photos were uploaded."""
        try:
            enrol_staged.configure(queueing_lock=str(run)).defer(run_id=str(run))
        except AlreadyEnqueued:
            log.info("job.already_queued", run=str(run))

    def look_through(self, footage: UUID) -> None:
        """Look through a video that was added to a case."""
        lock = str(footage)
        try:
            look_through.configure(queueing_lock=lock).defer(footage_id=lock)
        except AlreadyEnqueued:
            log.info("job.already_queued", footage=lock)

    def evaluate(self, gallery: UUID, person: UUID) -> None:
        """Measure a gallery with its own photos; one that waits to be measured is queued once."""
        lock = str(gallery)
        try:
            evaluate_gallery.configure(queueing_lock=lock).defer(
                gallery_id=lock, person_id=str(person)
            )
        except AlreadyEnqueued:
            log.info("job.already_queued", gallery=lock)

    def evaluating(self, gallery: UUID) -> str:
        """Return how the newest measurement of a gallery stands; see `tools.Jobs`."""
        jobs = ProcrastinateJob.objects.filter(task_name=EVALUATE, queueing_lock=str(gallery))
        newest = jobs.order_by("-pk").values_list("status", flat=True).first()
        return {"todo": "running", "doing": "running", "failed": "failed"}.get(newest or "", "")


def requeue_unfinished() -> int:
    """Queue the enrolments, videos and evaluations that a stop interrupted, and return how many.

    An evaluation that was interrupted twice has failed: it may be what stops the program.
    """
    runs, videos = queries.unfinished_staged_runs(), footage_queries.unfinished()
    evaluations = _interrupted_evaluations()
    for run in runs:
        Queue().enrol(run.pk)
    for video in videos:
        Queue().look_through(video)
    for asked in evaluations:
        Queue().evaluate(UUID(asked["gallery_id"]), UUID(asked["person_id"]))
    return len(runs) + len(videos) + len(evaluations)


def _interrupted_evaluations() -> list[dict[str, str]]:
    """Return what was asked of each evaluation that a stop interrupted for the first time.

    Nobody works on any at start, so each that is “doing” was interrupted. One whose predecessor was too is
    marked as failed, as its page then says.
    """
    jobs = ProcrastinateJob.objects.filter(task_name=EVALUATE)
    newest = jobs.order_by("queueing_lock", "-pk").distinct("queueing_lock")
    again, failed = [], []
    for one in newest:
        if one.status == DOING:
            earlier = jobs.filter(queueing_lock=one.queueing_lock, pk__lt=one.pk).order_by("-pk")
            before = earlier.values_list("status", flat=True).first()
            failed.append(one.pk) if before == DOING else again.append(one.args)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'failed' WHERE id = ANY(%s)", [failed]
        )
    return again


class Worker:
    """Runs the queue in a thread of this process, which holds the keys and the index."""

    def __init__(self) -> None:
        """Prepare; `start` begins."""
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Stop after the task in hand, or after `timeout` seconds; what is unfinished is queued again at start."""
        if self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(timeout)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._work())
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 # the thread's last word goes to the operator
            # Without the traceback, which could show values.
            log.error("jobs.stopped", error=type(error).__name__)  # noqa: TRY400
        finally:
            self._loop.close()

    async def _work(self) -> None:
        self._task = asyncio.current_task()
        worker = app.with_connector(
            app.connector.get_worker_connector()  # type: ignore[attr-defined] # the Django connector's
        )
        async with worker.open_async(), asyncio.TaskGroup() as group:
            # The clock does not wait for an enrolment, which can take hours. (A group, unlike `gather`,
            # waits until each has ended, so that none is left with the database in its hands.)
            for queues in QUEUES:
                group.create_task(
                    worker.run_worker_async(
                        queues=queues,
                        concurrency=1,
                        install_signal_handlers=False,
                        listen_notify=True,
                        # What was done is on the ledger; thousands of rows a day would only gather here.
                        delete_jobs="successful",
                    )
                )
