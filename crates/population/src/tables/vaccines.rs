//! The immunisation schedule.

use crate::code::{Code, cvx};

/// A vaccine with the ages at which its doses fall due.
#[derive(Debug)]
pub(crate) struct Vaccine {
    pub(crate) code: Code,
    /// Ages in months, one per dose.
    pub(crate) due_months: &'static [i64],
    /// A dose missed by more than this many months is not caught up.
    pub(crate) late_months: i64,
}

const fn vaccine(
    id: &'static str,
    display: &'static str,
    due_months: &'static [i64],
    late_months: i64,
) -> Vaccine {
    Vaccine { code: cvx(id, display), due_months, late_months }
}

pub(crate) const SCHEDULE: &[Vaccine] = &[
    vaccine("08", "Hep B, adolescent or pediatric", &[0, 1, 6], 12),
    vaccine("119", "rotavirus, monovalent", &[2, 4], 4),
    vaccine("20", "DTaP", &[2, 4, 6, 15, 48], 12),
    vaccine("49", "Hib (PRP-OMP)", &[2, 4, 12], 12),
    vaccine("133", "Pneumococcal conjugate PCV 13", &[2, 4, 6, 12, 780], 24),
    vaccine("10", "IPV", &[2, 4, 6, 48], 12),
    vaccine("83", "Hep A, ped/adol, 2 dose", &[12, 18], 12),
    vaccine("03", "MMR", &[12, 48], 24),
    vaccine("21", "varicella", &[12, 48], 24),
    vaccine("62", "HPV, quadrivalent", &[132, 138, 144], 36),
    vaccine("115", "Tdap", &[132], 36),
    vaccine("114", "meningococcal MCV4P", &[132, 192], 24),
    vaccine("113", "Td (adult) preservative free", &[252, 372, 492, 612, 732, 852, 972], 48),
    vaccine("52", "Hep A, adult", &[600, 606], 60),
    vaccine("43", "Hep B, adult", &[720, 721, 726], 60),
    vaccine("121", "zoster", &[720], 120),
    vaccine("33", "pneumococcal polysaccharide vaccine, 23 valent", &[804], 120),
];

/// Given at a yearly visit from six months of age.
pub(crate) const INFLUENZA: Code = cvx("140", "Influenza, seasonal, injectable, preservative free");

/// Given to some adults during the pandemic and after.
pub(crate) const COVID_19: Code = cvx(
    "208",
    "SARS-COV-2 (COVID-19) vaccine, mRNA, spike protein, LNP, preservative free, 30 mcg/0.3mL dose",
);
