"""`countenance init` and `countenance serve`."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from countenance.cli import output, session
from countenance.cli.options import AsJson, shown_with
from countenance.cli.session import DEMO_KEYS, ask_secret, ends_tidily, running

if TYPE_CHECKING:
    from countenance.apps.agencies.models import Invitation
    from countenance.config import Config
    from countenance.sealing.factors import Factor
    from countenance.tools import Tools
    from countenance.web.server import WebServer

FIRST_EMAIL = "custodian@localhost"


@shown_with(
    'countenance init --name "Cleo Custodian" --email cleo@example.org',
    "COUNTENANCE_PASSPHRASE_FILE=/run/secrets/passphrase countenance init --json",
    "COUNTENANCE_HOME=/tmp/try countenance init --demo-keys",
)
def init(
    name: Annotated[str, typer.Option(help="The name of the first custodian.")] = "First custodian",
    email: Annotated[
        str, typer.Option(help="Their address, with which they sign in.")
    ] = FIRST_EMAIL,
    demo_keys: Annotated[
        bool,
        typer.Option(
            "--demo-keys",
            help="Keep the key that opens the home in a file beside it, instead of asking for a passphrase. "
            "For demonstration and development only.",
        ),
    ] = False,
    to: Annotated[
        list[str] | None,
        typer.Option(
            "--factor",
            help="What opens it: `passphrase`, `passphrase:FILE` or `kms`. Three of them: any two together, no single one.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a new deployment: its folder, database, keys, and the first custodian's invitation.

    Asks for a passphrase of at least 12 characters, or reads it from the file that COUNTENANCE_PASSPHRASE_FILE
    names. Whoever loses it loses everything in the deployment: nothing else opens it. Prints a link that works
    once, for 72 hours, while `countenance serve` runs: with it the custodian makes their account, and then
    admits the first agency.
    """
    from countenance import config
    from countenance.web import wiring

    settings = config.current()
    begun = wiring.is_initialised(settings)
    factor = None if begun else _new_factor(settings, demo_keys=demo_keys, to=to or [])
    output.say(f"Making a deployment in {settings.home} ...")
    try:
        settings = wiring.start(settings)
        wiring.migrate()
        if factor is None:
            _refuse_second()
            factor = session.factor()
        invitation, secret = set_up(factor, name=name, email=email)
        link = invitation_link(settings, secret)
        value = _made(settings, factor) | {
            "custodian": {"name": name, "email": email},
            "invitation": link,
            "invitation_ends": invitation.expires_at.isoformat(),
        }
    finally:
        wiring.stop()
    if demo_keys:
        output.say(DEMO_KEYS)
    output.result(
        value,
        f"The deployment is ready in {settings.home}.",
        f"The custodian's invitation, shown only now, for 72 hours: {link}",
        "Next: `countenance serve`, then open the link.",
    )


def _made(settings: Config, factor: Factor) -> dict[str, object]:
    from countenance.web import wiring

    deployment = str(wiring.current().keyring.deployment)
    return {"home": str(settings.home), "deployment": deployment, "factor": factor.kind}


def set_up(factor: Factor, *, name: str, email: str) -> tuple[Invitation, str]:
    """Make keys, the custodians' agency and the first custodian's invitation; leave it unsealed.

    A set-up that was interrupted goes on where it stopped.

    Raises:
        AlreadyExists: a custodian was invited already.
    """
    from countenance.apps.agencies import inviting, queries, services, upgrade
    from countenance.policy import SYSTEM, Role

    tools = make_keys(factor)
    home = queries.custodians() or services.admit_agency(
        SYSTEM, name=upgrade.CUSTODIANS, listed=False, custodial=True, tools=tools
    )
    return inviting.invite_first(
        SYSTEM, agency=home, role=Role.CUSTODIAN, name=name, email=email, tools=tools
    )


def make_keys(factor: Factor) -> Tools:
    """Make the keys of the started, migrated deployment, or open those of an interrupted set-up.

    Raises:
        AlreadyExists: the deployment is complete.
    """
    from countenance.web import wiring

    if wiring.has_ledger():
        _refuse_second()
        return wiring.unseal(factor)
    wiring.initialise(factor)
    return wiring.current()


def invitation_link(settings: Config, secret: str) -> str:
    """Return the address at which an invitation is accepted, as the server will be reached."""
    return f"{settings.web.address}/invitation/{secret}/"


def _refuse_second() -> None:
    """Refuse to make a deployment where one is complete already."""
    from countenance.apps.agencies.models import Invitation, Person
    from countenance.errors import AlreadyExists

    if Person.objects.exists() or Invitation.objects.exists():
        raise AlreadyExists(
            "There is a deployment in this home already. Choose another home with COUNTENANCE_HOME, or run "
            "`countenance custodian invite` for another link."
        )


def new_password() -> str:
    """Return a random password that can be read out: 20 letters and digits in groups."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    letters = [secrets.choice(alphabet) for _ in range(20)]
    return "-".join("".join(letters[i : i + 5]) for i in range(0, 20, 5))


def _new_factor(settings: Config, *, demo_keys: bool, to: list[str]) -> Factor:
    from countenance.sealing.factors import FileFactor, Passphrase

    if demo_keys:
        return FileFactor(settings.file_factor)
    if to:
        from countenance.cli.keys import factor_of

        return factor_of(to, split=len(to) > 1)
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
    # By name also on this machine only: a passkey belongs to a name, never to a number.
    local = {"127.0.0.1", "::1", "0.0.0.0", "::", ""}  # noqa: S104 # only for display
    return "localhost" if host in local else host
