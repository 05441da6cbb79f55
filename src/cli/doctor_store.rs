//! What `keyfold doctor` says of a store beside its file: who, how fresh, the trail, the keys' lives.

use super::doctor::{Report, counted};
use super::progress::Progress;
use super::session::Session;
use crate::Status;
use crate::keystore::{KeyMetadata, KeyState, PageRequest, Store, StoreInfo, VersionState};

/// Keys that are looked at without `--full`.
const KEYS: usize = 1000;

impl Report {
    pub(super) fn who_and_what(&mut self, info: &StoreInfo) {
        let vouched = match info.principal_verified {
            true => "as its root says",
            false => "as the caller says; a root made with root add --for would vouch for it",
        };
        self.ok("principal", format!("{}, {vouched}", info.principal));
        match (info.admin_root, info.is_admin) {
            (false, _) => self.ok("admin root", "none: every root may change the store"),
            (true, true) => self.ok("admin root", "this one: it may change the store"),
            (true, false) => self.ok("admin root", "another one: this root cannot change the store"),
        }
        match info.anchor.split_once(' ').unwrap_or((&info.anchor, "")) {
            ("fresh", path) => self.ok("anchor", format!("{path} remembers how new the store is")),
            ("missing", path) => self.warning(
                "anchor",
                format!("{path} was not there when the store was opened"),
                "at its first use on this machine that is as it should be; else find out who removed it",
            ),
            ("unwritable", path) => self.warning(
                "anchor",
                format!("{path} cannot be written, so an older copy of the store is not seen"),
                "make it writable, or name another file with --anchor FILE",
            ),
            _ => self.warning(
                "anchor",
                "nothing outside the store remembers how new it is: an older copy put in its place is not seen",
                "name a file outside the store's folder with --anchor FILE or KEYFOLD_ANCHOR",
            ),
        }
        self.ok("trail size", format!("{} events, not looked at here", info.trail_events));
        self.ok("trail key", format!("checkpoints verify by {}", info.trail_key));
    }

    /// Rotations that are due, periods that are over, keys that wait.
    pub(super) fn lives(&mut self, store: &Store, all: bool) {
        let mut found = Lives::default();
        let mut page = PageRequest { after: None, limit: 1000 };
        loop {
            let keys = match store.list_keys(&page) {
                Ok(keys) => keys,
                Err(error) => return self.failure("keys", error.into()),
            };
            for key in &keys.keys {
                if let Err(error) = found.look(store, key) {
                    return self.failure("keys", error.into());
                }
            }
            page.after = keys.next;
            if page.after.is_none() || (!all && found.keys >= KEYS) {
                break;
            }
        }
        let part = match page.after {
            Some(_) => format!(" among the first {KEYS} keys (all: --full)"),
            None => String::new(),
        };
        let of = |n: usize| counted(n as u64);
        match found.due {
            0 => self.ok("rotations", format!("none is due{part}")),
            n => self.warning(
                "rotations",
                format!("due for {}{part}", of(n)),
                "rotate them with: keyfold key rotate --due",
            ),
        }
        if found.cannot_seal > 0 {
            self.warning(
                "cryptoperiods",
                format!(
                    "the newest version of {} is past its originator period{part}",
                    of(found.cannot_seal)
                ),
                "rotate with: keyfold key rotate --due",
            );
        }
        if found.cannot_open > 0 {
            self.warning(
                "cryptoperiods",
                format!(
                    "{} versions are past their recipient period and open nothing{part}",
                    found.cannot_open
                ),
                "put what is under them under newer ones: keyfold rewrap --recovery",
            );
        }
        if found.waiting > 0 {
            self.ok("deletions", format!("{} wait for it{part}", of(found.waiting)));
        }
        if found.compromised > 0 {
            self.warning(
                "compromised",
                format!("{} marked so{part}", of(found.compromised)),
                "decrypt with --recovery what they sealed, and encrypt it under other keys",
            );
        }
    }

    pub(super) fn trail(&mut self, session: &Session, store: &Store) {
        let progress = Progress::new(session, "verifying the trail");
        let verified = store.verify_trail(None, &mut |done, of| progress.at(done, of));
        progress.hide();
        match verified {
            Ok(report) if report.ok => self.ok(
                "trail",
                format!("{} events and {} checkpoints verify", report.events, report.checkpoints),
            ),
            Ok(_) => self.failure(
                "trail",
                super::exit::Failure::new(Status::TrailInvalid, "the trail is not whole")
                    .hint("keyfold audit verify names the first bad entry"),
            ),
            Err(error) => self.failure("trail", error.into()),
        }
    }
}

#[derive(Default)]
struct Lives {
    keys: usize,
    due: usize,
    cannot_seal: usize,
    cannot_open: usize,
    waiting: usize,
    compromised: usize,
}

impl Lives {
    fn look(&mut self, store: &Store, key: &KeyMetadata) -> crate::Result<()> {
        self.keys += 1;
        match key.key_state {
            KeyState::Enabled => {}
            KeyState::PendingDeletion => self.waiting += 1,
            KeyState::Compromised => self.compromised += 1,
            _ => {}
        }
        if key.key_state != KeyState::Enabled {
            return Ok(());
        }
        if key.next_rotation.is_some() {
            let name = crate::keystore::KeyName::Id(key.key_id);
            self.due += usize::from(store.key_rotation_status(&name)?.due);
        }
        // RFC 3339 in UTC: dates compare as text.
        let now = crate::keystore::now();
        let over = |end: &Option<String>| end.as_ref().is_some_and(|end| *end <= now);
        let current = key.versions.iter().find(|v| v.state == VersionState::Current);
        self.cannot_seal += usize::from(current.is_some_and(|v| over(&v.originator_end)));
        self.cannot_open += key.versions.iter().filter(|v| over(&v.recipient_end)).count();
        Ok(())
    }
}
