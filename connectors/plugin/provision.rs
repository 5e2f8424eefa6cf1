//! Making fields, where the program can.

use async_trait::async_trait;
use dealclock_connector::{Need, Plan, PlanItem, PlanState, Provision, Result};
use serde_json::Value;

use crate::Plugin;
use crate::api::Verb;
use crate::wire::{self, Ability, Item, ItemState, question};

#[async_trait]
impl Provision for Plugin {
    async fn plan(&self, needs: &[Need]) -> Result<Plan> {
        if !self.client.introduction(Verb::Plan).await?.can(Ability::Provision) {
            return Ok(Plan { items: Vec::new(), by_hand: needs.iter().map(by_hand).collect() });
        }
        let plan: wire::Plan = self.client.ask(Verb::Plan, asked(needs, None)).await?;
        Ok(Plan { items: plan.items.into_iter().map(item).collect(), by_hand: plan.by_hand })
    }

    async fn make(&self, needs: &[Need], item: &PlanItem) -> Result<()> {
        self.client.ask::<Value>(Verb::Make, asked(needs, Some(&item.name))).await.map(drop)
    }
}

fn asked(needs: &[Need], make: Option<&str>) -> question::Needs {
    let need = |need: &Need| question::Need {
        on_tasks: need.on_tasks,
        name: need.name.clone(),
        label: need.label.clone(),
        description: need.description.clone(),
        r#type: need.value_type,
        options: need.options.clone(),
        long_text: need.long_text,
        unique: need.unique,
        read_only_for_reps: need.read_only_for_reps,
        requires: need.requires.clone(),
    };
    question::Needs { needs: needs.iter().map(need).collect(), make: make.map(str::to_owned) }
}

fn item(sent: Item) -> PlanItem {
    let state = match sent.state {
        ItemState::Missing => PlanState::Missing,
        ItemState::Present => PlanState::Present,
        ItemState::Differs => PlanState::Differs(sent.why.unwrap_or_else(|| "it has another shape".to_owned())),
    };
    PlanItem { name: sent.name, what: sent.what, state }
}

fn by_hand(need: &Need) -> String {
    let place = if need.on_tasks { "tasks" } else { "opportunities" };
    format!("make {} ({}), a {} field on {place}: {}", need.label, need.name, need.value_type, need.description)
}
