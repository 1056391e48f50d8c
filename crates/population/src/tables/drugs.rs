//! Drugs as they are prescribed.

use crate::code::{Code, rxnorm};

/// A prescription: the drug, how it is taken and what one filling costs.
#[derive(Debug)]
pub(crate) struct Drug {
    pub(crate) code: Code,
    /// Doses a day; 0 when it is taken as needed.
    pub(crate) doses_a_day: i64,
    /// The price of one filling.
    pub(crate) price_cents: i64,
}

const fn drug(id: &'static str, display: &'static str, doses_a_day: i64, price_cents: i64) -> Drug {
    Drug { code: rxnorm(id, display), doses_a_day, price_cents }
}

pub(crate) const LISINOPRIL: Drug = drug("314076", "lisinopril 10 MG Oral Tablet", 1, 1_489);
pub(crate) const AMLODIPINE: Drug = drug("308136", "amLODIPine 2.5 MG Oral Tablet", 1, 1_275);
pub(crate) const HYDROCHLOROTHIAZIDE: Drug = drug("310798", "Hydrochlorothiazide 25 MG Oral Tablet", 1, 988);
pub(crate) const METFORMIN: Drug =
    drug("860975", "24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet", 2, 2_210);
pub(crate) const INSULIN: Drug = drug(
    "106892",
    "insulin human, isophane 70 UNT/ML / Regular Insulin, Human 30 UNT/ML Injectable Suspension [Humulin]",
    2,
    17_850,
);
pub(crate) const SIMVASTATIN: Drug = drug("312961", "Simvastatin 20 MG Oral Tablet", 1, 1_690);
pub(crate) const ATORVASTATIN: Drug = drug("259255", "atorvastatin 80 MG Oral Tablet", 1, 3_145);
pub(crate) const CLOPIDOGREL: Drug = drug("309362", "Clopidogrel 75 MG Oral Tablet", 1, 2_980);
pub(crate) const NITROGLYCERIN: Drug = drug("705129", "Nitroglycerin 0.4 MG/ACTUAT Mucosal Spray", 0, 8_720);
pub(crate) const METOPROLOL: Drug =
    drug("866412", "24 HR metoprolol succinate 100 MG Extended Release Oral Tablet", 1, 2_420);
pub(crate) const WARFARIN: Drug = drug("855332", "Warfarin Sodium 5 MG Oral Tablet", 1, 1_140);
pub(crate) const FUROSEMIDE: Drug = drug("313988", "Furosemide 40 MG Oral Tablet", 1, 920);
pub(crate) const FLUTICASONE: Drug = drug(
    "896209",
    "60 ACTUAT Fluticasone propionate 0.25 MG/ACTUAT / salmeterol 0.05 MG/ACTUAT Dry Powder Inhaler",
    2,
    27_600,
);
pub(crate) const ALBUTEROL: Drug =
    drug("745679", "200 ACTUAT Albuterol 0.09 MG/ACTUAT Metered Dose Inhaler", 0, 4_830);
pub(crate) const LEVOTHYROXINE: Drug = drug("966222", "Levothyroxine Sodium 0.075 MG Oral Tablet", 1, 1_310);
pub(crate) const FLUOXETINE: Drug = drug("310385", "FLUoxetine 20 MG Oral Capsule", 1, 1_850);
pub(crate) const SUMATRIPTAN: Drug = drug("313165", "SUMAtriptan 50 MG Oral Tablet", 0, 3_990);
pub(crate) const LORATADINE: Drug = drug("665078", "Loratadine 5 MG Chewable Tablet", 1, 1_180);
pub(crate) const ALLOPURINOL: Drug = drug("197319", "Allopurinol 100 MG Oral Tablet", 1, 1_030);
pub(crate) const METHOTREXATE: Drug = drug("105585", "Methotrexate 2.5 MG Oral Tablet", 1, 4_260);
pub(crate) const ALENDRONATE: Drug = drug("904419", "Alendronic acid 10 MG Oral Tablet", 1, 2_075);
pub(crate) const DONEPEZIL: Drug = drug("997221", "Donepezil hydrochloride 10 MG Oral Tablet", 1, 3_320);
pub(crate) const CARBAMAZEPINE: Drug = drug("308979", "carBAMazepine 100 MG/5 ML Oral Suspension", 2, 5_140);
pub(crate) const NAPROXEN: Drug = drug("849574", "Naproxen sodium 220 MG Oral Tablet", 0, 870);
pub(crate) const IBUPROFEN: Drug = drug("310965", "Ibuprofen 200 MG Oral Tablet", 0, 640);
pub(crate) const ACETAMINOPHEN: Drug = drug("313782", "Acetaminophen 325 MG Oral Tablet", 0, 590);
pub(crate) const HYDROCODONE: Drug =
    drug("856987", "Acetaminophen 300 MG / Hydrocodone Bitartrate 5 MG Oral Tablet", 0, 2_640);
pub(crate) const AMOXICILLIN: Drug = drug("308182", "Amoxicillin 250 MG Oral Capsule", 3, 1_260);
pub(crate) const AMOXICILLIN_CLAVULANATE: Drug =
    drug("562251", "Amoxicillin 250 MG / Clavulanate 125 MG Oral Tablet", 2, 2_490);
pub(crate) const PENICILLIN: Drug = drug("834061", "Penicillin V Potassium 250 MG Oral Tablet", 3, 1_370);
pub(crate) const NITROFURANTOIN: Drug = drug("311989", "Nitrofurantoin 5 MG/ML Oral Suspension", 2, 3_710);
pub(crate) const COUGH_SYRUP: Drug = drug(
    "1043400",
    "Acetaminophen 21.7 MG/ML / Dextromethorphan Hydrobromide 1 MG/ML / doxylamine succinate 0.417 MG/ML Oral Solution",
    0,
    1_190,
);
pub(crate) const ENOXAPARIN: Drug =
    drug("854235", "0.4 ML Enoxaparin sodium 100 MG/ML Prefilled Syringe", 1, 9_860);
pub(crate) const EPINEPHRINE: Drug =
    drug("1870230", "NDA020800 0.3 ML Epinephrine 1 MG/ML Auto-Injector", 0, 31_200);
pub(crate) const DOCETAXEL: Drug = drug("1734919", "10 ML docetaxel 20 MG/ML Injection", 1, 84_500);
pub(crate) const LEUPROLIDE: Drug =
    drug("752899", "0.25 ML Leuprolide Acetate 30 MG/ML Prefilled Syringe", 1, 41_700);
