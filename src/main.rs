//! The `keyfold` command.
fn main() -> std::process::ExitCode {
    keyfold::cli::main()
}
