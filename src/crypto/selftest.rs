use crate::error::Result;

/// The outcome of the start-up self-test, which runs once at the first call: known answers on both engines, one
/// against the other. After a failure every call of the library returns this error.
pub(crate) fn passed() -> Result<()> {
    todo!()
}
