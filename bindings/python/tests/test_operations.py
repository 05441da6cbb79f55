"""What an operator does with keys, and what an application does with the kinds beside encryption."""

from __future__ import annotations

import datetime
import gc
import hashlib
import os
import time
import weakref
from pathlib import Path

import keyfold
import pytest

ROW = {"tenant": "acme"}


# A key's life.


def test_a_key_has_tags_and_a_policy_and_lives_until_its_deletion(store: keyfold.Store) -> None:
    made = store.create_key(
        "cards",
        description="card numbers",
        tags={"team": "payments"},
        policy=keyfold.KeyPolicy(rotation_period_days=90, audit_redact=("pan",)),
    )
    assert made.tags == {"team": "payments"} and made.owner == "default"
    assert made.policy.rotation_period_days == 90 and made.policy.audit_redact == ("pan",)
    assert made.next_rotation is not None and made.next_rotation > made.created

    assert store.tag_key("cards", {"team": "cards", "pci": "yes"}).tags == {"team": "cards", "pci": "yes"}
    assert store.untag_key("cards", "pci", "never").tags == {"team": "cards"}
    assert store.update_key_description("cards", "PANs").description == "PANs"
    assert store.set_key_policy("cards", {"on_demand_limit": 1}).policy == keyfold.KeyPolicy(
        on_demand_limit=1
    )
    with pytest.raises(keyfold.InvalidArgument):
        store.set_key_policy("cards", {"rotation_period_day": 90})

    status = store.key_rotation_status("cards")
    assert (status.key_rotation_enabled, status.due, status.on_demand_limit) == (False, False, 1)
    store.rotate_key("cards")
    with pytest.raises(keyfold.KeyPolicyError) as limited:
        store.rotate_key("cards")
    assert limited.value.name == "LIMIT_EXCEEDED"
    assert [v.version for v in store.key_rotations("cards", page_size=1)] == [2, 1]
    assert store.rotate_due() == []

    pending = store.schedule_key_deletion("cards", days=7)
    assert pending.key_state == "PendingDeletion" and pending.deletion_date is not None
    with store.key("cards") as cards, pytest.raises(keyfold.InvalidKeyState):
        cards.encrypt(b"x")
    assert store.destroy_due() == []
    assert store.cancel_key_deletion("cards").key_state == "Disabled"
    store.enable_key("cards")
    marked = store.mark_key_compromised("cards", "seen in a log")
    assert (marked.key_state, marked.state_reason) == ("Compromised", "seen in a log")
    with pytest.raises(keyfold.InvalidArgument):
        store.schedule_key_deletion("cards", days=6)


def test_uses_are_counted_by_version_and_the_last_one_is_told(store: keyfold.Store) -> None:
    store.create_key("cards")
    with store.key("cards") as cards:
        sealed = cards.encrypt(b"x" * 10)
        cards.decrypt(sealed)
    (counts,) = store.key_usage("cards")
    assert (counts.version, counts.messages, counts.bytes, counts.opened) == (1, 1, 10, 1)
    last = store.key_last_usage("cards")
    assert last.timestamp is not None and last.timestamp.tzinfo is not None
    assert last.tracking_start_date <= last.timestamp + datetime.timedelta(seconds=1)


# Other kinds of keys.


@pytest.mark.parametrize(("spec", "size"), [("HMAC_256", 38), ("HMAC_384", 54), ("HMAC_512", 70)])
def test_a_mac_is_verified_under_the_version_it_names(spec: str, size: int) -> None:
    with keyfold.in_memory() as store:
        store.create_key("sign", spec=spec)
        with store.key("sign") as key:
            code = key.generate_mac(b"message")
            assert len(code) == size
            store.rotate_key("sign")
            key.verify_mac(bytearray(b"message"), code)
            newer = key.generate_mac(b"message")
            assert [int.from_bytes(one[:4], "big") for one in (code, newer)] == [1, 2]
            assert newer[6:] != code[6:]
            key.verify_mac(b"message", newer)
            with pytest.raises(keyfold.InvalidMac):
                key.verify_mac(b"message", code[:6] + newer[6:])
            with pytest.raises(keyfold.InvalidMac):
                key.verify_mac(b"massage", code)
            with pytest.raises(keyfold.InvalidMac):
                key.verify_mac(b"message", code[:-1])
            with pytest.raises(keyfold.InvalidKeyUsage):
                key.encrypt(b"x")


@pytest.mark.parametrize("spec", ["HPKE_X25519", "HPKE_X_WING"])
def test_who_has_the_public_half_seals_and_only_the_key_opens(spec: str) -> None:
    with keyfold.in_memory() as store:
        store.create_key("inbox", spec=spec)
        with store.key("inbox") as inbox:
            public = inbox.public_key()
            sealed = keyfold.seal(public, b"for you alone", context=ROW)
            assert inbox.decrypt(sealed, context=ROW) == b"for you alone"
            assert keyfold.seal([public, public], b"", context=ROW) != keyfold.seal(public, b"", context=ROW)
            with pytest.raises(keyfold.AuthenticationError):
                inbox.decrypt(sealed)
            with pytest.raises(keyfold.KeyPolicyError):
                keyfold.seal(public[:-1], b"x")
            with pytest.raises(keyfold.InvalidArgument):
                keyfold.seal([], b"x")


@pytest.mark.parametrize("spec", ["HPKE_X25519", "HPKE_X_WING"])
def test_what_was_sealed_to_an_older_public_half_opens_after_a_rotation(spec: str) -> None:
    with keyfold.in_memory() as store:
        store.create_key("inbox", spec=spec)
        with store.key("inbox") as inbox:
            older = inbox.public_key()
            before = keyfold.seal(older, b"before", context=ROW)
            store.rotate_key("inbox")
            newer = inbox.public_key()
            assert newer != older and len(newer) == len(older)
            after, late = (keyfold.seal(half, b"after", context=ROW) for half in (newer, older))
            assert [inbox.decrypt(one, context=ROW) for one in (before, after, late)] == [b"before", b"after", b"after"]
            named = [keyfold.inspect(one)["cells"][0]["version"] for one in (before, after, late)]
            assert named == [1, 2, 1]


# Material of one's own.


def oaep(public_key: bytes, message: bytes, size: int = 384) -> bytes:
    """RSAES-OAEP with SHA-256 (RFC 8017, 7.1.1), for a SubjectPublicKeyInfo that ends in a modulus of size bytes and 65537."""
    assert public_key[-5 - size - 1 - 4 : -5 - size] == b"\x02\x82" + (size + 1).to_bytes(2, "big") + b"\0"
    seed = os.urandom(32)
    modulus = int.from_bytes(public_key[-5 - size : -5], "big")

    def masked(data: bytes, by: bytes) -> bytes:
        count = range(-(-len(data) // 32))
        mask = b"".join(hashlib.sha256(by + i.to_bytes(4, "big")).digest() for i in count)
        return bytes(a ^ b for a, b in zip(data, mask))

    block = hashlib.sha256(b"").digest() + bytes(size - 66 - len(message)) + b"\1" + message
    block = masked(block, seed)
    padded = b"\0" + masked(seed, block) + block
    return pow(int.from_bytes(padded, "big"), 65537, modulus).to_bytes(size, "big")


@pytest.mark.skipif(keyfold.engine() != "aws-lc", reason="no RSA in this build")
def test_material_of_ones_own_comes_wrapped_goes_and_comes_again(store: keyfold.Store) -> None:
    material = bytes(range(32))

    def bring(these: bytes, kind: str | None = None) -> keyfold.KeyMetadata:
        given = store.parameters_for_import("mine", "RSAES_OAEP_SHA_256/RSA_3072")
        wrapped = oaep(given.public_key, these)
        return store.import_wrapped_key_material("mine", given.import_token, wrapped, import_type=kind)

    assert store.create_key("mine", external=True).key_state == "PendingImport"
    assert bring(material).key_state == "Enabled"
    with store.key("mine") as mine:
        sealed = mine.encrypt(b"x")
        assert store.delete_imported_key_material("mine").key_state == "PendingImport"
        with pytest.raises(keyfold.KeyfoldError):
            mine.decrypt(sealed)
        with pytest.raises(keyfold.IncorrectKeyMaterial):
            bring(bytes(range(1, 33)))
        bring(material)
        assert mine.decrypt(sealed) == b"x"
        with pytest.raises(keyfold.InvalidKeyState):
            store.rotate_key("mine")
        waits = bring(bytes(range(1, 33)), "NEW_KEY_MATERIAL")
        assert [version.state for version in waits.versions] == ["CURRENT", "PENDING_ROTATION"]
        assert store.rotate_key("mine").version == 2
        turned = store.describe_key("mine")
        assert (turned.current_version, turned.versions[1].origin) == (2, "EXTERNAL")
        assert mine.decrypt(sealed) == b"x"
        gone = store.delete_imported_key_material("mine", turned.versions[0].material_id)
        assert [version.state for version in gone.versions] == ["PENDING_IMPORT", "CURRENT"]


@pytest.mark.skipif(keyfold.engine() != "aws-lc", reason="no RSA in this build")
def test_material_comes_under_4096_bits_too(store: keyfold.Store) -> None:
    store.create_key("mine", external=True)
    given = store.parameters_for_import("mine", "RSAES_OAEP_SHA_256/RSA_4096")
    wrapped = oaep(given.public_key, bytes(range(32)), 512)
    assert store.import_wrapped_key_material("mine", given.import_token, wrapped).key_state == "Enabled"
    with store.key("mine") as mine:
        assert mine.decrypt(mine.encrypt(b"x")) == b"x"


# Who may.


def test_a_grant_lets_another_principal_in_and_its_end_keeps_them_out(
    location: Path, root: keyfold.KeyFile
) -> None:
    with keyfold.init(location, root, principal="owner", refresh=0) as store:
        store.create_key("cards")
        with (
            keyfold.open(location, root, principal="worker", refresh=0) as theirs,
            theirs.key("cards") as cards,
        ):
            with pytest.raises(keyfold.AccessDenied):
                cards.encrypt(b"x", context=ROW)
            with pytest.raises(keyfold.AccessDenied):
                theirs.dry_run("Encrypt", "cards", context=ROW)
            grant = store.create_grant("cards", "worker", ["Encrypt", "Decrypt"], context_subset=ROW)
            assert grant.grantee_principal == "worker" and grant.encryption_context_subset == ROW
            assert [g.grant_id for g in store.grants("cards")] == [grant.grant_id]
            theirs.dry_run("Encrypt", "cards", context=ROW)
            assert cards.decrypt(cards.encrypt(b"x", context=ROW), context=ROW) == b"x"
            with pytest.raises(keyfold.AccessDenied):
                cards.encrypt(b"x")
            store.revoke_grant("cards", grant.grant_id)
            with pytest.raises(keyfold.AccessDenied):
                cards.encrypt(b"x", context=ROW)
            with pytest.raises(keyfold.GrantNotFound):
                store.revoke_grant("cards", grant.grant_id)


def test_a_date_without_a_zone_is_refused_before_it_means_something_else(store: keyfold.Store) -> None:
    store.create_key("cards")
    with pytest.raises(ValueError, match="time zone"):
        store.create_grant("cards", "worker", ["Encrypt"], expires=datetime.datetime(2030, 1, 1))
    until = datetime.datetime(2100, 1, 1, tzinfo=datetime.timezone.utc)
    assert store.create_grant("cards", "worker", ["Encrypt"], expires=until).expires == until


def test_a_narrowed_handle_does_what_it_may_and_cannot_be_widened(key: keyfold.Key) -> None:
    with key.narrow(operations=["Encrypt"], context_subset=ROW, uses=3, seconds=3600) as few:
        sealed = few.encrypt(b"x", context=ROW)
        assert key.decrypt(sealed, context=ROW) == b"x"
        with pytest.raises(keyfold.AccessDenied):
            few.decrypt(sealed, context=ROW)
        with pytest.raises(keyfold.AccessDenied):
            few.encrypt(b"x")
        with few.narrow(operations=["Encrypt", "Decrypt"]) as fewer, pytest.raises(keyfold.AccessDenied):
            fewer.decrypt(sealed, context=ROW)
        few.encrypt(b"x", context=ROW)
        few.encrypt(b"x", context=ROW)
        with pytest.raises(keyfold.AccessDenied):
            few.encrypt(b"x", context=ROW)
    with key.narrow(context_equals=ROW) as exact, pytest.raises(keyfold.AccessDenied):
        exact.encrypt(b"x", context={**ROW, "more": "1"})
    with pytest.raises(keyfold.InvalidArgument):
        key.narrow(context_equals={})
    with pytest.raises(keyfold.InvalidArgument):
        key.narrow(operations=["Frobnicate"])


def test_a_handle_is_asked_before_it_does(key: keyfold.Key) -> None:
    key.dry_run("Decrypt")
    with key.narrow(operations=["Encrypt"], context_equals=ROW) as few:
        few.dry_run("Encrypt", context=ROW)
        for operation, context in [("Encrypt", None), ("Decrypt", ROW), ("DisableKey", None)]:
            with pytest.raises(keyfold.AccessDenied):
                few.dry_run(operation, context=context)
    with pytest.raises(keyfold.InvalidArgument):
        key.dry_run("Frob")


def test_a_grant_is_retired_by_whom_it_names(location: Path, root: keyfold.KeyFile) -> None:
    with (
        keyfold.init(location, root, principal="owner", refresh=0) as owner,
        keyfold.open(location, root, principal="warden", refresh=0) as warden,
    ):
        for name in ["one", "two"]:
            owner.create_key(name)
            owner.create_grant(name, "worker", ["Encrypt"], retiring_principal="warden")
        one, two = warden.retirable_grants("warden", page_size=1)
        assert {one.key_id, two.key_id} == {owner.describe_key(name).key_id for name in ["one", "two"]}
        warden.retire_grant(one.key_id, one.grant_id)
        assert [g.grant_id for g in warden.retirable_grants("warden")] == [two.grant_id]
        with pytest.raises(keyfold.GrantNotFound):
            owner.revoke_grant(one.key_id, one.grant_id)


def test_settings_are_read_back_and_unknown_ones_refused(store: keyfold.Store) -> None:
    was = store.settings()
    assert was.approval_seconds == 3600
    wanted = keyfold.StoreSettings((), 600, was.administrators)
    assert store.update_settings(wanted).approval_seconds == 600
    assert store.settings().approval_seconds == 600
    assert store.approvals() == []
    with pytest.raises(keyfold.InvalidArgument):
        store.update_settings({"dual": []})


# The trail.


def test_what_is_done_stands_in_the_trail_and_the_trail_verifies(store: keyfold.Store) -> None:
    key_id = store.create_key("cards").key_id
    store.disable_key("cards")
    with pytest.raises(keyfold.AlreadyExists):
        store.create_key("cards")
    note = store.trail.checkpoint()
    assert note.startswith(f"keyfold.dev/store/{store.info().store_id}\n")
    names = [event["eventName"] for event in store.trail.tail(key_id=key_id)]
    assert names[-2:] == ["CreateKey", "DisableKey"] or set(names) >= {"CreateKey", "DisableKey"}
    refused = store.trail.tail(event_name="CreateKey", failed=True)
    assert refused and all(event["errorCode"] for event in refused)
    assert len(list(store.trail.events(page_size=1))) >= 3
    assert store.trail.tail(0) == [] and len(store.trail.tail(1)) == 1
    with pytest.raises(ValueError, match="1,000"):
        store.trail.tail(1001)
    report = store.trail.verify(expected=note)
    assert report.ok and report.first_bad is None and report.checkpoints >= 1
    assert (report.first, report.gaps, report.bad_segments) == (0, 0, ())


def test_a_trail_that_is_exported_verifies_without_the_store(store: keyfold.Store, tmp_path: Path) -> None:
    store.create_key("cards")
    assert store.trail.export(tmp_path / "tiles") >= 1
    key = store.info().trail_key
    assert keyfold.verify_tiles(tmp_path / "tiles", key).ok
    with pytest.raises(keyfold.KeyfoldError):
        keyfold.verify_tiles(tmp_path / "tiles", "nonsense")


def test_a_file_sink_gets_every_event_and_verifies(store: keyfold.Store, tmp_path: Path) -> None:
    log = tmp_path / "trail.jsonl"
    store.trail.add_file(log)
    store.create_key("cards")
    store.trail.checkpoint()
    assert "CreateKey" in log.read_text()
    assert keyfold.verify_jsonl([log], store.info().trail_key).ok
    (status,) = store.trail.sinks()
    assert status.delivered >= 1 and status.dropped == 0


def test_a_callback_gets_events_in_order_and_its_exceptions_are_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = []
    with keyfold.in_memory() as store:
        store.trail.add_callback(seen.append)
        for name in ["one", "two", "three"]:
            store.create_key(name)
            store.trail.checkpoint()
        store.trail.flush()
        made = [event["requestParameters"] for event in seen if event["eventName"] == "CreateKey"]
        assert len(made) == 3
    assert "Traceback" not in capsys.readouterr().err
    tried = []

    def fails_at_two(event: keyfold._trail.Event) -> None:
        if "two" in str(event["requestParameters"]):
            tried.append(event["seq"])
            raise ZeroDivisionError
        seen.append(event)

    seen.clear()
    with keyfold.in_memory() as store:
        store.trail.add_callback(fails_at_two)
        store.create_key("one")
        store.trail.checkpoint()
        store.create_key("two")
        store.create_key("three")
        while "three" not in str(seen):
            store.trail.flush()
            time.sleep(0.01)
        assert len(tried) == 3 and len(set(tried)) == 1
        (status,) = store.trail.sinks()
        assert status.dropped == 1 and not any("checkpoint" in event for event in seen)
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_callback_is_kept_while_a_key_is_open_and_no_longer() -> None:
    """Seen to fail with `_release` made to do nothing."""

    class Watcher:
        def __call__(self, event: keyfold._trail.Event) -> None:
            pass

    watcher = Watcher()
    gone = weakref.ref(watcher)
    store = keyfold.in_memory()
    store.trail.add_callback(watcher)
    del watcher
    store.create_key("cards")
    key = store.key("cards")
    store.close()
    gc.collect()
    assert gone() is not None
    key.close()
    gc.collect()
    assert gone() is None
    with pytest.raises(ValueError, match="closed"):
        store.trail.add_callback(lambda event: None)
    assert not keyfold._trail._CALLBACKS


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_is_refused_the_trail_and_the_parents_goes_on(
    location: Path, root: keyfold.KeyFile
) -> None:
    seen = []
    with keyfold.init(location, root) as store:
        store.trail.add_callback(seen.append)
        child = os.fork()
        if not child:
            try:
                store.trail.tail()
            except keyfold.Forked:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        store.create_key("cards")
        store.trail.flush()
        assert any(event["eventName"] == "CreateKey" for event in seen)


# The whole store.


def test_a_backup_restores_as_a_new_incarnation(
    location: Path, root: keyfold.KeyFile, tmp_path: Path
) -> None:
    backup, elsewhere = tmp_path / "backup", tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    with keyfold.init(location, root) as store:
        store.create_key("cards")
        with store.key("cards") as cards:
            sealed = cards.encrypt(b"x")
        report = store.back_up(backup)
        assert report.keys == 1 and report.bytes == backup.stat().st_size
        assert keyfold.verify_backup(backup, root).epoch == report.epoch
        was = store.info().incarnation
        with keyfold.restore(backup, elsewhere / "keys.db", [root]) as again:
            assert again.info().incarnation != was
            with again.key("cards") as cards:
                assert cards.decrypt(sealed) == b"x"
        # Whoever has seen the new life takes the old one no more.
        with pytest.raises(keyfold.StoreRolledBack):
            store.info()
    damaged = bytearray(backup.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    backup.write_bytes(damaged)
    with pytest.raises(keyfold.BackupInvalid):
        keyfold.verify_backup(backup, root)


def test_dual_control_takes_two_who_are_vouched_for(
    location: Path, root: keyfold.KeyFile, tmp_path: Path
) -> None:
    with keyfold.init(location, root, principal="alice", bind_principal=True, refresh=0) as alice:
        folder = tmp_path / "second"
        folder.mkdir(mode=0o700)
        second = keyfold.KeyFile.create(folder / "root.key")
        assert alice.add_root(second, principal="bob").principal == "bob"
        alice.create_key("cards")
        alice.update_settings(
            keyfold.StoreSettings(dual_control=("ScheduleKeyDeletion",), administrators=("alice", "bob"))
        )
        with pytest.raises(keyfold.ApprovalRequired):
            alice.schedule_key_deletion("cards", days=7)
        with pytest.raises(keyfold.AccessDenied):
            keyfold.open(location, second, principal="mallory")
        with keyfold.open(location, second, refresh=0) as bob:
            assert bob.info().principal == "bob" and bob.info().principal_verified
            request = {"keyId": "cards", "pendingWindowInDays": 7}
            bob.withdraw_approval(bob.approve("ScheduleKeyDeletion", request).approval_id)
            assert alice.approvals() == []
            bob.approve("ScheduleKeyDeletion", request)
            (waiting,) = alice.approvals()
            assert waiting.principal == "bob"
            assert alice.schedule_key_deletion("cards", days=7).key_state == "PendingDeletion"
            assert alice.approvals() == []


def test_a_store_gives_signs_of_life_and_is_not_mended_while_it_is_whole(
    location: Path, root: keyfold.KeyFile
) -> None:
    with keyfold.init(location, root) as store:
        store.create_key("cards")
        epoch = store.info().epoch
        store.heartbeat()
        assert store.info().epoch == epoch + 1
    with pytest.raises(keyfold.InvalidArgument, match="whole"):
        keyfold.repair(location, [root])
