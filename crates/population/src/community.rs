//! What patients share: organisations with their locations, practitioners with their roles.

use crate::chart::{Chart, Sheet, us_core};
use crate::code::{Code, code, hl7};
use crate::random::{Random, Uuid};
use crate::tables::names::{FAMILY, FEMALE, MALE, STREET_KINDS, STREETS};
use crate::tables::places::{TOWNS, Town};

const HOSPITALS: usize = 12;
const CLINICS: usize = 48;
/// The stream of random numbers that the community is drawn from; patients count from 0 and never reach it.
const COMMUNITY: u64 = u64::MAX;

/// Somebody who treats patients.
#[derive(Debug)]
pub(crate) struct Practitioner {
    pub(crate) id: Uuid,
    role: Uuid,
    npi: i64,
    family: String,
    given: String,
    /// Title and names, for references.
    pub(crate) display: String,
    is_female: bool,
    specialty: Code,
}

/// A hospital or a clinic, at one location.
#[derive(Debug)]
pub(crate) struct Organization {
    pub(crate) id: Uuid,
    pub(crate) location: Uuid,
    pub(crate) name: String,
    phone: String,
    street: String,
    town: &'static Town,
    pub(crate) practitioners: Vec<Practitioner>,
}

/// All of them: hospitals first, then clinics.
#[derive(Debug)]
pub(crate) struct Community {
    organizations: Vec<Organization>,
}

impl Community {
    pub(crate) fn new(seed: u64) -> Community {
        let mut random = Random::new(seed, COMMUNITY);
        let mut identities = (1..).map(|index| Uuid::of(seed, COMMUNITY, index));
        let mut identity = || identities.next().unwrap_or(Uuid::of(seed, COMMUNITY, 0));
        let organizations =
            (0..HOSPITALS + CLINICS).map(|index| organization(index, &mut random, &mut identity)).collect();
        Community { organizations }
    }

    /// The index of a hospital.
    pub(crate) fn hospital(random: &mut Random) -> usize {
        random.below(HOSPITALS as u64) as usize
    }

    /// The index of a clinic, in `town` if it has one.
    pub(crate) fn clinic(&self, town: &Town, random: &mut Random) -> usize {
        let local = |index: &usize| self.organizations[*index].town.name == town.name;
        (HOSPITALS..HOSPITALS + CLINICS)
            .find(local)
            .unwrap_or_else(|| HOSPITALS + random.below(CLINICS as u64) as usize)
    }

    pub(crate) fn organization(&self, index: usize) -> &Organization {
        &self.organizations[index]
    }

    /// The four types of shared resources.
    pub(crate) fn chart(&self) -> Chart {
        let mut sheet = Sheet::default();
        for organization in &self.organizations {
            write_organization(&mut sheet, organization);
            write_location(&mut sheet, organization);
            for practitioner in &organization.practitioners {
                write_practitioner(&mut sheet, organization, practitioner);
                write_role(&mut sheet, organization, practitioner);
            }
        }
        sheet.into_chart()
    }
}

fn organization(index: usize, random: &mut Random, identity: &mut impl FnMut() -> Uuid) -> Organization {
    let town = &TOWNS[index % TOWNS.len()];
    let name = if index < HOSPITALS {
        format!("{} General Hospital", town.name)
    } else {
        format!("{} Primary Care {}", town.name, index)
    };
    let phone = phone(random);
    let street = format!("{} {} {}", random.between(1, 980), random.pick(STREETS), random.pick(STREET_KINDS));
    let staff = if index < HOSPITALS { 4 } else { 2 };
    let practitioners = (0..staff)
        .map(|place| practitioner(index * 4 + place, index < HOSPITALS, random, identity))
        .collect();
    Organization { id: identity(), location: identity(), name, phone, street, town, practitioners }
}

fn practitioner(
    number: usize,
    in_hospital: bool,
    random: &mut Random,
    identity: &mut impl FnMut() -> Uuid,
) -> Practitioner {
    let is_female = random.chance(5_000);
    let family = numbered(random.pick(FAMILY));
    let given = numbered(random.pick(if is_female { FEMALE } else { MALE }));
    let specialties: &[(&str, &str)] = if in_hospital {
        &[
            ("207P00000X", "Emergency Medicine"),
            ("208M00000X", "Hospitalist"),
            ("207R00000X", "Internal Medicine"),
            ("207RC0000X", "Cardiovascular Disease"),
        ]
    } else {
        &[("208D00000X", "General Practice"), ("207Q00000X", "Family Medicine")]
    };
    let (taxonomy, title) = specialties[number % specialties.len()];
    Practitioner {
        id: identity(),
        role: identity(),
        npi: 9_999_900_000 + number as i64,
        display: format!("Dr. {given} {family}"),
        family,
        given,
        is_female,
        specialty: code("http://nucc.org/provider-taxonomy", taxonomy, title),
    }
}

/// A name with the three digits by which everybody sees that it is nobody's.
pub(crate) fn numbered(name: &str) -> String {
    let sum = name.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    format!("{name}{}", sum % 900 + 100)
}

/// A telephone number of the range kept for fiction.
pub(crate) fn phone(random: &mut Random) -> String {
    format!("555-{}-{}", random.between(100, 999), random.between(1_000, 9_999))
}

const SYNTHETIC: &str = "https://github.com/synthetichealth/synthea";

fn write_identifier(sheet: &mut Sheet, id: Uuid) {
    sheet.json.only("identifier", |json| {
        json.text("system", SYNTHETIC).id("value", id);
    });
}

fn write_telecom(sheet: &mut Sheet, phone: &str) {
    sheet.json.only("telecom", |json| {
        json.text("system", "phone").text("value", phone);
    });
}

fn address_members(json: &mut crate::json::Json, organization: &Organization) {
    json.strings("line", &[&organization.street]).text("city", organization.town.name).text("state", "MA");
    json.text("postalCode", organization.town.postal_code).text("country", "US");
}

fn write_organization(sheet: &mut Sheet, organization: &Organization) {
    sheet.start("Organization", organization.id, &[us_core!("organization")]);
    write_identifier(sheet, organization.id);
    sheet
        .json
        .flag("active", true)
        .concepts("type", &hl7!("organization-type", "prov", "Healthcare Provider"));
    sheet.json.text("name", &organization.name);
    write_telecom(sheet, &organization.phone);
    sheet.json.only("address", |json| address_members(json, organization));
    sheet.finish();
}

fn write_location(sheet: &mut Sheet, organization: &Organization) {
    sheet.start("Location", organization.location, &[us_core!("location")]);
    write_identifier(sheet, organization.location);
    sheet.json.text("status", "active").text("name", &organization.name);
    write_telecom(sheet, &organization.phone);
    sheet.json.object("address", |json| address_members(json, organization));
    sheet.json.object("position", |json| {
        json.decimal("longitude", organization.town.longitude, 4).decimal(
            "latitude",
            organization.town.latitude,
            4,
        );
    });
    sheet.json.reference("managingOrganization", "Organization", organization.id, &organization.name);
    sheet.finish();
}

fn write_email(json: &mut crate::json::Json, practitioner: &Practitioner) {
    json.item(|json| {
        json.only("extension", |json| {
            json.text("url", us_core!("direct")).flag("valueBoolean", true);
        });
        let address = format!("{}.{}@example.com", practitioner.given, practitioner.family.replace('\'', ""));
        json.text("system", "email").text("value", &address).text("use", "work");
    });
}

fn write_practitioner(sheet: &mut Sheet, organization: &Organization, practitioner: &Practitioner) {
    let json = sheet.start("Practitioner", practitioner.id, &[us_core!("practitioner")]);
    json.only("identifier", |json| {
        json.text("system", "http://hl7.org/fhir/sid/us-npi").text("value", &practitioner.npi.to_string());
    });
    json.flag("active", true).only("name", |json| {
        json.text("family", &practitioner.family)
            .strings("given", &[&practitioner.given])
            .strings("prefix", &["Dr."]);
    });
    json.list("telecom");
    write_email(json, practitioner);
    json.end().only("address", |json| address_members(json, organization));
    json.text("gender", if practitioner.is_female { "female" } else { "male" });
    sheet.finish();
}

fn write_role(sheet: &mut Sheet, organization: &Organization, practitioner: &Practitioner) {
    let json = sheet.start("PractitionerRole", practitioner.role, &[us_core!("practitionerrole")]);
    json.flag("active", true).reference(
        "practitioner",
        "Practitioner",
        practitioner.id,
        &practitioner.display,
    );
    json.reference("organization", "Organization", organization.id, &organization.name);
    json.concepts("code", &practitioner.specialty).concepts("specialty", &practitioner.specialty);
    json.references("location", "Location", organization.location, &organization.name);
    json.list("telecom").item(|json| {
        json.text("system", "phone").text("value", &organization.phone);
    });
    write_email(json, practitioner);
    json.end();
    sheet.finish();
}
