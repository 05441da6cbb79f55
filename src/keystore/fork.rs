//! Forks. No SQLite connection crosses one, and no lock is left locked in a child.
//!
//! Every backend registers here. Before a fork the handler takes the locks of all of them, which waits for the
//! transactions under way, and closes their connections; after it both sides let go and reopen at need. A child that
//! was made past the handlers (raw `clone`) shows by [`Settled`]: its fork id is not the one the store knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::sync::{ForkLock, at_fork, fork_id};

/// Something with locks and connections that a fork must not catch at work.
pub(super) trait Guarded: Send + Sync {
    /// Takes what is held over transactions, before any of them is waited for.
    fn hold_first(&self) {}
    /// Takes every lock (waiting for what is under way) and closes every connection.
    fn hold(&self);
    /// Lets go of the locks; `in_child` on the child's side.
    fn release(&self, in_child: bool);
}

/// The fork id up to which a store's state is known to be whole.
pub(super) struct Settled(AtomicU64);

impl Settled {
    pub(super) fn now() -> Settled {
        Settled(AtomicU64::new(fork_id()))
    }
    pub(super) fn renew(&self) {
        self.0.store(fork_id(), Ordering::Release);
    }
    /// FORKED in a child that came to be past the handlers.
    #[inline]
    pub(super) fn check(&self) -> Result<()> {
        match self.0.load(Ordering::Acquire) == fork_id() {
            true => Ok(()),
            false => Err(Error::Forked),
        }
    }
}

struct Registry {
    handlers: bool,
    stores: Vec<Arc<dyn Guarded>>,
}

/// The fork id up to which the registry is known to be whole; zero before there is anything in it.
static SETTLED: AtomicU64 = AtomicU64::new(0);

/// False in a child made past the handlers, once a store was open: there a lock may be held by a thread that does not
/// exist, and connections may have come along. Nothing may be opened in it.
pub(super) fn is_settled() -> bool {
    matches!(SETTLED.load(Ordering::Acquire), id if id == 0 || id == fork_id())
}

// Order of locks: this one, then the turns of the stores' trails, then those of the stores, then `sqlite::files`. Nothing takes this one while it holds
// another. `epochs` stands between the stores' and the files'.
static REGISTRY: ForkLock<Registry> = ForkLock::new(Registry { handlers: false, stores: Vec::new() });

/// Has a store's locks and connections cared for at forks, until [`forget`].
pub(super) fn register(store: Arc<dyn Guarded>) {
    let mut registry = REGISTRY.lock();
    if !registry.handlers {
        registry.handlers = at_fork(prepare, parent, child);
        SETTLED.store(fork_id(), Ordering::Release);
    }
    registry.stores.push(store);
}

/// Ends [`register`]; the store's connections are closed by then. In a child made past the handlers nothing is done:
/// the registry may be locked by a thread that does not exist there.
pub(super) fn forget<T: Guarded>(store: &Arc<T>) {
    if !is_settled() {
        return;
    }
    let this = Arc::as_ptr(store).cast::<()>();
    let gone = {
        let mut registry = REGISTRY.lock();
        let at = registry.stores.iter().position(|s| Arc::as_ptr(s).cast::<()>() == this);
        at.map(|at| registry.stores.swap_remove(at))
    };
    drop(gone);
}

extern "C" fn prepare() {
    let registry = REGISTRY.lock();
    registry.stores.iter().for_each(|store| store.hold_first());
    registry.stores.iter().for_each(|store| store.hold());
    super::epochs::hold();
    #[cfg(feature = "sqlite")]
    super::sqlite::hold();
    registry.keep_across_fork();
}

extern "C" fn parent() {
    let_go(false);
}

extern "C" fn child() {
    let_go(true);
}

fn let_go(in_child: bool) {
    if let Some(registry) = REGISTRY.resume() {
        if in_child {
            SETTLED.store(fork_id(), Ordering::Release);
        }
        #[cfg(feature = "sqlite")]
        super::sqlite::release();
        super::epochs::release();
        registry.stores.iter().for_each(|store| store.release(in_child));
    }
}
