//! Laboratory panels: what is measured, in which unit, between which values.

use crate::code::{Code, loinc};

/// One measured quantity. Values are scaled by ten to the power of `places`.
#[derive(Debug)]
pub(crate) struct Measure {
    pub(crate) code: Code,
    pub(crate) unit: &'static str,
    pub(crate) places: u32,
    pub(crate) low: i64,
    pub(crate) high: i64,
    /// The range while a disorder with this SNOMED code is present.
    pub(crate) shifted: Option<(&'static str, i64, i64)>,
}

/// Measures that are ordered and reported together.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) code: Code,
    pub(crate) measures: &'static [Measure],
}

const fn measure(
    id: &'static str,
    display: &'static str,
    unit: &'static str,
    places: u32,
    low: i64,
    high: i64,
) -> Measure {
    Measure { code: loinc(id, display), unit, places, low, high, shifted: None }
}

impl Measure {
    const fn with(mut self, disorder: &'static str, low: i64, high: i64) -> Measure {
        self.shifted = Some((disorder, low, high));
        self
    }
}

pub(crate) const DIABETES: &str = "44054006";
pub(crate) const HYPERLIPIDEMIA: &str = "55822004";
pub(crate) const KIDNEY_DISEASE: &str = "433144002";
pub(crate) const ANEMIA: &str = "271737000";
pub(crate) const HYPOTHYROIDISM: &str = "40930008";

pub(crate) const BLOOD_COUNT: Panel = Panel {
    code: loinc("58410-2", "Complete blood count (hemogram) panel - Blood by Automated count"),
    measures: &[
        measure("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 2, 350, 1_050),
        measure("789-8", "Erythrocytes [#/volume] in Blood by Automated count", "10*6/uL", 2, 390, 560)
            .with(ANEMIA, 290, 390),
        measure("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 1, 120, 172).with(ANEMIA, 72, 110),
        measure("4544-3", "Hematocrit [Volume Fraction] of Blood by Automated count", "%", 1, 360, 500)
            .with(ANEMIA, 240, 340),
        measure("787-2", "MCV [Entitic volume] by Automated count", "fL", 1, 800, 960),
        measure("785-6", "MCH [Entitic mass] by Automated count", "pg", 1, 270, 330),
        measure("786-4", "MCHC [Mass/volume] by Automated count", "g/dL", 1, 330, 360),
        measure(
            "21000-5",
            "Erythrocyte distribution width [Entitic volume] by Automated count",
            "fL",
            1,
            390,
            460,
        ),
        measure("777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL", 1, 1_500, 4_000),
        measure(
            "32207-3",
            "Platelet distribution width [Entitic volume] in Blood by Automated count",
            "fL",
            1,
            1_530,
            3_500,
        ),
        measure(
            "32623-1",
            "Platelet mean volume [Entitic volume] in Blood by Automated count",
            "fL",
            1,
            940,
            1_230,
        ),
    ],
};

pub(crate) const LIPIDS: Panel = Panel {
    code: loinc("57698-3", "Lipid Panel"),
    measures: &[
        measure("2093-3", "Total Cholesterol", "mg/dL", 2, 15_000, 20_000).with(
            HYPERLIPIDEMIA,
            20_000,
            29_500,
        ),
        measure("2571-8", "Triglycerides", "mg/dL", 2, 10_000, 15_000).with(HYPERLIPIDEMIA, 15_000, 39_000),
        measure("18262-6", "Low Density Lipoprotein Cholesterol", "mg/dL", 2, 6_000, 11_000).with(
            HYPERLIPIDEMIA,
            13_000,
            19_500,
        ),
        measure("2085-9", "High Density Lipoprotein Cholesterol", "mg/dL", 2, 5_000, 7_900).with(
            HYPERLIPIDEMIA,
            2_500,
            4_800,
        ),
    ],
};

pub(crate) const METABOLIC: Panel =
    Panel {
        code: loinc("51990-0", "Basic Metabolic Panel"),
        measures: &[
            measure("2339-0", "Glucose", "mg/dL", 2, 6_500, 9_900).with(DIABETES, 11_000, 21_000),
            measure("6299-2", "Urea Nitrogen", "mg/dL", 2, 700, 2_000).with(KIDNEY_DISEASE, 2_000, 4_500),
            measure("38483-4", "Creatinine", "mg/dL", 2, 60, 120).with(KIDNEY_DISEASE, 140, 280),
            measure("49765-1", "Calcium", "mg/dL", 2, 850, 1_020),
            measure("2947-0", "Sodium", "mmol/L", 2, 13_600, 14_400),
            measure("6298-4", "Potassium", "mmol/L", 2, 370, 520),
            measure("2069-3", "Chloride", "mmol/L", 2, 10_100, 11_100),
            measure("20565-8", "Carbon Dioxide", "mmol/L", 2, 2_000, 2_900),
            measure("33914-3", "Estimated Glomerular Filtration Rate", "mL/min/{1.73_m2}", 1, 900, 1_350)
                .with(KIDNEY_DISEASE, 300, 590),
        ],
    };

pub(crate) const DIABETES_CONTROL: Panel = Panel {
    code: loinc("55399-0", "Diabetes tracking panel"),
    measures: &[
        measure("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 1, 48, 63).with(DIABETES, 64, 105),
        measure("14959-1", "Microalbumin Creatinine Ratio", "mg/g", 1, 20, 290).with(
            KIDNEY_DISEASE,
            300,
            3_000,
        ),
    ],
};

pub(crate) const THYROID: Panel =
    Panel {
        code: loinc("55204-3", "Thyroid function panel"),
        measures: &[
            measure("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", "m[IU]/L", 2, 45, 420).with(
                HYPOTHYROIDISM,
                480,
                1_400,
            ),
            measure("3024-7", "Thyroxine (T4) free [Mass/volume] in Serum or Plasma", "ng/dL", 2, 80, 180)
                .with(HYPOTHYROIDISM, 40, 90),
        ],
    };

pub(crate) const COAGULATION: Panel = Panel {
    code: loinc("34528-0", "PT panel - Platelet poor plasma by Coagulation assay"),
    measures: &[
        measure("5902-2", "Prothrombin time (PT)", "s", 1, 110, 240),
        measure("6301-6", "INR in Platelet poor plasma by Coagulation assay", "{INR}", 1, 10, 35),
    ],
};

pub(crate) const CARDIAC: Panel = Panel {
    code: loinc("89577-1", "Troponin I.cardiac panel - Serum or Plasma by High sensitivity method"),
    measures: &[
        measure(
            "89579-7",
            "Troponin I.cardiac [Mass/volume] in Serum or Plasma by High sensitivity method",
            "pg/mL",
            1,
            20,
            4_800,
        ),
        measure(
            "2157-6",
            "Creatine kinase [Enzymatic activity/volume] in Serum or Plasma",
            "U/L",
            1,
            300,
            6_500,
        ),
    ],
};

pub(crate) const URINALYSIS: Panel = Panel {
    code: loinc("24357-6", "Urinalysis macro (dipstick) panel - Urine"),
    measures: &[
        measure("5811-5", "Specific gravity of Urine by Test strip", "{nominal}", 3, 1_003, 1_035),
        measure("5803-2", "pH of Urine by Test strip", "[pH]", 1, 50, 75),
        measure("20454-5", "Protein [Mass/volume] in Urine by Test strip", "mg/dL", 1, 0, 1_500),
    ],
};

pub(crate) const SPIROMETRY: Panel = Panel {
    code: loinc("81459-0", "Spirometry panel"),
    measures: &[
        measure("19926-5", "FEV1/FVC", "%", 1, 720, 880).with("185086009", 380, 690),
        measure("20150-9", "FEV1", "L", 2, 210, 450).with("185086009", 80, 220),
    ],
};

pub(crate) const PROSTATE: Panel = Panel {
    code: loinc("83112-3", "Prostate specific Ag panel - Serum or Plasma"),
    measures: &[measure(
        "2857-1",
        "Prostate specific Ag [Mass/volume] in Serum or Plasma",
        "ng/mL",
        2,
        20,
        390,
    )
    .with("126906006", 420, 2_900)],
};
