//! What happens to a person: the disorders that begin and end, the visits that follow, and perhaps a death.

use crate::moment::{DAY_S, MONTH_S, Moment, YEAR_S};
use crate::person::Person;
use crate::random::{Random, Uuid};
use crate::tables::acute::{ACUTE, PREGNANCY};
use crate::tables::chronic::CHRONIC;
use crate::tables::disorder::{Course, Disorder, Setting};

/// Records reach back this far; of what is older only the important part was kept.
const RECORDED_YEARS: i64 = 10;
/// Older acute disorders that were kept, in 10,000.
const OLD_ACUTE_KEPT: u64 = 1_500;
/// 2020-03-01T00:00:00Z.
const PANDEMIC: Moment = Moment(1_583_020_800);
/// New cases of COVID-19 in 10,000 person-years of the pandemic.
const PANDEMIC_RATE: u64 = 900;
const COVID_19: &str = "840539006";
/// Deaths in 10,000 years by decade of age, from all other causes.
const MORTALITY: [u64; 11] = [3, 2, 7, 10, 17, 38, 80, 180, 480, 1_500, 3_500];

/// A disorder that somebody had.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) disorder: &'static Disorder,
    pub(crate) id: Uuid,
    pub(crate) onset: Moment,
    pub(crate) end: Option<Moment>,
}

/// A visit: when, where, and what for.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) encounter: Uuid,
    pub(crate) setting: Setting,
    pub(crate) start: Moment,
    pub(crate) end: Moment,
    /// The problem it is about, by index.
    pub(crate) problem: Option<usize>,
    /// The visit at which the problem was found.
    pub(crate) is_first: bool,
}

/// A life so far. The death, if there was one, is noted on the person.
#[derive(Debug, Default)]
pub(crate) struct Life {
    pub(crate) problems: Vec<Problem>,
    /// In order of time.
    pub(crate) visits: Vec<Visit>,
    /// How many identities have been given out.
    pub(crate) identities: u64,
}

impl Life {
    pub(crate) fn live(person: &mut Person, as_of: Moment, random: &mut Random) -> Life {
        let mut life = Life::default();
        let mut year_start = person.birth;
        while year_start < as_of && person.death.is_none() {
            life.one_year(person, year_start, as_of, random);
            year_start = year_start.plus(YEAR_S);
        }
        let last = person.death.unwrap_or(as_of);
        life.problems.retain(|problem| problem.onset < last);
        for problem in &mut life.problems {
            problem.end = problem.end.filter(|end| *end < last);
        }
        life.see_about_problems(person, last, as_of, random);
        life.see_about_wellness(person, last, as_of, random);
        life.visits.retain(|visit| visit.end <= last && visit.start > person.birth);
        life.visits.sort_by_key(|visit| (visit.start, visit.encounter));
        life
    }

    /// Whether a problem with this SNOMED code is present at a moment.
    pub(crate) fn suffers(&self, snomed: &str, at: Moment) -> bool {
        let present = |problem: &&Problem| problem.onset <= at && problem.end.is_none_or(|end| end > at);
        self.problems.iter().filter(present).any(|problem| problem.disorder.code.code == snomed)
    }

    fn identity(&mut self, person: &Person) -> Uuid {
        self.identities += 1;
        person.identity(self.identities)
    }

    fn one_year(&mut self, person: &mut Person, start: Moment, as_of: Moment, random: &mut Random) {
        let age = start.years_since(person.birth);
        let band = match age {
            ..5 => 0,
            5..18 => 1,
            18..40 => 2,
            40..65 => 3,
            _ => 4,
        };
        let mut mortality = MORTALITY[(age / 10).clamp(0, 10) as usize];
        for disorder in CHRONIC.iter().chain(ACUTE) {
            let is_chronic = matches!(disorder.course, Course::Chronic { .. });
            let has_it =
                is_chronic && self.problems.iter().any(|problem| std::ptr::eq(problem.disorder, disorder));
            if has_it {
                mortality += disorder.mortality;
            } else if person.is_concerned(disorder.concerns)
                && random.chance(rate(disorder, band, person, start))
            {
                let kept = is_chronic
                    || start.0 > as_of.0 - RECORDED_YEARS * YEAR_S
                    || random.chance(OLD_ACUTE_KEPT);
                let onset = start
                    .plus(random.between(0, YEAR_S - 1))
                    .at(random.between(8, 17), random.between(0, 3_599));
                mortality += if is_chronic { 0 } else { disorder.mortality };
                if kept && onset < as_of && onset > person.birth {
                    self.begin(person, disorder, onset, random);
                }
            }
        }
        let death = start.plus(random.between(0, YEAR_S));
        if random.chance(mortality) && death < as_of {
            person.death = Some(death);
        }
    }

    fn begin(&mut self, person: &Person, disorder: &'static Disorder, onset: Moment, random: &mut Random) {
        let end = match disorder.course {
            Course::Chronic { .. } => None,
            Course::Acute { days } => Some(onset.plus(random.between(days.0, days.1) * DAY_S)),
        };
        let id = self.identity(person);
        self.problems.push(Problem { disorder, id, onset, end });
    }

    fn see_about_problems(&mut self, person: &Person, last: Moment, as_of: Moment, random: &mut Random) {
        for index in 0..self.problems.len() {
            let (disorder, onset) = (self.problems[index].disorder, self.problems[index].onset);
            self.visit(person, disorder.setting, onset, Some(index), true, random);
            if let Course::Chronic { follow_up_months } = disorder.course {
                let mut at = onset.plus(follow_up_months * MONTH_S);
                while at < last {
                    if at.0 > as_of.0 - RECORDED_YEARS * YEAR_S && random.chance(6_500) {
                        self.visit(person, Setting::FollowUp, at, Some(index), false, random);
                    }
                    at = at.plus(follow_up_months * MONTH_S + random.between(-20, 40) * DAY_S);
                }
            } else if disorder.code.code == PREGNANCY {
                let end = self.problems[index].end.unwrap_or(last);
                for month in 1..8 {
                    let at = onset.plus(month * 32 * DAY_S);
                    if at < end {
                        self.visit(person, Setting::Prenatal, at, Some(index), false, random);
                    }
                }
            }
        }
    }

    fn see_about_wellness(&mut self, person: &Person, last: Moment, as_of: Moment, random: &mut Random) {
        const CHILD_MONTHS: [i64; 11] = [0, 1, 2, 4, 6, 9, 12, 15, 18, 24, 30];
        let recent = as_of.0 - RECORDED_YEARS * YEAR_S;
        for month in CHILD_MONTHS {
            let at = person.birth.plus(month * MONTH_S + 9 * DAY_S);
            if at < last && at.0 > recent {
                self.visit(person, Setting::ChildWellness, at, None, false, random);
            }
        }
        for year in 3..=last.years_since(person.birth) {
            let kept = match (person.birth.0 + year * YEAR_S > recent, year) {
                (false, _) => 500,
                (true, ..18) => 8_800,
                (true, 18..40) => 4_500,
                (true, 40..65) => 6_500,
                (true, _) => 8_500,
            };
            if random.chance(kept) {
                let setting = if year < 18 { Setting::ChildWellness } else { Setting::Wellness };
                self.visit(
                    person,
                    setting,
                    person.birth.plus(year * YEAR_S + random.between(0, 60) * DAY_S),
                    None,
                    false,
                    random,
                );
            }
        }
    }

    fn visit(
        &mut self,
        person: &Person,
        setting: Setting,
        at: Moment,
        problem: Option<usize>,
        is_first: bool,
        random: &mut Random,
    ) {
        let start = if is_first { at } else { at.at(random.between(8, 17), random.between(0, 3_599)) };
        let minutes = random.between(setting.minutes().0, setting.minutes().1);
        let encounter = self.identity(person);
        self.visits.push(Visit {
            encounter,
            setting,
            start,
            end: start.plus(minutes * 60),
            problem,
            is_first,
        });
    }
}

/// New cases in 10,000 person-years for this person, in the year that begins at `start`.
fn rate(disorder: &Disorder, band: usize, person: &Person, start: Moment) -> u64 {
    let base = disorder.rates[band];
    match disorder.code.code {
        COVID_19 => PANDEMIC_RATE * u64::from(start >= PANDEMIC),
        // The weight that the vital signs show decides, not chance alone.
        "162864005" if person.bulk < 30.0 => 0,
        "162864005" => base * 5,
        "185086009" if person.smokes => base * 6,
        "185086009" => base / 2,
        _ => base,
    }
}
