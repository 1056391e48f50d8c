//! Codes and the systems they come from.

/// A code with its system and its display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) system: &'static str,
    pub(crate) code: &'static str,
    pub(crate) display: &'static str,
}

/// A code of any system.
pub(crate) const fn code(system: &'static str, code: &'static str, display: &'static str) -> Code {
    Code { system, code, display }
}

/// A SNOMED CT concept.
pub(crate) const fn snomed(id: &'static str, display: &'static str) -> Code {
    code("http://snomed.info/sct", id, display)
}

/// A LOINC term.
pub(crate) const fn loinc(id: &'static str, display: &'static str) -> Code {
    code("http://loinc.org", id, display)
}

/// An RxNorm drug.
pub(crate) const fn rxnorm(id: &'static str, display: &'static str) -> Code {
    code("http://www.nlm.nih.gov/research/umls/rxnorm", id, display)
}

/// A CVX vaccine.
pub(crate) const fn cvx(id: &'static str, display: &'static str) -> Code {
    code("http://hl7.org/fhir/sid/cvx", id, display)
}

/// A code of one of HL7's own code systems.
macro_rules! hl7 {
    ($system:literal, $code:expr, $display:expr) => {
        $crate::code::code(concat!("http://terminology.hl7.org/CodeSystem/", $system), $code, $display)
    };
}
pub(crate) use hl7;
