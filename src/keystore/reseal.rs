//! A key's material under a new store secret, and a version that whoever had the old one does not know.
//! `docs/KEYSTORE.md`, "A root that was compromised".

use super::document::{KeyDocument, PAGES, VERSIONS_A_PAGE};
use super::material::{self, Binding, Made};
use super::names::KeyId;
use super::secrets::Secrets;
use super::time::Time;
use super::types::{KeyState, Origin, RotationType, VersionState};
use super::version::{PageDocument, VersionDocument};
use crate::error::Result;

/// From which secrets, and by whom.
pub(super) struct Reseal<'a> {
    pub(super) from: &'a Secrets,
    pub(super) by: String,
    pub(super) told: Resealed,
}

/// What became of the keys.
#[derive(Default)]
pub(super) struct Resealed {
    pub(super) rotated: u64,
    /// Keys in use whose material those who had the old secret know: their owner has to bring other, or to make another key.
    pub(super) known: Vec<KeyId>,
}

impl Reseal<'_> {
    /// Wraps all of a key's material anew, and rotates it where the store draws its material. `key.pages` is left as it is.
    pub(super) fn key(
        &mut self,
        to: &Secrets,
        key: &mut KeyDocument,
        pages: &mut Vec<PageDocument>,
    ) -> Result<()> {
        let (id, spec) = (key.id, key.spec);
        let paged = pages.iter_mut().flat_map(|page| &mut page.versions);
        for version in key.versions.iter_mut().chain(&mut key.pending).chain(paged) {
            if !version.holds_material() || version.state == VersionState::Destroyed {
                // Random bytes that waited to be scrubbed from a file that is not this one.
                version.nonce = [0; 24];
                version.wrapped.clear();
                continue;
            }
            let material = material::open(self.from, id, spec, version)?;
            let binding = Binding::stored(to, id, spec, version);
            (version.nonce, version.wrapped) = material::wrap(&to.material, &binding, &material)?;
        }
        if !matches!(key.state, KeyState::Enabled | KeyState::Disabled) {
            return Ok(());
        }
        let room = key.versions.len() < VERSIONS_A_PAGE
            || pages.len() < PAGES
            || pages.last().is_some_and(|page| page.versions.len() < VERSIONS_A_PAGE);
        match key.origin == Origin::Keyfold && room {
            true => self.rotate(to, key, pages),
            false => {
                self.told.known.push(id);
                Ok(())
            }
        }
    }

    fn rotate(&mut self, to: &Secrets, key: &mut KeyDocument, pages: &mut Vec<PageDocument>) -> Result<()> {
        let material = material::draw(key.spec, to.on_fork)?;
        let made = Made {
            origin: Origin::Keyfold,
            created: Time::now(),
            rotation_type: RotationType::Automatic,
            by: self.by.clone(),
        };
        let number = key.take_number()?;
        let version = material::version(to, key.id, key.spec, number, made, &material)?;
        if let Some(before) = key.versions.last_mut().filter(|before| before.state == VersionState::Current) {
            before.state = VersionState::NonCurrent;
        }
        key.versions.push(version);
        if key.versions.len() > VERSIONS_A_PAGE {
            page_out(pages, key.versions.remove(0));
        }
        self.told.rotated += 1;
        Ok(())
    }
}

fn page_out(pages: &mut Vec<PageDocument>, oldest: VersionDocument) {
    match pages.last_mut().filter(|page| page.versions.len() < VERSIONS_A_PAGE) {
        Some(page) => page.versions.push(oldest),
        None => {
            let mut page = PageDocument::new();
            page.versions.push(oldest);
            pages.push(page);
        }
    }
}
