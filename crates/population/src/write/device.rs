//! Device: what was implanted.

use crate::chart::{Scribe, us_core};
use crate::life::Visit;
use crate::moment::{DAY_S, YEAR_S};

pub(crate) fn write(scribe: &mut Scribe<'_>, visit: &Visit) {
    let Some(problem) = visit.problem.filter(|_| visit.is_first) else { return };
    let Some(kind) = scribe.life.problems[problem].disorder.device else { return };
    let (id, patient) = (scribe.identity(), scribe.person.id);
    let (lot, serial) =
        (scribe.random.between(1_000_000, 9_999_999), scribe.random.between(100_000_000, 999_999_999));
    let product = format!("{:014}", scribe.random.between(10_000_000, 99_999_999));
    let made = visit.start.plus(-21 * DAY_S);
    let expires = made.plus(25 * YEAR_S);
    let json = scribe.start("Device", id, &[us_core!("implantable-device")]);
    json.only("udiCarrier", |json| {
        json.text("deviceIdentifier", &product)
            .text("carrierHRF", &format!("(01){product}(10){lot}(21){serial}"));
    });
    json.text("status", "active").text("distinctIdentifier", &product);
    json.date_time("manufactureDate", made).date_time("expirationDate", expires);
    json.text("lotNumber", &lot.to_string()).text("serialNumber", &serial.to_string());
    json.only("deviceName", |json| {
        json.text("name", kind.code.display).text("type", "user-friendly-name");
    });
    json.concept("type", &kind.code).reference("patient", "Patient", patient, "");
    json.only("safety", |json| {
        json.only("coding", |json| {
            json.text("system", "urn:oid:2.16.840.1.113883.3.26.1.1")
                .text("code", "C106046")
                .text("display", "Magnetic Resonance Conditional");
        });
    });
    scribe.finish();
}
