//! A bar on a terminal's standard error, for work that takes over a second. It names no data.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::session::Session;

pub(super) struct Progress {
    title: &'static str,
    start: Instant,
    wanted: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new(session: &Session, title: &'static str) -> Progress {
        let wanted = !session.global.quiet && !session.global.json && std::io::stderr().is_terminal();
        Progress { title, start: Instant::now(), wanted, bar: None }
    }

    pub(super) fn at(&mut self, done: u64, of: u64) {
        if !self.wanted || self.start.elapsed() < Duration::from_secs(1) {
            return;
        }
        let title = self.title;
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(of);
            if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}, {eta} left") {
                bar.set_style(style);
            }
            bar.with_message(title)
        });
        bar.set_length(of);
        bar.set_position(done);
    }

    /// Takes the bar away, so that other words can stand there.
    pub(super) fn hide(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.hide();
    }
}
