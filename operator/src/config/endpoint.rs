//! The Prometheus endpoints that the administrator defined: where, how they scrape, what their series are called, and which
//! Secrets open them.
//!
//! Pure: text in, checked settings out. Names that become a part of a query or of a path are types of their own, so that
//! nothing can be smuggled into either. It must not know what is in a Secret.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use reqwest::Url;
use serde::Deserialize;

/// A Prometheus endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where its API is: `http://prometheus.monitoring.svc:9090`. Without credentials.
    pub url: Url,
    /// How often it scrapes the API pods: tells how old a sample may be.
    pub scrape_interval: Duration,
    /// What tells pods apart there.
    pub labels: Labels,
    /// What the API's series are called there.
    pub metrics: MetricNames,
    /// How it stores durations.
    pub histograms: Histograms,
    /// Whether queries that users wrote may be sent to it.
    pub user_queries: UserQueries,
    /// What it wants to see of us, beside the client certificate.
    pub auth: Option<Auth>,
    /// Whom we trust to be it, and who we are.
    pub tls: Tls,
}

/// Names of the labels that tell pods apart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Labels {
    /// The label that holds the namespace of a pod.
    pub namespace: LabelName,
    /// The label that holds the name of a pod.
    pub pod: LabelName,
}

/// Names of the API's series.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricNames {
    /// Counter of requests.
    pub requests: MetricName,
    /// Histogram of the seconds that requests took, without `_bucket`, `_sum` or `_count`.
    pub durations: MetricName,
}

/// How an endpoint stores histograms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Histograms {
    /// One series per bucket.
    #[default]
    Classic,
    /// One series per histogram.
    Native,
}

/// Whether users may ask an endpoint for anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum UserQueries {
    /// A query sees every series of the Prometheus, also those of other namespaces.
    #[default]
    Forbidden,
    /// The administrator says that this is no harm.
    Allowed,
}

/// How we say who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer`.
    Bearer(SecretKey),
    /// `Authorization: Basic`.
    Basic {
        /// Where the user name is.
        username: SecretKey,
        /// Where the password is.
        password: SecretKey,
    },
}

/// Certificates. All absent: the system's roots, no certificate of our own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// PEM of the only authorities that are trusted.
    pub ca: Option<SecretKey>,
    /// PEM of our own certificate (`tls.crt`) and its key (`tls.key`).
    pub client: Option<(SecretKey, SecretKey)>,
    /// The name that the certificate must be of, where it is not the host of the URL.
    pub server_name: Option<String>,
}

/// One value of a Secret in the operator's namespace. Both names are safe as parts of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretKey {
    secret: String,
    key: String,
}

impl SecretKey {
    fn new(secret: &str, key: &str) -> Result<Self, String> {
        let kept = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        if !part(secret, kept) || !secret.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(format!(
                "{secret:?} is no name of a Secret: use lower-case letters, digits, '-' and '.', as in prometheus-token"
            ));
        }
        let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if !part(key, kept) {
            return Err(format!(
                "{key:?} is no key of a Secret: use letters, digits, '-', '_' and '.', as in token"
            ));
        }
        Ok(Self {
            secret: secret.to_owned(),
            key: key.to_owned(),
        })
    }

    /// Where the value is below the folder of credentials: `SECRET/KEY`.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(&self.secret).join(&self.key)
    }
}

impl fmt::Display for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret {} (key {})", self.secret, self.key)
    }
}

// Kubernetes' own bound on names; two dots lead out of a folder.
fn part(text: &str, kept: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.len() <= 253 && text.chars().all(kept) && !text.contains("..") && text != "."
}

/// A label's name, safe in a query.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LabelName(String);

/// A metric's name, safe in a query.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MetricName(String);

const LONGEST_NAME: usize = 128;

fn identifier(text: &str, kept: impl Fn(char) -> bool) -> bool {
    text.len() <= LONGEST_NAME && text.starts_with(|c: char| kept(c) && !c.is_ascii_digit()) && text.chars().all(kept)
}

impl TryFrom<String> for LabelName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let ours = matches!(text.as_str(), "le" | "signal") || text.starts_with("__");
        if !ours && identifier(&text, |c| c.is_ascii_alphanumeric() || c == '_') {
            Ok(Self(text))
        } else {
            Err(format!(
                "{text:?} cannot name a pod's label: use letters, digits and '_', not le, signal or a leading '__', as in kubernetes_pod_name"
            ))
        }
    }
}

impl TryFrom<String> for MetricName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if identifier(&text, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':')) {
            Ok(Self(text))
        } else {
            Err(format!(
                "{text:?} is no name of a metric: use letters, digits, '_' and ':', as in http_requests_total"
            ))
        }
    }
}

impl LabelName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LabelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self {
            namespace: LabelName("namespace".to_owned()),
            pod: LabelName("pod".to_owned()),
        }
    }
}

impl Default for MetricNames {
    fn default() -> Self {
        Self {
            requests: MetricName("http_requests_total".to_owned()),
            durations: MetricName("http_request_duration_seconds".to_owned()),
        }
    }
}

impl Endpoint {
    /// An endpoint with every other setting as it usually is.
    pub fn new(url: Url, scrape_interval: Duration) -> Self {
        Self {
            url,
            scrape_interval,
            labels: Labels::default(),
            metrics: MetricNames::default(),
            histograms: Histograms::default(),
            user_queries: UserQueries::default(),
            auth: None,
            tls: Tls::default(),
        }
    }

    /// Every value of a Secret that this endpoint needs.
    pub fn secrets(&self) -> Vec<&SecretKey> {
        let auth = match &self.auth {
            None => vec![],
            Some(Auth::Bearer(token)) => vec![token],
            Some(Auth::Basic { username, password }) => vec![username, password],
        };
        let own = self.tls.client.iter().flat_map(|(cert, key)| [cert, key]);
        auth.into_iter().chain(&self.tls.ca).chain(own).collect()
    }
}

// Prometheus's own examples and most charts scrape this often.
const DEFAULT_SCRAPE_SECONDS: u64 = 15;

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
        Ok(url) if matches!(url.scheme(), "http" | "https") && bare(&url) => Ok(url),
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
