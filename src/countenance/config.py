"""Where things are: typed, frozen settings from `COUNTENANCE_…` (and `COUNTENANCE_…_FILE` for secrets).

Configuration says where; policy says what is allowed. Thresholds, quotas and retention are rows that
change through a service with a ledger entry, never settings.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from countenance.errors import SettingsInvalid
from countenance.faces.reel import MEGA, VideoLimits

_MEBIBYTE = 1024 * 1024
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


def default_home() -> Path:
    """Return the platform's data folder; for root a system folder, which the database's user can reach."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/countenance/home")
    return platformdirs.user_data_path("countenance", appauthor=False)


class _Part(BaseModel):
    """Some of the settings; whatever is not known is refused, so that no misspelt one is overlooked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_files(cls, values: object) -> object:
        """Leave out the names of files that hold a secret: `Config.load` reads them."""
        if not isinstance(values, dict):
            return values
        files = {f"{name}_file" for name in cls.model_fields}
        return {name: value for name, value in values.items() if name not in files}


class FacesSettings(_Part):
    """What faces are compared with."""

    device: Literal["auto", "cpu", "cuda", "coreml", "directml", "openvino", "tensorrt"] = Field(
        default="auto",
        description="Where templates are made: `cpu`, or an accelerator that the installed ONNX Runtime was built "
        "for. `auto` takes the first of CUDA, CoreML, DirectML and OpenVINO that gives the CPU's templates, and "
        "the CPU if there is none; `countenance doctor` says which and why.",
    )


class DatabaseSettings(_Part):
    """Where the database is."""

    url: SecretStr | None = Field(
        default=None,
        description="A PostgreSQL URL (version 15 or newer). Empty: the bundled PostgreSQL, kept in the home folder.",
    )


class WebSettings(_Part):
    """Where the web app listens."""

    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="The port to listen on.")
    names: tuple[str, ...] = Field(
        default=("localhost", "127.0.0.1"),
        description="The host names under which the web app may be called (a JSON list).",
    )
    https: bool = Field(
        default=False,
        description="True behind HTTPS: cookies are marked secure and HSTS is sent.",
    )
    private_providers: tuple[str, ...] = Field(
        default=(),
        description="The host names of agencies' sign-in providers that may have addresses that are not public "
        "(a JSON list). Name only hosts on which nothing else answers.",
    )
    private_witnesses: tuple[str, ...] = Field(
        default=(),
        description="The host names of witnesses of the ledger that may have addresses that are not public (a JSON "
        "list). A witness that the same people run as this machine proves nothing to others.",
    )
    threads: int = Field(default=8, ge=2, le=64, description="Requests answered at the same time.")
    upload_limit: int = Field(
        default=256 * _MEBIBYTE,
        ge=_MEBIBYTE,
        description="The largest upload in bytes; an upload is held in memory, never in a temporary file.",
    )
    video_limit: int = Field(
        default=100 * MEGA,
        ge=_MEBIBYTE,
        le=VideoLimits().file_bytes,
        description="The largest video in bytes. It is held in memory, by the server and by the worker that "
        "looks through it, and sealed as a whole: at the default some 400 MB at most while one is added.",
    )

    @property
    def address(self) -> str:
        """Return the address under which people reach the web app, without a slash at its end."""
        # By name, because no passkey belongs to a number.
        name = self.names[0] if self.names else "localhost"
        return f"https://{name}" if self.https else f"http://{name}:{self.port}"


class MailSettings(_Part):
    """Where notices go out: mails that say that something waits, and nothing more. Off without a host."""

    host: str = Field(
        default="",
        description="The mail server (SMTP) that takes the notices. Empty: none are sent. A notice says that "
        "something waits and under which address, and nothing else.",
    )
    port: int = Field(default=587, ge=1, le=65535, description="The mail server's port.")
    user: str = Field(default="", description="The name to sign in with there. Empty: without.")
    password: SecretStr | None = Field(default=None, description="The password to sign in with.")
    tls: Literal["starttls", "implicit", "off"] = Field(
        default="starttls",
        description="`starttls`, `implicit` (usually port 465), or `off`, which is for a server on this "
        "machine only. The server's certificate is checked.",
    )
    sender: str = Field(
        default="", description="The address that notices come from; needed with a host."
    )

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        """Refuse to send addresses over a network in clear, and mails from nobody."""
        if self.host and "@" not in self.sender:
            raise ValueError("COUNTENANCE_MAIL__SENDER must be the address that notices come from.")
        if self.host and self.tls == "off" and self.host not in _THIS_MACHINE:
            raise ValueError("COUNTENANCE_MAIL__TLS can be off only for a server on this machine.")
        return self


class MilvusSettings(_Part):
    """Where the Milvus server is, for galleries that are kept there. Off without an address."""

    uri: str = Field(
        default="",
        description="The address of the Milvus server, such as `https://milvus.example.org:19530`. Empty: every "
        "gallery is searched in this machine's memory. `http` is for a server on this machine only.",
    )
    token: SecretStr | None = Field(
        default=None, description="What to sign in with there: `user:password` or an API key."
    )
    timeout: float = Field(
        default=10.0, ge=1, le=300, description="How long one question to it may take, in seconds."
    )
    trusted: str = Field(
        default="",
        description="A file with the certificate of whoever signed the server's. Empty: those that gRPC knows.",
    )
    certificate: str = Field(
        default="",
        description="A file with the certificate to show the server, if it asks for one.",
    )
    key: str = Field(default="", description="The file with that certificate's key.")
    server_name: str = Field(
        default="",
        description="The name in the server's certificate, if it is not that of the address.",
    )

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        """Refuse to send templates over a network in clear, and secrets in an address."""
        parts = urlsplit(self.uri)
        if self.uri and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("COUNTENANCE_MILVUS__URI must start with https:// and name a host.")
        if parts.username or parts.password:
            raise ValueError("The sign-in belongs into COUNTENANCE_MILVUS__TOKEN, not the address.")
        if parts.scheme == "http" and parts.hostname not in _THIS_MACHINE:
            raise ValueError("COUNTENANCE_MILVUS__URI may be http only for this machine.")
        if bool(self.certificate) != bool(self.key):
            raise ValueError("COUNTENANCE_MILVUS__CERTIFICATE and __KEY belong together.")
        if self.certificate and not self.trusted:
            raise ValueError("COUNTENANCE_MILVUS__CERTIFICATE needs COUNTENANCE_MILVUS__TRUSTED.")
        return self


class KmsSettings(_Part):
    """The key management service that unseals, where one does. See the how-to "Unseal with a KMS"."""

    service: Literal["", "aws-kms", "gcp-kms", "transit"] = Field(
        default="",
        description="`aws-kms`, `gcp-kms`, or `transit` for OpenBao and Vault. Empty: none.",
    )
    key: str = Field(
        default="",
        description="The key's name there: an ARN, `projects/…/cryptoKeys/…`, or `mount/name`.",
    )
    address: str = Field(
        default="",
        description="The service's address; needed for `transit`. `http` is for this machine only.",
    )
    token: SecretStr | None = Field(
        default=None,
        description="What signs in there: a token of OpenBao or Vault, or an access token of Google. Empty with "
        "Google: the machine's own. AWS finds its credentials by itself.",
    )
    metadata: str = Field(
        default="",
        description="Where Google's machine tokens are asked for. Empty: where Google's machines have them.",
    )
    timeout: float = Field(
        default=10.0, ge=0.1, le=120, description="How long one question may take, in seconds."
    )
    trusted: str = Field(
        default="",
        description="A file with the certificate of whoever signed the service's. Empty: the public ones.",
    )

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        """Refuse to send the secret over a network in clear, and half a setting."""
        if self.service and not self.key:
            raise ValueError("COUNTENANCE_KMS__SERVICE needs COUNTENANCE_KMS__KEY.")
        if self.service == "transit" and not self.address:
            raise ValueError("COUNTENANCE_KMS__SERVICE=transit needs COUNTENANCE_KMS__ADDRESS.")
        for address in filter(None, (self.address, self.metadata)):
            parts = urlsplit(address)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
                raise ValueError(
                    "COUNTENANCE_KMS__ADDRESS must start with https:// and name a host."
                )
        parts = urlsplit(self.address)
        if parts.scheme == "http" and parts.hostname not in _THIS_MACHINE:
            raise ValueError("COUNTENANCE_KMS__ADDRESS may be http only for this machine.")
        return self


class Config(BaseSettings):
    """All settings of one deployment."""

    model_config = SettingsConfigDict(
        env_prefix="COUNTENANCE_", env_nested_delimiter="__", frozen=True, extra="ignore"
    )

    home: Path = Field(
        default_factory=default_home,
        description="The folder that holds everything: keys (wrapped), database, sealed photos, models.",
    )
    passphrase: SecretStr | None = Field(
        default=None,
        description="The passphrase that unseals. Prefer `COUNTENANCE_PASSPHRASE_FILE`, or the prompt.",
    )
    second_passphrase: SecretStr | None = Field(
        default=None,
        description="With split custody: the second passphrase. Prefer `COUNTENANCE_SECOND_PASSPHRASE_FILE`, or "
        "the prompt; both on one machine undo what split custody is for.",
    )
    token: SecretStr | None = Field(
        default=None,
        description="The personal token with which commands act. Prefer `COUNTENANCE_TOKEN_FILE`, or "
        "`countenance login`, which keeps one in a file of yours.",
    )
    models: Path | None = Field(
        default=None,
        description="The folder of the model files. Empty: `models` in the home folder.",
    )
    workers: int = Field(
        default=0, ge=0, le=256, description="Photo worker processes; 0 means one per core."
    )
    log_format: str = Field(
        default="auto",
        pattern="^(auto|json|pretty)$",
        description="`json`, `pretty`, or `auto`: pretty on a terminal.",
    )
    trust_clock: bool = Field(
        default=False,
        description="Go on although the machine's clock is behind the ledger's last entry: only if that entry was "
        "dated by a clock that was ahead. New entries bear its time until that has passed.",
    )
    recall: float = Field(
        default=0.999,
        ge=0.5,
        le=1.0,
        description="The share of mates, of those that an exact search ranks first, that each gallery's index must "
        "rank first. Above 0.999 every gallery is searched exactly, which takes more memory and time.",
    )
    faces: FacesSettings = Field(default_factory=FacesSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    mail: MailSettings = Field(default_factory=MailSettings)
    milvus: MilvusSettings = Field(default_factory=MilvusSettings)
    kms: KmsSettings = Field(default_factory=KmsSettings)

    @classmethod
    def load(cls, **overrides: object) -> Self:
        """Read the environment; `…_FILE` names a file that holds the value.

        Raises:
            SettingsInvalid: all faults in one message.
        """
        from_files = _values_from_files()
        try:
            return cls(**{**from_files, **overrides})  # type: ignore[arg-type] # pydantic validates
        except ValidationError as fault:
            lines = [
                f"COUNTENANCE_{'__'.join(str(part).upper() for part in error['loc'])}: {error['msg']}"
                for error in fault.errors(include_input=False)
            ]
            raise SettingsInvalid("The settings are wrong. " + "; ".join(lines)) from None

    @property
    def models_folder(self) -> Path:
        """Return where model files are kept."""
        return self.models or self.home / "models"

    @property
    def key_file(self) -> Path:
        """Return the file that holds the wrapped root key."""
        return self.home / "keys" / "root.json"

    @property
    def file_factor(self) -> Path:
        """Return the demo factor's file, which exists only with `--demo-keys`."""
        return self.home / "keys" / "demo-factor"

    @property
    def objects_folder(self) -> Path:
        """Return where sealed objects are kept."""
        return self.home / "objects"


def _values_from_files() -> dict[str, object]:
    """Return the secrets whose `…_FILE` variable is set, trailing newline removed."""
    values: dict[str, object] = {}
    if name := os.environ.get("COUNTENANCE_PASSPHRASE_FILE"):
        values["passphrase"] = _read(name, "COUNTENANCE_PASSPHRASE_FILE")
    if name := os.environ.get("COUNTENANCE_SECOND_PASSPHRASE_FILE"):
        values["second_passphrase"] = _read(name, "COUNTENANCE_SECOND_PASSPHRASE_FILE")
    if name := os.environ.get("COUNTENANCE_KMS__TOKEN_FILE"):
        values["kms"] = {"token": _read(name, "COUNTENANCE_KMS__TOKEN_FILE").strip()}
    if name := os.environ.get("COUNTENANCE_TOKEN_FILE"):
        values["token"] = _read(name, "COUNTENANCE_TOKEN_FILE").strip()
    if name := os.environ.get("COUNTENANCE_DATABASE__URL_FILE"):
        values["database"] = {"url": _read(name, "COUNTENANCE_DATABASE__URL_FILE")}
    if name := os.environ.get("COUNTENANCE_MAIL__PASSWORD_FILE"):
        values["mail"] = {"password": _read(name, "COUNTENANCE_MAIL__PASSWORD_FILE")}
    if name := os.environ.get("COUNTENANCE_MILVUS__TOKEN_FILE"):
        values["milvus"] = {"token": _read(name, "COUNTENANCE_MILVUS__TOKEN_FILE").strip()}
    return values


def _read(name: str, variable: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise SettingsInvalid(f"{variable}: the file cannot be read.") from None


_installed: list[Config] = []


def install(config: Config) -> None:
    """Make this the settings of the process, such as after the local database gave its address."""
    _installed[:] = [config]


def current() -> Config:
    """Return this process's settings, read once."""
    if not _installed:
        install(Config.load())
    return _installed[0]
