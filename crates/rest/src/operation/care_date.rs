//! The dates of care by which `$everything` is limited: one element of each type, the same as HealthLake's.

use fhir::{Json, Kind, ResourceType, Span, Time, parse_date_time};

/// For each type its elements; an element that holds a Period counts from its start to its end. Types that are not
/// here have no date of care and always count.
const ELEMENTS: &[(&str, &[&str])] = &[
    ("Account", &["servicePeriod.start"]),
    ("AdverseEvent", &["date"]),
    ("AllergyIntolerance", &["recordedDate"]),
    ("Appointment", &["start"]),
    ("AppointmentResponse", &["start"]),
    ("AuditEvent", &["period.start"]),
    ("Basic", &["created"]),
    ("CarePlan", &["period.start"]),
    ("CareTeam", &["period.start"]),
    ("ChargeItem", &["occurrenceDateTime", "occurrencePeriod.start", "occurrenceTiming.event"]),
    ("Claim", &["billablePeriod.start"]),
    ("ClaimResponse", &["created"]),
    ("ClinicalImpression", &["date"]),
    ("Communication", &["sent"]),
    ("CommunicationRequest", &["occurrenceDateTime", "occurrencePeriod.start"]),
    ("Composition", &["date"]),
    ("Condition", &["recordedDate"]),
    ("Consent", &["dateTime"]),
    ("Coverage", &["period.start"]),
    ("CoverageEligibilityRequest", &["created"]),
    ("CoverageEligibilityResponse", &["created"]),
    ("DetectedIssue", &["identifiedDateTime", "identifiedPeriod"]),
    ("DeviceRequest", &["authoredOn"]),
    ("DeviceUseStatement", &["recordedOn"]),
    ("DiagnosticReport", &["effectiveDateTime", "effectivePeriod"]),
    ("DocumentManifest", &["created"]),
    ("DocumentReference", &["context.period.start"]),
    ("Encounter", &["period.start"]),
    ("EnrollmentRequest", &["created"]),
    ("EpisodeOfCare", &["period.start"]),
    ("ExplanationOfBenefit", &["billablePeriod.start"]),
    ("Flag", &["period.start"]),
    ("Goal", &["statusDate"]),
    ("ImagingStudy", &["started"]),
    ("Immunization", &["recorded"]),
    ("ImmunizationEvaluation", &["date"]),
    ("ImmunizationRecommendation", &["date"]),
    ("Invoice", &["date"]),
    ("List", &["date"]),
    ("MeasureReport", &["period.start"]),
    ("Media", &["issued"]),
    ("MedicationAdministration", &["effectiveDateTime", "effectivePeriod"]),
    ("MedicationDispense", &["whenPrepared"]),
    ("MedicationRequest", &["authoredOn"]),
    ("MedicationStatement", &["dateAsserted"]),
    ("NutritionOrder", &["dateTime"]),
    ("Observation", &["effectiveDateTime", "effectivePeriod", "effectiveInstant", "effectiveTiming.event"]),
    ("Procedure", &["performedDateTime", "performedPeriod"]),
    ("Provenance", &["occurredPeriod.start", "occurredDateTime"]),
    ("QuestionnaireResponse", &["authored"]),
    ("RequestGroup", &["authoredOn"]),
    ("ResearchSubject", &["period"]),
    ("RiskAssessment", &["occurrenceDateTime", "occurrencePeriod.start"]),
    ("Schedule", &["planningHorizon"]),
    ("ServiceRequest", &["authoredOn"]),
    ("Specimen", &["receivedTime"]),
    ("SupplyDelivery", &["occurrenceDateTime", "occurrencePeriod.start", "occurrenceTiming.event"]),
    ("SupplyRequest", &["authoredOn"]),
    ("VisionPrescription", &["dateWritten"]),
];

/// From when to when care counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct CareDates {
    /// Care from the beginning of this on; `None`: from ever.
    pub(super) start: Option<Span>,
    /// Care up to the end of this; `None`: for ever.
    pub(super) end: Option<Span>,
}

impl CareDates {
    /// Whether a resource counts. One of a type with a date of care that lacks the date does not, if there are
    /// limits at all.
    pub(super) fn hold(&self, of: ResourceType, resource: Json<'_>) -> bool {
        if self.start.is_none() && self.end.is_none() {
            return true;
        }
        let Ok(at) = ELEMENTS.binary_search_by_key(&of.name(), |(name, _)| name) else { return true };
        ELEMENTS[at].1.iter().any(|path| {
            let mut found = Some(resource);
            for name in path.split('.') {
                found = found.and_then(|json| json.get(name));
            }
            found.is_some_and(|value| self.hold_value(value))
        })
    }

    fn hold_value(&self, value: Json<'_>) -> bool {
        match value.kind() {
            Kind::String => {
                value.as_str().and_then(|text| parse_date_time(&text)).is_some_and(|span| self.meets(span))
            }
            Kind::Array => value.items().any(|item| self.hold_value(item)),
            Kind::Object => period(value).is_some_and(|span| self.meets(span)),
            _ => false,
        }
    }

    fn meets(&self, span: Span) -> bool {
        self.start.is_none_or(|start| span.to > start.from) && self.end.is_none_or(|end| span.from < end.to)
    }
}

/// What a Period covers; a missing side is open, and without both there is none.
fn period(value: Json<'_>) -> Option<Span> {
    let side = |name: &str| parse_date_time(&value.get(name)?.as_str()?);
    let (start, end) = (side("start"), side("end"));
    if start.is_none() && end.is_none() {
        return None;
    }
    Some(Span {
        from: start.map_or(Time(i64::MIN), |start| start.from),
        to: end.map_or(Time(i64::MAX), |end| end.to),
    })
}

#[cfg(test)]
mod tests {
    use fhir::{Document, definitions};

    use super::*;

    fn holds(start: &str, end: &str, body: &str) -> bool {
        let dates = CareDates { start: parse_date_time(start), end: parse_date_time(end) };
        let document = Document::parse_slice(body.as_bytes()).unwrap();
        let of = document.root().get("resourceType").and_then(Json::as_str).unwrap().into_owned();
        dates.hold(ResourceType::parse(&of).unwrap(), document.root())
    }

    #[test]
    fn the_table_is_in_order_and_every_element_exists() {
        assert!(ELEMENTS.is_sorted_by(|a, b| a.0 < b.0));
        for (name, paths) in ELEMENTS {
            let of = ResourceType::parse(name).unwrap_or_else(|| panic!("{name}"));
            let text = format!("{:?}", definitions().resource(of));
            for path in *paths {
                let stem = path.split('.').next().unwrap();
                let stem = ["DateTime", "Period", "Timing", "Instant"]
                    .iter()
                    .find_map(|end| stem.strip_suffix(end))
                    .filter(|stem| !stem.is_empty() && *stem != "service" && *stem != "billable")
                    .unwrap_or(stem);
                assert!(text.contains(&format!("\"{stem}")), "{name}.{path}");
            }
        }
    }

    #[test]
    fn care_counts_when_it_meets_the_dates() {
        let observation = |element: &str| format!("{{\"resourceType\":\"Observation\",{element}}}");
        let day = observation("\"effectiveDateTime\":\"2020-05\"");
        assert!(holds("2020-05-31", "2020-06", &day));
        assert!(holds("2020", "2020", &day));
        assert!(!holds("2020-06", "", &day));
        assert!(!holds("", "2020-04-30", &day));
        let period = observation("\"effectivePeriod\":{\"start\":\"2020-01\",\"end\":\"2020-12\"}");
        assert!(holds("2020-06", "2020-07", &period));
        let open = observation("\"effectivePeriod\":{\"start\":\"2020-01\"}");
        assert!(holds("2030", "", &open));
        assert!(!holds("", "2019", &open));
        let timing = observation("\"effectiveTiming\":{\"event\":[\"2018\",\"2020\"]}");
        assert!(holds("2020", "", &timing));
        assert!(!holds("2021", "", &timing));
        assert!(!holds("2020", "", &observation("\"status\":\"final\"")));
        assert!(holds("", "", &observation("\"status\":\"final\"")));
        assert!(holds("2020", "", "{\"resourceType\":\"Patient\"}"));
        let encounter = "{\"resourceType\":\"Encounter\",\"period\":{\"start\":\"2019\",\"end\":\"2021\"}}";
        assert!(!holds("2020", "", encounter), "an encounter counts by its start");
    }
}
