//! Streams: envelopes made and opened a piece at a time, by pushing and by pulling.

use std::ffi::c_void;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use super::args::{self, Parts};
use super::exclusive::{Claimed, Exclusive};
use super::guard::{close, guard};
use super::handle::{self, Object};
use super::out::{self, Out, Report};
use super::source::Host;
use super::types::*;
use super::work::Given;
use super::{options, sealing};
use crate::envelope::{AllowedKeys, Decryptor, Encryptor, Opened, Pull, Work};
use crate::error::{Error, Result, Status};
use crate::keystore::{SealingKey, Store};

/// Begins an envelope under one or more keys, any of which opens it. What keyfold_encrypt_to says of keys, context and
/// options holds here; the keys are used now, and a stream goes on when they are disabled meanwhile.
///
/// Without a source the message is pushed: keyfold_stream_update as often as wanted, then keyfold_stream_finish. With
/// one the envelope is pulled: keyfold_stream_read until it gives 0 bytes. The same bytes come out however the message
/// is cut into pieces (but that each envelope has its own random parts), and a stream takes the memory of a chunk
/// and the head, with a source a MiB more. What came out is an envelope only when the end has been reached.
///
/// @param keys        [in, array(keys_len), shared]   1 to 32, less the free cells
/// @param context     [in, bytes(context_len), nullable-if-0]   from keyfold_context_pack; NULL with 0 is no context
/// @param chosen      [in, bytes(chosen_len), nullable-if-0]    as for keyfold_encrypt_to
/// @param options     [in, nullable]   without work
/// @param source      [in]   NULL: the message is pushed
/// @param user_data   [in]   given to every call of the source and the release
/// @param release     [in]   called once, after the last call of the source, or before this returns where it fails;
///                    NULL: nothing
/// @param out_stream  [out, handle]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, LIMIT_EXCEEDED,
///           KEY_DISABLED, FORKED, STORE_POISONED, RANDOM
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_stream_encrypt(
    keys: *const *const keyfold_key,
    keys_len: usize,
    context: *const u8,
    context_len: usize,
    chosen: *const u8,
    chosen_len: usize,
    options: *const keyfold_encrypt_options,
    source: keyfold_source_callback,
    user_data: *mut c_void,
    release: keyfold_source_release,
    out_stream: *mut *mut keyfold_stream,
) -> Status {
    guard(|| {
        // First of all, so that it is given back whatever comes.
        let host = Host::new(source, user_data, release);
        let out = unsafe { out::Handle::claim(out_stream, "out_stream")? };
        let keys = unsafe { handle::keys(keys, keys_len)? };
        let context = unsafe { args::context(context, context_len)? };
        let chosen = unsafe { args::chosen(chosen, chosen_len)? };
        let options = unsafe { options::read(options)? };
        options.without_work()?;
        let (options, stored) = options.with_choice(&chosen)?;
        let made = keys.with(|keys| Encryptor::new(keys, &context, &stored, &options))?;
        out.put(Stream::open(Body::encrypting(made, host), Vec::new())?);
        Ok(())
    })
}

/// As keyfold_stream_encrypt, to the public halves of sealing keys and without a store, as keyfold_seal.
///
/// @param public_keys   [in, bytes(public_keys_len)]   from keyfold_key_public, one after another
/// @param key_offsets   [in, array(count + 1)]   where each begins, and the end of the last
/// @param count         [in]   number of public keys, 1 to 32
/// @param context       [in, bytes(context_len), nullable-if-0]
/// @param options       [in, nullable]   without free cells and work
/// @param source        [in]   NULL: the message is pushed
/// @param user_data     [in]   given to every call of the source and the release
/// @param release       [in]   as for keyfold_stream_encrypt
/// @param out_stream    [out, handle]
/// @errors   NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, INVALID_KEY_MATERIAL, RANDOM
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_stream_seal(
    public_keys: *const u8,
    public_keys_len: usize,
    key_offsets: *const u64,
    count: usize,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_encrypt_options,
    source: keyfold_source_callback,
    user_data: *mut c_void,
    release: keyfold_source_release,
    out_stream: *mut *mut keyfold_stream,
) -> Status {
    guard(|| {
        let host = Host::new(source, user_data, release);
        let out = unsafe { out::Handle::claim(out_stream, "out_stream")? };
        let keys = unsafe { Parts::read(public_keys, public_keys_len, key_offsets, count, "key_offsets")? };
        let context = unsafe { args::context(context, context_len)? };
        let options = unsafe { options::read(options)? };
        options.without_work()?;
        let (options, stored) = options.without_choice()?;
        let public = sealing::read(&keys, count, &options)?;
        let public: Vec<&SealingKey> = public.iter().collect();
        let made = Encryptor::to_public(&public, &context, &stored)?;
        out.put(Stream::open(Body::encrypting(made, host), Vec::new())?);
        Ok(())
    })
}

/// Begins to open an envelope under any of the keys named. They are looked at when the head has come.
///
/// Without a source the envelope is pushed: keyfold_stream_update as often as wanted, then keyfold_stream_finish. With
/// one the message is pulled: keyfold_stream_read until it gives 0 bytes. Only bytes that have been authenticated come
/// out. They are the front of a message until the end has been reached: an envelope that was cut off is AUTH there.
///
/// @param keys        [in, array(keys_len), shared]   1 to 32
/// @param context     [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
/// @param options     [in, nullable]   without work
/// @param source      [in]   NULL: the envelope is pushed
/// @param user_data   [in]   given to every call of the source and the release
/// @param release     [in]   as for keyfold_stream_encrypt
/// @param out_stream  [out, handle]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, FORKED
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_stream_decrypt(
    keys: *const *const keyfold_key,
    keys_len: usize,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_decrypt_options,
    source: keyfold_source_callback,
    user_data: *mut c_void,
    release: keyfold_source_release,
    out_stream: *mut *mut keyfold_stream,
) -> Status {
    guard(|| {
        let host = Host::new(source, user_data, release);
        let out = unsafe { out::Handle::claim(out_stream, "out_stream")? };
        let keys = unsafe { handle::keys(keys, keys_len)? };
        let allowed = AllowedKeys::Keys(keys.cloned());
        unsafe { decrypting(allowed, context, context_len, options, host, out) }
    })
}

/// As keyfold_stream_decrypt, under whichever key of a store opens it: look at keyfold_stream_opened wherever it
/// matters which it was.
///
/// @param store       [in, shared]
/// @param context     [in, bytes(context_len), nullable-if-0]   every pair that was given when it was encrypted
/// @param options     [in, nullable]   without work
/// @param source      [in]   NULL: the envelope is pushed
/// @param user_data   [in]   given to every call of the source and the release
/// @param release     [in]   as for keyfold_stream_encrypt
/// @param out_stream  [out, handle]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, FORKED
/// @threads  any   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_stream_decrypt_any(
    store: *const keyfold_store,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_decrypt_options,
    source: keyfold_source_callback,
    user_data: *mut c_void,
    release: keyfold_source_release,
    out_stream: *mut *mut keyfold_stream,
) -> Status {
    guard(|| {
        let host = Host::new(source, user_data, release);
        let out = unsafe { out::Handle::claim(out_stream, "out_stream")? };
        let store = handle::store(store)?;
        let allowed = AllowedKeys::AnyKeyOf(Store::clone(&store));
        unsafe { decrypting(allowed, context, context_len, options, host, out) }
    })
}

/// Tells a size that holds whatever keyfold_stream_update gives for an input of this length. Exactly that when
/// encrypting.
///
/// @param stream      [in, exclusive]
/// @param input_len   [in]
/// @param out_size    [out]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUSY, FORKED, TOO_LARGE
/// @threads  one   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_stream_update_size(
    stream: *mut keyfold_stream,
    input_len: usize,
    out_size: *mut usize,
) -> Status {
    guard(|| {
        let out = unsafe { out::Size::claim(out_size, "out_size")? };
        let stream = handle::stream(stream)?;
        out.put(stream.body.claim()?.update_size(input_len)?);
        Ok(())
    })
}

/// Pushes a piece of the message (encrypting) or of the envelope (decrypting), and gives what is ready of the other.
///
/// TOO_LARGE and what is refused for its arguments leave the stream as it was, BUFFER_TOO_SMALL among it; every other failure
/// ends it.
///
/// @param stream      [in, exclusive]
/// @param input       [in, bytes(input_len), nullable-if-0]   any length; all of it is taken
/// @param work        [in, nullable]
/// @param out         [out, bytes(out_cap), nullable-if-0]   zeroed if the call fails
/// @param out_len     [out]   bytes written, or needed
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL, BUFFERS_OVERLAP,
///           BUSY, TOO_LARGE, STREAM_ENDED, CANCELLED, FORKED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
///           KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, STORE_INTEGRITY, STORE_IO, STORE_POISONED
/// @threads  one   @callback sink, progress   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_stream_update(
    stream: *mut keyfold_stream,
    input: *const u8,
    input_len: usize,
    work: *const keyfold_work,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(out_len, "out_len")? };
        let stream = handle::stream(stream)?;
        let input = unsafe { args::bytes(input, input_len, "input")? };
        let work = unsafe { Given::read(work)? };
        let mut body = stream.claim()?;
        let size = body.update_size(input.len())?;
        let mut out = unsafe { Out::claim(out, out_cap, len, size, &[input])? };
        stream.step(&mut body, &mut out, len, &work, |body, out, work| match body {
            Body::Encrypting(stream) => stream.update(input, out, work),
            Body::Decrypting(stream) => stream.update(input, out, work),
            Body::Pulling(_) => Err(HAS_A_SOURCE),
        })
    })
}

/// Tells a size that holds whatever keyfold_stream_finish gives. Exactly that when encrypting.
///
/// @param stream     [in, exclusive]
/// @param out_size   [out]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUSY, FORKED
/// @threads  one   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_stream_finish_size(
    stream: *mut keyfold_stream,
    out_size: *mut usize,
) -> Status {
    guard(|| {
        let out = unsafe { out::Size::claim(out_size, "out_size")? };
        let stream = handle::stream(stream)?;
        out.put(stream.body.claim()?.finish_size()?);
        Ok(())
    })
}

/// Says that the input has ended, and gives the rest. Only when this succeeds is what came out a whole envelope, or a
/// whole message.
///
/// @param stream     [in, exclusive]
/// @param out        [out, bytes(out_cap), nullable-if-0]   zeroed if the call fails
/// @param out_len    [out]   bytes written, or needed
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUFFER_TOO_SMALL, BUSY, STREAM_ENDED, CANCELLED, FORKED,
///           NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED,
///           STORE_INTEGRITY, STORE_IO, STORE_POISONED
/// @threads  one   @callback sink   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_stream_finish(
    stream: *mut keyfold_stream,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(out_len, "out_len")? };
        let stream = handle::stream(stream)?;
        let work = unsafe { Given::read(std::ptr::null())? };
        let mut body = stream.claim()?;
        let size = body.finish_size()?;
        let mut out = unsafe { Out::claim(out, out_cap, len, size, &[])? };
        stream.step(&mut body, &mut out, len, &work, |body, out, _| match body {
            Body::Encrypting(stream) => stream.finish(out),
            Body::Decrypting(stream) => stream.finish(out),
            Body::Pulling(_) => Err(HAS_A_SOURCE),
        })
    })
}

/// Pulls bytes out of a stream that has a source: of the envelope (encrypting) or of the message (decrypting).
///
/// The buffer is filled unless the end comes first. 0 bytes say that the end was reached, and that all is whole; that is
/// never said of an envelope that was cut off. What is refused for its arguments leaves the stream as it was; after any other
/// failure every later call gives the same one.
///
/// @param stream     [in, exclusive]
/// @param work       [in, nullable]
/// @param out        [out, bytes(out_cap)]   zeroed if the call fails; out_cap is 1 or more
/// @param out_len    [out]   bytes written
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUSY, CANCELLED, CALLBACK_FAILED,
///           TOO_LARGE, FORKED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND,
///           KEY_DISABLED, STORE_INTEGRITY, STORE_IO, STORE_POISONED
/// @threads  one   @callback sink, source, progress   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_stream_read(
    stream: *mut keyfold_stream,
    work: *const keyfold_work,
    out: *mut u8,
    out_cap: usize,
    out_len: *mut usize,
) -> Status {
    guard(|| {
        let len = unsafe { out::Size::claim(out_len, "out_len")? };
        let stream = handle::stream(stream)?;
        let work = unsafe { Given::read(work)? };
        let mut body = stream.claim()?;
        if !matches!(*body, Body::Pulling(_)) {
            return Err(NO_SOURCE);
        }
        if out_cap == 0 {
            return Err(Error::InvalidArgument {
                what: "out_cap is 0, and 0 bytes read would look like the end",
            });
        }
        let mut out = unsafe { Out::claim(out, out_cap, len, out_cap, &[])? };
        stream.step(&mut body, &mut out, len, &work, |body, out, work| match body {
            Body::Pulling(stream) => stream.read(out, work),
            _ => Err(NO_SOURCE),
        })
    })
}

/// Tells which key opened the envelope of a stream that decrypts, once its head has been read.
///
/// @param stream   [in, exclusive]
/// @param opened   [out, result]
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUSY, FORKED
/// @threads  one   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_stream_opened(
    stream: *mut keyfold_stream,
    opened: *mut keyfold_opened,
) -> Status {
    guard(|| {
        let report = unsafe { Report::claim(opened)? };
        let stream = handle::stream(stream)?;
        report.put(stream.body.claim()?.opened()?.clone().into());
        Ok(())
    })
}

/// Returns the whole authenticated context of the envelope that a stream decrypts, packed, once its head has been
/// read. With KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT it tells what was accepted.
///
/// @param stream        [in, exclusive]
/// @param out_context   [out, buffer]   a packed context
/// @errors   NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUSY, FORKED
/// @threads  one   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_stream_context(
    stream: *mut keyfold_stream,
    out_context: *mut keyfold_buffer,
) -> Status {
    guard(|| {
        let out = unsafe { out::Made::claim(out_context, "out_context")? };
        let stream = handle::stream(stream)?;
        let accepted = stream.body.claim()?.opened()?.context.clone();
        out.put(accepted.unwrap_or_else(|| stream.context.clone()));
        Ok(())
    })
}

/// Stops a stream, from any thread: a call under way on it answers CANCELLED within one chunk (within about a MiB where it was
/// given a flag of its own), later ones at once. It may then be closed without having been finished.
///
/// @param stream   [in, shared]
/// @errors   INVALID_HANDLE
/// @threads  any   @callback never   @since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfold_stream_cancel(stream: *const keyfold_stream) -> Status {
    guard(|| {
        handle::stream(stream)?.cancelled.store(1, Relaxed);
        Ok(())
    })
}

/// Closes a stream. NULL is fine. A call under way in another thread goes on to its end, which this does not wait for.
///
/// STREAM_UNFINISHED says that it is closed, but had neither reached its end nor failed nor been cancelled: what it gave is worth
/// nothing (encrypting), or is only the front of a message (decrypting).
///
/// @param stream   [in, closes]
/// @errors   INVALID_HANDLE, STREAM_UNFINISHED
/// @threads  any   @callback sink, source   @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfold_stream_close(stream: *mut keyfold_stream) -> Status {
    close(|| match handle::close_and(stream, Stream::ended)? {
        Some(false) => Err(Error::StreamUnfinished { what: "finish it, or cancel it" }),
        _ => Ok(()),
    })
}

/// What a handle of a stream stands for.
pub(super) struct Stream {
    body: Exclusive<Body>,
    /// The context that was given, where it decrypts.
    context: Vec<u8>,
    cancelled: AtomicU32,
    /// 1 once it has reached its end, or has failed.
    over: AtomicU32,
}

pub(super) enum Body {
    Encrypting(Encryptor),
    Decrypting(Decryptor),
    Pulling(Pull<Host>),
}

impl Stream {
    fn open(body: Body, context: Vec<u8>) -> Result<*mut keyfold_stream> {
        handle::open(Object::Stream(Box::new(Stream {
            body: Exclusive::new(body),
            context,
            cancelled: AtomicU32::new(0),
            over: AtomicU32::new(0),
        })))
    }

    /// Takes it for a call that changes it.
    fn claim(&self) -> Result<Claimed<'_, Body>> {
        let body = self.body.claim()?;
        if self.cancelled.load(Relaxed) != 0 {
            return Err(Error::Cancelled);
        }
        Ok(body)
    }

    /// One step of it into a claimed buffer.
    fn step(
        &self,
        body: &mut Body,
        out: &mut Out,
        len: out::Size,
        work: &Given<'_>,
        step: impl FnOnce(&mut Body, &mut [u8], &Work<'_>) -> Result<usize>,
    ) -> Result<()> {
        let done = work.with_flag(Some(&self.cancelled), |work| step(body, out.bytes(), work));
        match &done {
            Ok(n) => {
                out.report(len, *n);
                out.keep();
            }
            Err(error) => {
                if leaves_it_as_it_was(error) {
                    out.keep();
                } else {
                    self.over.store(1, SeqCst);
                }
            }
        }
        if body.is_finished() {
            self.over.store(1, SeqCst);
        }
        done.map(|_| ())
    }

    fn ended(&self) -> bool {
        self.over.load(SeqCst) != 0 || self.cancelled.load(Relaxed) != 0
    }
}

/// Refusals of the core's own, after which a stream goes on.
fn leaves_it_as_it_was(error: &Error) -> bool {
    matches!(error, Error::BufferTooSmall { .. } | Error::TooLarge { .. })
}

impl Body {
    fn encrypting(stream: Encryptor, host: Option<Host>) -> Body {
        match host {
            Some(host) => Body::Pulling(Pull::encrypting(stream, host)),
            None => Body::Encrypting(stream),
        }
    }

    fn update_size(&self, input: usize) -> Result<usize> {
        match self {
            Body::Encrypting(stream) => stream.update_size(input),
            Body::Decrypting(stream) => Ok(stream.update_size(input)),
            Body::Pulling(_) => Err(HAS_A_SOURCE),
        }
    }

    fn finish_size(&self) -> Result<usize> {
        match self {
            Body::Encrypting(stream) => Ok(stream.finish_size()),
            Body::Decrypting(stream) => Ok(stream.finish_size()),
            Body::Pulling(_) => Err(HAS_A_SOURCE),
        }
    }

    fn is_finished(&self) -> bool {
        match self {
            Body::Encrypting(stream) => stream.is_finished(),
            Body::Decrypting(stream) => stream.is_finished(),
            Body::Pulling(stream) => stream.is_finished(),
        }
    }

    fn opened(&self) -> Result<&Opened> {
        let opened = match self {
            Body::Encrypting(_) => None,
            Body::Decrypting(stream) => stream.opened(),
            Body::Pulling(stream) => stream.opened(),
        };
        opened.ok_or(Error::InvalidArgument {
            what: "this stream has opened nothing: it encrypts, or has not had the whole head yet",
        })
    }
}

const HAS_A_SOURCE: Error =
    Error::InvalidArgument { what: "this stream has a source; read it with keyfold_stream_read" };
const NO_SOURCE: Error = Error::InvalidArgument {
    what: "this stream has no source; use keyfold_stream_update and keyfold_stream_finish",
};

unsafe fn decrypting(
    allowed: AllowedKeys,
    context: *const u8,
    context_len: usize,
    options: *const keyfold_decrypt_options,
    host: Option<Host>,
    out: out::Handle<keyfold_stream>,
) -> Result<()> {
    let context = unsafe { args::context(context, context_len)? };
    let options = unsafe { options::read(options)? };
    options.without_work()?;
    let stream = Decryptor::new(allowed, &context, &options.into())?;
    let body = match host {
        Some(host) => Body::Pulling(Pull::decrypting(stream, host)),
        None => Body::Decrypting(stream),
    };
    out.put(Stream::open(body, context.as_bytes().to_vec())?);
    Ok(())
}
