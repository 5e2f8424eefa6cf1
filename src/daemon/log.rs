//! Where log lines go: for people on a terminal, JSON elsewhere; always to stderr.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt};

use crate::config::{Log, LogFormat};

/// Libraries that write what crosses the wire into their finer lines: tokens, passwords, whole mails.
const TALKATIVE: [&str; 7] = ["lettre", "hyper", "hyper_util", "h2", "reqwest", "rustls", "tower"];

/// Libraries whose failures we tell in words of our own, with a way out; theirs only name files of their sources.
const SPOKEN_FOR: [&str; 1] = ["rustls_platform_verifier"];

/// Begins logging; a second call changes nothing.
pub fn start(log: &Log) {
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if is_json(log.format) {
        Box::new(fmt::layer().json().flatten_event(true).with_current_span(true).with_writer(std::io::stderr))
    } else {
        let ansi = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Box::new(fmt::layer().with_target(false).with_ansi(ansi).with_writer(std::io::stderr))
    };
    // The level was checked when the configuration was read.
    let levels = EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter_fn(is_fit))).with(levels);
    // Whoever has set a subscriber before us, a test for one, keeps it.
    let _ = subscriber.try_init();
}

fn is_json(format: LogFormat) -> bool {
    match format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    }
}

/// Whether a line may be written whatever the configured level: secrets stay out at every level.
fn is_fit(line: &Metadata<'_>) -> bool {
    may_say(line.target(), *line.level())
}

fn may_say(target: &str, level: Level) -> bool {
    let library = target.split("::").next().unwrap_or(target);
    !SPOKEN_FOR.contains(&library) && (!TALKATIVE.contains(&library) || level <= LevelFilter::INFO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_repeat_the_wire_are_never_heard_in_detail() {
        assert!(!may_say("lettre::transport::smtp::client", Level::DEBUG));
        assert!(!may_say("hyper::proto", Level::TRACE));
        assert!(may_say("reqwest", Level::WARN));
        assert!(!may_say("rustls_platform_verifier::verification::others", Level::ERROR));
        assert!(may_say("dealclock_daemon::runtime", Level::TRACE));
    }
}
