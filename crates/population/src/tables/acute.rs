//! Disorders that pass.

use super::disorder::{
    ANKLE_XRAY, CHEST_XRAY, CLAVICLE_XRAY, Concerns, Course, Disorder, FOREARM_XRAY, HEAD_CT, Plan, Setting,
    disorder, treatment,
};
use super::drugs::*;
use super::panels::{BLOOD_COUNT, CARDIAC, COAGULATION, METABOLIC, URINALYSIS};
use crate::code::snomed;

/// The disorder that stands for a pregnancy: it brings prenatal visits with it.
pub(crate) const PREGNANCY: &str = "72892002";

const fn lasts(least: i64, most: i64) -> Course {
    Course::Acute { days: (least, most) }
}

const FRACTURE_PLAN: Plan = Plan {
    code: snomed("385691007", "Fracture care"),
    activities: &[
        snomed("183051005", "Recommendation to rest"),
        snomed("408580007", "Physical activity target light exercise"),
    ],
};
const SPRAIN_PLAN: Plan = Plan {
    code: snomed("91251008", "Physical therapy procedure"),
    activities: &[
        snomed("229586001", "Rest, ice, compression and elevation treatment programme"),
        snomed("229070002", "Stretching exercises"),
    ],
};
const WOUND_PLAN: Plan = Plan {
    code: snomed("225358003", "Wound care"),
    activities: &[
        snomed("385949008", "Dressing change management"),
        snomed("439830001", "Behavior to prevent infection"),
    ],
};
const INFECTION_PLAN: Plan = Plan {
    code: snomed("736376001", "Infectious disease care plan (record artifact)"),
    activities: &[
        snomed("409524006", "Airborne precautions (procedure)"),
        snomed("361235007", "Isolation of infected patient (procedure)"),
    ],
};
const PREGNANCY_PLAN: Plan = Plan {
    code: snomed("134435003", "Routine antenatal care"),
    activities: &[
        snomed("135892000", "Antenatal education (procedure)"),
        snomed("226234005", "Healthy diet"),
    ],
};

/// All of them, the commonest first.
pub(crate) const ACUTE: &[Disorder] = &[
    disorder(
        "444814009",
        "Viral sinusitis (disorder)",
        lasts(7, 28),
        [300, 900, 1_100, 900, 600],
        Setting::Office,
    ),
    Disorder {
        drugs: &[ACETAMINOPHEN],
        ..disorder(
            "195662009",
            "Acute viral pharyngitis (disorder)",
            lasts(5, 14),
            [700, 900, 600, 400, 250],
            Setting::Office,
        )
    },
    Disorder {
        drugs: &[COUGH_SYRUP],
        treatments: &[treatment("23426006", "Measurement of respiratory function (procedure)", 15, 51_600)],
        ..disorder(
            "10509002",
            "Acute bronchitis (disorder)",
            lasts(7, 21),
            [350, 350, 350, 400, 450],
            Setting::Office,
        )
    },
    Disorder {
        drugs: &[AMOXICILLIN],
        ..disorder("65363002", "Otitis media", lasts(7, 60), [2_400, 350, 20, 10, 5], Setting::Office)
    },
    Disorder {
        drugs: &[PENICILLIN],
        treatments: &[treatment("117015009", "Throat culture (procedure)", 15, 24_300)],
        ..disorder(
            "43878008",
            "Streptococcal sore throat (disorder)",
            lasts(7, 14),
            [250, 500, 120, 50, 20],
            Setting::Office,
        )
    },
    Disorder {
        drugs: &[AMOXICILLIN_CLAVULANATE],
        ..disorder(
            "75498004",
            "Acute bacterial sinusitis (disorder)",
            lasts(7, 28),
            [40, 120, 180, 180, 120],
            Setting::Office,
        )
    },
    Disorder {
        concerns: Concerns::Women,
        drugs: &[NITROFURANTOIN],
        panels: &[&URINALYSIS],
        ..disorder("38822007", "Cystitis", lasts(5, 14), [40, 80, 500, 400, 550], Setting::Office)
    },
    Disorder {
        drugs: &[ACETAMINOPHEN],
        panels: &[&BLOOD_COUNT],
        plan: Some(&INFECTION_PLAN),
        ..disorder("840539006", "COVID-19", lasts(8, 30), [0, 0, 0, 0, 0], Setting::Urgent)
    },
    Disorder {
        drugs: &[ACETAMINOPHEN],
        ..disorder(
            "6142004",
            "Influenza (disorder)",
            lasts(5, 14),
            [300, 250, 150, 150, 200],
            Setting::Urgent,
        )
    },
    Disorder {
        drugs: &[IBUPROFEN],
        plan: Some(&SPRAIN_PLAN),
        imaging: Some(&ANKLE_XRAY),
        ..disorder("44465007", "Sprain of ankle", lasts(14, 42), [20, 130, 110, 60, 30], Setting::Emergency)
    },
    Disorder {
        drugs: &[IBUPROFEN],
        plan: Some(&SPRAIN_PLAN),
        ..disorder("70704007", "Sprain of wrist", lasts(14, 42), [15, 70, 50, 30, 25], Setting::Urgent)
    },
    Disorder {
        drugs: &[HYDROCODONE],
        treatments: &[treatment("274474001", "Bone immobilization", 30, 49_500)],
        plan: Some(&FRACTURE_PLAN),
        imaging: Some(&FOREARM_XRAY),
        ..disorder("65966004", "Fracture of forearm", lasts(45, 90), [60, 90, 25, 20, 45], Setting::Emergency)
    },
    Disorder {
        drugs: &[ACETAMINOPHEN],
        treatments: &[treatment("274474001", "Bone immobilization", 30, 49_500)],
        plan: Some(&FRACTURE_PLAN),
        imaging: Some(&CLAVICLE_XRAY),
        ..disorder("58150001", "Fracture of clavicle", lasts(45, 90), [20, 40, 15, 8, 12], Setting::Emergency)
    },
    Disorder {
        drugs: &[NAPROXEN],
        plan: Some(&FRACTURE_PLAN),
        imaging: Some(&CHEST_XRAY),
        ..disorder("33737001", "Fracture of rib", lasts(40, 80), [2, 10, 15, 18, 40], Setting::Emergency)
    },
    Disorder {
        drugs: &[ACETAMINOPHEN],
        treatments: &[treatment("288086009", "Suture open wound", 20, 38_700)],
        plan: Some(&WOUND_PLAN),
        ..disorder("284551006", "Laceration of foot", lasts(10, 30), [60, 80, 50, 35, 30], Setting::Urgent)
    },
    Disorder {
        drugs: &[NAPROXEN],
        imaging: Some(&HEAD_CT),
        ..disorder(
            "62106007",
            "Concussion with no loss of consciousness",
            lasts(14, 60),
            [40, 70, 30, 18, 40],
            Setting::Emergency,
        )
    },
    Disorder {
        drugs: &[IBUPROFEN],
        ..disorder(
            "39848009",
            "Whiplash injury to neck",
            lasts(14, 60),
            [5, 15, 45, 35, 15],
            Setting::Emergency,
        )
    },
    Disorder {
        drugs: &[AMOXICILLIN_CLAVULANATE],
        panels: &[&BLOOD_COUNT],
        imaging: Some(&CHEST_XRAY),
        mortality: 250,
        ..disorder(
            "233604007",
            "Pneumonia (disorder)",
            lasts(10, 35),
            [60, 25, 25, 50, 190],
            Setting::Inpatient,
        )
    },
    Disorder {
        drugs: &[HYDROCODONE],
        treatments: &[treatment("80146002", "Appendectomy", 90, 1_090_000)],
        panels: &[&BLOOD_COUNT],
        ..disorder("74400008", "Appendicitis", lasts(7, 21), [4, 18, 12, 7, 4], Setting::Inpatient)
    },
    Disorder {
        drugs: &[HYDROCODONE],
        treatments: &[treatment("45595009", "Laparoscopic cholecystectomy (procedure)", 90, 1_240_000)],
        panels: &[&METABOLIC],
        ..disorder(
            "235919008",
            "Cholelithiasis (disorder)",
            lasts(7, 30),
            [0, 1, 15, 25, 30],
            Setting::Inpatient,
        )
    },
    Disorder {
        concerns: Concerns::Women,
        plan: Some(&PREGNANCY_PLAN),
        treatments: &[
            treatment("252160004", "Standard pregnancy test", 10, 8_200),
            treatment("169230002", "Ultrasound scan for fetal viability", 30, 31_500),
        ],
        panels: &[&BLOOD_COUNT, &URINALYSIS],
        ..disorder(PREGNANCY, "Normal pregnancy", lasts(265, 285), [0, 12, 750, 25, 0], Setting::Prenatal)
    },
    Disorder {
        drugs: &[CLOPIDOGREL, ATORVASTATIN],
        treatments: &[treatment("415070008", "Percutaneous coronary intervention", 90, 2_150_000)],
        panels: &[&CARDIAC, &METABOLIC],
        mortality: 1_200,
        ..disorder("22298006", "Myocardial Infarction", lasts(5, 30), [0, 0, 1, 22, 85], Setting::Inpatient)
    },
    Disorder {
        drugs: &[CLOPIDOGREL],
        imaging: Some(&HEAD_CT),
        panels: &[&COAGULATION],
        mortality: 1_500,
        ..disorder("230690007", "Stroke", lasts(10, 60), [0, 0, 2, 16, 90], Setting::Inpatient)
    },
    Disorder {
        drugs: &[WARFARIN],
        panels: &[&COAGULATION],
        mortality: 800,
        ..disorder(
            "706870000",
            "Acute pulmonary embolism (disorder)",
            lasts(20, 90),
            [0, 0, 3, 8, 25],
            Setting::Inpatient,
        )
    },
];
