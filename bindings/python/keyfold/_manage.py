"""A key's life, who may use it, and what holds for the whole store: the part of `Store` that operators call."""

from __future__ import annotations

import datetime
import os
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence, Union

from . import _native
from ._buffers import Data, reading
from ._context import ContextLike, length, packed
from ._library import Encoded, Unsigned, checked_unsigned, encoded, encoded_or_none
from ._managed import Managed
from ._roots import Root, opened as root_opened, path_encoded
from ._types import (
    Approval,
    BackupReport,
    Destroyed,
    GrantMetadata,
    ImportParameters,
    KeyLastUsage,
    KeyMetadata,
    KeyPolicy,
    RootSlot,
    RotationStatus,
    StoreSettings,
    VersionCounts,
    VersionMetadata,
    json_text,
    moment,
    record,
    told,
)

Policy = Union[KeyPolicy, Mapping[str, Any]]
"""A key's policy: a `KeyPolicy`, or a mapping of its fields."""


class Management(Managed):
    """What `Store` inherits."""

    __slots__ = ()

    # A key's life.

    def update_key_description(self, name: str, description: str) -> KeyMetadata:
        """Replaces a key's description."""
        texts = encoded(name, "name"), encoded(description, "description")
        return self._key(lambda out: _native.keyfold_key_update_description(self._handle, *texts, out))

    def tag_key(self, name: str, tags: Mapping[str, str]) -> KeyMetadata:
        """Adds tags to a key, or replaces their values. They are not secret."""
        texts = encoded(name, "name"), encoded(json_text(dict(tags)), "tags")
        return self._key(lambda out: _native.keyfold_key_tag(self._handle, *texts, out))

    def untag_key(self, name: str, *names: str) -> KeyMetadata:
        """Removes tags of these names; names that it has not are no error."""
        texts = encoded(name, "name"), encoded(json_text(names), "names")
        return self._key(lambda out: _native.keyfold_key_untag(self._handle, *texts, out))

    def set_key_policy(self, name: str, policy: Policy) -> KeyMetadata:
        """Replaces a key's whole policy; what it does not say is at its default.

        :raises InvalidArgument: a field is unknown or out of its bounds; the text names it
        """
        texts = encoded(name, "name"), encoded(json_text(policy), "policy")
        return self._key(lambda out: _native.keyfold_key_set_policy(self._handle, *texts, out))

    def schedule_key_deletion(self, name: str, *, days: int = 30) -> KeyMetadata:
        """Puts a key into PendingDeletion; after 7 to 30 days `destroy_due` destroys it, unless that is cancelled.

        See `key_last_usage` first.
        """
        text, wait = encoded(name, "name"), checked_unsigned("days", days, 32)
        return self._key(lambda out: _native.keyfold_key_schedule_deletion(self._handle, text, wait, out))

    def cancel_key_deletion(self, name: str) -> KeyMetadata:
        """Takes a key out of PendingDeletion; it is Disabled then (or again Compromised, or PendingImport)."""
        text = encoded(name, "name")
        return self._key(lambda out: _native.keyfold_key_cancel_deletion(self._handle, text, out))

    def destroy_due(self) -> list[Destroyed]:
        """Destroys every key whose waiting period is over. For cron; nothing else does it."""
        done = told(lambda out: _native.keyfold_store_destroy_due(self._handle, out))
        return [record(Destroyed, one) for one in done]

    def mark_key_compromised(self, name: str, reason: str) -> KeyMetadata:
        """Marks a key as compromised: it seals nothing more, and opens only in a store opened for recovery.

        There is no way back; make a new key, and re-encrypt under it what the old one protects.
        """
        texts = encoded(name, "name"), encoded(reason, "reason")
        return self._key(lambda out: _native.keyfold_key_mark_compromised(self._handle, *texts, out))

    def rotate_due(self) -> list[KeyMetadata]:
        """Rotates every key that is due and returns these. For cron; a key that is used rotates by itself."""
        done = told(lambda out: _native.keyfold_store_rotate_due(self._handle, out))
        return [record(KeyMetadata, one) for one in done]

    def key_rotation_status(self, name: str) -> RotationStatus:
        """Whether and when a key rotates."""
        text = encoded(name, "name")
        return record(
            RotationStatus, told(lambda out: _native.keyfold_key_rotation_status(self._handle, text, out))
        )

    def key_rotations(self, name: str, *, page_size: int = 100) -> Iterator[VersionMetadata]:
        """A key's versions, the newest first: when, why and by whom each was made."""
        text = encoded(name, "name")

        def call(after: Encoded | None, limit: Unsigned, out: _native.Buffer) -> None:
            _native.keyfold_key_list_rotations(self._handle, text, after, limit, out)

        for entry in pages(call, "rotations", page_size):
            yield record(VersionMetadata, entry)

    def key_usage(self, name: str) -> list[VersionCounts]:
        """What each version of a key has done, over all processes."""
        text = encoded(name, "name")
        counts = told(lambda out: _native.keyfold_key_usage(self._handle, text, out))
        return [record(VersionCounts, one) for one in counts]

    def key_last_usage(self, name: str) -> KeyLastUsage:
        """When a key was used last."""
        text = encoded(name, "name")
        return record(KeyLastUsage, told(lambda out: _native.keyfold_key_last_usage(self._handle, text, out)))

    # Material of one's own.

    def parameters_for_import(self, name: str, algorithm: str = "HPKE_X_WING") -> ImportParameters:
        """A wrapping key and a token, for importing material into a key that was made with ``external=True``.

        :param algorithm: "RSAES_OAEP_SHA_256/RSA_3072", "RSAES_OAEP_SHA_256/RSA_4096", "HPKE_X25519", "HPKE_X_WING"
        """
        texts = encoded(name, "name"), encoded(algorithm, "algorithm")
        return record(
            ImportParameters,
            told(lambda out: _native.keyfold_key_parameters_for_import(self._handle, *texts, out)),
        )

    def import_wrapped_key_material(
        self,
        name: str,
        token: Data,
        wrapped: Data,
        *,
        import_type: str | None = None,
        valid_days: int = 0,
    ) -> KeyMetadata:
        """Takes wrapped material.

        :param import_type: "NEW_KEY_MATERIAL": a key's first, or what its next rotation makes current;
            "EXISTING_KEY_MATERIAL": the same again after it expired or was deleted. Left out: the first while the key
            never had any, and then the second
        :param valid_days: it expires after so many days, 1 to 365; 0: it does not
        :raises IncorrectKeyMaterial: it is other material than the key had
        :raises AlreadyExists: new material that the key has or had, or while other is pending rotation
        """
        kind = encoded_or_none(import_type, "import_type")
        text, days = encoded(name, "name"), checked_unsigned("valid_days", valid_days, 32)
        with reading(token, "token") as (t, t_len), reading(wrapped, "wrapped") as (w, w_len):
            return self._key(
                lambda out: _native.keyfold_key_import_wrapped_material(
                    self._handle, text, t, t_len, w, w_len, kind, days, out
                )
            )

    def delete_imported_key_material(self, name: str, material_id: str | None = None) -> KeyMetadata:
        """Deletes a key's imported material at once; the same material can be imported again.

        :param material_id: that of one version alone, in hexadecimal as `describe_key` has it
        """
        text, id_ = encoded(name, "name"), encoded_or_none(material_id, "material_id")
        return self._key(
            lambda out: _native.keyfold_key_delete_imported_material(self._handle, text, id_, out)
        )

    # Who may.

    def create_grant(
        self,
        name: str,
        grantee: str,
        operations: Iterable[str],
        *,
        context_equals: Mapping[str, str] | None = None,
        context_subset: Mapping[str, str] | None = None,
        retiring_principal: str | None = None,
        grant_name: str | None = None,
        expires: datetime.datetime | None = None,
        uses: int | None = None,
    ) -> GrantMetadata:
        """Lets a principal do something with a key.

        :param operations: such as ``["Encrypt", "Decrypt"]``
        :param context_equals: the encryption context must be exactly this
        :param context_subset: or must have these pairs
        :param grant_name: the same name with the same parameters gives the same grant
        :param expires: with its time zone
        :param uses: so many uses at most, over all processes
        """
        if isinstance(operations, str):
            raise TypeError("operations is a collection of names, not one str")
        given = {
            "grantee_principal": grantee,
            "operations": list(operations),
            "encryption_context_equals": None if context_equals is None else dict(context_equals),
            "encryption_context_subset": None if context_subset is None else dict(context_subset),
            "retiring_principal": retiring_principal,
            "name": grant_name,
            "expires": moment(expires),
            "uses": uses,
        }
        request = json_text({field: value for field, value in given.items() if value is not None})
        texts = encoded(name, "name"), encoded(request, "grant")
        return record(
            GrantMetadata, told(lambda out: _native.keyfold_grant_create(self._handle, *texts, out))
        )

    def grants(self, name: str, *, page_size: int = 100) -> Iterator[GrantMetadata]:
        """A key's grants, read a page at a time."""
        text = encoded(name, "name")

        def call(after: Encoded | None, limit: Unsigned, out: _native.Buffer) -> None:
            _native.keyfold_grant_list(self._handle, text, after, limit, out)

        for entry in pages(call, "grants", page_size):
            yield record(GrantMetadata, entry)

    def retirable_grants(self, principal: str, *, page_size: int = 100) -> Iterator[GrantMetadata]:
        """The grants of all keys that a principal may retire."""
        text = encoded(principal, "principal")

        def call(after: Encoded | None, limit: Unsigned, out: _native.Buffer) -> None:
            _native.keyfold_grant_list_retirable(self._handle, text, after, limit, out)

        for entry in pages(call, "grants", page_size):
            yield record(GrantMetadata, entry)

    def retire_grant(self, name: str, grant_id: str) -> None:
        """Ends a grant: by its grantee (where it has RetireGrant), its retiring principal, or the key's owner."""
        _native.keyfold_grant_retire(self._handle, encoded(name, "name"), encoded(grant_id, "grant_id"))

    def revoke_grant(self, name: str, grant_id: str) -> None:
        """Ends a grant: by the key's owner. Ready handles feel it at their next call."""
        _native.keyfold_grant_revoke(self._handle, encoded(name, "name"), encoded(grant_id, "grant_id"))

    def dry_run(self, operation: str, name: str, *, context: ContextLike = None) -> None:
        """Raises what the operation on the key would be refused with; returns where it would be permitted."""
        block = packed(context)
        _native.keyfold_dry_run(
            self._handle, encoded(operation, "operation"), encoded(name, "name"), block, length(block)
        )

    # The whole store.

    def settings(self) -> StoreSettings:
        """The store's settings."""
        return record(StoreSettings, told(lambda out: _native.keyfold_store_settings(self._handle, out)))

    def update_settings(self, settings: StoreSettings | Mapping[str, Any]) -> StoreSettings:
        """Replaces the store's settings; what is not said is at its default."""
        text = encoded(json_text(settings), "settings")
        return record(
            StoreSettings, told(lambda out: _native.keyfold_store_update_settings(self._handle, text, out))
        )

    def approve(self, operation: str, request: Mapping[str, Any], *, seconds: int = 0) -> Approval:
        """Approves exactly one operation that another principal is about to do.

        :param request: its parameters as the trail names them, such as ``{"keyId": "cards"}``
        :param seconds: ends after so many; 0 is the store's window
        """
        texts = encoded(operation, "operation"), encoded(json_text(dict(request)), "request")
        wait = checked_unsigned("seconds", seconds, 32)
        return record(Approval, told(lambda out: _native.keyfold_approve(self._handle, *texts, wait, out)))

    def approvals(self) -> list[Approval]:
        """The approvals that wait for their use."""
        waiting = told(lambda out: _native.keyfold_approval_list(self._handle, out))
        return [record(Approval, one) for one in waiting]

    def withdraw_approval(self, approval_id: str) -> None:
        """Withdraws an approval."""
        _native.keyfold_approval_withdraw(self._handle, encoded(approval_id, "approval_id"))

    def back_up(self, path: str | os.PathLike[str]) -> BackupReport:
        """Writes the whole store, as it is in one moment, into one encrypted file that any of its roots opens."""
        text = path_encoded(path)
        return record(BackupReport, told(lambda out: _native.keyfold_store_back_up(self._handle, text, out)))

    def heartbeat(self) -> None:
        """Seals the store anew with its time, so that readers who refuse an old state go on."""
        _native.keyfold_store_heartbeat(self._handle)

    @staticmethod
    def _key(call: Callable[[_native.Buffer], None]) -> KeyMetadata:
        return record(KeyMetadata, told(call))


Pager = Callable[[Union[Encoded, None], Unsigned, _native.Buffer], None]


def pages(call: Pager, name: str, page_size: int) -> Iterator[dict[str, Any]]:
    """The entries of all pages."""
    if not 1 <= page_size <= 1000:
        raise ValueError("page_size is 1 to 1,000")
    after, limit = None, checked_unsigned("page_size", page_size, 32)
    while True:
        page = told(lambda out: call(encoded_or_none(after), limit, out))
        yield from page[name]
        after = page.get("next")
        if after is None:
            return


def root_handles(roots: Sequence[Any]) -> Any:
    """The array of handles that C takes, from roots that are open."""
    return (_native.RootHandle * len(roots))(*roots)
