use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

static NEXT: AtomicUsize = AtomicUsize::new(1);

thread_local! {
    // Without a destructor: one that runs after the library was unloaded would crash the host.
    static INDEX: Cell<usize> = const { Cell::new(0) };
}

/// A small number for the calling thread, to spread threads over lanes and counters. Two threads may share one.
pub(crate) fn thread_index() -> usize {
    INDEX.with(|index| {
        if index.get() == 0 {
            index.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        index.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_its_number_and_another_thread_has_another() {
        const { assert!(!std::mem::needs_drop::<Cell<usize>>()) };
        let mine = thread_index();
        let other = std::thread::spawn(thread_index).join().unwrap();
        assert_eq!(thread_index(), mine);
        assert_ne!(other, mine);
    }
}
