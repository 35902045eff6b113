"""`countenance init` and `countenance serve`."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from countenance.cli import output
from countenance.cli.options import AsJson, shown_with
from countenance.cli.session import DEMO_KEYS, ask_secret, ends_tidily, running

if TYPE_CHECKING:
    from countenance.apps.agencies.models import Agency, Person
    from countenance.config import Config
    from countenance.sealing.factors import Factor
    from countenance.web.server import WebServer

OPERATOR = "operator@localhost"


@shown_with(
    "countenance init",
    "COUNTENANCE_PASSPHRASE_FILE=/run/secrets/passphrase countenance init --json",
    "COUNTENANCE_HOME=/tmp/try countenance init --demo-keys",
)
def init(
    agency: Annotated[str, typer.Option(help="The name of your organisation.")] = "Our agency",
    name: Annotated[str, typer.Option(help="The name of the first person.")] = "Operator",
    email: Annotated[str, typer.Option(help="Their address, with which they sign in.")] = OPERATOR,
    demo_keys: Annotated[
        bool,
        typer.Option(
            "--demo-keys",
            help="Keep the key that opens the home in a file beside it, instead of asking for a passphrase. "
            "For demonstration and development only.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a new deployment: its folder, database, keys and first person.

    Asks for a passphrase of at least 12 characters, or reads it from the file that COUNTENANCE_PASSPHRASE_FILE
    names. Whoever loses it loses everything in the deployment: nothing else opens it. The commands act on
    behalf of the first person, whose password for the web app is made here and shown once.
    """
    from countenance import config
    from countenance.web import wiring

    settings = config.current()
    begun = wiring.is_initialised(settings)
    factor = None if begun else _new_factor(settings, demo_keys=demo_keys)
    output.say(f"Making a deployment in {settings.home} ...")
    try:
        settings = wiring.start(settings)
        wiring.migrate()
        if factor is None:
            _refuse_second()
            factor = _new_factor(settings, demo_keys=wiring.uses_demo_keys())
        person, password = set_up(factor, agency=agency, name=name, email=email)
        value = {
            "home": str(settings.home),
            "deployment": str(wiring.current().keyring.deployment),
            "factor": factor.kind,
            "agency": agency,
            "person": {"id": str(person.pk), "name": name, "email": email},
            "password": password,
        }
    finally:
        wiring.stop()
    if demo_keys:
        output.say(DEMO_KEYS)
    output.result(
        value,
        f"The deployment is ready in {settings.home}.",
        f"Web log-in, shown only now: {email}  {password}",
        "Next: `countenance source add`, `countenance gallery create`, `countenance enrol`; `countenance serve`.",
    )


def set_up(factor: Factor, *, agency: str, name: str, email: str) -> tuple[Person, str]:
    """Make keys, agency and first person in the started, migrated deployment; leave it unsealed.

    A set-up that was interrupted goes on where it stopped.

    Raises:
        AlreadyExists: there is a person already.
    """
    from countenance.apps.agencies import services
    from countenance.apps.agencies.models import Agency
    from countenance.policy import SYSTEM
    from countenance.web import wiring

    if wiring.has_ledger():
        _refuse_second()
        wiring.unseal(factor)
    else:
        wiring.initialise(factor)
    tools = wiring.current()
    home: Agency | None = Agency.objects.first()
    home = home or services.admit_agency(SYSTEM, name=agency, tools=tools)
    password = new_password()
    person = services.add_person(
        SYSTEM, agency=home, name=name, email=email, password=password, tools=tools
    )
    return person, password


def _refuse_second() -> None:
    """Refuse to make a deployment where one is complete already."""
    from countenance.apps.agencies.models import Person
    from countenance.errors import AlreadyExists

    if Person.objects.exists():
        raise AlreadyExists(
            "There is a deployment in this home already. Choose another home with COUNTENANCE_HOME."
        )


def new_password() -> str:
    """Return a random password that can be read out: 20 letters and digits in groups."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    letters = [secrets.choice(alphabet) for _ in range(20)]
    return "-".join("".join(letters[i : i + 5]) for i in range(0, 20, 5))


def _new_factor(settings: Config, *, demo_keys: bool) -> Factor:
    from countenance.sealing.factors import FileFactor, Passphrase

    if demo_keys:
        return FileFactor(settings.file_factor)
    if settings.passphrase is not None:
        return Passphrase(settings.passphrase.get_secret_value())
    output.say("Choose the passphrase that will open this deployment. Nothing else can.")
    return Passphrase(ask_secret("Passphrase, at least 12 characters", twice=True))


@shown_with("countenance serve", "countenance serve --port 8080")
def serve(
    host: Annotated[
        str | None, typer.Option(help="The address to listen on, instead of the settings'.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Serve the web app and carry out enrolments until Ctrl-C.

    Without a passphrase in the settings it starts sealed: nothing can be read until a custodian types the
    passphrase into its first page.
    """
    with ends_tidily(), running() as settings:
        web = settings.web.model_copy(
            update={
                key: value for key, value in (("host", host), ("port", port)) if value is not None
            }
        )
        run_server(settings.model_copy(update={"web": web}))


def run_server(settings: Config, *lines: str) -> None:
    """Serve the started, migrated deployment until it is interrupted; unseal it if that needs no person."""
    from countenance import config
    from countenance.web import jobs, logs, wiring

    config.install(settings)
    logs.configure(settings.log_format)
    wiring.use_jobs(jobs.Queue())
    if wiring.is_sealed() and (factor := wiring.known_factor()):
        wiring.unseal(factor, serving=True)
    server = _bind(settings)
    address = f"http://{_shown_host(settings.web.host)}:{server.port}/"

    def ready() -> None:
        value = {"address": address, "sealed": wiring.is_sealed()}
        sealed = (
            ("Sealed: open the address and type the passphrase.",) if wiring.is_sealed() else ()
        )
        output.result(value, *lines, *sealed, f"Serving on {address}  (Ctrl-C stops)")

    with contextlib.suppress(KeyboardInterrupt):
        server.run(ready)
    output.say("Stopped.")


def _bind(settings: Config) -> WebServer:
    from countenance.errors import Unavailable
    from countenance.web import server

    try:
        return server.WebServer(settings)
    except OSError:
        raise Unavailable(
            f"Port {settings.web.port} on {settings.web.host} cannot be used; another program may be using it. "
            "Choose another with --port."
        ) from None


def _shown_host(host: str) -> str:
    return "localhost" if host in {"0.0.0.0", "::", ""} else host  # noqa: S104 # only for display
