//! The page: one file, and plots that a browser draws.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use tokio::process::Command;

use crate::support::{finished, run, stderr, stdout, with_steps};

const PLOTS: [&str; 7] = [
    "plot-scatter",
    "plot-load",
    "plot-replicas-ours",
    "plot-replicas-hpa",
    "plot-replicas-keda",
    "plot-replicas-kpa",
    "plot-violations",
];

async fn page(name: &str) -> (PathBuf, String) {
    let folder = with_steps(name);
    let output = run(&folder, "--trace step.csv --spec shop.yaml --html page.html").await;
    assert!(
        stdout(&output).ends_with("\nPage: page.html\n"),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
    let text = fs::read_to_string(folder.join("page.html")).unwrap();
    (folder, text)
}

#[tokio::test]
async fn the_page_is_one_file_that_asks_nobody_for_anything() {
    let (folder, text) = page("page").await;
    for word in ["http://", "https://", "<script", "<link", "@import", "url(", "src="] {
        assert!(!text.contains(word), "the page has {word}");
    }
    assert!(text.contains("prefers-color-scheme: dark"));
    for id in PLOTS {
        let mark = format!("<svg id=\"{id}\" role=\"img\" aria-labelledby=\"{id}-title\" viewBox=\"0 0 ");
        assert!(text.contains(&mark), "{id}");
    }
    let left: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".part"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_name_from_outside_is_text_on_the_page() {
    let folder = with_steps("escaped");
    fs::rename(folder.join("step.csv"), folder.join("<b>&.csv")).unwrap();
    let output = run(&folder, "--trace <b>&.csv --policy hpa --html page.html").await;
    assert!(output.status.success(), "{}", stderr(&output));
    let text = fs::read_to_string(folder.join("page.html")).unwrap();
    assert!(text.contains("<h1>Simulated scaling: &lt;b&gt;&amp;</h1>") && !text.contains("<b>"));
}

/// Headless Chromium on a file of `folder`; it must be installed, or nothing is proved.
async fn chromium(folder: &Path, file: &str, arguments: &[&str]) -> Output {
    let mut found = Command::new("sh");
    found.args(["-c", "command -v chromium"]);
    let found = finished(found).await;
    assert!(
        found.status.success(),
        "no chromium on PATH: install it with `apt-get install --no-install-recommends chromium`"
    );
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let mut command = Command::new("chromium");
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--virtual-time-budget=2000",
        ])
        .args([profile.as_str()])
        .args(arguments)
        .arg(format!("file://{}", folder.join(file).display()));
    let output = finished(command).await;
    assert!(output.status.success(), "{}", stderr(&output));
    output
}

#[tokio::test]
async fn a_browser_draws_every_plot() {
    let (folder, text) = page("browser").await;
    // The page has no script; its copy has one that writes down how large each plot's drawing is.
    let probe = "<script>for (const svg of document.querySelectorAll('svg')) { const box = svg.getBBox(), shown = \
                 svg.getBoundingClientRect(); const line = document.createElement('p'); line.textContent = 'drawn ' + svg.id + \
                 ' ' + [box.width, box.height, shown.width, shown.height].map(Math.round).join(' ') + ';'; \
                 document.body.append(line); }</script></body>";
    fs::write(folder.join("probe.html"), text.replace("</body>", probe)).unwrap();
    let dom = stdout(&chromium(&folder, "probe.html", &["--dump-dom"]).await);
    for id in PLOTS {
        let told = dom
            .split(&format!("drawn {id} "))
            .nth(1)
            .unwrap_or_else(|| panic!("{id} is not in the page"));
        let sizes: Vec<u32> = told
            .split(';')
            .next()
            .unwrap()
            .split(' ')
            .map(|size| size.parse().unwrap())
            .collect();
        // Wider and higher than its words alone could be, and shown.
        assert!(sizes.iter().all(|size| *size > 150), "{id}: {sizes:?}");
    }
}

#[tokio::test]
async fn a_screenshot_of_the_page_is_a_picture() {
    let (folder, _) = page("screenshot").await;
    let shot = folder.join("page.png");
    let screenshot = format!("--screenshot={}", shot.display());
    chromium(
        &folder,
        "page.html",
        &[&screenshot, "--window-size=1120,2400", "--hide-scrollbars"],
    )
    .await;
    let picture = fs::read(&shot).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
    // An empty page of this size is about 15 kB.
    assert!(picture.len() > 60_000, "{} bytes", picture.len());
}
