/// A value that many threads read without a lock and few replace. Readers are counted in striped counters; a
/// replaced value is dropped once every stripe has been seen empty after the replacement. A reader lost to a fork
/// only delays that for ever (a leak), it can block nobody.
pub(crate) struct Swap<T: Send + Sync> {
    _todo: std::marker::PhantomData<T>,
}

impl<T: Send + Sync> Swap<T> {
    pub(crate) fn new(_value: Box<T>) -> Swap<T> {
        todo!()
    }

    /// Runs `f` on the current value, which stays alive until `f` returns even if it is replaced meanwhile.
    pub(crate) fn read<R>(&self, _f: impl FnOnce(&T) -> R) -> R {
        todo!()
    }

    /// Puts a new value in place; later readers see it at once. The old one is dropped when no reader holds it.
    pub(crate) fn replace(&self, _value: Box<T>) {
        todo!()
    }
}
