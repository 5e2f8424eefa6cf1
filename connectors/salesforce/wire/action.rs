//! What becomes of a standard action.

use serde::Deserialize;

use super::failure::Failure;

/// The answer to one input of an
/// [action](https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_actions_invocable.htm).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Acted {
    /// Whether it was carried out.
    pub is_success: bool,
    /// Why not.
    pub errors: Option<Vec<Failure>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_read_whether_it_was_carried_out_or_not() {
        let read = |json: &str| serde_json::from_str::<Vec<Acted>>(json).unwrap().remove(0);
        assert!(
            read(r#"[{"actionName":"emailSimple","errors":null,"isSuccess":true,"outputValues":null}]"#).is_success
        );
        let refused = read(
            r#"[{"actionName":"emailSimple","errors":[{"statusCode":"INVALID_EMAIL_ADDRESS","message":"m","fields":[]}],
                "isSuccess":false,"outputValues":null}]"#,
        );
        assert!(!refused.is_success);
        assert_eq!(refused.errors.unwrap()[0].code.as_str(), "INVALID_EMAIL_ADDRESS");
    }
}
