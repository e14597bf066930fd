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
    let entries = contest.entries.iter();
    [
        head(report, begin),
        table(&report.policies),
        beside(report, contest),
        section("Load", ""),
        figure(
            &key("swatch", "c-load", "requests/s that arrive"),
            &plot::load(contest, begin),
        ),
        section(
            "Replicas",
            "All to the same scale. What is ordered is paid for; what is ready serves.",
        ),
        keys(),
        entries.map(|entry| replicas(report, contest, entry, begin)).collect(),
        section(
            "Violations",
            "When requests waited too long. From 0.1 % on, an interval is always drawn, however low.",
        ),
        figure("", &plot::violations(contest, begin)),
        "</main>\n</body>\n</html>\n".to_owned(),
    ]
    .concat()
}

fn head(report: &Report, begin: Option<Timestamp>) -> String {
    let title = escape(&format!("Simulated scaling: {}", report.load.name));
    let [load, setup] = report::facts(report);
    let clock = begin.map_or_else(String::new, |begin| format!(" From {begin}; times are UTC."));
    let notes: String = report.notes.iter().map(|note| paragraph("note", note)).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{}{}{notes}",
        paragraph("soft", &format!("{load}.{clock}")),
        paragraph("soft", &format!("{setup}.")),
    )
}

/// Cost against violations, and beside it by which rules.
fn beside(report: &Report, contest: &Contest) -> String {
    let sentences = report.rules.split_inclusive(". ");
    [
        "<div class=\"beside\">\n<div>\n".to_owned(),
        section(
            "Cost against violations",
            "Further left is cheaper, further down is better.",
        ),
        figure("", &plot::scatter(contest)),
        "</div>\n<div>\n".to_owned(),
        section("What is compared", ""),
        sentences
            .map(|sentence| paragraph("soft rule", sentence.trim_end()))
            .collect(),
        resolution(contest),
        "</div>\n</div>\n".to_owned(),
    ]
    .concat()
}

fn resolution(contest: &Contest) -> String {
    let bucket = crate::span::seconds(contest.course.bucket_seconds.into());
    paragraph(
        "soft rule",
        &format!(
            "An interval of the plots is {bucket}: its mean load, the most replicas needed and ordered, the fewest ready, and the \
             largest lack of any second."
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

/// The legend of all plots of replicas; each has a colour of its own.
fn keys() -> String {
    let keys = [
        key("swatch line", "c-load", "ready"),
        key("swatch thin", "c-load", "ordered"),
        key("swatch", "c-need", "needed by the load"),
        key("swatch", "c-lack", "too few ready"),
    ];
    format!("<div class=\"keys\">{}</div>\n", keys.concat())
}

fn replicas(report: &Report, contest: &Contest, entry: &Entry, begin: Option<Timestamp>) -> String {
    let policy = escape(entry.policy);
    let plot = plot::replicas(contest, entry, begin, report.setup.max_replicas);
    format!("<h3 class=\"{policy} tint\">{policy}</h3>\n") + &figure("", &plot)
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
    let best = [
        best(policies, 2, |policy| policy.violation_share),
        best(policies, 3, |policy| policy.replica_hours),
        best(policies, 4, |policy| policy.changes_per_hour),
        best(policies, 5, |policy| policy.seconds_to_safe),
    ];
    let rows: String = policies.iter().map(|policy| row(policy, &best)).collect();
    let titles: String = TITLES
        .iter()
        .map(|title| format!("<th scope=\"col\">{title}</th>"))
        .collect();
    format!(
        "<div class=\"scroll\"><table id=\"outcomes\">\n<thead><tr>{titles}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}

/// The least figure as it is written: what reads the same is as good.
fn best(policies: &[PolicyOutcome], column: usize, figure: fn(&PolicyOutcome) -> f64) -> String {
    let least = policies
        .iter()
        .min_by(|one, other| figure(one).total_cmp(&figure(other)));
    least.map_or_else(String::new, |policy| cells(policy)[column].clone())
}

fn row(policy: &PolicyOutcome, best: &[String; 4]) -> String {
    let [name, setting, figures @ ..] = cells(policy).map(|cell| escape(&cell));
    let figures: String = figures
        .iter()
        .zip(best)
        .map(|(text, best)| {
            let class = if *text == escape(best) { " class=\"best\"" } else { "" };
            format!("<td{class}>{text}</td>")
        })
        .collect();
    format!("<tr><td><i class=\"chip {name} tint\"></i>{name}</td><td>{setting}</td>{figures}</tr>\n")
}
