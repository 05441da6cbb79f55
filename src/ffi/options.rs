//! Size-first option structs: one reader for all of them, and what their fields come to.

use std::mem::{MaybeUninit, size_of};
use std::time::Duration;

use super::args::{self, Chosen};
use super::types::*;
use crate::envelope::{DecryptOptions, EncryptOptions, ReencryptOptions, StoredContext};
use crate::error::{Error, Result};
use crate::keystore::{AnchorPolicy, ForkPolicy, InitOptions, OpenOptions, SlotOptions};

/// A struct of the ABI of which any bytes are valid and all-zero bytes are the defaults, and whose first field is its
/// own size.
///
/// # Safety
/// `repr(C)`, made of integers, arrays of integers, raw pointers and nullable function pointers, without padding, `size: u32` first.
pub(super) unsafe trait SizeFirst: Sized {
    /// Its size when it first came out; callers of that release are served for ever.
    const FIRST_SIZE: usize;
}

/// An option struct, and the flags this version knows.
pub(super) trait Options: SizeFirst {
    const FLAGS: u32;
    fn flags(&self) -> u32;
}

/// Copies a caller's options: what it gives of what we know, zero (the default) for the rest. What it gives beyond
/// that must be zero.
pub(super) unsafe fn read<T: Options>(options: *const T) -> Result<T> {
    let mut ours = MaybeUninit::<T>::zeroed();
    if !options.is_null() {
        // SAFETY: not NULL; the caller's contract is that a size stands there, and that many bytes.
        let size = unsafe { checked_size::<T>(options) }?;
        let known = size.min(size_of::<T>());
        // SAFETY: `known` bytes are the caller's to read and fit into ours; ours is apart from theirs.
        unsafe { ours.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(options.cast(), known) };
        for i in known..size {
            // SAFETY: within the size the caller states.
            if unsafe { options.cast::<u8>().add(i).read() } != 0 {
                return Err(Error::UnsupportedOption { what: "beyond those it knows" });
            }
        }
    }
    // SAFETY: `SizeFirst` says that any bytes are valid.
    let ours = unsafe { ours.assume_init() };
    if ours.flags() & !T::FLAGS != 0 {
        return Err(Error::UnsupportedOption { what: "flags" });
    }
    Ok(ours)
}

/// The size that a caller's struct states, if it can be true.
pub(super) unsafe fn checked_size<T: SizeFirst>(theirs: *const T) -> Result<usize> {
    // SAFETY: the caller passes a struct that begins with its size, aligned or not.
    let size = unsafe { theirs.cast::<u32>().read_unaligned() } as usize;
    if size < T::FIRST_SIZE || size > MAX_SIZE {
        return Err(Error::InvalidArgument {
            what: "a struct's size field is not its size; initialise it with its _INIT macro",
        });
    }
    Ok(size)
}

/// No struct of ours will ever be larger; a larger size is a struct that was not initialised.
const MAX_SIZE: usize = 4096;

macro_rules! size_first {
    ($($name:ident $first:literal;)*) => {$(
        // SAFETY: see the definition in types.rs; a padding byte would fail the assertion of its size.
        unsafe impl SizeFirst for $name { const FIRST_SIZE: usize = $first; }
        const _: () = assert!(size_of::<$name>() >= $first);
    )*};
}
size_first! {
    keyfold_key_file_options 8;
    keyfold_store_options 24;
    keyfold_key_options 16;
    keyfold_slot_options 16;
    keyfold_narrowing 32;
    keyfold_encrypt_options 16;
    keyfold_decrypt_options 8;
    keyfold_reencrypt_options 16;
    keyfold_opened 24;
    keyfold_key_version 32;
    keyfold_rewrapped 20;
    keyfold_protection 40;
    keyfold_work 40;
}

macro_rules! options {
    ($($name:ident $flags:expr;)*) => {$(
        impl Options for $name {
            const FLAGS: u32 = $flags;
            fn flags(&self) -> u32 { self.flags }
        }
    )*};
}
options! {
    keyfold_key_file_options KEYFOLD_KEY_FILE_ALLOW_READABLE | KEYFOLD_KEY_FILE_ALLOW_BESIDE_STORE;
    keyfold_store_options KEYFOLD_OPEN_READ_ONLY | KEYFOLD_OPEN_ALLOW_NETWORK_FILE_SYSTEM
        | KEYFOLD_OPEN_REQUIRE_LOCKED_MEMORY | KEYFOLD_OPEN_REFRESH_EVERY_CALL | KEYFOLD_OPEN_NO_WAIT
        | KEYFOLD_OPEN_DEVELOPMENT | KEYFOLD_OPEN_NO_ANCHOR | KEYFOLD_OPEN_NO_TRAIL | KEYFOLD_OPEN_RECOVERY
        | KEYFOLD_OPEN_BIND_PRINCIPAL | KEYFOLD_OPEN_ADMIN_ROOT;
    keyfold_key_options KEYFOLD_KEY_EXTERNAL;
    keyfold_slot_options KEYFOLD_SLOT_ADMIN;
    keyfold_narrowing 0;
    keyfold_encrypt_options 0;
    keyfold_decrypt_options KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT;
    keyfold_reencrypt_options KEYFOLD_REENCRYPT_ACCEPT_STORED_CONTEXT | KEYFOLD_REENCRYPT_DROP_UNREACHABLE;
    keyfold_work 0;
}

impl keyfold_store_options {
    pub(super) unsafe fn for_init(&self) -> Result<InitOptions> {
        if self.flags & KEYFOLD_OPEN_READ_ONLY != 0 {
            return Err(Error::InvalidArgument {
                what: "a store cannot be made read-only; make it, then open it so",
            });
        }
        let open = unsafe { self.common()? };
        let slot = SlotOptions {
            principal: open.principal.clone().filter(|_| self.flags & KEYFOLD_OPEN_BIND_PRINCIPAL != 0),
            admin: self.flags & KEYFOLD_OPEN_ADMIN_ROOT != 0,
        };
        if slot.principal.is_none() && self.flags & KEYFOLD_OPEN_BIND_PRINCIPAL != 0 {
            return Err(Error::InvalidArgument {
                what: "KEYFOLD_OPEN_BIND_PRINCIPAL needs options.principal",
            });
        }
        Ok(InitOptions { open, development: self.flags & KEYFOLD_OPEN_DEVELOPMENT != 0, slot })
    }

    pub(super) unsafe fn for_open(&self) -> Result<OpenOptions> {
        if self.flags & (KEYFOLD_OPEN_DEVELOPMENT | KEYFOLD_OPEN_BIND_PRINCIPAL | KEYFOLD_OPEN_ADMIN_ROOT)
            != 0
        {
            return Err(Error::InvalidArgument {
                what: "DEVELOPMENT, BIND_PRINCIPAL and ADMIN_ROOT are for keyfold_store_init alone",
            });
        }
        unsafe { self.common() }
    }

    unsafe fn common(&self) -> Result<OpenOptions> {
        let default = OpenOptions::default();
        let flag = |flag| self.flags & flag != 0;
        let millis = |flagged: bool, given: u32, default| match (flagged, given) {
            (true, _) => Duration::ZERO,
            (_, 0) => default,
            (_, n) => Duration::from_millis(n.into()),
        };
        let text = |at, what| unsafe { args::text_or_none(at, what) };
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let anchor = match (flag(KEYFOLD_OPEN_NO_ANCHOR), text(self.anchor, "options.anchor")?) {
            (true, Some(_)) => {
                return Err(Error::InvalidArgument {
                    what: "options.anchor is given together with KEYFOLD_OPEN_NO_ANCHOR",
                });
            }
            (true, None) => AnchorPolicy::Off,
            (false, Some(path)) => AnchorPolicy::File(path.into()),
            (false, None) => AnchorPolicy::Automatic,
        };
        Ok(OpenOptions {
            read_only: flag(KEYFOLD_OPEN_READ_ONLY),
            fork: match self.fork {
                f if f == Fork::Wipe as u32 => ForkPolicy::Wipe,
                f if f == Fork::Inherit as u32 => ForkPolicy::Inherit,
                _ => {
                    return Err(Error::InvalidArgument { what: "options.fork is not one of KEYFOLD_FORK_*" });
                }
            },
            refresh: millis(flag(KEYFOLD_OPEN_REFRESH_EVERY_CALL), self.refresh_millis, default.refresh),
            busy_timeout: millis(flag(KEYFOLD_OPEN_NO_WAIT), self.busy_timeout_millis, default.busy_timeout),
            allow_network_file_system: flag(KEYFOLD_OPEN_ALLOW_NETWORK_FILE_SYSTEM),
            require_locked_memory: flag(KEYFOLD_OPEN_REQUIRE_LOCKED_MEMORY),
            principal: owned(text(self.principal, "options.principal")?),
            source: owned(text(self.source, "options.source")?),
            user_agent: owned(text(self.user_agent, "options.user_agent")?),
            anchor,
            trail: !flag(KEYFOLD_OPEN_NO_TRAIL),
            trail_interval: millis(false, self.trail_interval_millis, default.trail_interval),
            recovery: flag(KEYFOLD_OPEN_RECOVERY),
        })
    }
}

impl keyfold_encrypt_options {
    /// For streams, which are given it with each call.
    pub(super) fn without_work(&self) -> Result<()> {
        no_work(self.work)
    }

    /// For calls that take no block of chosen names.
    #[inline(always)]
    pub(super) fn without_choice(&self) -> Result<(EncryptOptions<'static>, StoredContext<'static>)> {
        Ok((
            EncryptOptions { free_cells: cells(self.free_cells)?, ..Default::default() },
            stored(self.store_context, None)?,
        ))
    }

    pub(super) fn with_choice<'a>(
        &self,
        chosen: &'a Chosen<'a>,
    ) -> Result<(EncryptOptions<'static>, StoredContext<'a>)> {
        Ok((
            EncryptOptions { free_cells: cells(self.free_cells)?, ..Default::default() },
            stored(self.store_context, Some(chosen))?,
        ))
    }

    pub(super) fn for_data_key(&self) -> Result<StoredContext<'static>> {
        if self.free_cells != 0 {
            return Err(Error::InvalidArgument { what: "a data key blob has no free cells" });
        }
        stored(self.store_context, None)
    }
}

impl keyfold_reencrypt_options {
    pub(super) fn with_choice<'a>(
        &self,
        chosen: &'a Chosen<'a>,
    ) -> Result<(ReencryptOptions, StoredContext<'a>)> {
        let options = ReencryptOptions {
            accept_stored_context: self.flags & KEYFOLD_REENCRYPT_ACCEPT_STORED_CONTEXT != 0,
            drop_unreachable: self.flags & KEYFOLD_REENCRYPT_DROP_UNREACHABLE != 0,
            free_cells: cells(self.free_cells)?,
        };
        Ok((options, stored(self.store_context, Some(chosen))?))
    }
}

impl keyfold_decrypt_options {
    /// For streams and readers, which are given it with each call.
    pub(super) fn without_work(&self) -> Result<()> {
        no_work(self.work)
    }
}

fn no_work(work: *const keyfold_work) -> Result<()> {
    if work.is_null() {
        return Ok(());
    }
    Err(Error::InvalidArgument {
        what: "options.work is not for what stays open; give it to each of its calls",
    })
}

impl From<keyfold_decrypt_options> for DecryptOptions<'static> {
    fn from(options: keyfold_decrypt_options) -> DecryptOptions<'static> {
        DecryptOptions {
            accept_stored_context: options.flags & KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT != 0,
            ..Default::default()
        }
    }
}

fn cells(n: u32) -> Result<u8> {
    match u8::try_from(n) {
        Ok(n) if n <= 8 => Ok(n),
        _ => Err(Error::InvalidArgument { what: "options.free_cells is over 8" }),
    }
}

fn stored<'a>(which: u32, chosen: Option<&'a Chosen<'a>>) -> Result<StoredContext<'a>> {
    let invalid = |what| Err(Error::InvalidArgument { what });
    let given = chosen.is_some_and(Chosen::is_given);
    match which {
        w if w == StoreContext::Chosen as u32 => match chosen {
            Some(chosen) => Ok(StoredContext::ValuesOf(chosen.names())),
            None => invalid("this call takes no chosen names; use keyfold_encrypt_to"),
        },
        _ if given => invalid("chosen names are given, but options.store_context is not CHOSEN"),
        w if w == StoreContext::None as u32 => Ok(StoredContext::None),
        w if w == StoreContext::Names as u32 => Ok(StoredContext::Names),
        w if w == StoreContext::All as u32 => Ok(StoredContext::All),
        _ => invalid("options.store_context is not one of KEYFOLD_STORE_CONTEXT_*"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|w| w.to_ne_bytes()).collect()
    }

    fn read_words(words: &[u32]) -> Result<keyfold_encrypt_options> {
        // One byte off, so that an aligned read would be seen by a debug build.
        let mut shifted = vec![0u8];
        shifted.extend(bytes_of(words));
        unsafe { read(shifted[1..].as_ptr().cast()) }
    }

    #[test]
    fn null_options_are_all_defaults() {
        let options = unsafe { read::<keyfold_encrypt_options>(std::ptr::null()) }.unwrap();
        assert_eq!((options.flags, options.store_context, options.free_cells), (0, 0, 0));
    }

    #[test]
    fn a_future_callers_longer_struct_is_read_if_its_tail_is_zero() {
        assert_eq!(read_words(&[32, 0, 1, 2, 0, 0, 0, 0]).unwrap().free_cells, 2);
        for tail in [[1, 0], [0, 1], [0, 0x0100_0000]] {
            let longer = read_words(&[32, 0, 1, 2, 0, 0, tail[0], tail[1]]);
            assert!(matches!(longer, Err(Error::UnsupportedOption { .. })));
        }
    }

    #[test]
    fn an_older_callers_shorter_struct_has_the_defaults_of_what_it_lacks() {
        let older = read_words(&[16, 0, 1, 2, 0xdead_beef, 0xdead_beef]).unwrap();
        assert_eq!((older.free_cells, older.work), (2, std::ptr::null()));
    }

    /// Seen to fail with the check of the first release's size taken out.
    #[test]
    fn a_size_that_cannot_be_true_is_refused() {
        for size in [0, 1, 4, 15, 4097, u32::MAX] {
            assert!(matches!(read_words(&[size, 0, 0, 0]), Err(Error::InvalidArgument { .. })), "{size}");
        }
    }

    #[test]
    fn unknown_flags_and_odd_enum_values_are_refused() {
        for flag in 0..32 {
            let flagged = read_words(&[16, 1 << flag, 0, 0]);
            assert!(matches!(flagged, Err(Error::UnsupportedOption { .. })));
        }
        for odd in [3, 4, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
            let options = read_words(&[16, 0, odd, 0]).unwrap();
            assert!(matches!(options.without_choice(), Err(Error::InvalidArgument { .. })), "{odd}");
        }
        for cells in [9, 256, 264, u32::MAX] {
            let options = read_words(&[16, 0, 0, cells]).unwrap();
            assert!(matches!(options.without_choice(), Err(Error::InvalidArgument { .. })), "{cells}");
        }
    }

    #[test]
    fn the_sizes_told_to_callers_are_those_of_the_code() {
        use crate::envelope::Context;
        assert_eq!(KEYFOLD_KEY_ID_SIZE as usize, size_of::<crate::keystore::KeyId>());
        assert_eq!(KEYFOLD_MATERIAL_ID_SIZE as usize, size_of::<crate::crypto::MaterialId>());
        let packed = |value: usize| Context::pack(&[("a", &"x".repeat(value))]);
        let longest = KEYFOLD_CONTEXT_MAX_SIZE as usize - 7;
        assert_eq!(packed(longest).unwrap().len(), KEYFOLD_CONTEXT_MAX_SIZE as usize);
        assert!(packed(longest + 1).is_err());
    }
}
