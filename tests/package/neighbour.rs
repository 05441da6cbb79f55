//! Another Rust library in the same process, made by the same recipe as ours: it panics and catches. Linked before
//! or after ours it shows whether either kept its own unwinding data.
#[unsafe(no_mangle)]
pub extern "C" fn neighbour_catches(number: i32) -> i32 {
    std::panic::catch_unwind(|| if number > 0 { panic!("neighbour {number}") } else { 0 }).unwrap_or(1)
}
