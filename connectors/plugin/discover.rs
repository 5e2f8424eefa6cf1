//! Fields, stages and people as the program knows them now.

use dealclock_connector::{CrmField, Discovery, Pipeline, Result, Stage};

use crate::Plugin;
use crate::api::Verb;
use crate::translate::person::people;
use crate::wire::{self, question::Nothing};

impl Plugin {
    /// Asks the program what its CRM has.
    pub(crate) async fn discover_all(&self) -> Result<Discovery> {
        let sent: wire::Discovery = self.client.ask(Verb::Discover, Nothing {}).await?;
        let fields = sent.fields.into_iter();
        Ok(Discovery {
            fields: fields.map(|(object, fields)| (object, fields.into_iter().map(field).collect())).collect(),
            pipelines: sent.pipelines.into_iter().map(pipeline).collect(),
            people: people(sent.people, &self.mapping),
            holidays: sent.holidays.into_iter().collect(),
        })
    }
}

fn field(sent: wire::Field) -> CrmField {
    CrmField {
        label: sent.label.unwrap_or_else(|| sent.name.clone()),
        name: sent.name,
        value_type: sent.r#type,
        options: sent.options,
        writable: sent.writable,
    }
}

fn pipeline(sent: wire::Pipeline) -> Pipeline {
    let stage = |stage: wire::Stage| Stage { id: stage.id, label: stage.label, closed: stage.closed, won: stage.won };
    Pipeline { id: sent.id, label: sent.label, stages: sent.stages.into_iter().map(stage).collect() }
}
