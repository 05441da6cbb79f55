//! ReEncrypt: the same payload under other keys or another context. FORMAT.md section 12.

use super::cells::TYPE_FREE;
use super::head::Kind;
use super::open::{Call, unlock};
use super::rewrap::parse;
use super::seal::Plan;
use super::size::{data_key_blob_size_under, head_size_under};
use super::stored::{StoredContext, merge};
use super::suite::AnyDek;
use super::{Allowed, DecryptOptions, EncryptOptions, Opened, chunks};
use crate::context::{Context, MAX_ENCODED};
use crate::crypto::with_lane;
use crate::error::{Error, Result};
use crate::keystore::{Key, Named, Wish};
use crate::operation::Operation;

/// Options of [`reencrypt`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ReencryptOptions {
    /// As for decryption.
    pub accept_stored_context: bool,
    /// Drops cells whose keys are out of reach; refused (KEY_NOT_FOUND) otherwise.
    pub drop_unreachable: bool,
    /// As for encryption; 0 for a data key blob.
    pub free_cells: u8,
}

/// ReEncrypt: the same payload, or data key, under other keys or another context, without plaintext. Payload bytes
/// are kept as they are and are not authenticated here: a damaged payload stays damaged.
///
/// # Errors
/// As for decryption with `allowed` and `context`, and for encryption with the rest. KEY_NOT_FOUND for a cell whose key
/// is neither among the allowed nor among the new ones, unless such cells are to be dropped.
pub fn reencrypt(
    allowed: Allowed<'_>,
    envelope: &[u8],
    context: &Context<'_>,
    keys: &[&Key],
    new_context: &Context<'_>,
    new_stored: &StoredContext<'_>,
    options: &ReencryptOptions,
) -> Result<Vec<u8>> {
    let mut out = reencrypt_front(
        allowed,
        envelope,
        envelope.len() as u64,
        context,
        keys,
        new_context,
        new_stored,
        options,
    )?;
    let payload = &envelope[super::head_len(envelope)?..];
    out.try_reserve_exact(payload.len()).map_err(|_| Error::OutOfMemory { locked: false })?;
    out.extend_from_slice(payload);
    Ok(out)
}

/// The new head of an envelope of `whole` bytes, of which `front` has the head at least.
///
/// # Errors
/// As [`reencrypt`].
#[expect(clippy::too_many_arguments, reason = "those of a reencryption, and the size")]
pub(crate) fn reencrypt_front(
    allowed: Allowed<'_>,
    front: &[u8],
    whole: u64,
    context: &Context<'_>,
    keys: &[&Key],
    new_context: &Context<'_>,
    new_stored: &StoredContext<'_>,
    options: &ReencryptOptions,
) -> Result<Vec<u8>> {
    let read = parse(front).and_then(|head| {
        let payload = whole.saturating_sub(head.len() as u64);
        match head.kind == Kind::Envelope && chunks::plain_len_far(payload).is_none() {
            true => Err(Error::Auth),
            false => Ok(()),
        }
    });
    allowed.read(Operation::ReEncryptFrom, context, read)?;
    reencrypt_head(allowed, front, context, keys, new_context, new_stored, options)
}

/// The new head alone, for callers that copy a large payload themselves: it takes the place of the old head's
/// [`super::head_len`] bytes. `envelope` may be cut off behind its head.
///
/// # Errors
/// As [`reencrypt`].
pub fn reencrypt_head(
    allowed: Allowed<'_>,
    envelope: &[u8],
    context: &Context<'_>,
    keys: &[&Key],
    new_context: &Context<'_>,
    new_stored: &StoredContext<'_>,
    options: &ReencryptOptions,
) -> Result<Vec<u8>> {
    let head = allowed.read(Operation::ReEncryptFrom, context, parse(envelope))?;
    let dek_size = allowed.read(Operation::ReEncryptFrom, context, head.dek.ok_or(Error::NoUsableCell))?;
    let plan = Plan::new(head.kind, new_context, new_stored)?;
    refuse_moving(&allowed, &head, context, keys)?;
    let size = match head.kind {
        Kind::Envelope => head_size_under(
            keys,
            plan.stored_len,
            &EncryptOptions { free_cells: options.free_cells, ..Default::default() },
        )?,
        Kind::DataKey if options.free_cells > 0 => {
            return Err(Error::InvalidArgument { what: "a data key blob has no free cells" });
        }
        Kind::DataKey => data_key_blob_size_under(keys, dek_size, plan.stored_len)?,
    };
    if !options.drop_unreachable {
        refuse_losing_cells(&allowed, &head, context, keys, new_context)?;
    }
    with_lane(|lane| {
        let mut dek = AnyDek::zeroed(dek_size);
        let accept_stored_context = options.accept_stored_context;
        let decrypt = DecryptOptions { accept_stored_context, ..Default::default() };
        let operation = Operation::ReEncryptFrom;
        let call = Call { allowed: &allowed, operation, head: &head, options: &decrypt };
        let mut new = vec![0; size];
        unlock(lane, &call, context, &mut dek, &mut Opened::nothing(), |lane, dek, made| {
            plan.seal(lane, Operation::ReEncryptTo, 0, dek.expose(), keys, &mut new, Some(made))
        })?;
        Ok(new)
    })
}

/// Every cell in use must be of a key that the caller may open or has named for the new envelope. Looks without a use.
fn refuse_losing_cells(
    allowed: &Allowed<'_>,
    head: &super::head::Head<'_>,
    context: &Context<'_>,
    keys: &[&Key],
    new_context: &Context<'_>,
) -> Result<()> {
    // Under the same context as what follows: a grant with a condition must say the same here.
    let mut buffer = [0; MAX_ENCODED];
    let whole = match head.stored().is_empty() {
        true => *context,
        false => match merge(head.stored(), context, &mut buffer) {
            Ok(whole) => whole,
            Err(_) => return Ok(()),
        },
    };
    let mut lost = None;
    let mut usable = false;
    let wish = Wish::new(Operation::ReEncryptFrom, &whole, 0);
    for cell in head.cells().filter(|cell| cell.tag() != TYPE_FREE) {
        let Some(cell) = cell.key() else {
            lost.get_or_insert_with(|| format!("of a cell of type {:#04x}", cell.tag()));
            continue;
        };
        let held = |key: &Key, wish: &Wish<'_>| {
            let named = key.peek(wish, |view| {
                let named = view.named(cell.key_id(), cell.version(), cell.material_id());
                Ok(matches!(named, Named::Held(_)))
            });
            named.unwrap_or(false)
        };
        let opens = match allowed {
            Allowed::Keys(keys) => keys.iter().any(|key| held(key, &wish)),
            Allowed::AnyKeyOf(store) => store.key_by_id(cell.key_id()).is_ok_and(|key| held(&key, &wish)),
        };
        if opens {
            usable = true;
        } else if !keys.iter().any(|new| held(new, &Wish::new(Operation::ReEncryptTo, new_context, 0))) {
            lost.get_or_insert_with(|| cell.key_id().to_string());
        }
    }
    match lost {
        // Where nothing can be opened, that is the answer; see `unlock`.
        Some(name) if usable => {
            let error = Error::KeyNotFound { name: name.into() };
            allowed.read(Operation::ReEncryptFrom, context, Err(error))
        }
        _ => Ok(()),
    }
}

/// What one of these keys may open must be such that the caller may put it under the new ones.
fn refuse_moving(
    allowed: &Allowed<'_>,
    head: &super::head::Head<'_>,
    context: &Context<'_>,
    keys: &[&Key],
) -> Result<()> {
    let mut buffer = [0; MAX_ENCODED];
    let whole = merge(head.stored(), context, &mut buffer).unwrap_or(*context);
    let permit = |from: &Key| keys.iter().try_for_each(|to| from.permit_move(to, &whole));
    match allowed {
        Allowed::Keys(from) => from.iter().try_for_each(|from| permit(from)),
        // A key that is not there opens nothing.
        Allowed::AnyKeyOf(store) => head
            .cells()
            .filter_map(|cell| cell.key())
            .filter_map(|cell| store.key_by_id(cell.key_id()).ok())
            .try_for_each(|from| permit(&from)),
    }
}
