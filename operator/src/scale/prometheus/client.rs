//! Settings and credentials to a client, and a question to a bounded reply.
//!
//! The client is made without IO; the only IO is one request. Neither time nor size is left to the other side: an endpoint
//! that is slow, endless or elsewhere is an answer like any other.

use std::{error::Error as StdError, io, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use prometheus_http_query::{Client, Error};
use reqwest::{
    Certificate, ClientBuilder, Identity, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue},
    redirect,
};

use crate::{
    config::endpoint::{Auth, Endpoint, Tls},
    scale::{
        prometheus::{
            answer::Reply,
            credentials::{Credentials, bad},
        },
        why::{Why, quote},
    },
};

/// What one question may cost.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Until the last byte.
    pub deadline: Duration,
    /// Bytes of the body.
    pub limit_bytes: usize,
}

// An error is read for its text.
const ERROR_LIMIT_BYTES: usize = 16 * 1024;

/// A client for an endpoint.
///
/// # Errors
/// When what is in a Secret cannot be used, naming it.
pub fn client(endpoint: &Endpoint, credentials: &Credentials) -> Result<Client, Why> {
    let mut headers = HeaderMap::new();
    if let Some(auth) = &endpoint.auth {
        headers.insert(AUTHORIZATION, authorization(auth, credentials)?);
    }
    let builder = reqwest::Client::builder()
        // A redirect would let the endpoint choose whom we talk to, and whom our credentials reach.
        .redirect(redirect::Policy::none());
    let builder = certificates(builder, &endpoint.tls, credentials)?;
    let (builder, url) = named(builder, endpoint, &mut headers)?;
    let http = builder.default_headers(headers).build();
    let http = http.map_err(|error| trouble(&error))?;
    Client::from(http, url.as_str()).map_err(|error| trouble(&error))
}

fn authorization(auth: &Auth, credentials: &Credentials) -> Result<HeaderValue, Why> {
    let (text, at) = match auth {
        Auth::Bearer(token) => (format!("Bearer {}", credentials.line(token)?), token),
        Auth::Basic { username, password } => {
            let pair = format!("{}:{}", credentials.line(username)?, credentials.line(password)?);
            (format!("Basic {}", STANDARD.encode(pair)), password)
        }
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| bad(at, "text that a header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn certificates(builder: ClientBuilder, tls: &Tls, credentials: &Credentials) -> Result<ClientBuilder, Why> {
    let builder = match &tls.ca {
        None => builder,
        Some(at) => {
            let authorities = Certificate::from_pem_bundle(credentials.bytes(at)?);
            let authorities = authorities.ok().filter(|some| !some.is_empty());
            builder.tls_certs_only(authorities.ok_or_else(|| bad(at, "a PEM certificate"))?)
        }
    };
    let Some((certificate, key)) = &tls.client else {
        return Ok(builder);
    };
    let pem = [credentials.bytes(certificate)?, b"\n", credentials.bytes(key)?].concat();
    let identity = Identity::from_pem(&pem);
    Ok(builder.identity(identity.map_err(|_| bad(key, "a PEM key beside a PEM certificate"))?))
}

// The certificate is checked against the host of the URL, so the URL gets that name, and the name the host's addresses.
fn named(builder: ClientBuilder, endpoint: &Endpoint, headers: &mut HeaderMap) -> Result<(ClientBuilder, Url), Why> {
    let mut url = endpoint.url.clone();
    let (Some(name), Some(host)) = (&endpoint.tls.server_name, endpoint.url.host_str()) else {
        return Ok((builder, url));
    };
    let unusable = || Why::Connection(format!("{name} is no host name"));
    url.set_host(Some(name)).map_err(|_| unusable())?;
    let authority = endpoint
        .url
        .port()
        .map_or(host.to_owned(), |port| format!("{host}:{port}"));
    headers.insert(HOST, HeaderValue::from_str(&authority).map_err(|_| unusable())?);
    let host = host.trim_matches(['[', ']']).to_owned();
    Ok((builder.dns_resolver(AddressesOf(host)), url))
}

// Whatever name is asked for, it is at the addresses of this host.
struct AddressesOf(String);

impl Resolve for AddressesOf {
    fn resolve(&self, _name: Name) -> Resolving {
        let host = self.0.clone();
        Box::pin(async move {
            // The port is the URL's own.
            let addresses: Vec<_> = tokio::net::lookup_host((host, 0)).await?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Waits for a reply, and reads as much of it as the bounds allow.
///
/// # Errors
/// When there is none, or the body of a success is longer.
pub async fn fetch<F>(sent: F, bounds: Bounds) -> Result<Reply, Why>
where
    F: Future<Output = Result<reqwest::Response, Error>>,
{
    tokio::time::timeout(bounds.deadline, read(sent, bounds.limit_bytes))
        .await
        .unwrap_or(Err(Why::Slow(bounds.deadline)))
}

async fn read<F>(sent: F, limit_bytes: usize) -> Result<Reply, Why>
where
    F: Future<Output = Result<reqwest::Response, Error>>,
{
    let mut response = sent.await.map_err(|error| trouble(&error))?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| trouble(&error))? {
        // Of a refusal the status is what matters, however long its page is.
        if !status.is_success() && body.len() + chunk.len() > ERROR_LIMIT_BYTES {
            break;
        }
        if body.len() + chunk.len() > limit_bytes {
            return Err(Why::TooLong { limit_bytes });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply {
        status: status.as_u16(),
        body,
    })
}

// The innermost cause is the one to act on; those around it repeat that a request failed.
fn trouble(error: &(dyn StdError + 'static)) -> Why {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Why::Tls(quote(&tls.to_string()));
    }
    // An error of the system does not name the one that it was made of as its source.
    let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    match (inside, error.source()) {
        (Some(inside), _) => trouble(inside),
        (None, Some(cause)) => trouble(cause),
        (None, None) => Why::Connection(quote(&error.to_string())),
    }
}
