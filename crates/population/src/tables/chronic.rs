//! Disorders that stay for life.

use super::disorder::{
    CHEST_XRAY, Concerns, Course, DeviceKind, Disorder, HEAD_CT, HEART_ULTRASOUND, KNEE_XRAY, Plan, Setting,
    Treatment, disorder, treatment,
};
use super::drugs::*;
use super::panels::{
    self, BLOOD_COUNT, COAGULATION, DIABETES_CONTROL, LIPIDS, METABOLIC, PROSTATE, SPIROMETRY, THYROID,
};
use crate::code::snomed;

const fn seen_every(follow_up_months: i64) -> Course {
    Course::Chronic { follow_up_months }
}

const HYPERTENSION_PLAN: Plan = Plan {
    code: snomed("443402002", "Lifestyle education regarding hypertension"),
    activities: &[
        snomed("386463000", "Prescribed activity/exercise education"),
        snomed("413473000", "Counseling about alcohol consumption"),
        snomed("1151000175103", "Dietary approaches to stop hypertension diet"),
        snomed("225323000", "Smoking cessation education"),
    ],
};
const DIABETES_PLAN: Plan = Plan {
    code: snomed("698360004", "Diabetes self management plan"),
    activities: &[snomed("160670007", "Diabetic diet"), snomed("229065009", "Exercise therapy")],
};
const RESPIRATORY_PLAN: Plan = Plan {
    code: snomed("53950000", "Respiratory therapy"),
    activities: &[
        snomed("304510005", "Recommendation to avoid exercise"),
        snomed("371605008", "Deep breathing and coughing exercises"),
    ],
};
const JOINT_PLAN: Plan = Plan {
    code: snomed("872781000000100", "Musculoskeletal care"),
    activities: &[snomed("266694003", "Heat therapy"), snomed("183051005", "Recommendation to rest")],
};
const HEART_PLAN: Plan = Plan {
    code: snomed("735985000", "Heart failure self management plan"),
    activities: &[snomed("415213007", "Low sodium diet"), snomed("226234005", "Healthy diet")],
};
const CANCER_PLAN: Plan = Plan {
    code: snomed("395082007", "Cancer care plan"),
    activities: &[
        snomed("243072006", "Cancer education"),
        snomed("395170001", "Medication monitoring regime"),
    ],
};
const PACEMAKER: DeviceKind =
    DeviceKind { code: snomed("706004007", "Implantable cardiac pacemaker (physical object)") };
const DEFIBRILLATOR: DeviceKind =
    DeviceKind { code: snomed("72506001", "Implantable defibrillator, device (physical object)") };
const SPIROMETRY_TEST: Treatment = treatment("127783003", "Spirometry (procedure)", 15, 17_400);

/// All of them, the commonest first.
pub(crate) const CHRONIC: &[Disorder] = &[
    Disorder {
        drugs: &[LISINOPRIL, AMLODIPINE, HYDROCHLOROTHIAZIDE],
        panels: &[&METABOLIC],
        plan: Some(&HYPERTENSION_PLAN),
        mortality: 10,
        ..disorder("59621000", "Hypertension", seen_every(12), [0, 2, 40, 160, 230], Setting::FollowUp)
    },
    Disorder {
        panels: &[&LIPIDS],
        ..disorder(
            "162864005",
            "Body mass index 30+ - obesity (finding)",
            seen_every(60),
            [5, 40, 110, 90, 40],
            Setting::Wellness,
        )
    },
    Disorder {
        drugs: &[SIMVASTATIN, ATORVASTATIN],
        panels: &[&LIPIDS],
        ..disorder(
            panels::HYPERLIPIDEMIA,
            "Hyperlipidemia",
            seen_every(18),
            [0, 0, 25, 120, 110],
            Setting::FollowUp,
        )
    },
    Disorder {
        panels: &[&DIABETES_CONTROL],
        ..disorder("15777000", "Prediabetes", seen_every(36), [0, 5, 40, 130, 100], Setting::Wellness)
    },
    Disorder {
        drugs: &[METFORMIN, INSULIN],
        panels: &[&METABOLIC, &DIABETES_CONTROL],
        plan: Some(&DIABETES_PLAN),
        mortality: 40,
        ..disorder(panels::DIABETES, "Diabetes", seen_every(8), [0, 2, 12, 65, 75], Setting::FollowUp)
    },
    Disorder {
        drugs: &[FLUOXETINE],
        ..disorder(
            "370143000",
            "Major depressive disorder",
            seen_every(12),
            [0, 20, 60, 40, 25],
            Setting::FollowUp,
        )
    },
    Disorder {
        drugs: &[ALBUTEROL, FLUTICASONE],
        treatments: &[SPIROMETRY_TEST],
        plan: Some(&RESPIRATORY_PLAN),
        ..disorder("195967001", "Asthma", seen_every(15), [90, 40, 15, 10, 6], Setting::Office)
    },
    Disorder {
        drugs: &[LORATADINE],
        ..disorder(
            "367498001",
            "Seasonal allergic rhinitis",
            seen_every(48),
            [60, 70, 20, 8, 3],
            Setting::Office,
        )
    },
    Disorder {
        drugs: &[NAPROXEN],
        plan: Some(&JOINT_PLAN),
        imaging: Some(&KNEE_XRAY),
        ..disorder(
            "239873007",
            "Osteoarthritis of knee",
            seen_every(24),
            [0, 0, 4, 55, 110],
            Setting::FollowUp,
        )
    },
    Disorder {
        drugs: &[NAPROXEN],
        plan: Some(&JOINT_PLAN),
        ..disorder(
            "278860009",
            "Chronic low back pain (finding)",
            seen_every(24),
            [0, 2, 35, 45, 30],
            Setting::Office,
        )
    },
    Disorder {
        drugs: &[SUMATRIPTAN],
        ..disorder(
            "124171000119105",
            "Chronic intractable migraine without aura",
            seen_every(24),
            [0, 15, 25, 12, 3],
            Setting::Office,
        )
    },
    Disorder {
        drugs: &[LEVOTHYROXINE],
        panels: &[&THYROID],
        ..disorder(
            panels::HYPOTHYROIDISM,
            "Hypothyroidism",
            seen_every(18),
            [1, 2, 10, 25, 35],
            Setting::FollowUp,
        )
    },
    Disorder {
        panels: &[&BLOOD_COUNT],
        ..disorder(
            panels::ANEMIA,
            "Anemia (disorder)",
            seen_every(24),
            [25, 10, 20, 18, 45],
            Setting::Wellness,
        )
    },
    Disorder {
        drugs: &[CLOPIDOGREL, NITROGLYCERIN, METOPROLOL],
        panels: &[&LIPIDS],
        mortality: 130,
        ..disorder("53741008", "Coronary Heart Disease", seen_every(12), [0, 0, 1, 28, 95], Setting::FollowUp)
    },
    Disorder {
        drugs: &[FLUTICASONE],
        treatments: &[SPIROMETRY_TEST],
        panels: &[&SPIROMETRY],
        plan: Some(&RESPIRATORY_PLAN),
        imaging: Some(&CHEST_XRAY),
        mortality: 180,
        ..disorder(
            "185086009",
            "Chronic obstructive bronchitis (disorder)",
            seen_every(9),
            [0, 0, 2, 22, 60],
            Setting::FollowUp,
        )
    },
    Disorder {
        panels: &[&METABOLIC],
        mortality: 110,
        ..disorder(
            panels::KIDNEY_DISEASE,
            "Chronic kidney disease stage 3 (disorder)",
            seen_every(8),
            [0, 1, 2, 16, 70],
            Setting::FollowUp,
        )
    },
    Disorder {
        drugs: &[WARFARIN, METOPROLOL],
        treatments: &[treatment("18286008", "Catheter ablation of tissue of heart", 150, 1_980_000)],
        panels: &[&COAGULATION],
        device: Some(&PACEMAKER),
        mortality: 150,
        ..disorder("49436004", "Atrial Fibrillation", seen_every(8), [0, 0, 1, 14, 85], Setting::Inpatient)
    },
    Disorder {
        drugs: &[FUROSEMIDE, METOPROLOL],
        treatments: &[treatment(
            "447365002",
            "Insertion of biventricular implantable cardioverter defibrillator",
            120,
            2_690_000,
        )],
        panels: &[&METABOLIC],
        plan: Some(&HEART_PLAN),
        imaging: Some(&HEART_ULTRASOUND),
        device: Some(&DEFIBRILLATOR),
        mortality: 700,
        ..disorder(
            "88805009",
            "Chronic congestive heart failure (disorder)",
            seen_every(6),
            [0, 0, 1, 9, 60],
            Setting::Inpatient,
        )
    },
    Disorder {
        drugs: &[ALENDRONATE],
        treatments: &[treatment("312681000", "Bone density scan (procedure)", 30, 24_800)],
        ..disorder(
            "64859006",
            "Osteoporosis (disorder)",
            seen_every(24),
            [0, 0, 0, 22, 95],
            Setting::FollowUp,
        )
    },
    Disorder {
        drugs: &[ALLOPURINOL],
        panels: &[&METABOLIC],
        ..disorder("90560007", "Gout", seen_every(24), [0, 0, 4, 18, 30], Setting::Office)
    },
    Disorder {
        drugs: &[METHOTREXATE],
        panels: &[&BLOOD_COUNT],
        ..disorder("69896004", "Rheumatoid arthritis", seen_every(12), [0, 1, 4, 9, 10], Setting::FollowUp)
    },
    Disorder {
        drugs: &[CARBAMAZEPINE],
        imaging: Some(&HEAD_CT),
        mortality: 30,
        ..disorder("128613002", "Seizure disorder", seen_every(12), [8, 5, 4, 4, 9], Setting::Emergency)
    },
    Disorder {
        drugs: &[DONEPEZIL],
        imaging: Some(&HEAD_CT),
        mortality: 900,
        ..disorder(
            "26929004",
            "Alzheimer's disease (disorder)",
            seen_every(9),
            [0, 0, 0, 3, 95],
            Setting::FollowUp,
        )
    },
    Disorder {
        concerns: Concerns::Women,
        drugs: &[DOCETAXEL],
        treatments: &[
            treatment("392021009", "Lumpectomy of breast (procedure)", 90, 1_420_000),
            treatment("367336001", "Chemotherapy (procedure)", 180, 310_000),
        ],
        panels: &[&BLOOD_COUNT],
        plan: Some(&CANCER_PLAN),
        mortality: 250,
        ..disorder(
            "254837009",
            "Malignant neoplasm of breast (disorder)",
            seen_every(6),
            [0, 0, 4, 28, 42],
            Setting::FollowUp,
        )
    },
    Disorder {
        concerns: Concerns::Men,
        drugs: &[LEUPROLIDE],
        treatments: &[treatment("65575008", "Biopsy of prostate", 30, 96_000)],
        panels: &[&PROSTATE],
        plan: Some(&CANCER_PLAN),
        mortality: 200,
        ..disorder("126906006", "Neoplasm of prostate", seen_every(9), [0, 0, 0, 20, 75], Setting::FollowUp)
    },
    Disorder {
        treatments: &[
            treatment("73761001", "Colonoscopy", 60, 128_000),
            treatment("43075005", "Partial resection of colon", 150, 1_870_000),
        ],
        panels: &[&BLOOD_COUNT],
        plan: Some(&CANCER_PLAN),
        mortality: 600,
        ..disorder(
            "93761005",
            "Primary malignant neoplasm of colon",
            seen_every(6),
            [0, 0, 1, 6, 18],
            Setting::Inpatient,
        )
    },
];
