//! The file of endpoints, as the administrator wrote it, to checked settings.
//!
//! Pure: text in, settings or what is wrong with them out. A message never repeats a URL, because it may hold a password.

use std::{collections::BTreeMap, time::Duration};

use reqwest::Url;
use serde::Deserialize;

use super::{Auth, Endpoint, Histograms, Labels, MetricNames, SecretKey, Tls, UserQueries, names::part};

/// Seconds between two scrapes where nothing else is said: Prometheus's own examples and most charts scrape this often.
pub const DEFAULT_SCRAPE_SECONDS: u64 = 15;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Written {
    url: String,
    scrape_interval_seconds: Option<u64>,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    metrics: MetricNames,
    #[serde(default)]
    histograms: Histograms,
    #[serde(default)]
    user_queries: UserQueries,
    #[serde(default)]
    auth: WrittenAuth,
    #[serde(default)]
    tls: WrittenTls,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAuth {
    bearer: Option<WrittenBearer>,
    basic: Option<WrittenBasic>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WrittenBearer {
    secret_name: String,
    key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WrittenBasic {
    secret_name: String,
    username_key: Option<String>,
    password_key: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WrittenTls {
    ca_secret_name: Option<String>,
    ca_key: Option<String>,
    client_cert_secret_name: Option<String>,
    server_name: Option<String>,
}

/// The endpoints file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not what it should be.
    #[error("must be a map from name to {{url: http://...}}: {0}")]
    Yaml(serde_yaml::Error),
    /// A setting of an endpoint cannot be used.
    #[error("endpoint {name}: {what}")]
    Setting {
        /// Name of the endpoint.
        name: String,
        /// Which setting, why, and what to write.
        what: String,
    },
}

/// The endpoints of a file, by name.
///
/// # Errors
/// When the text is not such a map, or a setting cannot be used, naming the endpoint and the setting.
pub fn parse(text: &str) -> Result<BTreeMap<String, Endpoint>, Error> {
    let written: BTreeMap<String, Written> = serde_yaml::from_str(text).map_err(Error::Yaml)?;
    let checked = |(name, endpoint): (String, Written)| match endpoint.check() {
        Ok(endpoint) => Ok((name, endpoint)),
        Err(what) => Err(Error::Setting { name, what }),
    };
    written.into_iter().map(checked).collect()
}

impl Written {
    fn check(self) -> Result<Endpoint, String> {
        let url = url(&self.url)?;
        if self.labels.namespace == self.labels.pod {
            return Err("labels: namespace and pod must be two labels".to_owned());
        }
        let tls = self.tls.check().map_err(|what| format!("tls: {what}"))?;
        if tls != Tls::default() && url.scheme() != "https" {
            return Err("tls: has no effect on an http URL; write an https URL or leave tls out".to_owned());
        }
        let seconds = self.scrape_interval_seconds.unwrap_or(DEFAULT_SCRAPE_SECONDS);
        Ok(Endpoint {
            url,
            scrape_interval: Duration::from_secs(seconds.clamp(1, 300)),
            labels: self.labels,
            metrics: self.metrics,
            histograms: self.histograms,
            user_queries: self.user_queries,
            auth: self.auth.check().map_err(|what| format!("auth: {what}"))?,
            tls,
        })
    }
}

// The text is not repeated in the message, because it may hold a password.
fn url(text: &str) -> Result<Url, String> {
    let bare = |url: &Url| {
        url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    match Url::parse(text) {
        Ok(mut url) if matches!(url.scheme(), "http" | "https") && bare(&url) => {
            // A prefix with a slash behind it would become `//api`, which servers answer with a redirect.
            let path = url.path().trim_end_matches('/').to_owned();
            url.set_path(&path);
            Ok(url)
        }
        Ok(_) | Err(_) => Err(
            "url: write http://HOST:PORT or https://HOST:PORT/PREFIX, without credentials (they belong in auth), query or fragment"
                .to_owned(),
        ),
    }
}

impl WrittenAuth {
    fn check(self) -> Result<Option<Auth>, String> {
        match (self.bearer, self.basic) {
            (None, None) => Ok(None),
            (Some(it), None) => {
                let key = it.key.as_deref().unwrap_or("token");
                Ok(Some(Auth::Bearer(SecretKey::new(&it.secret_name, key)?)))
            }
            (None, Some(it)) => {
                let key =
                    |key: &Option<String>, usual| SecretKey::new(&it.secret_name, key.as_deref().unwrap_or(usual));
                Ok(Some(Auth::Basic {
                    username: key(&it.username_key, "username")?,
                    password: key(&it.password_key, "password")?,
                }))
            }
            (Some(_), Some(_)) => Err("write bearer or basic, not both".to_owned()),
        }
    }
}

impl WrittenTls {
    fn check(self) -> Result<Tls, String> {
        if self.ca_secret_name.is_none() && self.ca_key.is_some() {
            return Err("caKey is a key of caSecretName, which is missing".to_owned());
        }
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        if let Some(server) = self.server_name.as_deref().filter(|server| !part(server, name)) {
            return Err(format!(
                "serverName: {server:?} is no host name, as in prometheus.example.com"
            ));
        }
        let ca_key = self.ca_key.as_deref().unwrap_or("ca.crt");
        let ca = self.ca_secret_name.map(|secret| SecretKey::new(&secret, ca_key));
        let client = self.client_cert_secret_name.map(|secret| {
            let own = (SecretKey::new(&secret, "tls.crt")?, SecretKey::new(&secret, "tls.key")?);
            Ok::<_, String>(own)
        });
        Ok(Tls {
            ca: ca.transpose()?,
            client: client.transpose()?,
            server_name: self.server_name,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rstest::rstest;

    use super::*;

    fn only(settings: &str) -> Result<Endpoint, String> {
        let text = format!("east: {{url: \"https://prometheus:9090\", {settings}}}");
        match parse(&text) {
            Ok(mut endpoints) => Ok(endpoints.remove("east").unwrap()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn endpoints_are_a_map_from_name_to_url() {
        let endpoints = parse("default: {url: http://prometheus.monitoring.svc:9090}\n").unwrap();
        let url = "http://prometheus.monitoring.svc:9090".parse().unwrap();
        assert_eq!(endpoints["default"], Endpoint::new(url, Duration::from_secs(15)));
    }

    #[rstest]
    #[case("file:///etc/passwd")]
    #[case("http://me:secret@prometheus:9090")]
    #[case("http://prometheus:9090/?secret=1")]
    #[case("http://prometheus:9090/#secret")]
    #[case("prometheus:secret")]
    fn a_url_that_cannot_be_used_is_refused_by_name_and_not_repeated(#[case] url: &str) {
        let message = parse(&format!("east: {{url: \"{url}\"}}")).unwrap_err().to_string();
        assert!(message.contains("endpoint east: url:"), "{message}");
        assert!(!message.contains("secret") && !message.contains("passwd"), "{message}");
    }

    #[rstest]
    #[case("https://a/prefix/", "https://a/prefix")]
    #[case("https://a:9/", "https://a:9/")]
    fn a_slash_behind_the_prefix_makes_no_difference(#[case] written: &str, #[case] means: &str) {
        assert_eq!(url(written).unwrap().as_str(), means);
    }

    #[test]
    fn every_setting_has_its_place() {
        let endpoint = only(
            "scrapeIntervalSeconds: 5, labels: {namespace: kubernetes_namespace, pod: kubernetes_pod}, \
             metrics: {requests: app:requests_total, durations: app_seconds}, histograms: Native, userQueries: Allowed, \
             auth: {bearer: {secretName: prometheus-token}}, tls: {caSecretName: ours, serverName: prometheus.example.com}",
        )
        .unwrap();
        assert_eq!(endpoint.scrape_interval, Duration::from_secs(5));
        assert_eq!(endpoint.labels.pod.as_str(), "kubernetes_pod");
        assert_eq!(endpoint.metrics.requests.to_string(), "app:requests_total");
        assert_eq!(endpoint.histograms, Histograms::Native);
        assert_eq!(endpoint.user_queries, UserQueries::Allowed);
        let paths: Vec<PathBuf> = endpoint.secrets().into_iter().map(SecretKey::path).collect();
        assert_eq!(
            paths,
            [PathBuf::from("prometheus-token/token"), PathBuf::from("ours/ca.crt")]
        );
    }

    #[rstest]
    #[case("labels: {pod: 'pod\"} or vector(1)'}", "cannot name a pod's label")]
    #[case("labels: {pod: le}", "cannot name a pod's label")]
    #[case("labels: {pod: __name__}", "cannot name a pod's label")]
    #[case("labels: {pod: ''}", "cannot name a pod's label")]
    #[case("labels: {pod: namespace}", "two labels")]
    #[case("metrics: {requests: 'a + b'}", "no name of a metric")]
    #[case("metrics: {durations: 9lives}", "no name of a metric")]
    #[case("histograms: Exponential", "Native")]
    #[case("userQueries: yes", "Allowed")]
    #[case("auth: {bearer: {secretName: ../other}}", "no name of a Secret")]
    #[case("auth: {bearer: {secretName: ..}}", "no name of a Secret")]
    #[case("auth: {bearer: {secretName: a, key: ../../etc/passwd}}", "no key of a Secret")]
    #[case("auth: {bearer: {secretName: a, key: ..}}", "no key of a Secret")]
    #[case("auth: {bearer: {secretName: a}, basic: {secretName: b}}", "not both")]
    #[case("tls: {caKey: ca.crt}", "caSecretName")]
    #[case("tls: {serverName: 'a/b'}", "serverName")]
    #[case("scrapeInterval: 5", "scrapeInterval")]
    fn a_setting_that_cannot_be_used_says_what_is_wrong(#[case] settings: &str, #[case] says: &str) {
        let message = only(settings).unwrap_err();
        assert!(message.contains(says), "{message}");
    }

    #[test]
    fn certificates_on_plain_http_are_a_mistake() {
        let message = parse("east: {url: 'http://a', tls: {caSecretName: ca}}")
            .unwrap_err()
            .to_string();
        assert!(message.contains("https"), "{message}");
    }
}
