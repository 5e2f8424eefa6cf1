//! `dealclock check`: configuration and rules, and with `--online` both against the CRM.

use dealclock_engine::Rule;
use dealclock_model::effect::Channel;
use serde::Serialize;
use serde_json::json;

use super::findings::{Finding, Report};
use super::output::described;
use super::{CheckArgs, Context, Exit, Failure, online, table};
use crate::config::Loaded;
use crate::connect::{connect, missing_authorities};
use crate::notify::SmtpMail;

#[derive(Serialize)]
struct RuleLine<'a> {
    rule: &'a str,
    title: &'a str,
    deadline: String,
    reminders: Vec<&'a str>,
    connections: Vec<String>,
}

/// Carries the command out.
pub(super) async fn run(args: &CheckArgs, context: &Context) -> Result<Exit, Failure> {
    let output = context.output;
    let loaded = context.load()?;
    let rules: Vec<RuleLine<'_>> = loaded.ruleset.rules.by_key.values().map(|rule| line(rule, &loaded)).collect();
    print_rules(context, &rules);
    let mut missing = loaded.config.missing_secrets(&context.environment);
    missing.extend(missing_authorities(&loaded.config));
    let unsent = rules_without_mail(&loaded);
    for rule in &unsent {
        output.note(format_args!(
            "warning: rule `{rule}` sends e-mail, and `[mail] enabled` is false: those mails will be refused"
        ));
    }
    if !args.online {
        for fault in &missing {
            output.note(format_args!("warning: {fault}\n"));
        }
        output.text("\nConfiguration and rules are right. `dealclock check --online` asks the CRM as well.");
        output.document(&json!({
            "connections": loaded.config.connections.keys().collect::<Vec<_>>(),
            "rules": rules,
            "warnings": missing.iter().map(described).collect::<Vec<_>>(),
            "rules_without_mail": unsent,
        }));
        return Ok(Exit::Ok);
    }
    if !missing.is_empty() {
        return Err(Failure::Faulty(crate::config::Faults(missing)));
    }
    let mut reports = Vec::new();
    let mut failures = Vec::new();
    for connection in loaded.config.connections.values() {
        let connector = connect(connection, &context.kit, &context.environment, &context.clock())?;
        match online::examine(&loaded, connection, connector.as_ref(), context.clock().as_ref()).await {
            Ok(report) => {
                report.print(output);
                reports.push(report);
            }
            Err(failure @ Failure::Faulty(_)) => return Err(failure),
            // One account that does not answer says nothing about the others.
            Err(failure) => failures.push(failure),
        }
    }
    let mail = mail(&loaded, context).await?;
    for failure in &failures {
        output.note(format_args!("error: {failure}"));
    }
    output.document(&json!({
        "connections": reports,
        "unreachable": failures.iter().map(Failure::to_string).collect::<Vec<_>>(),
        "mail": mail,
        "rules": rules,
    }));
    Ok(verdict(&reports, !failures.is_empty(), mail.is_some()))
}

fn verdict(reports: &[Report], unreachable: bool, mail: bool) -> Exit {
    if unreachable {
        Exit::Crm
    } else if mail || reports.iter().any(Report::is_bad) {
        Exit::Found
    } else {
        Exit::Ok
    }
}

/// Rules that send e-mail although no mail server is configured.
fn rules_without_mail(loaded: &Loaded) -> Vec<&str> {
    let sends = |rule: &&Rule| rule.remind.iter().any(|remind| remind.via.contains(&Channel::Email));
    let rules = loaded.ruleset.rules.by_key.values().filter(sends).map(|rule| rule.key.as_str());
    if loaded.config.mail.is_some() { Vec::new() } else { rules.collect() }
}

/// What is wrong with mail, if anything.
async fn mail(loaded: &Loaded, context: &Context) -> Result<Option<Finding>, Failure> {
    let Some(config) = &loaded.config.mail else { return Ok(None) };
    let finding = match SmtpMail::new(config, &context.environment)?.check().await {
        Ok(()) => None,
        Err(error) => Some(Finding::error(error.to_string(), "check [mail] in the configuration")),
    };
    match &finding {
        None => context.output.text("\nThe mail server takes mail from us."),
        Some(finding) => context.output.text(format_args!("\nMail: {}; {}", finding.what, finding.way_out)),
    }
    Ok(finding)
}

fn line<'a>(rule: &'a Rule, loaded: &Loaded) -> RuleLine<'a> {
    RuleLine {
        rule: rule.key.as_str(),
        title: &rule.title,
        deadline: rule.deadline.to_string(),
        reminders: rule.remind.iter().map(|remind| remind.name.as_str()).collect(),
        connections: loaded.config.connections.keys().filter(|id| rule.is_on(id)).map(ToString::to_string).collect(),
    }
}

fn print_rules(context: &Context, rules: &[RuleLine<'_>]) {
    if rules.is_empty() {
        return context.output.text("There is no rule yet.");
    }
    let mut rows = table(&["rule", "title", "deadline", "reminders", "on"]);
    for rule in rules {
        let (reminders, connections) = (rule.reminders.join(", "), rule.connections.join(", "));
        rows.add_row([rule.rule, rule.title, &rule.deadline, &reminders, &connections]);
    }
    context.output.text(rows);
}
