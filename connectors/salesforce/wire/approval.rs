//! What becomes of a request to an approval process.

use serde::Deserialize;

use super::failure::Failure;

/// The answer to one [approval request](https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_process_approvals_post.htm).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Outcome {
    /// Whether it was carried out.
    pub success: bool,
    /// Why not.
    pub errors: Option<Vec<Failure>>,
    /// The run.
    pub instance_id: Option<String>,
    /// How the run stands now.
    pub instance_status: Option<String>,
    /// The record.
    pub entity_id: Option<String>,
    /// The decisions that are open now.
    pub new_workitem_ids: Option<Vec<String>>,
    /// Who is to take them, in the same order.
    pub actor_ids: Option<Vec<String>>,
}

/// The approval processes that are active, by the object that they are about.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Processes {
    /// By object.
    pub approvals: std::collections::BTreeMap<String, Vec<Process>>,
}

/// An active approval process.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Its label.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_read_whether_the_run_goes_on_has_ended_or_never_began() {
        let pending = r#"[{"actorIds":["005A"],"entityId":"006A","errors":null,"instanceId":"04gA",
            "instanceStatus":"Pending","newWorkitemIds":["04iA"],"success":true}]"#;
        let ended = r#"[{"actorIds":null,"entityId":"006A","errors":null,"instanceId":"04gA",
            "instanceStatus":"Approved","newWorkitemIds":[],"success":true}]"#;
        let refused = r#"[{"actorIds":null,"entityId":"006A","errors":[{"statusCode":"NO_APPLICABLE_PROCESS",
            "message":"No applicable approval process was found.","fields":[]}],"instanceId":null,
            "instanceStatus":null,"newWorkitemIds":null,"success":false}]"#;
        let read = |json: &str| serde_json::from_str::<Vec<Outcome>>(json).unwrap().remove(0);
        assert_eq!(read(pending).new_workitem_ids.as_deref(), Some(&["04iA".to_owned()][..]));
        assert_eq!((read(ended).success, read(ended).actor_ids), (true, None));
        assert_eq!(read(refused).errors.unwrap()[0].code.as_str(), "NO_APPLICABLE_PROCESS");
    }
}
