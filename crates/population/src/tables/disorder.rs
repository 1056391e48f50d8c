//! What a disorder is: how often it begins, how long it lasts, and what is done about it.

use super::drugs::Drug;
use super::panels::Panel;
use crate::code::{Code, hl7, snomed};

/// How long a disorder stays.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Course {
    /// For life, seen again every so many months.
    Chronic { follow_up_months: i64 },
    /// Between so many days and so many.
    Acute { days: (i64, i64) },
}

/// Whom it concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concerns {
    Everybody,
    Women,
    Men,
}

/// Where somebody is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    Wellness,
    ChildWellness,
    Office,
    FollowUp,
    Prenatal,
    Urgent,
    Emergency,
    Inpatient,
}

impl Setting {
    /// The encounter's class.
    pub(crate) fn class(self) -> Code {
        let (code, display) = match self {
            Setting::Emergency => ("EMER", "emergency"),
            Setting::Inpatient => ("IMP", "inpatient encounter"),
            _ => ("AMB", "ambulatory"),
        };
        hl7!("v3-ActCode", code, display)
    }

    /// The encounter's type.
    pub(crate) fn kind(self) -> Code {
        match self {
            Setting::Wellness => snomed("162673000", "General examination of patient (procedure)"),
            Setting::ChildWellness => snomed("410620009", "Well child visit (procedure)"),
            Setting::Office => snomed("185345009", "Encounter for symptom"),
            Setting::FollowUp => snomed("185347001", "Encounter for problem"),
            Setting::Prenatal => snomed("424619006", "Prenatal visit"),
            Setting::Urgent => snomed("702927004", "Urgent care clinic (procedure)"),
            Setting::Emergency => snomed("50849002", "Emergency room admission (procedure)"),
            Setting::Inpatient => snomed("183452005", "Encounter Inpatient"),
        }
    }

    /// The list price of being seen.
    pub(crate) fn price_cents(self) -> i64 {
        match self {
            Setting::Emergency => 14_670,
            Setting::Inpatient => 26_240,
            _ => 12_916,
        }
    }

    pub(crate) fn minutes(self) -> (i64, i64) {
        match self {
            Setting::Emergency => (60, 420),
            Setting::Inpatient => (1_440, 11_500),
            Setting::Urgent => (15, 60),
            _ => (15, 45),
        }
    }

    /// In a hospital rather than at the clinic.
    pub(crate) fn is_hospital(self) -> bool {
        matches!(self, Setting::Emergency | Setting::Inpatient)
    }
}

/// Something done during a visit.
#[derive(Debug)]
pub(crate) struct Treatment {
    pub(crate) code: Code,
    pub(crate) minutes: i64,
    pub(crate) price_cents: i64,
}

/// What a care plan is called and what it asks for.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) code: Code,
    pub(crate) activities: &'static [Code],
}

/// An imaging study.
#[derive(Debug)]
pub(crate) struct Imaging {
    pub(crate) procedure: Code,
    pub(crate) modality: Code,
    pub(crate) body_site: Code,
    /// SOP class, an object identifier.
    pub(crate) sop_class: &'static str,
    pub(crate) title: &'static str,
    pub(crate) instances: i64,
}

/// An implanted or issued device.
#[derive(Debug)]
pub(crate) struct DeviceKind {
    pub(crate) code: Code,
}

/// A disorder with everything that follows from it.
#[derive(Debug)]
pub(crate) struct Disorder {
    pub(crate) code: Code,
    pub(crate) course: Course,
    /// New cases in 10,000 person-years: under 5, 5 to 17, 18 to 39, 40 to 64, 65 and over.
    pub(crate) rates: [u64; 5],
    pub(crate) concerns: Concerns,
    pub(crate) setting: Setting,
    pub(crate) drugs: &'static [Drug],
    pub(crate) treatments: &'static [Treatment],
    pub(crate) panels: &'static [&'static Panel],
    pub(crate) plan: Option<&'static Plan>,
    pub(crate) imaging: Option<&'static Imaging>,
    pub(crate) device: Option<&'static DeviceKind>,
    /// Deaths in 10,000 years lived with it.
    pub(crate) mortality: u64,
}

/// The base to which the tables add: nothing done, nobody spared.
pub(crate) const fn disorder(
    id: &'static str,
    display: &'static str,
    course: Course,
    rates: [u64; 5],
    setting: Setting,
) -> Disorder {
    Disorder {
        code: snomed(id, display),
        course,
        rates,
        concerns: Concerns::Everybody,
        setting,
        drugs: &[],
        treatments: &[],
        panels: &[],
        plan: None,
        imaging: None,
        device: None,
        mortality: 0,
    }
}

pub(crate) const fn treatment(
    id: &'static str,
    display: &'static str,
    minutes: i64,
    price_cents: i64,
) -> Treatment {
    Treatment { code: snomed(id, display), minutes, price_cents }
}

const CT: Code = code_of_modality("CT", "Computed Tomography");
const DX: Code = code_of_modality("DX", "Digital Radiography");
const US: Code = code_of_modality("US", "Ultrasound");

const fn code_of_modality(id: &'static str, display: &'static str) -> Code {
    crate::code::code("http://dicom.nema.org/resources/ontology/DCM", id, display)
}

const fn xray(id: &'static str, display: &'static str, site: Code, title: &'static str) -> Imaging {
    Imaging {
        procedure: snomed(id, display),
        modality: DX,
        body_site: site,
        sop_class: "1.2.840.10008.5.1.4.1.1.1.1",
        title,
        instances: 1,
    }
}

pub(crate) const CHEST_XRAY: Imaging = xray(
    "399208008",
    "Plain chest X-ray (procedure)",
    snomed("51185008", "Thoracic structure (body structure)"),
    "Image of chest",
);
pub(crate) const FOREARM_XRAY: Imaging =
    xray("1225002", "Upper arm X-ray", snomed("40983000", "Arm"), "Image of arm");
pub(crate) const CLAVICLE_XRAY: Imaging =
    xray("168594001", "Clavicle X-ray", snomed("51299004", "Clavicle"), "Image of clavicle");
pub(crate) const ANKLE_XRAY: Imaging =
    xray("19490002", "Ankle X-ray", snomed("344001", "Ankle"), "Image of ankle");
pub(crate) const KNEE_XRAY: Imaging =
    xray("74016001", "Knee X-ray", snomed("72696002", "Knee"), "Image of knee");
pub(crate) const HEAD_CT: Imaging = Imaging {
    procedure: snomed("303653007", "Computed tomography of head (procedure)"),
    modality: CT,
    body_site: snomed("69536005", "Head structure (body structure)"),
    sop_class: "1.2.840.10008.5.1.4.1.1.2",
    title: "CT image of head",
    instances: 4,
};
pub(crate) const HEART_ULTRASOUND: Imaging = Imaging {
    procedure: snomed("40701008", "Echocardiography (procedure)"),
    modality: US,
    body_site: snomed("80891009", "Heart structure (body structure)"),
    sop_class: "1.2.840.10008.5.1.4.1.1.3.1",
    title: "Ultrasound image of heart",
    instances: 2,
};
