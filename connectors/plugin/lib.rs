//! A connector of one's own: a program in any language, spoken to in lines of JSON over its input and output.
//!
//! `PROTOCOL.md` beside this file describes the messages. The program is started when it is first needed and again,
//! after a growing pause, when it failed; it is asked one question at a time. What it sends is parsed in [`wire`], what
//! that means is decided in [`translate`] and [`errors`]. It crashing, hanging or talking nonsense fails the verb that
//! was asked, and nothing else.

pub mod api;
mod check;
pub mod client;
mod discover;
pub mod errors;
mod find;
mod history;
mod log;
mod outcomes;
mod process;
mod provision;
mod read;
pub mod translate;
pub mod wire;
mod write;

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use dealclock_connector::{
    Account, ChangePage, Connector, Cursor, Descriptor, Discovery, FieldSource, History, Mapping, Outcomes, Provision,
    Result, Settings,
};
use dealclock_model::effect::Channel;
use dealclock_model::{Change, ConnectionId, EffectId, Object, Receipt, RecordRef, Write};

pub use crate::api::Bounds;
use crate::client::Client;
use crate::log::Log;
use crate::process::Program;
use crate::translate::record::Reading;
use crate::wire::{Ability, Introduction, question};

/// The kind as written in the configuration.
pub const KIND: &str = "plugin";

/// A program is not reached over HTTP, so no host needs to be admitted.
pub const HOSTS: &[&str] = &[];

/// What is said of a program before it has introduced itself.
static UNKNOWN: Descriptor = Descriptor {
    kind: KIND,
    label: Cow::Borrowed("the plug-in"),
    fetch_batch: api::BATCH,
    apply_batch: api::BATCH,
    history_batch: api::BATCH,
    channels: &[],
};

/// Makes the connector; the message says which setting is wrong.
pub fn connect(settings: Settings) -> std::result::Result<Arc<dyn Connector>, String> {
    connect_within(settings, Bounds::default())
}

/// Makes the connector with other bounds than the usual ones.
pub fn connect_within(settings: Settings, bounds: Bounds) -> std::result::Result<Arc<dyn Connector>, String> {
    let Settings { connection, command, env, mapping, clock, .. } = settings;
    let log = Log::new(connection.clone(), env.values().cloned().collect(), Arc::clone(&clock));
    let program = Program::of(&command, env)?;
    let reading = Reading::new(connection.clone(), &mapping);
    let greeting = {
        let mapping = mapping.clone();
        move || greeting(&connection, &mapping)
    };
    let client = Client::new(program, greeting, bounds, clock, log);
    Ok(Arc::new(Plugin { mapping, reading, client, descriptor: OnceLock::new() }))
}

/// One program.
struct Plugin {
    mapping: Mapping,
    reading: Reading,
    client: Client,
    descriptor: OnceLock<Descriptor>,
}

#[async_trait]
impl Connector for Plugin {
    fn descriptor(&self) -> &Descriptor {
        match self.client.known() {
            Some(introduction) => self.descriptor.get_or_init(|| describe(introduction)),
            None => &UNKNOWN,
        }
    }

    async fn check(&self) -> Result<Account> {
        self.check_account().await
    }

    async fn discover(&self) -> Result<Discovery> {
        self.discover_all().await
    }

    async fn changes(&self, object: Object, since: Option<&Cursor>) -> Result<ChangePage> {
        self.read_changes(object, since).await
    }

    async fn fetch(&self, records: &[RecordRef]) -> Result<Vec<Change>> {
        self.fetch_records(records).await
    }

    async fn apply(&self, writes: &[(EffectId, Write)]) -> Vec<Result<Receipt>> {
        self.apply_writes(writes).await
    }

    async fn find(&self, effects: &[(EffectId, Write)]) -> Result<Vec<Option<Receipt>>> {
        self.find_tasks(effects).await
    }

    async fn written(&self, records: &[RecordRef]) -> Result<Vec<Vec<(EffectId, String)>>> {
        self.find_written(records).await
    }

    /// A program without the ability answers that there is no history.
    fn history(&self) -> Option<&dyn History> {
        Some(self)
    }

    /// Known once the program has introduced itself.
    fn outcomes(&self) -> Option<&dyn Outcomes> {
        let can = self.client.known().is_some_and(|introduction| introduction.can(Ability::Outcomes));
        can.then_some(self as &dyn Outcomes)
    }

    /// A program without the ability answers with what is to be made by hand.
    fn provision(&self) -> Option<&dyn Provision> {
        Some(self)
    }
}

fn describe(introduction: &Introduction) -> Descriptor {
    let batch = |wanted: Option<usize>| wanted.unwrap_or(api::BATCH).clamp(1, api::BATCH);
    let history_batch = if introduction.can(Ability::History) { batch(introduction.history_batch) } else { 0 };
    Descriptor {
        kind: KIND,
        label: Cow::Owned(dealclock_connector::redact(&introduction.label)),
        fetch_batch: batch(introduction.fetch_batch),
        apply_batch: batch(introduction.apply_batch),
        history_batch,
        channels: channels(introduction),
    }
}

fn channels(introduction: &Introduction) -> &'static [Channel] {
    match (introduction.can(Ability::Notify), introduction.can(Ability::SendMail)) {
        (true, true) => &[Channel::Notification, Channel::CrmEmail],
        (true, false) => &[Channel::Notification],
        (false, true) => &[Channel::CrmEmail],
        (false, false) => &[],
    }
}

fn greeting(connection: &ConnectionId, mapping: &Mapping) -> question::Initialize {
    let source = |source: &FieldSource| match source {
        FieldSource::Field { name, value_type } => question::Source::Field { name: name.clone(), r#type: *value_type },
        FieldSource::StageEntered { stage } => {
            let mut stages = vec![stage.clone()];
            stages.extend(mapping.stages.get(stage).into_iter().flatten().cloned());
            question::Source::StageEntered { stages }
        }
    };
    let fields = mapping.fields.iter().map(|(object, fields)| {
        (*object, fields.iter().map(|(name, from)| (name.to_string(), source(from))).collect())
    });
    question::Initialize {
        protocol: api::VERSION,
        dealclock: env!("CARGO_PKG_VERSION"),
        connection: connection.to_string(),
        fields: fields.collect(),
    }
}
