//! A folder to work in, with places for a store and a root apart from each other.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The command under test: the one that KEYFOLD_COMMAND names, as `make test-cli` does with the one that is shipped, or
/// the test build's.
fn keyfold() -> std::ffi::OsString {
    std::env::var_os("KEYFOLD_COMMAND").unwrap_or_else(|| env!("CARGO_BIN_EXE_keyfold").into())
}

pub struct Place {
    folder: TempDir,
    pub environment: Vec<(String, String)>,
}

pub struct Done {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Place {
    /// Nothing made yet.
    pub fn empty() -> Place {
        let folder =
            tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir().unwrap();
        for name in ["store", "root", "state"] {
            fs::DirBuilder::new().mode(0o700).create(folder.path().join(name)).unwrap();
        }
        let at = |name: &str| folder.path().join(name).display().to_string();
        let environment = vec![
            ("KEYFOLD_STORE".to_owned(), at("store/keys.db")),
            ("KEYFOLD_ROOT".to_owned(), format!("file:{}", at("root/root.key"))),
            // Where anchors are kept; the machine's own must not be used.
            ("XDG_STATE_HOME".to_owned(), at("state")),
        ];
        Place { folder, environment }
    }

    /// A store with the key "cards".
    pub fn with_key() -> Place {
        let place = Place::empty();
        place.must(&["init"]);
        place.must(&["key", "create", "cards"]);
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// The names in a folder, sorted.
    pub fn list(&self, name: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(name)).unwrap();
        let mut names: Vec<String> =
            entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The command, set up but not started.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        self.set_up(Command::new(keyfold()), arguments)
    }

    /// The command of this build, which has the failpoints that the one that is shipped has not.
    #[cfg(feature = "failpoints")]
    pub fn command_with_failpoints<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        self.set_up(Command::new(env!("CARGO_BIN_EXE_keyfold")), arguments)
    }

    fn set_up<S: AsRef<OsStr>>(&self, mut command: Command, arguments: &[S]) -> Command {
        command.args(arguments).current_dir(self.root()).env_clear();
        command.envs(self.environment.iter().map(|(k, v)| (k, v)));
        command.stdin(Stdio::null());
        // A suite started in the background of a script inherits an ignored SIGINT; the command would leave it so, rightly.
        // SAFETY: signal is async-signal-safe.
        unsafe {
            command.pre_exec(|| {
                for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
                    libc::signal(signal, libc::SIG_DFL);
                }
                Ok(())
            });
        }
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Done {
        done(self.command(arguments).output().unwrap())
    }

    pub fn run_with<S: AsRef<OsStr>>(&self, arguments: &[S], stdin: &[u8]) -> Done {
        with_input(&mut self.command(arguments), stdin)
    }

    /// Runs what has to succeed; its standard output.
    pub fn must<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Vec<u8> {
        let done = self.run(arguments);
        let arguments: Vec<_> = arguments.iter().map(|a| a.as_ref().to_string_lossy()).collect();
        assert_eq!(done.code, Some(0), "keyfold {}: {}", arguments.join(" "), done.stderr);
        done.stdout
    }

    /// The same, with --json; the parsed object.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let stdout = self.must(&[arguments, &["--json"]].concat());
        serde_json::from_slice(&stdout).unwrap_or_else(|e| panic!("{arguments:?}: {e}"))
    }
}

pub fn with_input(command: &mut Command, stdin: &[u8]) -> Done {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // What it prints has to be read meanwhile. It may end without reading all.
        scope.spawn(move || drop(pipe.write_all(stdin)));
        done(child.wait_with_output().unwrap())
    })
}

pub fn done(output: Output) -> Done {
    Done {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).expect("messages are UTF-8"),
    }
}
