//! Names of data stores: ARNs and endpoints.

use store::DatastoreId;

/// Where data stores are, as their names say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The region.
    pub region: String,
    /// Twelve digits.
    pub account_id: String,
    /// What clients reach this server by, without a slash at its end.
    pub public_url: String,
}

impl Place {
    /// `arn:aws:healthlake:REGION:ACCOUNT:datastore/fhir/ID`.
    pub fn datastore_arn(&self, id: &DatastoreId) -> String {
        let partition = partition(&self.region);
        format!("arn:{partition}:healthlake:{}:{}:datastore/fhir/{id}", self.region, self.account_id)
    }

    /// The data store named by `arn`; `None` if it is another kind of resource, or one of another place.
    pub fn datastore_of(&self, arn: &str) -> Option<DatastoreId> {
        let id = DatastoreId::parse(arn.rsplit('/').next()?)?;
        (self.datastore_arn(&id) == arn).then_some(id)
    }

    /// The FHIR base of a data store, with a slash at its end.
    pub fn datastore_endpoint(&self, id: &DatastoreId) -> String {
        format!("{}/datastore/{id}/r4/", self.public_url)
    }
}

fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_a_data_store_of_this_place_only() {
        let place = |region: &str| Place {
            region: region.to_owned(),
            account_id: "123456789012".to_owned(),
            public_url: "http://127.0.0.1:8080".to_owned(),
        };
        let id = DatastoreId::parse("0123456789abcdef0123456789abcdef").unwrap();
        let arn = place("eu-west-1").datastore_arn(&id);
        assert_eq!(arn, format!("arn:aws:healthlake:eu-west-1:123456789012:datastore/fhir/{id}"));
        assert_eq!(place("eu-west-1").datastore_of(&arn), Some(id.clone()));
        assert_eq!(place("eu-west-2").datastore_of(&arn), None);
        assert_eq!(
            place("eu-west-1").datastore_of(&arn.replace("datastore/fhir", "dataTransformationProfile")),
            None
        );
        assert!(place("us-gov-west-1").datastore_arn(&id).starts_with("arn:aws-us-gov:"));
        assert_eq!(place("x").datastore_endpoint(&id), format!("http://127.0.0.1:8080/datastore/{id}/r4/"));
    }
}
