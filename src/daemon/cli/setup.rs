//! `dealclock setup`: makes the fields that the rules need; shows a plan, asks, is safe to repeat.

use std::io::{IsTerminal, Write};

use dealclock_connector::{Need, Plan, PlanItem, PlanState, Provision};
use owo_colors::OwoColorize;
use serde_json::json;

use super::{Context, Exit, Failure, Output, SetupArgs, table};
use crate::connect::connect;
use crate::needs::needs;
use crate::patience::Patience;

/// Carries the command out.
pub(super) async fn run(args: &SetupArgs, context: &Context) -> Result<Exit, Failure> {
    let config = context.config()?;
    let name = args.connection.as_str();
    let connection = config.connections.get(name).ok_or_else(|| Failure::no_connection(name, &config))?;
    let crm = connect(connection, &context.kit, &context.environment, &context.clock())?;
    let (needs, unmapped) = needs(&connection.mapping);
    let Some(provision) = crm.provision() else {
        return Err(Failure::new(Exit::Crm, by_hand(&crm.descriptor().label, &needs)));
    };
    let failed = |error| Failure::crm(&args.connection, &error);
    let (clock, tell) = (context.clock(), context.output.waiting(&args.connection));
    let patience = Patience { clock: clock.as_ref(), tell: &tell };
    let plan = patience.wait_for(|| provision.plan(&needs)).await.map_err(failed)?;
    show(&plan, &unmapped, context.output);
    let missing: Vec<&PlanItem> = plan.items.iter().filter(|item| item.state == PlanState::Missing).collect();
    if args.dry_run || missing.is_empty() {
        context.output.text(if missing.is_empty() {
            "\nNothing is missing."
        } else {
            "\nNothing was made: this was a dry run."
        });
        context.output.document(&document(&plan, &unmapped, 0));
        return Ok(verdict(&plan));
    }
    if !args.yes && !confirm(&args.connection, missing.len(), context.output)? {
        context.output.text("Nothing was made.");
        context.output.document(&document(&plan, &unmapped, 0));
        return Ok(Exit::Ok);
    }
    make(provision, &needs, &missing, args, &patience, context.output).await?;
    context.output.document(&document(&plan, &unmapped, missing.len()));
    Ok(verdict(&plan))
}

async fn make(
    provision: &dyn Provision,
    needs: &[Need],
    missing: &[&PlanItem],
    args: &SetupArgs,
    patience: &Patience<'_>,
    output: Output,
) -> Result<(), Failure> {
    for (made, item) in missing.iter().enumerate() {
        patience.wait_for(|| provision.make(needs, item)).await.map_err(|error| {
            let rest = missing.len() - made;
            output.note(format_args!("{made} made, {rest} still missing; `dealclock setup` goes on where it stopped"));
            Failure::crm(&args.connection, &error)
        })?;
        output.text(format_args!("{} {}: {}", "made".green(), item.name, item.what));
    }
    Ok(())
}

/// A field in another shape keeps a rule from working; it is the administrator's to change.
fn verdict(plan: &Plan) -> Exit {
    let differs = plan.items.iter().any(|item| matches!(item.state, PlanState::Differs(_)));
    if differs { Exit::Found } else { Exit::Ok }
}

fn show(plan: &Plan, unmapped: &[&str], output: Output) {
    let mut rows = table(&["", "name", "what"]);
    for item in &plan.items {
        let (state, what) = match &item.state {
            PlanState::Missing => ("make".green().to_string(), item.what.clone()),
            PlanState::Present => ("there".dimmed().to_string(), item.what.clone()),
            PlanState::Differs(why) => ("differs".red().to_string(), format!("{}: {why}", item.what)),
        };
        rows.add_row([&state, &item.name, &what]);
    }
    output.text(rows);
    if !unmapped.is_empty() {
        output
            .text(format_args!("\nNot in [connection.NAME.fields.opportunity], so not made: {}", unmapped.join(", ")));
    }
    if !plan.by_hand.is_empty() {
        output.text("\nBy hand, in the CRM:");
        plan.by_hand.iter().for_each(|line| output.text(format_args!("  - {line}")));
    }
}

fn document(plan: &Plan, unmapped: &[&str], made: usize) -> serde_json::Value {
    let items = plan.items.iter().map(|item| {
        let (state, why) = match &item.state {
            PlanState::Missing => ("missing", None),
            PlanState::Present => ("present", None),
            PlanState::Differs(why) => ("differs", Some(why)),
        };
        json!({ "name": item.name, "what": item.what, "state": state, "why": why })
    });
    json!({ "plan": items.collect::<Vec<_>>(), "by_hand": plan.by_hand, "not_mapped": unmapped, "made": made })
}

fn confirm(connection: &str, count: usize, output: Output) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() || output.is_json() {
        let message = "nobody can be asked here; add --yes to make what is missing, or --dry-run to only see it";
        return Err(Failure::new(Exit::Usage, message));
    }
    let _ = write!(anstream::stderr(), "\nMake {count} in the CRM of `{connection}`? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn by_hand(crm: &str, needs: &[Need]) -> String {
    let lines: Vec<String> = needs
        .iter()
        .map(|need| {
            let place = if need.on_tasks { "tasks" } else { "opportunities" };
            format!("  - {} ({}), a {} field on {place}: {}", need.label, need.name, need.value_type, need.description)
        })
        .collect();
    format!("{crm} does not let programs make fields; make these by hand:\n{}", lines.join("\n"))
}
