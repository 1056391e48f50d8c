//! A plot as SVG: panels one above the other on a common time axis, each with its own scale, unit and lines.

use std::fmt::Write;

const WIDTH: f64 = 960.0;
const PANEL_HEIGHT: f64 = 190.0;
const GAP: f64 = 46.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 56.0;
const COLOURS: [&str; 4] = ["#1f5fa8", "#c4572a", "#2f8a57", "#7a4fa3"];

/// One panel.
pub(crate) struct Panel {
    /// What its axis shows, with the unit.
    pub(crate) title: &'static str,
    /// Its lines: name and values, one for each time.
    pub(crate) lines: Vec<(&'static str, Vec<f64>)>,
}

/// The plot of these panels over `seconds`.
pub(crate) fn svg(title: &str, seconds: &[f64], panels: &[Panel]) -> String {
    let height = TOP + panels.len() as f64 * (PANEL_HEIGHT + GAP) + 16.0;
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"26\" font-size=\"16\">{}</text>", escaped(title));
    let last = seconds.last().copied().unwrap_or(1.0).max(1.0);
    for (at, panel) in panels.iter().enumerate() {
        let top = TOP + at as f64 * (PANEL_HEIGHT + GAP);
        draw(&mut out, panel, top, seconds, last);
    }
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, panel: &Panel, top: f64, seconds: &[f64], last: f64) {
    let bottom = top + PANEL_HEIGHT;
    let most =
        panel.lines.iter().flat_map(|(_, values)| values).fold(0.0_f64, |most, value| most.max(*value));
    let scale = round_up(most);
    let x = |second: f64| LEFT + (WIDTH - LEFT - RIGHT) * second / last;
    let y = |value: f64| bottom - PANEL_HEIGHT * value / scale;
    let _ =
        writeln!(out, "<text x=\"{LEFT}\" y=\"{}\" fill=\"#333\">{}</text>", top - 8.0, escaped(panel.title));
    for part in 0..=4 {
        let value = scale * f64::from(part) / 4.0;
        let (at, right) = (y(value), WIDTH - RIGHT);
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#333\">{}</text>",
            LEFT - 8.0,
            at + 4.0,
            number(value)
        );
    }
    let minutes = last / 60.0;
    for part in 0..=6 {
        let share = f64::from(part) / 6.0;
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#333\">{} min</text>",
            x(last * share),
            bottom + 16.0,
            number(minutes * share)
        );
    }
    for (at, (name, values)) in panel.lines.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let point = |(second, value): (&f64, &f64)| format!("{:.1},{:.1}", x(*second), y(*value));
        let points: Vec<String> = seconds.iter().zip(values).map(point).collect();
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{}\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"{colour}\">{}</text>",
            points.join(" "),
            WIDTH - RIGHT - 130.0 * at as f64,
            top - 8.0,
            escaped(name)
        );
    }
}

/// The next number that is 1, 2, 4 or 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 4.0, 5.0, 10.0];
    steps.iter().map(|step| step * power).find(|step| *step >= value).unwrap_or(10.0 * power)
}

fn number(value: f64) -> String {
    match value {
        value if value >= 10.0 || value.fract() == 0.0 => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_has_every_panel_line_and_unit_and_stays_within_its_frame() {
        let panels = [
            Panel { title: "memory, MB", lines: vec![("resident", vec![10.0, 99.0, 50.0])] },
            Panel { title: "latency, ms", lines: vec![("p50", vec![0.5; 3]), ("p99", vec![3.0, 0.0, 1.0])] },
        ];
        let svg = svg("a & b", &[0.0, 30.0, 60.0], &panels);
        for text in ["a &amp; b", "memory, MB", "latency, ms", "resident", "p50", "p99", "1 min"] {
            assert!(svg.contains(text), "{text}");
        }
        assert_eq!(svg.matches("<polyline").count(), 3);
        for points in svg.split("points=\"").skip(1) {
            for point in points.split('"').next().unwrap().split(' ') {
                let (x, y) = point.split_once(',').unwrap();
                let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                assert!((LEFT..=WIDTH - RIGHT).contains(&x) && (TOP..=600.0).contains(&y), "{point}");
            }
        }
    }

    #[test]
    fn scales_are_round() {
        assert_eq!(
            [0.0, 0.7, 1.0, 1.2, 3.1, 45.0, 60.0, 101.0].map(round_up),
            [1.0, 1.0, 1.0, 2.0, 4.0, 50.0, 100.0, 200.0]
        );
    }
}
