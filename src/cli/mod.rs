//! The command line.

/// Runs the command given by the process's arguments.
pub fn main() -> std::process::ExitCode {
    todo!()
}
