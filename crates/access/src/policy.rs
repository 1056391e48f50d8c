//! What an authenticated caller may do. For now an account has one owner, who may do everything; IAM policies
//! and SMART scopes are decided here too when they come.

use search::Visible;

use crate::{Access, Who};

/// An IAM action of HealthLake (Service Authorization Reference, "Actions defined by AWS HealthLake").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    name: &'static str,
    plane: Plane,
}

/// Which half of the service an action belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plane {
    Control,
    Fhir,
}

impl Action {
    /// An action of the control plane, by its name without `healthlake:`, such as `CreateFHIRDatastore`.
    pub const fn control(name: &'static str) -> Action {
        Action { name, plane: Plane::Control }
    }

    /// An action on the resources of a data store, such as `ReadResource`.
    pub const fn fhir(name: &'static str) -> Action {
        Action { name, plane: Plane::Fhir }
    }

    /// As policies and refusals name it: `healthlake:ReadResource`.
    pub fn qualified_name(&self) -> String {
        format!("healthlake:{}", self.name)
    }
}

impl Access {
    /// Whether the caller may do this.
    pub fn may(&self, action: Action) -> bool {
        match self.who() {
            Who::Owner { .. } => true,
            Who::Unsigned => action.plane == Plane::Fhir,
        }
    }

    /// What the caller may see of a data store's resources.
    pub fn visible(&self) -> Visible {
        Visible::everything("owner")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_that_was_kept_is_the_same_access() {
        let owner = Who::Owner { access_key_id: "AKIA".to_owned() };
        let account_id = "123456789012".to_owned();
        for access in [Access::open(&account_id), Access { who: owner, account_id: account_id.clone() }] {
            assert_eq!(Access::of_kept(&access.to_kept()), Some(access));
        }
        for bad in ["", "owner", "owner\n1", "admin\n1\n2", "unsigned\n1\n2"] {
            assert_eq!(Access::of_kept(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_unsigned_caller_reaches_the_fhir_door_only() {
        let access = Access::open("123456789012");
        assert!(access.may(Action::fhir("ReadResource")));
        assert!(!access.may(Action::control("DeleteFHIRDatastore")));
        assert_eq!(Action::fhir("ReadResource").qualified_name(), "healthlake:ReadResource");
    }
}
