//! Salesforce.

use std::sync::Arc;

use dealclock_connector::{Connector, Settings};
use dealclock_model::Instant;
use dealclock_sandbox::{ApprovalProcess, Approver, OrgLimits, OrgOptions, Sandbox};
use http::{HeaderMap, Method};

use super::remote::{DAILY_SHARE, Dialect, Remote, TOKENS, Words};
use crate::clock::start;
use crate::subject::{Forgery, Message, Step};

/// Salesforce, spoken by the sandbox.
pub type Salesforce = Remote<SalesforceDialect>;

pub struct SalesforceDialect;

/// Calls in the day of a limited org.
const DAY: u32 = 1_000;

impl Dialect for SalesforceDialect {
    const WORDS: Words = Words {
        base: "https://acme.my.salesforce.com",
        deals: "Opportunity",
        tasks: "Task",
        key: "Dealclock_Key__c",
        outcome: "Dealclock_Outcome__c",
        subject: "Subject",
        body: "Description",
        status: "Status",
        done: "Completed",
        stage: "Prospecting",
    };
    const PAGES: (usize, usize) = (2_000, 2_000);
    const BATCH: usize = 1_000;

    fn lacks(case: &str) -> Option<&'static str> {
        match case {
            "merge" => Some("Salesforce merges no opportunities"),
            "stale webhook" => Some("an Outbound Message bears no time, and it says only where to look"),
            _ => None,
        }
    }

    fn sandbox(is_limited: bool) -> Sandbox {
        let mut options = OrgOptions::new(TOKENS[0], start());
        options.tokens = TOKENS.map(str::to_owned).to_vec();
        options.limits = OrgLimits { daily: is_limited.then_some(DAY), tells_bursts: true };
        let approver = Approver::User("admin@acme.example".to_owned());
        options.approvals = vec![ApprovalProcess { approver, ..ApprovalProcess::complex_deal() }];
        Sandbox::org(&options)
    }

    fn connect(settings: Settings) -> Result<Arc<dyn Connector>, String> {
        dealclock_salesforce::connect(settings)
    }

    fn call(step: Step) -> (&'static str, &'static str) {
        match step {
            Step::HandIn => ("POST", "/services/data/v65.0/process/approvals"),
            Step::List => ("GET", "/services/data/v65.0/query"),
            Step::Poll | Step::Create => ("POST", "/services/data/v65.0/composite"),
        }
    }

    fn mislead(answer: &str) -> String {
        answer.replace("\"nextRecordsUrl\":\"/", "\"nextRecordsUrl\":\"https://elsewhere.example/")
    }

    fn share(_seconds: i64) -> u64 {
        (f64::from(DAY) * DAILY_SHARE) as u64
    }

    fn message(account: &str, record: &str, _now: Instant) -> Message {
        outbound(account, record)
    }

    fn forgery(account: &str, record: &str, _now: Instant, forgery: Forgery) -> Message {
        match forgery {
            Forgery::Wrong => outbound("00D000000000001EAA", record),
            Forgery::Stale => panic!("no Outbound Message is stale"),
            Forgery::Unreadable => {
                let mut message = outbound(account, record);
                // Entities could make a megabyte of a line, or read a file.
                let hostile = b"<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>";
                message.body.splice(0..0, hostile.iter().copied());
                message
            }
        }
    }
}

fn outbound(organization: &str, record: &str) -> Message {
    let body = format!(
        r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{organization}</OrganizationId><ActionId>04k000000000001AAA</ActionId><SessionId xsi:nil="true"/><EnterpriseUrl>https://acme.my.salesforce.com/services/Soap/c/65.0/x</EnterpriseUrl><PartnerUrl>https://acme.my.salesforce.com/services/Soap/u/65.0/x</PartnerUrl><Notification><Id>04l{}</Id><sObject xsi:type="sf:Opportunity" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>{record}</sf:Id></sObject></Notification></notifications></soapenv:Body></soapenv:Envelope>"#,
        &record[3..]
    );
    let url = "https://reminders.acme.example/hooks/acme/secret".to_owned();
    Message { method: Method::POST, url, headers: HeaderMap::new(), body: body.into_bytes() }
}
