//! Whether everything that will be needed is allowed, with the way out where it is not.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dealclock_connector::{Account, Once, Priority, Problem, Result};
use http::StatusCode;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::HubSpot;
use crate::api::{self, KEY, Kind, objects, owners, properties};
use crate::client::{Call, Steps};
use crate::errors::Refusal;
use crate::schemas::home;
use crate::translate::task::KeyPlace;
use crate::wire;

/// What a token must be allowed to do.
struct Need {
    call: Call,
    scope: &'static str,
    purpose: &'static str,
    fatal: bool,
}

impl HubSpot {
    /// Asks for the account, then makes one cheap call for each right that is needed.
    pub(crate) async fn check_account(&self) -> Result<Account> {
        let steps = self.client.steps("check");
        let account: wire::Account = steps.ask(get("read the account", api::account())).await?;
        let (zone, currency) = home(&account);
        self.client.learn_zone(zone);
        let mut problems = Vec::new();
        if account.time_zone.text().parse::<chrono_tz::Tz>().is_err() {
            problems.push(Problem {
                what: format!("the account's time zone `{}` is not known", account.time_zone.text()),
                way_out: "set `zone` on the connection; until then times are UTC".to_owned(),
                fatal: false,
            });
        }
        for need in needs() {
            problems.extend(self.rights.missing(&steps, need).await?);
        }
        // It reads anew whatever is known, so nothing that a limit may turn away comes behind it: the check would begin
        // it again for ever.
        problems.extend(self.mapping_problems().await?);
        let once = self.check_once(&mut problems).await?;
        steps.finish();
        self.rights.forget();
        self.daily_problem(&mut problems);
        Ok(Account { id: account.portal_id.text().to_owned(), zone, currency, once, problems })
    }

    /// What the mapping names and the account does not have.
    async fn mapping_problems(&self) -> Result<Vec<Problem>> {
        self.schemas.forget().await;
        let schema = match self.schema().await {
            Ok(schema) => schema,
            // The missing right is a problem of its own already.
            Err(error) if error.kind == dealclock_connector::ErrorKind::Unauthorized => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut problems = Vec::new();
        if let Err(why) = &schema.reading {
            // Why deals cannot be read names its way out mostly, for whoever hears of it from a poll.
            let (what, way_out) = why.split_once("; ").unwrap_or((why, "mend the mapping of the connection"));
            problems.push(Problem { what: what.to_owned(), way_out: way_out.to_owned(), fatal: true });
        }
        for (canonical, name) in schema.unknown_stages(&self.mapping) {
            problems.push(Problem {
                what: format!("the stage `{name}`, mapped to `{canonical}`, exists in no pipeline of deals"),
                way_out: "write the id or label of a stage, or `pipeline/stage`, under `stages` of the connection"
                    .to_owned(),
                fatal: false,
            });
        }
        Ok(problems)
    }

    async fn check_once(&self, problems: &mut Vec<Problem>) -> Result<Once> {
        let place = match self.learn_key_place().await {
            Ok(place) => place,
            Err(error) if error.kind == dealclock_connector::ErrorKind::Unauthorized => KeyPlace::Body,
            Err(error) => return Err(error),
        };
        match place {
            KeyPlace::Property => Ok(Once::Exactly),
            KeyPlace::Body => {
                let what =
                    format!("tasks have no unique property `{KEY}`, so after a lost answer a task could appear twice");
                problems.push(Problem {
                    what: what.clone(),
                    way_out: "run `dealclock setup` for the connection".to_owned(),
                    fatal: false,
                });
                Ok(Once::AtLeastOnce(what))
            }
        }
    }

    fn daily_problem(&self, problems: &mut Vec<Problem>) {
        if let Some(daily) = self.client.quota().daily().filter(|daily| daily.remaining <= daily.limit / 5) {
            problems.push(Problem {
                what: format!("only {} of the account's {} calls are left today", daily.remaining, daily.limit),
                way_out: "find which integration uses them (Settings, Integrations, API usage)".to_owned(),
                fatal: false,
            });
        }
    }
}

fn get(what: &'static str, path: String) -> Call {
    Call::get(what, path).priority(Priority::Write)
}

/// One call for each right. HubSpot tells rights only by refusing; the empty batch creates nothing.
fn needs() -> [Need; 7] {
    let need = |call, scope, purpose, fatal| Need { call, scope, purpose, fatal };
    let nothing = Call::post("create no tasks", objects(Kind::Tasks, "/batch/create"), json!({ "inputs": [] }));
    [
        need(get("list deals", objects(Kind::Deals, "?limit=1")), "crm.objects.deals.read", "read deals", true),
        need(
            get("read the properties of deals", properties(Kind::Deals, "?archived=false")),
            "crm.schemas.deals.read",
            "read the properties and stages of deals",
            true,
        ),
        need(get("list owners", owners("?limit=1")), "crm.objects.owners.read", "know who owns a deal", true),
        need(get("list tasks", objects(Kind::Tasks, "?limit=1")), "crm.objects.contacts.read", "read tasks", true),
        need(
            get("list users", objects(Kind::Users, "?limit=1")),
            "crm.objects.users.read",
            "know zones and working hours",
            false,
        ),
        need(nothing.priority(Priority::Write), "crm.objects.contacts.write", "write reminder tasks", true),
        need(
            get("read the properties of tasks", properties(Kind::Tasks, &format!("/{KEY}"))),
            "crm.objects.contacts.read",
            "read the key property of tasks",
            true,
        ),
    ]
}

/// What an unfinished check has found out about each right: a refusal is an answer too, and is not asked for again when
/// our share makes the check pause.
#[derive(Default)]
pub(crate) struct Rights(Mutex<BTreeMap<&'static str, Option<Problem>>>);

impl Rights {
    /// The problem with one right, if there is one.
    async fn missing(&self, steps: &Steps<'_>, need: Need) -> Result<Option<Problem>> {
        let purpose = need.purpose;
        if let Some(known) = self.lock().get(purpose) {
            return Ok(known.clone());
        }
        let found = missing_right(steps, need).await?;
        self.lock().insert(purpose, found.clone());
        Ok(found)
    }

    /// The check is done; the next one asks anew.
    fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Option<Problem>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn missing_right(steps: &Steps<'_>, need: Need) -> Result<Option<Problem>> {
    let refusal: Refusal = match steps.ask::<IgnoredAny>(need.call).await {
        Ok(_) => return Ok(None),
        Err(refusal) => refusal,
    };
    match refusal.status {
        Some(StatusCode::FORBIDDEN) => {
            let named = refusal.failure.context_of("requiredGranularScopes");
            let scopes = if named.is_empty() { need.scope.to_owned() } else { named.join(", ") };
            Ok(Some(Problem {
                what: format!("the token may not {}: it lacks the scope {scopes}", need.purpose),
                way_out: format!("add {scopes} to the service key or private app in HubSpot's settings"),
                fatal: need.fatal,
            }))
        }
        // The call was let through and then found wanting: an empty batch, a property that is not there.
        Some(StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND) => Ok(None),
        Some(_) | None => Err(refusal.into()),
    }
}
