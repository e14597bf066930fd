//! From what an endpoint sent to the data of a query, or to why there are none.
//!
//! Pure. Whatever is sent, the answer is one of the two, and the reason is one that a person can act on.

use prometheus_http_query::response::{Data, InstantVector};
use serde::{Deserialize, de::IgnoredAny};

use crate::scale::why::{Why, quote};

/// What was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status of HTTP.
    pub status: u16,
    /// The body, as much of it as was read.
    pub body: Vec<u8>,
}

// The crate's own envelope keeps its warnings to itself, which say that data are missing.
#[derive(Deserialize)]
struct Envelope<T> {
    data: Option<T>,
    error: Option<String>,
    warnings: Option<Vec<String>>,
}

/// The data of a query.
///
/// # Errors
/// When it was not sent, or only a part of it.
pub fn data(reply: &Reply) -> Result<Data, Why> {
    match reply.status {
        200..=299 => succeeded(&reply.body),
        300..=399 => Err(Why::Redirects),
        401 | 403 => Err(Why::Refused(reply.status)),
        status => Err(match error_text(&reply.body) {
            Some(text) => Why::Rejected(quote(&text)),
            None => Why::Status(status),
        }),
    }
}

/// The series of an instant query.
///
/// # Errors
/// As [`data`], and when the result is of another type.
pub fn vector(reply: &Reply) -> Result<Vec<InstantVector>, Why> {
    data(reply)?
        .into_vector()
        .map_err(|_| Why::ResultType("an instant vector"))
}

fn succeeded(body: &[u8]) -> Result<Data, Why> {
    let Ok(envelope) = serde_json::from_slice::<Envelope<Data>>(body) else {
        return Err(undecodable(body));
    };
    match (partial(envelope.warnings), envelope.data) {
        (Some(warning), _) => Err(Why::Partial(quote(&warning))),
        (None, Some(data)) => Ok(data),
        (None, None) => Err(Why::NotPrometheus),
    }
}

fn undecodable(body: &[u8]) -> Why {
    // It is Prometheus, but with strings or native histograms where numbers were asked for.
    match serde_json::from_slice::<Envelope<IgnoredAny>>(body) {
        Ok(envelope) if envelope.data.is_some() => Why::ResultType("numbers"),
        Ok(_) | Err(_) => Why::NotPrometheus,
    }
}

// Before 2.54 Prometheus sent mere information ("might not be a counter") as warnings.
fn partial(warnings: Option<Vec<String>>) -> Option<String> {
    let all = warnings.unwrap_or_default();
    all.into_iter().find(|text| !text.starts_with("PromQL info"))
}

fn error_text(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Envelope<IgnoredAny>>(body).ok()?.error
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status,
            body: body.as_bytes().to_vec(),
        }
    }

    const ONE: &str = r#""data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2.5"]}]}"#;

    #[rstest]
    #[case(200, "<html>login</html>", Why::NotPrometheus)]
    #[case(200, "", Why::NotPrometheus)]
    #[case(200, "[1, 2]", Why::NotPrometheus)]
    #[case(200, r#"{"status":"success"}"#, Why::NotPrometheus)]
    #[case(
        200,
        r#"{"status":"success","data":{"resultType":"string","result":[1,"a"]}}"#,
        Why::ResultType("numbers")
    )]
    #[case(
        200,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}}"#,
        Why::ResultType("numbers")
    )]
    #[case(
        200,
        r#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}"#,
        Why::ResultType("an instant vector")
    )]
    #[case(
        200,
        r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
        Why::ResultType("an instant vector")
    )]
    #[case(302, "", Why::Redirects)]
    #[case(401, "no", Why::Refused(401))]
    #[case(403, r#"{"error":"token abc"}"#, Why::Refused(403))]
    #[case(404, "404 page not found", Why::Status(404))]
    #[case(503, "<html>down</html>", Why::Status(503))]
    #[case(400, r#"{"status":"error","errorType":"bad_data","error":"parse error: oh"}"#, Why::Rejected("parse error: oh".to_owned()))]
    #[case(503, r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#, Why::Rejected("query timed out".to_owned()))]
    fn what_is_no_vector_says_what_it_is(#[case] status: u16, #[case] body: &str, #[case] why: Why) {
        assert_eq!(vector(&reply(status, body)), Err(why));
    }

    #[test]
    fn a_warning_means_that_data_are_missing() {
        let body = format!(r#"{{"status":"success","warnings":["store east is down"],{ONE}}}"#);
        let partial = Why::Partial("store east is down".to_owned());
        assert_eq!(vector(&reply(200, &body)), Err(partial));
    }

    #[rstest]
    #[case(r#""warnings":["PromQL info: metric might not be a counter"],"#)]
    #[case(r#""infos":["PromQL info: metric might not be a counter"],"#)]
    #[case("")]
    fn information_is_no_warning(#[case] beside: &str) {
        let body = format!(r#"{{"status":"success",{beside}{ONE}}}"#);
        let series = vector(&reply(200, &body)).unwrap();
        assert_eq!(series[0].sample().value().to_bits(), 2.5_f64.to_bits());
    }
}
