//! Operations as arguments: which there are, for help and completions, and what a wrong one was meant to be.

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command};

use crate::Operation;
use crate::keystore::{can_be_approved, can_be_granted, can_be_tried};

/// Events that are no operations.
const SERVICE: [&str; 8] = [
    "ClockStepped",
    "InitializeAuditTrail",
    "LimitNear",
    "SinkFailed",
    "SinkRecovered",
    "StartLogging",
    "StopLogging",
    "TrailGap",
];

/// Reads an operation's name. Those that fit the argument are listed; another one is the library's to refuse, which says why.
#[derive(Clone)]
pub(super) struct OperationParser(fn(Operation) -> bool);

/// On a key: for `can`.
pub(super) fn tried() -> OperationParser {
    OperationParser(can_be_tried)
}

/// That a grant can have.
pub(super) fn granted() -> OperationParser {
    OperationParser(can_be_granted)
}

/// That can be under dual control.
pub(super) fn approved() -> OperationParser {
    OperationParser(can_be_approved)
}

impl TypedValueParser for OperationParser {
    type Value = Operation;

    fn parse_ref(
        &self,
        command: &Command,
        _: Option<&Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<Operation, clap::Error> {
        let given = value.to_string_lossy();
        Operation::from_name(&given).map_err(|_| {
            let tip = match Operation::meant_by(&given) {
                Some(meant) => format!("it is spelled {meant}"),
                None => "names are those of AWS KMS, such as Decrypt or DisableKey".into(),
            };
            let text = format!("there is no operation \"{given}\"\n\n  tip: {tip}\n");
            clap::Error::raw(ErrorKind::InvalidValue, text).with_cmd(command)
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let fit = Operation::ALL.iter().filter(|operation| (self.0)(**operation));
        Some(Box::new(fit.map(|operation| PossibleValue::new(operation.name()))))
    }
}

/// Reads an event's name: any, since later versions have more; those of this one are listed.
#[derive(Clone)]
pub(super) struct EventParser;

impl TypedValueParser for EventParser {
    type Value = String;

    fn parse_ref(
        &self,
        _: &Command,
        _: Option<&Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<String, clap::Error> {
        Ok(value.to_string_lossy().into_owned())
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let operations = Operation::ALL.iter().map(|operation| operation.name());
        Some(Box::new(operations.chain(SERVICE).map(PossibleValue::new)))
    }
}

/// A word about an event's name that this version does not write.
pub(super) fn unknown_event(name: &str) -> Option<String> {
    let mut all = Operation::ALL.iter().map(|operation| operation.name()).chain(SERVICE);
    if all.clone().any(|known| known == name) {
        return None;
    }
    let meant = all.find(|known| known.eq_ignore_ascii_case(name));
    let meant = meant.map(|meant| format!("; it is spelled {meant}")).unwrap_or_default();
    Some(format!("this version writes no event of the name \"{name}\"{meant}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::args::Cli;

    // Fails when an argument loses its parser.
    #[test]
    fn help_and_completions_list_the_operations_that_fit() {
        let of = |path: &[&str], argument: &str| -> Vec<String> {
            let mut command = Cli::command();
            for name in path {
                command = command.find_subcommand(name).unwrap().clone();
            }
            let all = command.get_arguments().find(|a| a.get_id() == argument).unwrap().get_possible_values();
            all.iter().map(|value| value.get_name().to_owned()).collect()
        };
        let grant = of(&["grant", "create"], "operation");
        assert!(grant.contains(&"Decrypt".into()) && !grant.contains(&"DisableKey".into()));
        let can = of(&["can"], "operation");
        assert!(can.contains(&"DisableKey".into()) && !can.contains(&"CreateKey".into()));
        let both = [of(&["approve"], "operation"), of(&["store", "set"], "dual_control")];
        for all in both {
            assert!(all.contains(&"ExportKey".into()) && !all.contains(&"Decrypt".into()));
        }
        let events = of(&["audit", "tail"], "event");
        assert!(events.contains(&"TrailGap".into()) && events.contains(&"Decrypt".into()));
        assert_eq!(unknown_event("Decrypt"), None);
        assert!(unknown_event("decrypt").unwrap().ends_with("it is spelled Decrypt"));
    }
}
