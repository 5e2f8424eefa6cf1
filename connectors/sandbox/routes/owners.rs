//! The owners of records.

use std::ops::Bound;

use serde_json::{Value, json};

use super::{Answer, Call, Outcome};
use crate::portal::Portal;
use crate::portal::instant::iso;
use crate::portal::people::Owner;
use crate::refusal::Refusal;

const LARGEST_PAGE: usize = 500;

/// `GET /crm/owners`.
pub(crate) fn list(portal: &Portal, call: &Call<'_>) -> Outcome {
    let limit = call.number("limit", 100, LARGEST_PAGE)?;
    let after = match call.parameter("after") {
        Some(text) => text.parse().map_err(|_| Refusal::invalid("The after parameter is not a valid cursor"))?,
        None => 0,
    };
    let archived = call.archived();
    let email = call.parameter("email");
    let wanted = |owner: &&Owner| {
        owner.archived.is_some() == archived && email.is_none_or(|email| owner.email.eq_ignore_ascii_case(email))
    };
    let mut owners =
        portal.owners.range((Bound::Excluded(after), Bound::Unbounded)).map(|(_, owner)| owner).filter(wanted);
    let page: Vec<_> = owners.by_ref().take(limit).collect();
    let mut body = json!({ "results": page.iter().map(|owner| render(owner)).collect::<Vec<_>>() });
    if let (Some(last), true) = (page.last(), owners.next().is_some()) {
        let link = format!("{}?limit={limit}&archived={archived}&after={}", call.address, last.id);
        body["paging"] = json!({ "next": { "after": last.id.to_string(), "link": link } });
    }
    Ok(Answer::ok(body))
}

/// `GET /crm/owners/{id}`, by owner id or by user id.
pub(crate) fn get(portal: &Portal, id: &str, call: &Call<'_>) -> Outcome {
    let number = id.parse::<u64>().ok();
    let owner = match call.parameter("idProperty") {
        None | Some("id") => number.and_then(|id| portal.owners.get(&id)),
        Some("userId") => number.and_then(|id| portal.owner_by_user(id)),
        Some(other) => return Err(Refusal::invalid(format!("{other} is not a valid idProperty"))),
    };
    let owner = owner.filter(|owner| owner.archived.is_some() == call.archived());
    owner.map(|owner| Answer::ok(render(owner))).ok_or_else(|| Refusal::not_found("resource not found"))
}

fn render(owner: &Owner) -> Value {
    let archived = owner.archived.is_some();
    let mut written = json!({
        "id": owner.id.to_string(),
        "email": owner.email,
        "type": "PERSON",
        "firstName": owner.first_name,
        "lastName": owner.last_name,
        "userId": if archived { Value::Null } else { owner.user_id.into() },
        "userIdIncludingInactive": owner.user_id,
        "createdAt": iso(owner.created),
        "updatedAt": iso(owner.updated),
        "archived": archived,
    });
    if let Some(team) = &owner.team {
        written["teams"] = json!([{ "id": team.id.to_string(), "name": team.name, "primary": true }]);
    }
    written
}
