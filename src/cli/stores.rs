//! `keyfold store …` and `heartbeat`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::backup::SecondRoot;
use super::exit::{Failure, Result};
use super::life::Sure;
use super::session::{Session, json_or_file};
use super::{operations, output};
use crate::keystore::{Store, StoreSettings};
use crate::root::Root;
use crate::{Operation, Status};

#[derive(Subcommand)]
pub(super) enum StoreCommand {
    /// Show the store's settings
    Settings,
    /// Change the settings that the flags name
    Set(Set),
    /// Mend a store whose manifest or tree is damaged, from what of it verifies; it becomes a new incarnation
    Repair(Repair),
}

#[derive(Args)]
#[group(id = "set_flags", multiple = true)]
pub(super) struct Set {
    /// All settings as JSON, or a file of it; the flags below change them
    #[arg(long, value_name = "FILE|JSON")]
    settings: Option<String>,
    /// An operation that needs two principals, such as ExportKey; those given replace all. With commas, or several times
    #[arg(long, value_name = "OPERATION", value_delimiter = ',', conflicts_with = "no_dual_control", value_parser = operations::approved())]
    dual_control: Vec<Operation>,
    /// No operation needs two principals
    #[arg(long)]
    no_dual_control: bool,
    /// Seconds for which an approval counts
    #[arg(long, value_name = "N")]
    approval_seconds: Option<u32>,
    /// Who manages every key and the store; those given replace all. With commas, or several times
    #[arg(long, value_name = "PRINCIPAL", value_delimiter = ',')]
    administrator: Vec<String>,
}

#[derive(Args)]
pub(super) struct Repair {
    #[command(flatten)]
    second: SecondRoot,
    #[command(flatten)]
    sure: Sure,
}

impl StoreCommand {
    pub(super) fn run(self, session: &Session) -> Result<()> {
        match self {
            StoreCommand::Settings => show(session, &session.store()?.settings()?),
            StoreCommand::Set(set) => set.run(session),
            StoreCommand::Repair(repair) => repair.run(session),
        }
    }
}

impl Set {
    fn run(self, session: &Session) -> Result<()> {
        if self.settings.is_none()
            && self.dual_control.is_empty()
            && !self.no_dual_control
            && self.approval_seconds.is_none()
            && self.administrator.is_empty()
        {
            return Err(Failure::usage("no setting is named").hint(
                "see them with: keyfold store settings, and the flags with: keyfold store set --help",
            ));
        }
        let store = session.store()?;
        let mut settings = match &self.settings {
            Some(given) => serde_json::from_str(&json_or_file(given)?).map_err(|e| {
                Failure::new(Status::InvalidArgument, format!("the settings do not read: {e}"))
            })?,
            None => store.settings()?,
        };
        if self.no_dual_control {
            settings.dual_control.clear();
        } else if !self.dual_control.is_empty() {
            settings.dual_control = self.dual_control.iter().map(ToString::to_string).collect();
        }
        if let Some(seconds) = self.approval_seconds {
            settings.approval_seconds = seconds;
        }
        if !self.administrator.is_empty() {
            settings.administrators = self.administrator;
        }
        let done = store.update_settings(&settings).map_err(|error| {
            let line = format!(
                "UpdateStoreSettings --param 'settings={}'",
                serde_json::to_string(&settings).unwrap_or_default()
            );
            super::approvals::needed(error.into(), &line)
        });
        let settings = done?;
        if session.global.quiet { Ok(()) } else { show(session, &settings) }
    }
}

fn show(session: &Session, settings: &StoreSettings) -> Result<()> {
    if session.global.json {
        return output::json(settings);
    }
    let none_or = |names: &[String]| if names.is_empty() { "none".into() } else { names.join(", ") };
    let seconds = if settings.approval_seconds == 0 { 3600 } else { settings.approval_seconds };
    output::pairs(&[
        ("administrators", none_or(&settings.administrators)),
        ("dual control", none_or(&settings.dual_control)),
        ("approvals count for", format!("{seconds} seconds")),
    ])
}

impl Repair {
    fn run(self, session: &Session) -> Result<()> {
        let location = session.location()?;
        let root = session.root()?;
        let second = self.second.root(session)?;
        let question = format!(
            "rebuild {}? what of it does not verify is left out for ever; keep a copy of it first",
            location.path.display()
        );
        self.sure.confirm(session, &question)?;
        let roots: Vec<&dyn Root> = std::iter::once(&*root).chain(second.as_deref()).collect();
        let report = Store::repair(&location, &roots, &session.open_options())?;
        if session.global.json {
            return output::json(&report);
        }
        for dropped in &report.dropped {
            session.say(format!("left out: {dropped}"))?;
        }
        for doubtful in &report.doubtful {
            session.say(format!("cannot be known: {doubtful}"))?;
        }
        session.say(format!("the damaged file is kept as {}", report.kept_as))?;
        session.say(format!(
            "repaired: {} keys kept, {} things left out, epoch {}",
            report.keys_kept,
            report.dropped.len(),
            report.epoch
        ))
    }
}

pub(super) fn heartbeat(session: &Session) -> Result<()> {
    let store = session.store()?;
    store.heartbeat()?;
    let epoch = store.info()?.epoch;
    match session.global.json {
        true => output::json(&json!({ "epoch": epoch })),
        false => session.say(format!("sealed anew at epoch {epoch}")),
    }
}
