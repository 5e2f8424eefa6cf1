//! One login at a time, kept before it is used: renewal, rotation, lost answers, restarts.

use super::*;

#[tokio::test]
async fn ten_callers_cause_one_login() {
    let world = World::allowed();
    let gate = Arc::new(Semaphore::new(0));
    world.crm.will(Reply::Gated(Arc::clone(&gate), granted(1)));
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let source = Arc::clone(&world.source);
            tokio::spawn(async move { source.access().await.map(|access| shown(&access)) })
        })
        .collect();
    gate.add_permits(1);
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok("access-1 1".into()));
    }
    assert_eq!(world.crm.count(), 1);
}

#[tokio::test]
async fn ten_refusals_of_one_token_cause_one_login() {
    let world = World::allowed();
    world.crm.will(Reply::Json(200, granted(1)));
    world.access().await.unwrap();
    world.crm.will(Reply::Json(200, granted(2)));
    for _ in 0..10 {
        assert_eq!(world.renew(1).await, Ok("access-2 2".into()));
    }
    assert_eq!((world.crm.count(), world.crm.last("refresh_token").as_deref()), (2, Some("refresh-1")));
}

#[tokio::test]
async fn a_token_is_renewed_after_three_quarters_of_its_life() {
    let world = World::allowed();
    world.crm.will(Reply::Json(200, granted(1)));
    world.access().await.unwrap();
    world.clock.turn(Duration::seconds(1349));
    assert_eq!(world.access().await, Ok("access-1 1".into()));
    world.clock.turn(Duration::seconds(1));
    world.crm.will(Reply::Json(200, granted(2)));
    assert_eq!(world.access().await, Ok("access-2 2".into()));
}

#[tokio::test]
async fn a_renewal_under_way_holds_up_nobody_while_the_token_is_good() {
    let world = World::allowed();
    world.crm.will(Reply::Json(200, granted(1)));
    world.access().await.unwrap();
    world.clock.turn(Duration::seconds(1400));
    let gate = Arc::new(Semaphore::new(0));
    world.crm.will(Reply::Gated(Arc::clone(&gate), granted(2)));
    let source = Arc::clone(&world.source);
    let renewing = tokio::spawn(async move { source.access().await.map(|access| shown(&access)) });
    while world.crm.count() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.access().await, Ok("access-1 1".into()));
    gate.add_permits(1);
    assert_eq!(renewing.await.unwrap(), Ok("access-2 2".into()));
}

#[tokio::test]
async fn a_token_without_an_end_is_renewed_before_the_refresh_token_is_idle_too_long() {
    let world = World::allowed();
    world.crm.will(Reply::Json(200, without(granted(1), "expires_in")));
    world.access().await.unwrap();
    world.clock.turn(Duration::hours(23));
    assert_eq!(world.access().await, Ok("access-1 1".into()));
    world.clock.turn(Duration::hours(1));
    world.crm.will(Reply::Json(200, without(granted(2), "expires_in")));
    assert_eq!(world.access().await, Ok("access-2 2".into()));
}

#[tokio::test]
async fn a_failed_renewal_is_harmless_while_the_token_is_good() {
    let world = World::allowed();
    world.crm.will(Reply::Json(200, granted(1)));
    world.access().await.unwrap();
    world.clock.turn(Duration::seconds(1400));
    world.crm.will(Reply::NotSent);
    assert_eq!(world.access().await, Ok("access-1 1".into()));
    assert_eq!(world.access().await, Ok("access-1 1".into()));
    assert_eq!(world.crm.count(), 2, "the next attempt waits its turn");
    world.clock.turn(Duration::seconds(400));
    world.crm.will(Reply::NotSent);
    assert!(matches!(world.access().await.unwrap_err().kind, ErrorKind::Transient { retry_at: Some(_) }));
}

#[tokio::test]
async fn a_rotated_token_is_kept_before_it_is_used() {
    let world = World::allowed();
    world.vault.fill(true);
    world.crm.will(Reply::Json(200, granted(1)));
    let error = world.access().await.unwrap_err();
    assert_eq!(error, Error::transient("failed to write tokens/acme: no space left"));
    assert_eq!(world.vault.refresh().as_deref(), Some("refresh-0"), "the old one is not dropped");
    assert!(world.access().await.is_err());
    world.vault.fill(false);
    // The old one was exchanged: showing it again would end the authorization.
    assert_eq!(world.access().await, Ok("access-1 1".into()));
    assert_eq!((world.crm.count(), world.vault.refresh().as_deref()), (1, Some("refresh-1")));
}

#[tokio::test]
async fn a_refresh_token_that_is_not_rotated_stays() {
    let world = World::allowed();
    world.crm.will(Reply::Json(200, without(without(granted(1), "refresh_token"), "id")));
    world.access().await.unwrap();
    let kept = world.source.kept().await.unwrap().unwrap();
    assert_eq!(world.vault.refresh().as_deref(), Some("refresh-0"));
    assert_eq!(kept.account_id.as_deref(), Some("00D1"));
}

#[tokio::test]
async fn a_restart_uses_what_is_kept_without_a_login() {
    let mut world = World::allowed();
    world.crm.will(Reply::Json(200, granted(1)));
    world.access().await.unwrap();
    world.restart();
    assert_eq!(world.access().await, Ok("access-1 1".into()));
    world.clock.turn(Duration::hours(1));
    world.restart();
    world.crm.will(Reply::Json(200, granted(2)));
    assert_eq!(world.access().await, Ok("access-2 1".into()));
    assert_eq!((world.crm.count(), world.crm.last("refresh_token").as_deref()), (2, Some("refresh-1")));
}

#[tokio::test]
async fn a_login_goes_on_when_the_caller_goes_away() {
    let world = World::allowed();
    let gate = Arc::new(Semaphore::new(0));
    world.crm.will(Reply::Gated(Arc::clone(&gate), granted(1)));
    let source = Arc::clone(&world.source);
    let caller = tokio::spawn(async move { source.access().await });
    while world.crm.count() == 0 {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    gate.add_permits(1);
    assert_eq!(world.access().await, Ok("access-1 1".into()));
    assert_eq!((world.crm.count(), world.vault.refresh().as_deref()), (1, Some("refresh-1")));
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_once_more_and_then_slowly() {
    let world = World::allowed();
    world.crm.will(Reply::Lost);
    let first = world.access().await.unwrap_err();
    assert_eq!(first.kind, ErrorKind::Transient { retry_at: Some(world.clock.now() + Duration::seconds(2)) });
    world.clock.turn(Duration::seconds(2));
    world.crm.will(Reply::Lost);
    let second = world.access().await.unwrap_err();
    assert_eq!(second.kind, ErrorKind::Transient { retry_at: Some(world.clock.now() + Duration::minutes(15)) });
    world.clock.turn(Duration::minutes(14));
    assert_eq!(world.access().await, Err(second));
    assert_eq!(world.crm.count(), 2);
    world.clock.turn(Duration::minutes(1));
    world.crm.will(Reply::Json(200, granted(1)));
    assert_eq!(world.access().await, Ok("access-1 1".into()));
}

#[tokio::test]
async fn what_another_process_renewed_is_taken_over() {
    let world = World::allowed();
    world.crm.will(Reply::Json(200, granted(1)));
    world.access().await.unwrap();
    world.clock.turn(Duration::hours(1));
    let mut other = World::allowed();
    (other.crm, other.clock, other.vault) =
        (Arc::clone(&world.crm), Arc::clone(&world.clock), Arc::clone(&world.vault));
    other.restart();
    world.crm.will(Reply::Json(200, granted(2)));
    assert_eq!(other.access().await, Ok("access-2 1".into()));
    assert_eq!(world.access().await, Ok("access-2 2".into()));
    assert_eq!(world.crm.count(), 2);
}

#[tokio::test]
async fn the_home_is_read_again_with_every_token() {
    let world = World::allowed();
    world.crm.will(Reply::Json(200, with(granted(1), "instance_url", json!("https://acme.crm.example:443/x?y"))));
    assert_eq!(world.source.access().await.unwrap().home.as_deref(), Some("https://acme.crm.example:443"));
    world.crm.will(Reply::Json(200, with(granted(2), "instance_url", json!("https://moved.crm.example"))));
    world.renew(1).await.unwrap();
    assert_eq!(world.source.access().await.unwrap().home.as_deref(), Some("https://moved.crm.example"));
}

#[tokio::test]
async fn a_home_outside_the_list_gets_no_token_and_costs_no_authorization() {
    for (home, why) in [
        (
            "https://crm.example.evil.example",
            "crm.example.evil.example is not a host of this CRM; admitted are: crm.example",
        ),
        ("http://acme.crm.example", "plain HTTP"),
        ("https://169.254.169.254", "private or reserved"),
        ("https://user@evil.example", "evil.example is not a host"),
        ("no address", "is no address"),
    ] {
        let world = World::allowed();
        world.crm.will(Reply::Json(200, with(granted(1), "instance_url", json!(home))));
        let error = world.access().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthorized, "{home}");
        assert!(error.message.contains(why) && error.message.contains("instance_url"), "{home}: {error}");
        assert_eq!(world.vault.refresh().as_deref(), Some("refresh-1"), "what renews is kept");
        assert_eq!(world.access().await, Err(error), "and nobody logs in again");
        assert_eq!(world.crm.count(), 1);
    }
}

#[tokio::test]
async fn a_token_without_the_home_that_the_crm_always_names_is_not_used() {
    let world = World::new(Grant::ClientCredentials);
    world.crm.will(Reply::Json(200, without(granted(1), "instance_url")));
    let error = world.access().await.unwrap_err();
    assert_eq!((error.kind, error.message.contains("came without `instance_url`")), (ErrorKind::Unauthorized, true));
}

#[tokio::test]
async fn tokens_that_cannot_be_read_need_an_administrator() {
    let world = World::allowed();
    world.vault.lose_key();
    let error = world.access().await.unwrap_err();
    assert_eq!(error, Error::unauthorized("the token file tokens/acme has lost its key"));
    assert_eq!(world.crm.count(), 0);
    let revoked = world.source.revoke().await.unwrap();
    assert_eq!(revoked, Revoked::Failed("the token file tokens/acme has lost its key".into()), "and is forgotten");
    assert!(world.source.kept().await.unwrap().is_none());
}
