"""What of Secrets Manager no other secret store has: staging labels, deletion, names."""

from __future__ import annotations

from collections.abc import Iterator
from traceback import format_exception
from typing import Any

import pytest

from shared.adapters.aws.secrets_manager_store import SecretsManagerStore
from shared.domain.errors import InvalidRequest, LimitExceeded, Unavailable
from tests.support.aws_contracts import AwsAdapters


@pytest.fixture
def aws() -> Iterator[AwsAdapters]:
    adapters = AwsAdapters()
    yield adapters
    adapters.close()


@pytest.fixture
def store(aws: AwsAdapters) -> SecretsManagerStore:
    return SecretsManagerStore(aws.clients, prefix=f"{aws.name}/live", kms_key="key-1")


def names(aws: AwsAdapters) -> list[str]:
    found = aws.clients.secretsmanager.list_secrets()["SecretList"]
    return [secret["Name"] for secret in found if secret["Name"].startswith(aws.name)]


def test_secrets_lie_under_the_prefix_encrypted_with_the_key(
    aws: AwsAdapters, store: SecretsManagerStore
) -> None:
    store.put("webhook/acme", "one")
    assert names(aws) == [f"{aws.name}/live/webhook/acme"]
    told = aws.clients.secretsmanager.describe_secret(SecretId=f"{aws.name}/live/webhook/acme")
    assert told["KmsKeyId"] == "key-1"


@pytest.mark.parametrize("tenant", ["a b", "\u05d0", "a=20b", "a=b", "a:b", "a%20b"])
def test_no_two_tenants_share_a_secret(
    aws: AwsAdapters, store: SecretsManagerStore, tenant: str
) -> None:
    for other in ("a b", "a=20b", "a%20b"):
        store.put(other, other)
    store.put(tenant, tenant, keep=1)
    assert list(store.get(tenant)) == [tenant]
    assert all(name.isascii() and " " not in name for name in names(aws))


@pytest.mark.parametrize("name", ["", "x" * 600])
def test_a_name_that_secrets_manager_has_no_room_for_is_refused(
    store: SecretsManagerStore, name: str
) -> None:
    with pytest.raises(InvalidRequest):
        store.get(name)


def test_versions_that_outgrow_a_secret_are_refused_and_the_old_ones_stay(
    store: SecretsManagerStore,
) -> None:
    store.put("a", "x" * 40_000)
    with pytest.raises(LimitExceeded, match="65536"):
        store.put("a", "y" * 40_000)
    assert list(store.get("a")) == ["x" * 40_000]


def test_a_writer_who_read_before_another_one_wrote_begins_anew(
    aws: AwsAdapters, store: SecretsManagerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a", "one")
    move = aws.clients.secretsmanager.update_secret_version_stage

    def late(**asked: object) -> object:
        monkeypatch.undo()
        SecretsManagerStore(aws.clients, prefix=f"{aws.name}/live").put("a", "theirs")
        return move(**asked)  # type: ignore[arg-type]

    monkeypatch.setattr(aws.clients.secretsmanager, "update_secret_version_stage", late)
    store.put("a", "mine", keep=3)
    assert list(store.get("a")) == ["mine", "theirs", "one"]


def test_a_move_whose_answer_was_lost_adds_no_second_version(
    aws: AwsAdapters, store: SecretsManagerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a", "one")
    move = aws.clients.secretsmanager.update_secret_version_stage

    def twice(**asked: object) -> object:
        move(**asked)  # type: ignore[arg-type]
        return move(**asked)  # type: ignore[arg-type]

    monkeypatch.setattr(aws.clients.secretsmanager, "update_secret_version_stage", twice)
    store.put("a", "two", keep=3)
    assert list(store.get("a")) == ["two", "one"]


@pytest.mark.parametrize("write", ["put", "put_if_absent"])
def test_a_secret_that_somebody_scheduled_for_deletion_is_not_made_anew(
    aws: AwsAdapters, store: SecretsManagerStore, write: str
) -> None:
    store.put("a", "one")
    aws.clients.secretsmanager.delete_secret(SecretId=f"{aws.name}/live/a")
    assert list(store.get("a")) == []
    with pytest.raises(Unavailable, match="scheduled for deletion") as caught:
        getattr(store, write)("a", "two")
    assert (caught.value.code, caught.value.retryable) == ("secret_deleted", False)


@pytest.mark.parametrize(
    "stored",
    [
        {"SecretString": "whsec_typed_by_hand"},
        {"SecretString": '{"secret": "whsec_typed_by_hand"}'},
        {"SecretString": '["whsec_typed_by_hand", 7]'},
        {"SecretString": "[]"},
        {"SecretBinary": b"whsec_typed_by_hand"},
    ],
)
def test_a_secret_that_somebody_else_wrote_is_told_without_its_text(
    aws: AwsAdapters, store: SecretsManagerStore, stored: dict[str, Any]
) -> None:
    aws.clients.secretsmanager.create_secret(Name=f"{aws.name}/live/a", **stored)
    for call in (
        lambda: store.get("a"),
        lambda: store.put("a", "two"),
        lambda: store.put_if_absent("a", "two"),
    ):
        with pytest.raises(Unavailable) as caught:
            call()
        assert (caught.value.code, caught.value.retryable) == ("secret_unreadable", False)
        assert "typed_by_hand" not in "".join(format_exception(caught.value))


def test_a_secret_that_was_deleted_for_good_can_be_made_anew(
    aws: AwsAdapters, store: SecretsManagerStore
) -> None:
    store.put("a", "one")
    aws.clients.secretsmanager.delete_secret(
        SecretId=f"{aws.name}/live/a", ForceDeleteWithoutRecovery=True
    )
    assert store.put_if_absent("a", "two") == "two"
