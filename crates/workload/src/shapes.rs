//! The shapes of queries that make up the search mix, with values of the data in them.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::sample::{Observation, Patient, Sample};

/// One shape of query.
pub(crate) struct Shape<'s> {
    pub(crate) name: &'static str,
    /// Whether the index alone decides it: no chain, no include.
    pub(crate) is_indexed: bool,
    /// Query `n` of this shape, after the data store's base.
    pub(crate) query: Box<dyn Fn(usize) -> String + 's>,
}

/// How far apart the samples are that follow each other in a load: not neighbours, and all are met.
const STRIDE: usize = 7;

/// All shapes that the sample has values for.
pub(crate) fn shapes(sample: &Sample) -> Vec<Shape<'_>> {
    let mut all = Vec::new();
    if !sample.patients.is_empty() {
        of_patients(&mut all, &sample.patients);
    }
    if !sample.observations.is_empty() {
        of_observations(&mut all, &sample.observations);
    }
    if !sample.days.is_empty() {
        of_encounters(&mut all, sample);
    }
    if !sample.observations.is_empty() && !sample.patients.is_empty() {
        chains(&mut all, &sample.patients, &sample.observations);
    }
    all
}

fn put<'s>(
    all: &mut Vec<Shape<'s>>,
    name: &'static str,
    is_indexed: bool,
    query: impl Fn(usize) -> String + 's,
) {
    all.push(Shape { name, is_indexed, query: Box::new(query) });
}

fn of_patients<'s>(all: &mut Vec<Shape<'s>>, patients: &'s [Patient]) {
    let one = move |n: usize| &patients[n * STRIDE % patients.len()];
    put(all, "string: family name", true, move |n| {
        format!("Patient?family={}&_count=20", escaped(&one(n).family))
    });
    put(all, "string: start of a given name", true, move |n| {
        let start: String = one(n).given.chars().take(3).collect();
        format!("Patient?given={}&_count=20", escaped(&start))
    });
    put(all, "birth dates of a year, in order", true, move |n| {
        format!("Patient?birthdate={}&_sort=birthdate&_count=20", one(n).birth_year)
    });
    if patients.iter().any(|patient| patient.identifier.is_some()) {
        put(all, "identifier", true, move |n| {
            let mut named = (0..patients.len()).filter_map(|at| one(n + at).identifier.as_ref());
            let (system, value) = named.next().expect("one of them has an identifier");
            format!("Patient?identifier={}", escaped(&format!("{system}|{value}")))
        });
    }
    put(all, "_revinclude of a patient's conditions", false, move |n| {
        format!("Patient?_id={}&_revinclude=Condition:patient", one(n).id)
    });
}

fn of_observations<'s>(all: &mut Vec<Shape<'s>>, observations: &'s [Observation]) {
    let one = move |n: usize| &observations[n * STRIDE % observations.len()];
    put(all, "token", true, move |n| format!("Observation?code={}&_count=20", token(one(n))));
    put(all, "token, newest first", true, move |n| {
        format!("Observation?code={}&_sort=-date&_count=20", token(one(n)))
    });
    put(all, "one of two tokens", true, move |n| {
        format!("Observation?code={},{}&_count=20", token(one(n)), token(one(n + 1)))
    });
    put(all, "patient", true, move |n| format!("Observation?patient=Patient/{}&_count=20", one(n).patient));
    put(all, "patient and code, newest first", true, move |n| {
        format!("Observation?patient=Patient/{}&code={}&_sort=-date&_count=20", one(n).patient, token(one(n)))
    });
    let quantities: Vec<&Observation> = observations.iter().filter(|one| one.quantity.is_some()).collect();
    if quantities.is_empty() {
        return;
    }
    let asked = move |n: usize| {
        let one = quantities[n * STRIDE % quantities.len()];
        let (value, unit) = one.quantity.as_ref().expect("those without were left out");
        (token(one), format!("gt{value}||{}", escaped(unit)).replace('|', "%7C"))
    };
    let composite = asked.clone();
    put(all, "code and quantity", true, move |n| {
        let (code, quantity) = asked(n);
        format!("Observation?code={code}&value-quantity={quantity}&_count=20")
    });
    put(all, "composite of code and quantity", true, move |n| {
        let (code, quantity) = composite(n);
        format!("Observation?code-value-quantity={code}%24{quantity}&_count=20")
    });
}

fn of_encounters<'s>(all: &mut Vec<Shape<'s>>, sample: &'s Sample) {
    let day = move |n: usize| &sample.days[n * STRIDE % sample.days.len()];
    put(all, "dates of a month", true, move |n| format!("Encounter?date={}&_count=20", &day(n)[..7]));
    put(all, "from a date on, in order", true, move |n| {
        format!("Encounter?date=ge{}&_sort=date&_count=20", day(n))
    });
    put(all, "_include of patient and organisation", false, move |n| {
        let month = &day(n)[..7];
        format!(
            "Encounter?date={month}&_include=Encounter:patient&_include=Encounter:service-provider&_count=20"
        )
    });
}

fn chains<'s>(all: &mut Vec<Shape<'s>>, patients: &'s [Patient], observations: &'s [Observation]) {
    let patient = move |n: usize| &patients[n * STRIDE % patients.len()];
    let observation = move |n: usize| &observations[n * STRIDE % observations.len()];
    put(all, "chain: conditions by family name", false, move |n| {
        format!("Condition?patient.family={}&_count=20", escaped(&patient(n).family))
    });
    put(all, "chain: a code by birth dates", false, move |n| {
        let (code, year) = (token(observation(n)), &patient(n).birth_year);
        format!("Observation?code={code}&patient.birthdate=ge{year}&_count=20")
    });
    put(all, "_has: patients with a code", false, move |n| {
        format!("Patient?_has:Observation:patient:code={}&_count=20", token(observation(n)))
    });
}

/// Queries whose hits are counted: tokens, from rare to nearly everything.
pub(crate) fn counts(sample: &Sample) -> Vec<Shape<'_>> {
    let mut all = Vec::new();
    let observations = &sample.observations;
    if !observations.is_empty() {
        let one = move |n: usize| &observations[n * STRIDE % observations.len()];
        put(&mut all, "_summary=count of a code", true, move |n| {
            format!("Observation?code={}&_summary=count", token(one(n)))
        });
        put(&mut all, "_total=accurate of a code", true, move |n| {
            format!("Observation?code={}&_total=accurate&_count=1", token(one(n)))
        });
        put(&mut all, "_summary=count of a status", true, |_| {
            "Observation?status=final&_summary=count".to_owned()
        });
    }
    all
}

/// System and code, as a query has it.
pub(crate) fn token(observation: &Observation) -> String {
    escaped(&format!("{}|{}", observation.system, observation.code))
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
