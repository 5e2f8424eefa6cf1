//! What rule files define, as `check` lists it: rules, approvals, digests and reports.

use dealclock_engine::rules::{Approval, ApprovalStep, Digest, Mode, Report as Scheduled, Required, Who};
use dealclock_engine::{Rule, Ruleset};
use dealclock_model::ConnectionId;
use dealclock_model::effect::Channel;
use serde::Serialize;

use super::{Output, table};
use crate::config::Loaded;

/// Everything that the rule files define, for a person and for a program.
#[derive(Serialize)]
pub(super) struct Listing<'a> {
    pub(super) rules: Vec<RuleLine<'a>>,
    pub(super) approvals: Vec<ApprovalLine<'a>>,
    pub(super) digests: Vec<PlanLine<'a>>,
    pub(super) reports: Vec<PlanLine<'a>>,
}

#[derive(Serialize)]
pub(super) struct RuleLine<'a> {
    rule: &'a str,
    title: &'a str,
    deadline: String,
    reminders: Vec<&'a str>,
    approval: Option<&'a str>,
    digest: Option<&'a str>,
    mode: &'static str,
    connections: Vec<&'a str>,
}

#[derive(Serialize)]
pub(super) struct ApprovalLine<'a> {
    approval: &'a str,
    title: &'a str,
    asked_by: Vec<String>,
    steps: Vec<String>,
    connections: Vec<&'a str>,
}

/// Something that comes by a plan: a digest or a report.
#[derive(Serialize)]
pub(super) struct PlanLine<'a> {
    name: &'a str,
    title: &'a str,
    to: Vec<String>,
    every: &'a str,
    via: Vec<&'static str>,
}

impl<'a> Listing<'a> {
    /// What was read.
    pub(super) fn of(loaded: &'a Loaded) -> Listing<'a> {
        let Ruleset { rules, reports, .. } = &loaded.ruleset;
        let on = |is_on: &dyn Fn(&ConnectionId) -> bool| {
            loaded.config.connections.keys().filter(|id| is_on(id)).map(ConnectionId::as_str).collect()
        };
        Listing {
            rules: rules.by_key.values().map(|rule| line(rule, on(&|id| rule.is_on(id)))).collect(),
            approvals: rules
                .approvals
                .values()
                .map(|approval| approval_line(approval, &loaded.ruleset, on(&|id| approval.is_on(id))))
                .collect(),
            digests: rules.digests.values().map(digest_line).collect(),
            reports: reports.values().map(report_line).collect(),
        }
    }

    /// Prints it for a person.
    pub(super) fn print(&self, output: Output) {
        if self.rules.is_empty() && self.approvals.is_empty() {
            output.text("There is no rule yet.");
        }
        self.print_rules(output);
        self.print_approvals(output);
        print_plans("digest", &self.digests, output);
        print_plans("report", &self.reports, output);
    }

    fn print_rules(&self, output: Output) {
        if self.rules.is_empty() {
            return;
        }
        let mut rows = table(&["rule", "title", "deadline", "reminders", "way out", "digest", "on"]);
        for rule in &self.rules {
            let title = if rule.mode == "shadow" { format!("{} (shadow)", rule.title) } else { rule.title.to_owned() };
            let (approval, digest) = (rule.approval.unwrap_or("none"), rule.digest.unwrap_or("none"));
            let (reminders, connections) = (rule.reminders.join(", "), rule.connections.join(", "));
            rows.add_row([rule.rule, &title, &rule.deadline, &reminders, approval, digest, &connections]);
        }
        output.text(rows);
    }

    fn print_approvals(&self, output: Output) {
        if self.approvals.is_empty() {
            return;
        }
        let mut rows = table(&["approval", "title", "asked by", "steps", "on"]);
        for approval in &self.approvals {
            let (asked_by, steps) = (approval.asked_by.join(", "), approval.steps.join(", then "));
            rows.add_row([approval.approval, approval.title, &asked_by, &steps, &approval.connections.join(", ")]);
        }
        output.text(format_args!("\n{rows}"));
    }
}

fn print_plans(what: &str, lines: &[PlanLine<'_>], output: Output) {
    if lines.is_empty() {
        return;
    }
    let mut rows = table(&[what, "title", "to", "every", "via"]);
    for line in lines {
        rows.add_row([line.name, line.title, &line.to.join(", "), line.every, &line.via.join(", ")]);
    }
    output.text(format_args!("\n{rows}"));
}

fn line<'a>(rule: &'a Rule, connections: Vec<&'a str>) -> RuleLine<'a> {
    RuleLine {
        rule: rule.key.as_str(),
        title: &rule.title,
        deadline: rule.deadline.to_string(),
        reminders: rule.remind.iter().map(|remind| remind.name.as_str()).collect(),
        approval: rule.extension.as_ref().map(|extension| extension.approval.as_str()),
        digest: rule.violation.digest.as_ref().map(|digest| digest.as_str()),
        mode: match rule.mode {
            Mode::Live => "live",
            Mode::Shadow => "shadow",
        },
        connections,
    }
}

fn approval_line<'a>(approval: &'a Approval, ruleset: &Ruleset, connections: Vec<&'a str>) -> ApprovalLine<'a> {
    let by_rule = |rule: &&Rule| rule.extension.as_ref().is_some_and(|extension| extension.approval == approval.key);
    let rules = ruleset.rules.by_key.values().filter(by_rule).map(|rule| rule.key.to_string());
    let own = approval.asking.iter().map(|asking| asking.when.text.trim().to_owned());
    ApprovalLine {
        approval: approval.key.as_str(),
        title: &approval.title,
        asked_by: rules.chain(own).collect(),
        steps: approval.steps.iter().map(step).collect(),
        connections,
    }
}

fn step(step: &ApprovalStep) -> String {
    let join = match step.need {
        Required::Any => " or ",
        Required::All => " and ",
    };
    step.approvers.iter().map(Who::name).collect::<Vec<_>>().join(join)
}

fn digest_line(digest: &Digest) -> PlanLine<'_> {
    PlanLine {
        name: digest.key.as_str(),
        title: &digest.title,
        to: vec![digest.to.name()],
        every: digest.every.as_str(),
        via: digest.via.iter().map(|channel| channel.as_str()).collect(),
    }
}

fn report_line(report: &Scheduled) -> PlanLine<'_> {
    PlanLine {
        name: report.key.as_str(),
        title: &report.title,
        to: report.to.iter().map(Who::name).collect(),
        every: report.every.as_str(),
        via: report.via.iter().map(|channel| channel.as_str()).collect(),
    }
}

/// What sends e-mail, by its section: rules, approvals, digests and reports.
pub(super) fn mailing(ruleset: &Ruleset) -> Vec<String> {
    let mails = |via: &[Channel]| via.contains(&Channel::Email);
    let rules = ruleset.rules.by_key.values().filter(|rule| rule.remind.iter().any(|remind| mails(&remind.via)));
    let approvals = ruleset.rules.approvals.values().filter(|approval| mails(&approval.via));
    let digests = ruleset.rules.digests.values().filter(|digest| mails(&digest.via));
    let reports = ruleset.reports.values().filter(|report| mails(&report.via));
    (rules.map(|rule| format!("rule.{}", rule.key)))
        .chain(approvals.map(|approval| format!("approval.{}", approval.key)))
        .chain(digests.map(|digest| format!("digest.{}", digest.key)))
        .chain(reports.map(|report| format!("report.{}", report.key)))
        .collect()
}
