"""Key management services: each client against a stand-in that speaks its protocol and checks what it is sent."""

import json
from uuid import UUID

import fake_kms
import pytest
from pydantic import SecretStr, ValidationError

from countenance.config import KmsSettings
from countenance.errors import KeyUnavailable
from countenance.sealing.factors import ServiceFactor
from countenance.sealing.keyfile import begin_root, create_key_file, end_root, open_root
from countenance.sealing.split import Split
from countenance.web import kms as clients

DEPLOYMENT = UUID(int=7)
CONTEXT = {"purpose": "countenance-unseal", "deployment": str(DEPLOYMENT)}
SECRET = b"a secret of 32 bytes, of nobody."
SERVICES = ("transit", "gcp-kms", "aws-kms")


@pytest.fixture
def kms():
    with fake_kms.serving() as made:
        yield made


@pytest.fixture
def client(kms, request, monkeypatch):
    return made_client(request.param, kms, monkeypatch)


def made_client(service, kms, monkeypatch, **changed):
    if service == "aws-kms":
        pytest.importorskip("botocore", reason="botocore is an extra: requirements/kms.txt")
        for name, value in (
            ("AWS_ACCESS_KEY_ID", fake_kms.ACCESS),
            ("AWS_SECRET_ACCESS_KEY", fake_kms.SECRET),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/none"),
        ):
            monkeypatch.setenv(name, value)
        given = {"key": fake_kms.ARN}
    elif service == "gcp-kms":
        given = {"key": fake_kms.GOOGLE_KEY, "token": SecretStr(fake_kms.TOKEN)}
    else:
        given = {"key": fake_kms.TRANSIT_KEY, "token": SecretStr(fake_kms.TOKEN)}
    given |= {"service": service, "address": kms.url, "timeout": 5.0}
    return clients.client(KmsSettings(**given | changed))


each = pytest.mark.parametrize("client", SERVICES, indirect=True)


@each
def test_what_was_wrapped_is_unwrapped_also_after_the_key_was_rotated_there(client, kms):
    wrapped = client.wrap(SECRET, context=CONTEXT)
    assert SECRET not in wrapped
    assert client.unwrap(wrapped, context=CONTEXT) == SECRET
    kms.rotate()
    assert client.unwrap(wrapped, context=CONTEXT) == SECRET
    assert client.unwrap(client.wrap(SECRET, context=CONTEXT), context=CONTEXT) == SECRET


@each
def test_nothing_is_unwrapped_in_another_context_or_once_it_was_changed(client):
    wrapped = client.wrap(SECRET, context=CONTEXT)
    with pytest.raises(KeyUnavailable, match="refused"):
        client.unwrap(wrapped, context=CONTEXT | {"deployment": str(UUID(int=8))})
    broken = wrapped[:-6] + (b"AAAAAA" if wrapped[-6:] != b"AAAAAA" else b"BBBBBB")
    with pytest.raises(KeyUnavailable, match="refused"):
        client.unwrap(broken, context=CONTEXT)


@each
@pytest.mark.parametrize("status", [400, 403, 500, 503])
def test_a_refusal_is_said_without_what_was_sent(client, kms, status):
    kms.status = status
    with pytest.raises(KeyUnavailable, match="refused") as raised:
        client.wrap(SECRET, context=CONTEXT)
    assert "repeats" not in str(raised.value)
    assert raised.value.__cause__ is None


@each
@pytest.mark.parametrize("nonsense", [b"", b"{", b"[]", b"{}", b'{"data": 5}', b"x" * 70_000])
def test_nonsense_is_no_key(client, kms, nonsense):
    kms.nonsense = nonsense
    with pytest.raises(KeyUnavailable):
        client.unwrap(b"vault:v1:AAAA", context=CONTEXT)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_dawdles_or_is_not_there_is_waited_for_as_long_as_was_said(
    service, kms, monkeypatch
):
    kms.delay = 1.0
    client = made_client(service, kms, monkeypatch, timeout=0.2)
    with pytest.raises(KeyUnavailable):
        client.wrap(SECRET, context=CONTEXT)
    client = made_client(service, kms, monkeypatch, timeout=0.2, address="http://127.0.0.1:9")
    with pytest.raises(KeyUnavailable):
        client.wrap(SECRET, context=CONTEXT)


def test_a_wrong_token_is_refused(kms, monkeypatch):
    for service in ("transit", "gcp-kms"):
        client = made_client(service, kms, monkeypatch, token=SecretStr("another"))
        with pytest.raises(KeyUnavailable, match=r"40[13]"):
            client.wrap(SECRET, context=CONTEXT)


def test_a_wrong_secret_of_aws_is_refused_by_its_signature(kms, monkeypatch):
    client = made_client("aws-kms", kms, monkeypatch)
    assert client.wrap(SECRET, context=CONTEXT)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    settings = KmsSettings(service="aws-kms", key=fake_kms.ARN, address=kms.url)
    with pytest.raises(KeyUnavailable, match="IncompleteSignature"):
        clients.client(settings).wrap(SECRET, context=CONTEXT)


def test_googles_machines_sign_in_with_their_own_token(kms, monkeypatch):
    client = made_client("gcp-kms", kms, monkeypatch, token=None, metadata=kms.url)
    assert client.unwrap(client.wrap(SECRET, context=CONTEXT), context=CONTEXT) == SECRET
    assert any("service-accounts" in str(one) for one in kms.requests)


@each
def test_a_service_opens_a_key_file_and_never_sees_the_root_key(client, kms, tmp_path):
    path, factor = tmp_path / "root.json", ServiceFactor(client)
    root = create_key_file(path, factor, deployment=DEPLOYMENT)
    kms.rotate()
    assert open_root(path, factor).key == root
    sent = b"".join(one for one in kms.requests if isinstance(one, bytes))
    from base64 import b64encode

    assert b64encode(root.material) not in sent
    begin_root(path, factor)
    end_root(path)
    again = open_root(path, factor)
    assert (again.epoch, again.key == root) == (2, False)
    assert json.loads(path.read_bytes())["factor"] == client.kind


def test_a_service_is_one_of_three_in_split_custody(kms, monkeypatch, tmp_path):
    from countenance.sealing import factors
    from countenance.sealing.factors import Passphrase

    monkeypatch.setattr(factors, "_PASSES", 1)
    monkeypatch.setattr(factors, "_MEMORY_KIB", 16)
    service = ServiceFactor(made_client("transit", kms, monkeypatch))
    anna, ben = Passphrase("annas own plain words"), Passphrase("bens other plain words")
    path = tmp_path / "root.json"
    root = create_key_file(path, Split([anna, service, ben]), deployment=DEPLOYMENT)
    for pair in ([service, anna], [ben, service], [anna, ben]):
        assert open_root(path, Split(pair)).key == root
    kms.status = 503
    with pytest.raises(KeyUnavailable):
        open_root(path, Split([service, anna]))
    assert open_root(path, Split([ben, anna])).key == root


@pytest.mark.parametrize(
    "wrong",
    [
        {"service": "transit", "key": "k"},
        {"service": "transit", "address": "https://kms.example.org"},
        {"service": "transit", "key": "k", "address": "http://kms.example.org"},
        {"service": "transit", "key": "k", "address": "https://user:pass@kms.example.org"},
        {"service": "gcp-kms", "key": "k", "address": "ftp://kms.example.org"},
    ],
)
def test_settings_that_would_send_secrets_in_clear_are_refused(wrong):
    with pytest.raises(ValidationError):
        KmsSettings(**wrong)
