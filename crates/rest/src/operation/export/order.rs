//! HealthLake's job JSON: where an export is written, and with whose rights.

use fhir::{Document, Json, Kind};
use jobs::S3Uri;

use crate::outcome::Refusal;

/// The longest name of a job, in characters, and the longest ARN and URI.
const JOB_NAME_CHARACTERS_MAX: usize = 64;
const TEXT_CHARACTERS_MAX: usize = 2048;

/// What HealthLake's job JSON says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) job_name: Option<String>,
    pub(crate) s3_uri: String,
    pub(crate) kms_key_id: String,
    pub(crate) data_access_role_arn: String,
}

impl Order {
    /// The order that a body is; `None` for a body that is empty or a resource.
    pub(crate) fn of(body: &[u8]) -> Result<Option<Order>, Refusal> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        let malformed = || Refusal::invalid("The body is not a JSON object.");
        let document = Document::parse_slice(body).map_err(|_| malformed())?;
        let root = document.root();
        if root.kind() != Kind::Object {
            return Err(malformed());
        }
        if root.get("resourceType").is_some() {
            return Ok(None);
        }
        let place = root.get("OutputDataConfig").and_then(|config| config.get("S3Configuration"));
        let required = |name: &str, value: Option<String>| {
            value.ok_or_else(|| Refusal::value(format!("The job's {name} is required.")))
        };
        let s3_uri = required(
            "OutputDataConfig.S3Configuration.S3Uri",
            text(place.and_then(|place| place.get("S3Uri")), TEXT_CHARACTERS_MAX)?,
        )?;
        S3Uri::parse(&s3_uri).map_err(|error| Refusal::value(format!("The S3Uri is not valid: {error}.")))?;
        let role = text(root.get("DataAccessRoleArn"), TEXT_CHARACTERS_MAX)?;
        let role = required("DataAccessRoleArn", role)?;
        if !(role.starts_with("arn:aws") && role.contains(":iam::") && role.contains(":role/")) {
            return Err(Refusal::value("The DataAccessRoleArn is not the ARN of a role."));
        }
        Ok(Some(Order {
            job_name: text(root.get("JobName"), JOB_NAME_CHARACTERS_MAX)?,
            s3_uri,
            kms_key_id: text(place.and_then(|place| place.get("KmsKeyId")), TEXT_CHARACTERS_MAX)?
                .unwrap_or_default(),
            data_access_role_arn: role,
        }))
    }
}

/// A member that is a text of 1 to so many characters; `None` if it is not there.
fn text(json: Option<Json<'_>>, characters_max: usize) -> Result<Option<String>, Refusal> {
    let Some(json) = json else { return Ok(None) };
    let found = json.as_str().map(|text| text.into_owned());
    let fits = |text: &String| !text.is_empty() && text.chars().count() <= characters_max;
    let wrong =
        || Refusal::value(format!("The members of the job are texts of 1 to {characters_max} characters."));
    found.filter(fits).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_without_a_resource_type_is_an_order() {
        let body = br#"{"JobName":"n","OutputDataConfig":{"S3Configuration":{"S3Uri":"s3://bucket/x",
            "KmsKeyId":"k"}},"DataAccessRoleArn":"arn:aws:iam::123456789012:role/r"}"#;
        let order = Order::of(body).unwrap().unwrap();
        assert_eq!((&*order.s3_uri, &*order.kms_key_id), ("s3://bucket/x", "k"));
        assert_eq!(order.job_name.as_deref(), Some("n"));
        for none in ["", " \n", r#"{"resourceType":"Parameters"}"#] {
            assert_eq!(Order::of(none.as_bytes()), Ok(None), "{none}");
        }
    }

    #[test]
    fn an_order_that_names_no_place_or_no_role_is_refused() {
        let place = r#""OutputDataConfig":{"S3Configuration":{"S3Uri":"s3://bucket/x"}}"#;
        let role = r#""DataAccessRoleArn":"arn:aws:iam::123456789012:role/r""#;
        let name = |length: usize| format!(r#"{{{place},{role},"JobName":"{}"}}"#, "n".repeat(length));
        assert!(Order::of(name(JOB_NAME_CHARACTERS_MAX).as_bytes()).is_ok());
        for bad in [
            "{",
            "[]",
            "{}",
            &format!("{{{place}}}"),
            &format!("{{{role}}}"),
            &format!(r#"{{{role},"OutputDataConfig":{{"S3Configuration":{{"S3Uri":"bucket"}}}}}}"#),
            &format!(r#"{{{place},"DataAccessRoleArn":"me"}}"#),
            &name(JOB_NAME_CHARACTERS_MAX + 1),
        ] {
            assert_eq!(Order::of(bad.as_bytes()).err().map(|refusal| refusal.status), Some(400), "{bad}");
        }
    }
}
