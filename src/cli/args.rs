//! The command line's grammar. Help, completions and the manual are made from it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::{
    approvals, audit, backup, data, datakey, doctor, grants, help, init, inspect, keys, mac, random,
    reencrypt, rewrap, roots, seal, stores,
};

/// Envelope encryption under named, versioned keys in a key store
#[derive(Parser)]
#[command(
    name = "keyfold",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Exit codes: keyfold help exit-codes. Secrets are never taken from the command line."
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a key store and, if it is not there yet, its root key file
    Init(init::Init),
    /// Make, list, change, rotate, import, export and delete keys
    #[command(subcommand)]
    Key(keys::KeyCommand),
    /// Encrypt a file under a key
    Encrypt(data::Encrypt),
    /// Decrypt an envelope
    Decrypt(data::Decrypt),
    /// Put envelopes under the current version of their keys, in place; the payload is not touched
    Rewrap(rewrap::Rewrap),
    /// Count which key versions the envelopes in a folder are under
    Census(rewrap::Census),
    /// Put an envelope under other keys or another context, without decrypting it
    Reencrypt(reencrypt::Reencrypt),
    /// Make a data key for your own use, or open one
    Datakey(datakey::Datakey),
    /// Encrypt a file to the public halves of sealing keys; needs no store, and cannot open it again
    Seal(seal::Seal),
    /// Make the message authentication code of a file
    Mac(mac::Mac),
    /// Check the message authentication code of a file
    VerifyMac(mac::VerifyMac),
    /// Random bytes; needs no store
    Random(random::Random),
    /// Show what an envelope says about itself, without any key; nothing of it is authenticated
    Inspect(inspect::Inspect),
    /// Say why an envelope opens or does not, without decrypting it
    Explain(inspect::Explain),
    /// Let others use a key, and end that
    #[command(subcommand)]
    Grant(grants::GrantCommand),
    /// Say whether you may do something with a key now, without doing it
    Can(approvals::Can),
    /// Approve what another principal is about to do
    Approve(approvals::Approve),
    /// List and withdraw approvals that wait
    #[command(subcommand)]
    Approvals(approvals::ApprovalsCommand),
    /// Read, verify and export the audit trail
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Show and change what opens the store
    #[command(subcommand)]
    Root(roots::RootCommand),
    /// Show and change the store's settings, and mend it
    #[command(subcommand)]
    Store(stores::StoreCommand),
    /// Write the whole store into one encrypted file, or verify such a file
    Backup(backup::Backup),
    /// Make a store from a backup
    Restore(backup::Restore),
    /// Seal the store anew with the time, for readers that refuse an old one
    Heartbeat,
    /// Check the library, the machine and the store
    Doctor(doctor::Doctor),
    /// Print a completion script for a shell
    Completions(help::Completions),
    /// Print the manual, or write its pages into a folder
    Man(help::Man),
    /// Print help on a command or a topic (exit-codes, environment)
    Help(help::Help),
}

#[derive(Args)]
pub(super) struct Global {
    /// Key store: a path or sqlite:PATH[?fingerprint=HEX]
    #[arg(
        long,
        global = true,
        value_name = "STORE",
        env = "KEYFOLD_STORE",
        hide_env_values = true,
        help_heading = "Global options"
    )]
    pub(super) store: Option<String>,
    /// What opens the store: file:PATH or passphrase:
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "KEYFOLD_ROOT",
        hide_env_values = true,
        help_heading = "Global options"
    )]
    pub(super) root: Option<String>,
    /// Who opens the store; default if none is named, and none but the root's own where it has one
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "KEYFOLD_PRINCIPAL",
        hide_env_values = true,
        help_heading = "Global options"
    )]
    pub(super) principal: Option<String>,
    /// File that remembers how new the store is, outside of it; off for none
    #[arg(
        long,
        global = true,
        value_name = "FILE|off",
        env = "KEYFOLD_ANCHOR",
        hide_env_values = true,
        help_heading = "Global options"
    )]
    pub(super) anchor: Option<PathBuf>,
    /// Copy the events of this command to a file too, one JSON object a line
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "KEYFOLD_AUDIT_FILE",
        hide_env_values = true,
        help_heading = "Global options"
    )]
    pub(super) audit_file: Option<PathBuf>,
    /// Open what is past its recipient period or compromised, for recovery; every such use is an event
    #[arg(long, global = true, help_heading = "Global options")]
    pub(super) recovery: bool,
    /// Read the passphrase from this descriptor (KEYFOLD_PASSPHRASE_FD: a descriptor or the path of a file)
    #[arg(long, global = true, value_name = "N", help_heading = "Global options")]
    pub(super) passphrase_fd: Option<i32>,
    /// Print JSON; errors too, on standard error
    #[arg(long, global = true, help_heading = "Global options")]
    pub(super) json: bool,
    /// Never ask for anything
    #[arg(long, global = true, help_heading = "Global options")]
    pub(super) no_input: bool,
    /// Say nothing but results and errors
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub(super) quiet: bool,
    /// Open the store without the right to write
    #[arg(long, global = true, help_heading = "Global options")]
    pub(super) read_only: bool,
    /// Accept a root key file, or a folder of it, that others can read
    #[arg(long, global = true, help_heading = "Global options")]
    pub(super) allow_readable_root: bool,
    /// Accept a root key file in the key store's folder or below it
    #[arg(long, global = true, help_heading = "Global options")]
    pub(super) allow_root_beside_store: bool,
    /// Accept a store on a network file system, where SQLite's locks may not work
    #[arg(long, global = true, help_heading = "Global options")]
    pub(super) allow_network_file_system: bool,
}

/// The encryption context of a command.
#[derive(Args)]
pub(super) struct ContextArgs {
    /// A pair of the encryption context; bound to the data and not secret. May be given several times
    #[arg(long = "context", short, value_name = "NAME=VALUE")]
    pub(super) context: Vec<String>,
}

/// Which part of the context stands in the envelope for everyone to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum StoreContext {
    /// Nothing
    None,
    /// The names
    Names,
    /// Names and values
    All,
}

/// Where data comes from.
#[derive(Args)]
pub(super) struct InputArg {
    /// Input; standard input if none or -
    #[arg(value_name = "IN")]
    pub(super) input: Option<PathBuf>,
}

/// Where data goes.
#[derive(Args)]
pub(super) struct OutputArg {
    /// Write to this file: to a temporary name, synced, then renamed (- for standard output, a terminal too)
    #[arg(long, short, value_name = "OUT")]
    pub(super) output: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        Cli::command().debug_assert();
    }
}
