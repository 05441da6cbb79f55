//! Command lines that do not parse, in the form of every other failure; and help and version that were asked for.

use std::io::Write;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::args::Cli;
use super::exit::{Exit, Failure};
use super::output;

/// Answers what clap could not run, and gives the code to end with.
pub(super) fn answer(error: &clap::Error) -> Exit {
    let json = std::env::args_os().any(|a| a == "--json");
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            match output::write_stdout(error.render().to_string().as_bytes()) {
                Ok(()) => Exit::Done,
                Err(failure) => failure.report(json),
            }
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // A failure to say it has nowhere to go.
            let _ = std::io::stderr().write_all(error.render().to_string().as_bytes());
            Exit::Usage
        }
        _ => failure(error).report(json),
    }
}

fn failure(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    // clap: "error: what\n\n  tip: a tip\n\nUsage: …\n\nFor more information, …"; what may list values on further lines.
    let body = text.strip_prefix("error: ").unwrap_or(&text);
    let what: Vec<&str> = body.lines().take_while(|l| !l.is_empty()).map(str::trim).collect();
    let mut failure = Failure::usage(what.join(" "));
    for line in body.lines().map(str::trim) {
        match line.strip_prefix("tip: ") {
            // How to pass what looks like an option as a value: true, and never what was meant.
            Some(tip) if !tip.starts_with("to pass '") => failure.hints.push(tip.to_owned()),
            _ => {}
        }
    }
    if let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg)
        && ["--pass", "--pin", "--secret", "--material=", "--key-material"]
            .iter()
            .any(|p| argument.starts_with(p))
        && error.kind() == ErrorKind::UnknownArgument
    {
        // The value, if there was one, is not repeated.
        failure.message =
            "secrets are not taken from the command line, where every user of the machine sees them".into();
        failure.hints = vec![
            "give a passphrase with --passphrase-fd N, through KEYFOLD_PASSPHRASE_FD, or at the prompt"
                .into(),
        ];
        return failure;
    }
    failure.hints.push(format!(
        "see {} --help",
        command_of(std::env::args_os().map(|a| a.to_string_lossy().into_owned()))
    ));
    failure
}

/// The command that a command line names, as far as it does.
fn command_of(arguments: impl Iterator<Item = String>) -> String {
    let (mut command, mut words) = (Cli::command(), vec!["keyfold".to_owned()]);
    for argument in arguments.skip(1) {
        if let Some(found) = command.find_subcommand(&argument).cloned() {
            command = found;
            words.push(argument);
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_pointed_to_is_the_commands() {
        let of = |line: &str| command_of(line.split(' ').map(str::to_owned));
        assert_eq!(of("keyfold key list --limit 0"), "keyfold key list");
        assert_eq!(of("keyfold --json key frobnicate"), "keyfold key");
        assert_eq!(of("keyfold encrypt key"), "keyfold encrypt");
        assert_eq!(of("keyfold frobnicate"), "keyfold");
    }
}
