//! `keyfold help`, `completions` and `man`: all made from the grammar.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use super::args::Cli;
use super::exit::{EXIT_CODES, Failure, Result};
use super::files::{Output, Privacy};
use super::output;

/// The help topic on variables.
const ENVIRONMENT: &str = "\
Environment of keyfold

  KEYFOLD_STORE              the key store, as --store
  KEYFOLD_ROOT               the root, as --root
  KEYFOLD_PRINCIPAL          who opens the store, as --principal
  KEYFOLD_ANCHOR             the file that remembers how new the store is, or off, as --anchor
  KEYFOLD_AUDIT_FILE         a file that events are copied to, as --audit-file
  KEYFOLD_PASSPHRASE_FD      the number of an open descriptor, or the path of a file that holds the passphrase
  KEYFOLD_NEW_PASSPHRASE_FD  the same for the new passphrase of root add and root change

A passphrase itself is never read from the environment or the command line: both show in /proc and in logs.
One line feed at the end of a descriptor or file is not part of the passphrase.
";

#[derive(Args)]
pub(super) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

#[derive(Args)]
pub(super) struct Man {
    /// Write one page a command into this folder
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct Help {
    /// A command, or exit-codes or environment
    #[arg(value_name = "COMMAND OR TOPIC")]
    topic: Vec<String>,
}

impl Completions {
    pub(super) fn run(self) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "keyfold", &mut script);
        output::write_stdout(&script)
    }
}

impl Man {
    pub(super) fn run(self) -> Result<()> {
        let mut root = Cli::command();
        root.build();
        let Some(dir) = self.dir else { return output::write_stdout(&page(&root, "keyfold")?) };
        std::fs::create_dir_all(&dir)
            .map_err(|e| Failure::io(&format!("making the folder {}", dir.display()), &e))?;
        write_pages(&root, "keyfold", &dir)
    }
}

fn write_pages(command: &clap::Command, name: &str, dir: &std::path::Path) -> Result<()> {
    let path = dir.join(format!("{name}.1"));
    Output::File { target: path.clone(), path, privacy: Privacy::Ordinary }.write(&page(command, name)?)?;
    command.get_subcommands().try_for_each(|sub| write_pages(sub, &format!("{name}-{}", sub.get_name()), dir))
}

fn page(command: &clap::Command, name: &str) -> Result<Vec<u8>> {
    let failed = |e: std::io::Error| Failure::io("making the manual", &e);
    // One word for all options: the list that clap_mangen makes has the global ones among the command's own.
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let man = clap_mangen::Man::new(command.clone().override_usage(usage))
        .title(name.to_uppercase())
        .source(concat!("keyfold ", env!("CARGO_PKG_VERSION")))
        .manual("Keyfold");
    let mut page = Vec::new();
    man.render(&mut page).map_err(failed)?;
    if name == "keyfold" {
        page.extend_from_slice(section("EXIT STATUS", EXIT_CODES).as_bytes());
        page.extend_from_slice(section("ENVIRONMENT", ENVIRONMENT).as_bytes());
    }
    Ok(page)
}

/// A help topic as a section of a page: as it stands, without its title.
fn section(title: &str, topic: &str) -> String {
    let body = topic.split_once("\n\n").map_or(topic, |(_, body)| body);
    let body: String =
        body.replace('\\', "\\e").replace('-', "\\-").lines().map(|l| format!("{l}\n")).collect();
    format!(".SH \"{title}\"\n.nf\n{body}.fi\n")
}

impl Help {
    pub(super) fn run(self) -> Result<()> {
        let topic: Vec<&str> = self.topic.iter().map(String::as_str).collect();
        match topic[..] {
            ["exit-codes"] => output::write_stdout(EXIT_CODES.as_bytes()),
            ["environment"] => output::write_stdout(ENVIRONMENT.as_bytes()),
            _ => {
                let mut command = Cli::command();
                command.build();
                for name in &topic {
                    command = command.find_subcommand(name).cloned().ok_or_else(|| {
                        Failure::usage(format!("no help on \"{}\"", topic.join(" "))).hint(
                            "see the commands with: keyfold help; topics are exit-codes and environment",
                        )
                    })?;
                }
                let help = command.render_long_help();
                output::write_stdout(help.to_string().as_bytes())
            }
        }
    }
}
