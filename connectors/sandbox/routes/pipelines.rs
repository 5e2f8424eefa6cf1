//! Pipelines and their stages.

use serde_json::{Value, json};

use super::{Answer, Outcome};
use crate::portal::Portal;
use crate::portal::instant::iso;
use crate::portal::kind::Kind;
use crate::portal::pipelines::{Pipeline, Stage};
use crate::refusal::Refusal;

/// `GET /crm/pipelines/{type}`: all of them with their stages.
pub(crate) fn list(portal: &Portal, kind: Kind) -> Answer {
    let pipelines = of(portal, kind).iter().zip(0..);
    let results: Vec<_> = pipelines.map(|(pipeline, order)| render(pipeline, order)).collect();
    Answer::ok(json!({ "results": results }))
}

/// `GET /crm/pipelines/{type}/{id}`.
pub(crate) fn get(portal: &Portal, kind: Kind, id: &str) -> Outcome {
    let (pipeline, order) = find(portal, kind, id)?;
    Ok(Answer::ok(render(pipeline, order)))
}

/// `GET /crm/pipelines/{type}/{id}/stages`.
pub(crate) fn stages(portal: &Portal, kind: Kind, id: &str) -> Outcome {
    let (pipeline, order) = find(portal, kind, id)?;
    Ok(Answer::ok(json!({ "results": render(pipeline, order)["stages"] })))
}

/// `GET /crm/pipelines/{type}/{id}/stages/{id}`.
pub(crate) fn stage(portal: &Portal, kind: Kind, id: &str, stage: &str) -> Outcome {
    let (pipeline, _) = find(portal, kind, id)?;
    let mut stages = pipeline.stages.iter().zip(0..);
    let found = stages.find(|(known, _)| known.id == stage);
    let (found, order) = found.ok_or_else(|| Refusal::not_found("resource not found"))?;
    Ok(Answer::ok(render_stage(found, order, pipeline.created)))
}

fn of(portal: &Portal, kind: Kind) -> &[Pipeline] {
    match kind {
        Kind::Deal => &portal.pipelines,
        Kind::Contact | Kind::Company | Kind::Task | Kind::Note | Kind::User => &[],
    }
}

fn find<'a>(portal: &'a Portal, kind: Kind, id: &str) -> Result<(&'a Pipeline, i32), Refusal> {
    let found = of(portal, kind).iter().zip(0..).find(|(pipeline, _)| pipeline.id == id);
    found.ok_or_else(|| Refusal::not_found("resource not found"))
}

fn render(pipeline: &Pipeline, order: i32) -> Value {
    let stages = pipeline.stages.iter().zip(0..);
    json!({
        "id": pipeline.id,
        "label": pipeline.label,
        "displayOrder": order,
        "archived": false,
        "createdAt": iso(pipeline.created),
        "updatedAt": iso(pipeline.updated),
        "stages": stages.map(|(stage, order)| render_stage(stage, order, pipeline.created)).collect::<Vec<_>>(),
    })
}

/// The values of `metadata` are strings on the wire.
fn render_stage(stage: &Stage, order: i32, created: i64) -> Value {
    let share = f64::from(stage.percent) / 100.0;
    json!({
        "id": stage.id,
        "label": stage.label,
        "displayOrder": order,
        "metadata": { "isClosed": stage.closed.to_string(), "probability": format!("{share:?}") },
        "archived": false,
        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
        "createdAt": iso(created),
        "updatedAt": iso(stage.updated.max(created)),
    })
}
