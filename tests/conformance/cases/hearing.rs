//! Hearing: what is sent to us is taken in once, from whom it claims to be, and only as a hint.

use dealclock_connector::{Hint, Incoming, Received, Refused};

use super::Listed;
use crate::subject::{Forgery, Message};
use crate::world::{World, reference};

pub const CASES: &[Listed] = &[
    ("hearing", "genuine webhook", |world| Box::pin(genuine(world))),
    ("hearing", "wrong webhook", |world| Box::pin(wrong(world))),
    ("hearing", "stale webhook", |world| Box::pin(stale(world))),
    ("hearing", "replayed webhook", |world| Box::pin(replayed(world))),
    ("hearing", "unreadable webhook", |world| Box::pin(unreadable(world))),
];

async fn account(world: &World) -> String {
    world.check().await.id
}

fn receive(world: &World, account: &str, message: &Message) -> Result<Received, Refused> {
    let incoming = Incoming {
        method: &message.method,
        url: &message.url,
        headers: &message.headers,
        body: &message.body,
        account,
        now: world.now(),
    };
    world.crm.webhooks().unwrap().receive(&incoming)
}

async fn refuse(world: &World, forgery: Forgery) -> Refused {
    let (ids, account) = (world.add(1), account(world).await);
    let message = world.subject.forgery(&account, &ids[0], forgery);
    let refused = receive(world, &account, &message).unwrap_err();
    for secret in world.subject.secrets() {
        assert!(!refused.to_string().contains(&secret), "a secret was said");
    }
    refused
}

async fn genuine(world: &World) {
    let (ids, account) = (world.add(1), account(world).await);
    let received = receive(world, &account, &world.subject.message(&account, &ids[0])).unwrap();
    assert_eq!(received.hints, [Hint::Record(reference(&ids[0]))]);
    assert_eq!((received.keys.is_empty(), received.foreign), (false, 0));
}

async fn wrong(world: &World) {
    let refused = refuse(world, Forgery::Wrong).await;
    assert!(matches!(refused, Refused::Signature(_) | Refused::Foreign(_)), "{refused}");
}

async fn stale(world: &World) {
    let refused = refuse(world, Forgery::Stale).await;
    assert!(matches!(refused, Refused::Stale(_)), "{refused}");
}

async fn replayed(world: &World) {
    let (ids, account) = (world.add(2), account(world).await);
    let message = world.subject.message(&account, &ids[0]);
    let receive = |message| receive(world, &account, message).unwrap();
    let (once, again) = (receive(&message), receive(&message));
    assert_eq!(once.keys, again.keys, "a message that comes again is known by its keys");
    let other = receive(&world.subject.message(&account, &ids[1]));
    assert!(other.keys.iter().all(|key| !once.keys.contains(key)), "another one has others");
}

async fn unreadable(world: &World) {
    let refused = refuse(world, Forgery::Unreadable).await;
    assert!(matches!(refused, Refused::Unreadable(_)), "{refused}");
}
