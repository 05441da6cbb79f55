//! Command lines that do not parse, in the form of every other failure; and help and version that were asked for.

use clap::error::{ContextKind, ContextValue, ErrorKind};

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
            eprint!("{}", error.render());
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
        let useful = line.strip_prefix("tip: ").or(line.strip_prefix("[possible values: ").map(|_| line));
        failure.hints.extend(useful.filter(|l| !what.contains(l)).map(str::to_owned));
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
    let usage = body.lines().find_map(|l| l.strip_prefix("Usage: "));
    failure.hints.extend(usage.map(|u| format!("usage: {u}")));
    failure
}
