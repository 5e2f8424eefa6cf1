//! Webhooks of an account that is not ours: refused, counted, told, and no reminder suffers from them.

use dealclock_sandbox::Crm;

use crate::configuration::Entrance;
use crate::world::World;

/// An Outbound Message of another org about an opportunity.
const FOREIGN: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>
<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00DZZ0000000001AAA</OrganizationId>
<ActionId>04kx0000000TNR4AAO</ActionId><SessionId xsi:nil="true"/>
<Notification><Id>04l0800002nrC5BAAU</Id><sObject xsi:type="sf:Opportunity" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>006D000000CpOSyIAN</sf:Id></sObject></Notification>
</notifications></soapenv:Body></soapenv:Envelope>"#;

#[tokio::test]
async fn a_message_of_an_unknown_org_is_refused_and_told() {
    let mut world = World::with_a_deal(Crm::Salesforce, Entrance::App).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let hook = world.connection().await["hooks"]["address"].as_str().unwrap().to_owned();
    let post = async |url: &str| http.post(url).body(FOREIGN).send().await.unwrap().status().as_u16();
    assert_eq!(post(&hook).await, 403);
    assert_eq!(post(&hook).await, 403);
    assert_eq!(post(&hook.replace("/acme/", "/zeta/")).await, 404);
    let hooks = world.connection().await["hooks"].clone();
    assert_eq!(
        (&hooks["counts"]["foreign"], &hooks["counts"]["received"], &hooks["hints"]),
        (&2.into(), &0.into(), &0.into())
    );
    let logged = world.logged();
    assert!(logged.contains("a webhook was not taken in") && logged.contains("00DZZ0000000001AAA"), "{logged}");
    assert!(!logged.contains(hook.rsplit('/').next().unwrap()), "{logged}");
    world.recover().await;
}
