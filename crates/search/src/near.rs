//! Places near a place (R4 Location, the search parameter `near`).

use crate::value::Value;

/// The mean radius of the Earth, in metres (IUGG).
const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// How much is added to a bounding box so that rounding leaves nothing out, in degrees: about a metre.
const MARGIN_DEGREES: f64 = 1e-5;

/// Places up to a distance from a place, on a great circle of a round Earth.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Near {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// How far away a place may be, in metres.
    pub distance_m: f64,
}

impl Near {
    /// Whether a place lies near enough; beyond the poles there is no place.
    pub fn holds(&self, latitude: f64, longitude: f64) -> bool {
        let are_places = self.latitude.abs() <= 90.0 && latitude.abs() <= 90.0;
        are_places && self.distance_to_m(latitude, longitude) <= self.distance_m
    }

    /// Whether a position, latitude and longitude as a composite of two numbers, lies near enough.
    pub fn matches(&self, value: &Value<'_>) -> bool {
        let Value::Composite(parts) = value else { return false };
        let mut degrees = parts.iter().map(|part| match part {
            Value::Number { low, .. } => Some(low),
            _ => None,
        });
        match (degrees.next().flatten(), degrees.next().flatten()) {
            (Some(latitude), Some(longitude)) => self.holds(latitude, longitude),
            _ => false,
        }
    }

    /// The lowest and the highest latitude that may be near enough, in degrees.
    pub fn latitudes(&self) -> (f64, f64) {
        let reach = (self.distance_m / EARTH_RADIUS_M).to_degrees() + MARGIN_DEGREES;
        (self.latitude - reach, self.latitude + reach)
    }

    /// By the haversine formula, which is exact for small distances too.
    fn distance_to_m(&self, latitude: f64, longitude: f64) -> f64 {
        let (from, to) = (self.latitude.to_radians(), latitude.to_radians());
        let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
        let chord = half(latitude - self.latitude) + from.cos() * to.cos() * half(longitude - self.longitude);
        2.0 * EARTH_RADIUS_M * chord.clamp(0.0, 1.0).sqrt().asin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Boston to Hartford, London to Paris, over the date line, pole to pole: in kilometres, within a half percent.
    #[test]
    fn distances_are_those_of_great_circles() {
        for ((latitude, longitude), (to_latitude, to_longitude), km) in [
            ((42.3601, -71.0589), (41.7658, -72.6734), 149.0),
            ((51.5074, -0.1278), (48.8566, 2.3522), 343.5),
            ((0.0, 179.5), (0.0, -179.5), 111.2),
            ((90.0, 0.0), (-90.0, 77.0), 20_015.1),
            ((42.0, -71.0), (42.0, -71.0), 0.0),
        ] {
            let near = |distance_m| Near { latitude, longitude, distance_m };
            let found = near(0.0).distance_to_m(to_latitude, to_longitude) / 1000.0;
            assert!((found - km).abs() <= km * 0.005, "{found} {km}");
            assert!(near(km * 1005.0).holds(to_latitude, to_longitude));
            let (low, high) = near(found * 1000.0).latitudes();
            assert!(low <= to_latitude && to_latitude <= high);
        }
    }
}
