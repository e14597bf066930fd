//! The page: the report and its plots as one HTML file that needs nothing but a browser.
//!
//! Pure. No scripts, no fonts, no addresses: what was simulated may be looked at without a network.

use jiff::Timestamp;

use crate::simulate::{
    contest::{Contest, Entry},
    plot,
    report::{self, PolicyOutcome, Report, cells},
    svg::escape,
};

const STYLE: &str = include_str!("page.css");

/// The whole page.
pub(crate) fn page(report: &Report, contest: &Contest, begin: Option<Timestamp>) -> String {
    let title = format!("Simulated scaling: {}", report.load.name);
    let [load, setup] = report::facts(report);
    let clock = begin.map_or_else(String::new, |begin| format!(" From {begin}; times are UTC."));
    let heading = escape(&title);
    [
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{heading}</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{heading}</h1>\n"
        ),
        paragraph("soft", &format!("{load}.{clock}")),
        paragraph("soft", &format!("{setup}.")),
        report.notes.iter().map(|note| paragraph("note", note)).collect(),
        table(&report.policies),
        section(
            "Cost against violations",
            "Further left is cheaper, further down is better.",
        ),
        figure("", &plot::scatter(contest)),
        section("Load", ""),
        figure(
            &key("swatch", "c-load", "requests/s that arrive"),
            &plot::load(contest, begin),
        ),
        section(
            "Replicas",
            "All to the same scale. What is ordered is paid for; what is ready serves.",
        ),
        contest
            .entries
            .iter()
            .map(|entry| replicas(report, contest, entry, begin))
            .collect(),
        section(
            "Violations",
            "When requests waited too long. From 0.1 % on, an interval is always drawn, however low.",
        ),
        figure("", &plot::violations(contest, begin)),
        format!(
            "<footer>\n{}{}</footer>\n",
            paragraph("", &report.rules),
            resolution(contest)
        ),
        "</main>\n</body>\n</html>\n".to_owned(),
    ]
    .concat()
}

fn resolution(contest: &Contest) -> String {
    let bucket = crate::span::seconds(contest.course.bucket_seconds.into());
    paragraph(
        "",
        &format!(
            "An interval of the plots is {bucket}: the mean load, the most replicas needed and ordered, the fewest ready, and the \
             largest lack of any second in it."
        ),
    )
}

fn paragraph(class: &str, text: &str) -> String {
    format!("<p class=\"{class}\">{}</p>\n", escape(text))
}

fn section(title: &str, text: &str) -> String {
    let lead = if text.is_empty() {
        String::new()
    } else {
        paragraph("soft", text)
    };
    format!("<h2>{}</h2>\n{lead}", escape(title))
}

fn figure(caption: &str, svg: &str) -> String {
    let caption = if caption.is_empty() {
        String::new()
    } else {
        format!("<figcaption>{caption}</figcaption>\n")
    };
    format!("<figure>\n{caption}<div class=\"scroll\">\n{svg}</div>\n</figure>\n")
}

fn key(swatch: &str, colour: &str, words: &str) -> String {
    format!(
        "<span class=\"key\"><i class=\"{swatch} {colour}\"></i>{}</span>\n",
        escape(words)
    )
}

fn replicas(report: &Report, contest: &Contest, entry: &Entry, begin: Option<Timestamp>) -> String {
    let tint = format!("{} tint", entry.policy);
    let keys = [
        key("swatch line", &tint, "ready"),
        key("swatch thin", &tint, "ordered"),
        key("swatch", "c-need", "needed by the load"),
        key("swatch", "c-lack", "too few ready"),
    ];
    format!("<h3><span class=\"{tint}\">{}</span></h3>\n", escape(entry.policy))
        + &figure(
            &keys.concat(),
            &plot::replicas(contest, entry, begin, report.setup.max_replicas),
        )
}

fn table(policies: &[PolicyOutcome]) -> String {
    const TITLES: [&str; 6] = [
        "Policy",
        "Setting",
        "Violations",
        "Replica-hours",
        "Changes/h",
        "Longest unsafe",
    ];
    let least = |figure: fn(&PolicyOutcome) -> f64| policies.iter().map(figure).fold(f64::INFINITY, f64::min);
    let best = [
        least(|policy| policy.violation_share),
        least(|policy| policy.replica_hours),
        least(|policy| policy.changes_per_hour),
        least(|policy| policy.seconds_to_safe),
    ];
    let rows: String = policies.iter().map(|policy| row(policy, best)).collect();
    let titles: String = TITLES
        .iter()
        .map(|title| format!("<th scope=\"col\">{title}</th>"))
        .collect();
    format!(
        "<div class=\"scroll\"><table id=\"outcomes\">\n<thead><tr>{titles}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}

fn row(policy: &PolicyOutcome, best: [f64; 4]) -> String {
    let [name, setting, figures @ ..] = cells(policy);
    let values = [
        policy.violation_share,
        policy.replica_hours,
        policy.changes_per_hour,
        policy.seconds_to_safe,
    ];
    let cells: String = figures
        .iter()
        .zip(values.iter().zip(best))
        .map(|(text, (value, best))| {
            let class = if *value <= best { " class=\"best\"" } else { "" };
            format!("<td{class}>{}</td>", escape(text))
        })
        .collect();
    let (name, setting) = (escape(&name), escape(&setting));
    format!("<tr><td><i class=\"chip {name} tint\"></i>{name}</td><td>{setting}</td>{cells}</tr>\n")
}
