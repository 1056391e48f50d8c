//! Patient: who, with the extensions that Synthea writes.

use crate::chart::{Scribe, us_core};
use crate::code::{Code, hl7};
use crate::json::Json;
use crate::person::Person;

const BASE: &str = "http://hl7.org/fhir/StructureDefinition/";

pub(crate) fn write(scribe: &mut Scribe<'_>) {
    let person = scribe.person;
    let age = person.death.unwrap_or(scribe.as_of).years_since(person.birth);
    let lost = scribe.life.problems.len() as i64 * scribe.random.between(20_000, 90_000) / 10;
    let (license, passport, social) = (
        scribe.random.between(10_000_000, 99_999_999),
        scribe.random.between(10_000_000, 99_999_999),
        scribe.random.between(100_000, 999_999),
    );
    let json = scribe.start("Patient", person.id, &[us_core!("patient")]);
    json.object("text", |json| {
        json.text("status", "generated").text(
            "div",
            "<div xmlns=\"http://www.w3.org/1999/xhtml\">A synthetic patient, made by tarn population.</div>",
        );
    });
    json.list("extension");
    write_race(json, us_core!("race"), &person.race);
    write_race(json, us_core!("ethnicity"), &person.ethnicity);
    write_extensions(json, person, age, lost);
    json.end();
    write_identifiers(json, person, age, [license, passport, social]);
    json.only("name", |json| {
        json.text("use", "official").text("family", &person.family).strings("given", &[&person.given]);
        if age >= 16 {
            json.strings("prefix", &[person.title()]);
        }
    });
    json.only("telecom", |json| {
        json.text("system", "phone").text("value", &person.phone).text("use", "home");
    });
    json.text("gender", if person.is_female { "female" } else { "male" }).date("birthDate", person.birth);
    if let Some(death) = person.death {
        json.date_time("deceasedDateTime", death);
    }
    json.only("address", |json| write_address(json, person));
    if let Some(marriage) = &person.marriage {
        json.concept("maritalStatus", marriage);
    }
    json.flag("multipleBirthBoolean", person.is_twin).only("communication", |json| {
        json.concept("language", &person.language);
    });
    scribe.finish();
}

fn write_race(json: &mut Json, url: &str, category: &Code) {
    json.item(|json| {
        json.list("extension").item(|json| {
            json.text("url", "ombCategory").object("valueCoding", |json| {
                json.coding(category);
            });
        });
        json.item(|json| {
            json.text("url", "text").text("valueString", category.display);
        });
        json.end().text("url", url);
    });
}

fn write_extensions(json: &mut Json, person: &Person, age: i64, lost: i64) {
    json.item(|json| {
        json.text("url", &format!("{BASE}patient-mothersMaidenName")).text("valueString", &person.mother);
    });
    json.item(|json| {
        json.text("url", us_core!("birthsex")).text("valueCode", if person.is_female { "F" } else { "M" });
    });
    json.item(|json| {
        json.text("url", &format!("{BASE}patient-birthPlace")).object("valueAddress", |json| {
            json.text("city", person.birth_town.name).text("state", "Massachusetts").text("country", "US");
        });
    });
    json.item(|json| {
        json.text("url", "http://synthetichealth.github.io/synthea/disability-adjusted-life-years").decimal(
            "valueDecimal",
            lost,
            6,
        );
    });
    let lived = (age * 1_000_000 - lost).max(0);
    json.item(|json| {
        json.text("url", "http://synthetichealth.github.io/synthea/quality-adjusted-life-years").decimal(
            "valueDecimal",
            lived,
            6,
        );
    });
}

fn write_identifiers(json: &mut Json, person: &Person, age: i64, [license, passport, social]: [i64; 3]) {
    json.list("identifier").item(|json| {
        json.text("system", "https://github.com/synthetichealth/synthea").id("value", person.id);
    });
    json.item(|json| {
        json.concept("type", &hl7!("v2-0203", "MR", "Medical Record Number"));
        json.text("system", "http://hospital.smarthealthit.org").id("value", person.id);
    });
    let mut other = |code, display, system: &str, value: String| {
        json.item(|json| {
            json.concept("type", &hl7!("v2-0203", code, display))
                .text("system", system)
                .text("value", &value);
        });
    };
    // Numbers that begin with 999 are given to nobody.
    let social = format!("999-{:02}-{:04}", social / 10_000, social % 10_000);
    other("SS", "Social Security Number", "http://hl7.org/fhir/sid/us-ssn", social);
    if age >= 16 {
        other("DL", "Driver's License", "urn:oid:2.16.840.1.113883.4.3.25", format!("S{license}"));
        other(
            "PPN",
            "Passport Number",
            "http://standardhealthrecord.org/fhir/StructureDefinition/passportNumber",
            format!("X{passport}X"),
        );
    }
    json.end();
}

fn write_address(json: &mut Json, person: &Person) {
    json.only("extension", |json| {
        json.list("extension").item(|json| {
            json.text("url", "latitude").decimal("valueDecimal", person.town.latitude, 4);
        });
        json.item(|json| {
            json.text("url", "longitude").decimal("valueDecimal", person.town.longitude, 4);
        });
        json.end().text("url", &format!("{BASE}geolocation"));
    });
    json.strings("line", &[&person.street]).text("city", person.town.name).text("state", "MA");
    json.text("postalCode", person.town.postal_code).text("country", "US");
}
