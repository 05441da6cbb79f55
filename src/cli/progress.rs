//! A bar on a terminal's standard error, for work that takes over a second. It names no data.

use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressState, ProgressStyle};

use super::session::Session;

/// Any thread may say how far it is.
pub(super) struct Progress {
    title: &'static str,
    start: Instant,
    wanted: bool,
    of_bytes: bool,
    done: AtomicU64,
    of: AtomicU64,
    bar: Mutex<Option<ProgressBar>>,
}

impl Progress {
    /// Of things that are counted.
    pub(super) fn new(session: &Session, title: &'static str) -> Progress {
        Progress::counting(session, title, false)
    }

    /// Of bytes, with how many there are a second.
    pub(super) fn of_bytes(session: &Session, title: &'static str) -> Progress {
        Progress::counting(session, title, true)
    }

    fn counting(session: &Session, title: &'static str, of_bytes: bool) -> Progress {
        let wanted = !session.global.quiet && !session.global.json && std::io::stderr().is_terminal();
        let (done, of) = (AtomicU64::new(0), AtomicU64::new(0));
        Progress { title, start: Instant::now(), wanted, of_bytes, done, of, bar: Mutex::new(None) }
    }

    /// Whether anybody looks; what costs something to find out is found out for them alone.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted
    }

    pub(super) fn at(&self, done: u64, of: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.expect(of);
        self.draw();
    }

    /// How much there is in all; 0 where nobody knows.
    pub(super) fn expect(&self, of: u64) {
        self.of.store(of, Ordering::Relaxed);
    }

    /// So much more is done.
    pub(super) fn add(&self, more: u64) {
        self.done.fetch_add(more, Ordering::Relaxed);
        self.draw();
    }

    fn draw(&self) {
        if !self.wanted || self.start.elapsed() < Duration::from_secs(1) {
            return;
        }
        let (done, of) = (self.done.load(Ordering::Relaxed), self.of.load(Ordering::Relaxed));
        let mut bar = self.bar.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(of).with_position(done).with_elapsed(self.start.elapsed());
            if let Ok(style) = ProgressStyle::with_template(match (self.of_bytes, of) {
                (true, 0) => "{msg} {bytes}, {rate}",
                (true, _) => "{msg} {wide_bar} {bytes}/{total_bytes}, {rate}, {left} left",
                (false, _) => "{msg} {wide_bar} {pos}/{len}, {left} left",
            }) {
                // Over all of the time: the bar comes late, and what it sees first is no rate.
                let rate = |state: &ProgressState, out: &mut dyn Write| {
                    let _ = write!(out, "{}/s", HumanBytes(per_second(state)));
                };
                let left = |state: &ProgressState, out: &mut dyn Write| {
                    let rest = state.len().unwrap_or(0).saturating_sub(state.pos());
                    let seconds = rest / per_second(state).max(1);
                    let _ = write!(out, "{:#}", HumanDuration(Duration::from_secs(seconds)));
                };
                bar.set_style(style.with_key("rate", rate).with_key("left", left));
            }
            bar.with_message(self.title)
        });
        bar.set_length(of.max(done));
        bar.set_position(done);
    }

    /// Takes the bar away while other words are said.
    pub(super) fn aside<R>(&self, say: impl FnOnce() -> R) -> R {
        let bar = self.bar.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match &*bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    /// Takes the bar away, so that other words can stand there.
    pub(super) fn hide(&self) {
        let bar = self.bar.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }
}

fn per_second(state: &ProgressState) -> u64 {
    (state.pos() as f64 / state.elapsed().as_secs_f64().max(0.001)) as u64
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.hide();
    }
}
