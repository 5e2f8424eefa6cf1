//! Making what the rules need: fields, who may see and write them, and the rule that keeps grants to complex deals.
//!
//! Everything is compared first and then made one by one, and what exists is never changed. Page layouts are never
//! touched: a deployed layout replaces the whole of the old one, so `setup` says what to add to them by hand.

mod access;
mod field;
mod rule;

use async_trait::async_trait;
use dealclock_connector::{Error, Need, Plan, PlanItem, PlanState, Priority, Provision, Result};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::json;

use crate::Salesforce;
use crate::api;
use crate::client::{Call, Steps};
use crate::errors::Refusal;
use crate::provision::access::Set;
use crate::provision::field::{Fields, Place};
use crate::soql;
use crate::wire::tooling::{Defined, Found};
use crate::wire::{Code, Failure};

/// One thing to make, in the order of [`items`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item<'a> {
    /// A field.
    Field(&'a Need),
    /// A permission set.
    Set(Set),
    /// What a permission set lets its users see and write.
    Grants(Set),
    /// The permission set of the integration user, given to it.
    Assignment,
    /// The type of our notices.
    NoticeType,
    /// The rule that a checkbox is only ticked together with another.
    Rule(&'a Need, &'a str),
}

/// What there is to make. Permissions come after the fields that they are about, and the rule, which names fields, last.
fn items(needs: &[Need]) -> Vec<Item<'_>> {
    let mut items: Vec<Item<'_>> = needs.iter().map(Item::Field).collect();
    let sets: Vec<Set> = Set::ALL.into_iter().filter(|set| !set.grants(needs).is_empty()).collect();
    items.extend(sets.iter().copied().map(Item::Set));
    items.extend(sets.iter().copied().map(Item::Grants));
    items.extend(sets.contains(&Set::Integration).then_some(Item::Assignment));
    items.push(Item::NoticeType);
    items.extend(needs.iter().filter_map(|need| Some(Item::Rule(need, need.requires.as_deref()?))));
    items
}

impl Item<'_> {
    fn name(&self) -> &str {
        match self {
            Item::Field(need) => field::api_name(need),
            Item::Set(set) | Item::Grants(set) => set.name(),
            Item::Assignment => Set::Integration.name(),
            Item::NoticeType => api::NOTICE_TYPE,
            Item::Rule(..) => rule::NAME,
        }
    }

    fn what(&self, needs: &[Need]) -> String {
        match self {
            Item::Field(need) => field::title(need),
            Item::Set(set) => format!("permission set \"{}\"", set.label()),
            Item::Grants(set) => set.title(needs),
            Item::Assignment => {
                format!("permission set \"{}\" given to the integration user", Set::Integration.label())
            }
            Item::NoticeType => format!("notification type \"{}\"", api::NOTICE_TYPE),
            Item::Rule(need, requires) => rule::title(need, requires),
        }
    }
}

#[async_trait]
impl Provision for Salesforce {
    async fn plan(&self, needs: &[Need]) -> Result<Plan> {
        let steps = self.client.steps("plan");
        let fields = self.fields(Some(&steps), needs).await?;
        let access = self.access(Some(&steps)).await?;
        let mut planned = Vec::new();
        for item in items(needs) {
            let state = match item {
                Item::Field(need) => fields.compare(need),
                Item::Set(set) => access.compare_set(set),
                Item::Grants(set) => access.compare_grants(set, needs),
                Item::Assignment => access.compare_assignment(),
                Item::NoticeType => access.compare_notice_type(),
                Item::Rule(need, requires) => match unfit(needs, &fields, [&need.name, requires]) {
                    Some(name) => PlanState::Differs(format!("it cannot speak of {name}, which differs itself")),
                    None => rule::compare(need, requires, self.rule(Some(&steps)).await?.as_ref()),
                },
            };
            planned.push(PlanItem { name: item.name().to_owned(), what: item.what(needs), state });
        }
        steps.finish();
        Ok(Plan { items: planned, by_hand: by_hand(needs) })
    }

    async fn make(&self, needs: &[Need], item: &PlanItem) -> Result<()> {
        let known = items(needs).into_iter().find(|known| known.name() == item.name && known.what(needs) == item.what);
        let made = match known {
            Some(Item::Field(need)) => self.make_field(need).await,
            Some(Item::Set(set)) => self.make_set(set).await,
            Some(Item::Grants(set)) => self.make_grants(set, needs).await,
            Some(Item::Assignment) => self.assign().await,
            Some(Item::NoticeType) => self.make_notice_type().await,
            Some(Item::Rule(need, requires)) => self.make_rule(need, requires).await,
            None => Err(Error::rejected(format!("make `{}`: it is not among the needs", item.name))),
        };
        // A field that somebody may see now is in no definition that was read before.
        self.schemas.forget().await;
        made
    }
}

impl Salesforce {
    async fn make_field(&self, need: &Need) -> Result<()> {
        let Some(definition) = field::definition(need) else {
            return Err(Error::rejected(format!("make `{}`: {}", need.name, field::NOT_OURS)));
        };
        match self.create("make a field", "/tooling/sobjects/CustomField", &definition).await? {
            Made::New => Ok(()),
            Made::Already => {
                present(field::api_name(need), self.fields(None, std::slice::from_ref(need)).await?.compare(need))
            }
        }
    }

    async fn make_set(&self, set: Set) -> Result<()> {
        // A set under this name is ours, whatever its label became.
        self.create("make a permission set", "/sobjects/PermissionSet", &set.definition()).await.map(drop)
    }

    async fn make_grants(&self, set: Set, needs: &[Need]) -> Result<()> {
        let access = self.access(None).await?;
        if let PlanState::Differs(why) = access.compare_grants(set, needs) {
            return present(set.name(), PlanState::Differs(why));
        }
        let parent = access.id_of(set)?;
        for grants in access.missing_grants(set, needs).chunks(api::COLLECTION) {
            self.grant(parent, grants).await?;
        }
        Ok(())
    }

    async fn assign(&self) -> Result<()> {
        let (access, user) = (self.access(None).await?, self.identity().await?.user);
        let body = access::assignment(access.id_of(Set::Integration)?, &user);
        self.create("assign a permission set", "/sobjects/PermissionSetAssignment", &body).await.map(drop)
    }

    /// A type under this name is ours, whatever its label became.
    ///
    /// [CustomNotificationType](https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_customnotificationtype.htm)
    async fn make_notice_type(&self) -> Result<()> {
        if self.access(None).await?.compare_notice_type() == PlanState::Present {
            return Ok(());
        }
        let name = api::NOTICE_TYPE;
        let body = json!({
            "CustomNotifTypeName": name, "DeveloperName": name, "MasterLabel": name, "Desktop": true, "Mobile": true,
        });
        self.create("make a notification type", "/sobjects/CustomNotificationType", &body).await.map(drop)
    }

    async fn make_rule(&self, need: &Need, requires: &str) -> Result<()> {
        let definition = rule::definition(need, requires);
        match self.create("make a validation rule", "/tooling/sobjects/ValidationRule", &definition).await? {
            Made::New => Ok(()),
            Made::Already => present(rule::NAME, rule::compare(need, requires, self.rule(None).await?.as_ref())),
        }
    }

    /// Makes something whose name is taken only once, so a lost answer may be asked for again.
    async fn create(&self, what: &'static str, path: &str, body: &impl Serialize) -> Result<Made> {
        let call = Call::post(what, api::data(path), body).priority(Priority::Write);
        match self.client.ask(call).await {
            Ok(answer) => {
                answer.read::<IgnoredAny>()?;
                Ok(Made::New)
            }
            Err(refusal) if is_taken(&refusal.failures) => Ok(Made::Already),
            Err(refusal) => Err(with_way_out(refusal)),
        }
    }

    /// Runs a query of the Tooling API; its pages hold 2,000, which these queries never reach.
    async fn find_tooling<T: DeserializeOwned>(&self, steps: Option<&Steps<'_>>, query: &str) -> Result<Vec<T>> {
        let path = api::data(&format!("/tooling/query?q={}", soql::encode(query)));
        let found: Found<T> = self.look(steps, "look for fields and rules", path).await?;
        Ok(found.records)
    }

    /// Reads the definition of a field or rule.
    async fn definition<T: DeserializeOwned>(&self, steps: Option<&Steps<'_>>, kind: &str, id: &str) -> Result<T> {
        let path = api::data(&format!("/tooling/sobjects/{kind}/{id}"));
        let defined: Defined<T> = self.look(steps, "read the definition of a field or rule", path).await?;
        Ok(defined.metadata)
    }

    async fn look<T: DeserializeOwned>(
        &self,
        steps: Option<&Steps<'_>>,
        what: &'static str,
        path: String,
    ) -> Result<T> {
        let call = Call::get(what, path).priority(Priority::Write);
        let asked = match steps {
            Some(steps) => steps.ask(call).await,
            None => self.client.ask(call).await,
        };
        Ok(asked.map_err(with_way_out)?.read()?)
    }
}

/// One of some fields that is not what is needed.
fn unfit<'a>(needs: &[Need], fields: &Fields, names: [&'a str; 2]) -> Option<&'a str> {
    let differs = |need: &Need| matches!(fields.compare(need), PlanState::Differs(_));
    names.into_iter().find(|name| needs.iter().any(|need| need.name == **name && differs(need)))
}

/// What became of something to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    /// It was made.
    New,
    /// There was one of that name.
    Already,
}

/// Whether there was one of that name; Salesforce says so by either code.
fn is_taken(failures: &[Failure]) -> bool {
    let taken = [Code::DuplicateValue, Code::of("DUPLICATE_DEVELOPER_NAME")];
    failures.iter().any(|failure| taken.contains(&failure.code))
}

/// An item that was there before it could be made is as good as made, if it fits.
fn present(name: &str, state: PlanState) -> Result<()> {
    match state {
        PlanState::Present => Ok(()),
        PlanState::Missing => {
            Err(Error::transient(format!("make `{name}`: its name is taken, and yet it is not found")))
        }
        PlanState::Differs(why) => Err(Error::rejected(format!("make `{name}`: it is there already, but {why}"))),
    }
}

/// The rights that `setup` needs are more than those that the daemon needs.
fn with_way_out(refusal: Refusal) -> Error {
    let lacks_right = refusal.says(&Code::NoAccess) || refusal.says(&Code::InvalidType);
    let mut error = Error::from(refusal);
    if lacks_right {
        error.message.push_str(
            "; while `setup` runs, the integration user needs `Customize Application` and `Manage Profiles and \
             Permission Sets`",
        );
    }
    error
}

/// What is left to the administrator.
fn by_hand(needs: &[Need]) -> Vec<String> {
    let on_opportunities: Vec<&Need> = needs.iter().filter(|need| Place::of(need) == Place::Opportunity).collect();
    let asked = needs.iter().find(|need| field::is_decision(need));
    let decision = asked.map(|need| {
        format!(
            "add the field {} to the page layouts of tasks (Setup, Object Manager, Task, Page Layouts), where approvers \
             choose it, and let approvers have the permission set \"{}\"",
            need.label,
            Set::Reps.label()
        )
    });
    if on_opportunities.is_empty() {
        return decision.into_iter().collect();
    }
    let labels = |needs: &[&Need]| needs.iter().map(|need| need.label.as_str()).collect::<Vec<_>>().join(", ");
    let mut tasks = vec![format!(
        "add these fields to the page layouts and Lightning pages of opportunities (Setup, Object Manager, Opportunity, \
         Page Layouts): {}",
        labels(&on_opportunities)
    )];
    let read_only: Vec<&Need> = on_opportunities.iter().copied().filter(|need| need.read_only_for_reps).collect();
    if !read_only.is_empty() {
        tasks.push(format!("mark these as read-only there, for only Dealclock writes them: {}", labels(&read_only)));
    }
    tasks.push(format!(
        "assign the permission set \"{}\" to the reps and their managers (Setup, Permission Sets, Manage Assignments)",
        Set::Reps.label()
    ));
    tasks.extend(decision);
    let checkboxes: Vec<&Need> = on_opportunities.into_iter().filter(|need| field::is_checkbox(need)).collect();
    if !checkboxes.is_empty() {
        tasks.push(format!(
            "track the history of these (Setup, Object Manager, Opportunity, Fields & Relationships, Set History \
             Tracking), so that Dealclock sees who ticked them and when: {}",
            labels(&checkboxes)
        ));
    }
    tasks
}
