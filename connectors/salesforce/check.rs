//! Whether everything that will be needed is allowed, with the way out where it is not.

use dealclock_connector::{Account, ErrorKind, Once, Priority, Problem, Result};
use dealclock_model::{FieldName, PersonId};

use crate::Salesforce;
use crate::api::{VERSION, VERSIONS};
use crate::approvals;
use crate::client::Call;
use crate::queries::{Query, Run};
use crate::schema::{Schema, Source};
use crate::soql;
use crate::wire::Version;
use crate::write::key_trouble;

const ASSIGN: &str = "assign the permission set of `dealclock setup` to the integration user";

impl Salesforce {
    /// Asks for the org, then compares what the integration user sees and may do with what is needed.
    pub(crate) async fn check_org(&self) -> Result<Account> {
        let mut problems = Vec::new();
        problems.extend(self.version_problem().await?);
        self.schemas.forget().await;
        let schema = self.schema(Priority::Write).await?;
        zone_problem(&schema, &mut problems);
        rights_problems(&schema, &mut problems);
        self.mapping_problems(&schema, &mut problems);
        match self.learn_identity().await {
            Ok(identity) => {
                problems.extend(self.visibility_problem(&identity.user).await?);
                problems.extend(approvals::ability(self, &identity.user).await);
            }
            Err(refusal) if refusal.error.kind == ErrorKind::Rejected || refusal.status.is_some_and(|s| s == 403) => {
                problems.push(Problem {
                    what: format!("who the integration user is cannot be asked ({})", refusal.error),
                    way_out:
                        "add the scope `id` to the app, so that approvals can be decided and setup can assign rights"
                            .to_owned(),
                    fatal: false,
                });
            }
            Err(refusal) => return Err(refusal.into()),
        }
        let once = once(&schema, &mut problems);
        self.daily_problem(&mut problems);
        let org = &schema.org;
        tracing::debug!(org = %org.id, sandbox = org.is_sandbox, "checked the org");
        Ok(Account { id: org.id.clone(), zone: org.zone, currency: org.currency.clone(), once, problems })
    }

    /// Asking for the versions costs no call.
    async fn version_problem(&self) -> Result<Option<Problem>> {
        let call = Call::get("list the API's versions", VERSIONS.to_owned()).priority(Priority::Write);
        let answer = self.client.ask(call).await?;
        let versions: Vec<Version> = answer.read()?;
        if versions.iter().any(|known| known.version == VERSION) {
            return Ok(None);
        }
        let newest = versions.last().map_or("none", |known| known.version.as_str());
        Ok(Some(Problem {
            what: format!("the org does not speak version {VERSION} of the API; its newest is {newest}"),
            way_out: "use a release of Dealclock that speaks it".to_owned(),
            fatal: true,
        }))
    }

    fn mapping_problems(&self, schema: &Schema, problems: &mut Vec<Problem>) {
        match &schema.reading {
            Ok(reading) => {
                let approved = FieldName::from("request_approved");
                let source = reading.fields.iter().find(|(name, _)| *name == approved).map(|(_, source)| source);
                if let Some(Source::Field { name, .. }) = source
                    && !schema.opportunity.field(name).is_some_and(|field| field.updateable)
                {
                    problems.push(Problem {
                        what: format!("the integration user may not write the field `{name}` of opportunities"),
                        way_out: ASSIGN.to_owned(),
                        fatal: false,
                    });
                }
            }
            Err(why) => {
                // Why opportunities cannot be read names its way out mostly, for whoever hears of it from a poll.
                let (what, way_out) = why.split_once("; ").unwrap_or((why, "mend the mapping of the connection"));
                problems.push(Problem { what: what.to_owned(), way_out: way_out.to_owned(), fatal: true });
            }
        }
        for (canonical, name) in schema.unknown_stages(&self.mapping) {
            problems.push(Problem {
                what: format!("the stage `{name}`, mapped to `{canonical}`, does not exist on opportunities"),
                way_out: "write the API name or label of a stage under `stages` of the connection".to_owned(),
                fatal: false,
            });
        }
    }

    /// What sharing hides is missing without a word, so it is worth a hint when the user lacks the right to see all.
    async fn visibility_problem(&self, user: &PersonId) -> Result<Option<Problem>> {
        let query = format!(
            "SELECT Id FROM ObjectPermissions WHERE SobjectType = 'Opportunity' AND PermissionsViewAllRecords = true \
             AND ParentId IN (SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = {}) LIMIT 1",
            soql::text(user.as_str()),
        );
        let mut sees_all = false;
        let run = Run::new("read the integration user's rights").priority(Priority::Write).follows();
        let asked = self.run(run, &[Query::live(query)], |_, _| sees_all = true).await;
        match asked {
            Ok(()) if sees_all => Ok(None),
            Ok(()) => Ok(Some(Problem {
                what:
                    "the integration user has no right to view all opportunities; those that sharing hides are missing \
                       without a word"
                        .to_owned(),
                way_out: "give it `View All Records` on opportunities by a permission set".to_owned(),
                fatal: false,
            })),
            // Rights are not everybody's to read.
            Err(refusal) if refusal.error.kind == ErrorKind::Rejected => Ok(None),
            Err(refusal) => Err(refusal.into()),
        }
    }

    fn daily_problem(&self, problems: &mut Vec<Problem>) {
        if let Some(daily) = self.client.quota().daily().filter(|daily| daily.remaining <= daily.limit / 5) {
            problems.push(Problem {
                what: format!("only {} of the org's {} calls are left today", daily.remaining, daily.limit),
                way_out: "find which integration uses them (Setup, System Overview, API usage)".to_owned(),
                fatal: false,
            });
        }
    }
}

fn zone_problem(schema: &Schema, problems: &mut Vec<Problem>) {
    let name = &schema.org.zone_name;
    if name.parse::<chrono_tz::Tz>().is_err() {
        problems.push(Problem {
            what: format!("the org's time zone `{name}` is not known"),
            way_out: "set `zone` on the connection; until then times are UTC".to_owned(),
            fatal: false,
        });
    }
}

fn rights_problems(schema: &Schema, problems: &mut Vec<Problem>) {
    let needed = [
        (schema.opportunity.queryable, "read opportunities"),
        (schema.task.queryable, "read tasks"),
        (schema.task.createable, "create tasks"),
        (schema.task.updateable, "change tasks"),
    ];
    for (_, right) in needed.into_iter().filter(|(is_granted, _)| !is_granted) {
        problems.push(Problem {
            what: format!("the integration user may not {right}"),
            way_out: format!("{ASSIGN}, or another one with that right"),
            fatal: true,
        });
    }
}

fn once(schema: &Schema, problems: &mut Vec<Problem>) -> Once {
    match key_trouble(schema.key()) {
        None => Once::Exactly,
        Some(why) => {
            problems.push(Problem {
                what: format!("no reminder is written: {why}"),
                way_out: "run `dealclock setup` for the connection".to_owned(),
                fatal: true,
            });
            Once::AtLeastOnce(why.to_owned())
        }
    }
}
