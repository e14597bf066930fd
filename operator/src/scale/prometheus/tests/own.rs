//! Own queries beside the tick: slow ones, changed ones, and one failure between two answers.

use super::*;
use crate::{
    cluster::Queries,
    scale::prometheus::{own::OwnQueries, user::UserAnswer},
};

const LOAD: &str = "sum(load)";
const LONG: Duration = Duration::from_secs(30);

fn allowed(url: &str) -> Arc<Endpoints> {
    Arc::new(endpoints(url, "userQueries: Allowed", &Folder::new()))
}

fn load(query: &str) -> Queries {
    Queries {
        requests_per_second: Some(query.to_owned()),
        latency: None,
    }
}

fn number(value: &str) -> ResponseTemplate {
    vector(&[series("a", "b", value)])
}

// What they said at `at`, as soon as it is no longer what `before` says.
async fn after(
    before: UserAnswer,
    (own, endpoints): (&mut OwnQueries, &Arc<Endpoints>),
    (query, at): (&str, Instant),
) -> UserAnswer {
    let looking = async {
        loop {
            let said = own.look(endpoints, ("default", &load(query)), at).await.load;
            let said = said.expect("there is a query");
            if said != before {
                return said;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, looking)
        .await
        .unwrap_or_else(|_| panic!("still {before:?} after {LONG:?}"))
}

#[tokio::test]
async fn a_query_that_takes_longer_than_a_tick_waits_is_answered_at_a_later_one() {
    let server = server(number("7").set_delay(Duration::from_secs(2))).await;
    let (endpoints, mut own, start) = (allowed(&server.uri()), OwnQueries::default(), Instant::now());
    let first = own.look(&endpoints, ("default", &load(LOAD)), start).await;
    assert_eq!((first.load, first.latency), (Some(UserAnswer::NotYet), None));
    let said = after(UserAnswer::NotYet, (&mut own, &endpoints), (LOAD, start)).await;
    assert_eq!(said, UserAnswer::Value(7.0));
    let later = own
        .look(&endpoints, ("default", &load(LOAD)), start + Duration::from_secs(5))
        .await;
    assert_eq!(
        (later.load, later.age),
        (Some(UserAnswer::Value(7.0)), Duration::from_secs(5)),
        "an answer is as old as its question"
    );
}

#[tokio::test]
async fn another_query_has_nothing_of_the_answer_to_the_one_before() {
    let server = MockServer::start().await;
    for (word, response) in [
        ("first", number("1")),
        ("second", number("2").set_delay(Duration::from_secs(2))),
    ] {
        let mock = Mock::given(path(QUERY)).and(query_param_contains("query", word));
        mock.respond_with(response).mount(&server).await;
    }
    let (endpoints, mut own, start) = (allowed(&server.uri()), OwnQueries::default(), Instant::now());
    let said = after(UserAnswer::NotYet, (&mut own, &endpoints), ("first", start)).await;
    assert_eq!(said, UserAnswer::Value(1.0));
    let second = own.look(&endpoints, ("default", &load("second")), start).await;
    assert_eq!(second.load, Some(UserAnswer::NotYet));
    let none = own.look(&endpoints, ("default", &Queries::default()), start).await;
    assert_eq!((none.load, none.latency), (None, None));
}

#[tokio::test]
async fn one_failure_between_two_answers_is_none_and_a_lasting_one_is_said() {
    let server = MockServer::start().await;
    let mock = Mock::given(path(QUERY)).respond_with(number("7"));
    mock.up_to_n_times(1).mount(&server).await;
    let mock = Mock::given(path(QUERY)).respond_with(ResponseTemplate::new(503));
    mock.mount(&server).await;
    let (endpoints, mut own, start) = (allowed(&server.uri()), OwnQueries::default(), Instant::now());
    let said = after(UserAnswer::NotYet, (&mut own, &endpoints), (LOAD, start)).await;
    assert_eq!(said, UserAnswer::Value(7.0));
    let failed = start + Duration::from_secs(5);
    let said = own.look(&endpoints, ("default", &load(LOAD)), failed).await;
    assert_eq!(said.load, Some(UserAnswer::Value(7.0)));
    let lasting = start + Duration::from_secs(16);
    let said = after(UserAnswer::Value(7.0), (&mut own, &endpoints), (LOAD, lasting)).await;
    assert_eq!(said, UserAnswer::Unreachable(Why::Status(503)));
}
