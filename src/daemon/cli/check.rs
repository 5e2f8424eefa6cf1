//! `dealclock check`: configuration and rules, and with `--online` both against the CRM.

use serde_json::json;

use super::findings::{Finding, Report};
use super::listing::{Listing, mailing};
use super::output::described;
use super::{CheckArgs, Context, Exit, Failure, online};
use crate::config::Loaded;
use crate::connect::{connect, missing_authorities};
use crate::notify::SmtpMail;
use crate::patience::Patience;

/// Carries the command out.
pub(super) async fn run(args: &CheckArgs, context: &Context) -> Result<Exit, Failure> {
    let output = context.output;
    let loaded = context.load()?;
    let listing = Listing::of(&loaded);
    listing.print(output);
    let mut missing = loaded.config.missing_secrets(&context.environment);
    missing.extend(missing_authorities(&loaded.config));
    let unsent = if loaded.config.mail.is_some() { Vec::new() } else { mailing(&loaded.ruleset) };
    for section in &unsent {
        output.note(format_args!(
            "warning: [{section}] sends e-mail, and `[mail] enabled` is false: those mails will be refused"
        ));
    }
    if !args.online {
        for fault in &missing {
            output.note(format_args!("warning: {fault}\n"));
        }
        output.text("\nConfiguration and rules are right. `dealclock check --online` asks the CRM as well.");
        output.document(&json!({
            "connections": loaded.config.connections.keys().collect::<Vec<_>>(),
            "rules": listing.rules,
            "approvals": listing.approvals,
            "digests": listing.digests,
            "reports": listing.reports,
            "warnings": missing.iter().map(described).collect::<Vec<_>>(),
            "without_mail": unsent,
        }));
        return Ok(Exit::Ok);
    }
    if !missing.is_empty() {
        return Err(Failure::Faulty(crate::config::Faults(missing)));
    }
    let mut reports = Vec::new();
    let mut failures = Vec::new();
    for connection in loaded.config.connections.values() {
        let clock = context.clock();
        let connector = connect(connection, &context.kit, &context.environment, &clock)?;
        let tell = output.waiting(connection.id.as_str());
        let patience = Patience { clock: clock.as_ref(), tell: &tell };
        match online::examine(&loaded, connection, connector.as_ref(), &patience).await {
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
        "rules": listing.rules,
        "approvals": listing.approvals,
        "digests": listing.digests,
        "reports": listing.reports,
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
