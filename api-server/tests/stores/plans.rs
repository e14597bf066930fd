//! What PostgreSQL makes of the statements that are executed most.

use pathfinder_api::domain::page::{List, PageRequest};
use pathfinder_api::domain::search::{RawSearch, TournamentSearch};
use pathfinder_api::domain::tournament::TournamentId;
use pathfinder_api::domain::user::UserId;
use pathfinder_api::metrics::labels::QueryType;
use pathfinder_api::store::db::{Db, Freshness};
use pathfinder_api::store::{registrations, tournaments};
use sqlx::query_as;
use uuid::Uuid;

use crate::support::Postgres;

// PostgreSQL plans the first five executions of a statement for their values, and then compares.
const PLANNED: i64 = 5;
const EXECUTIONS: i64 = 10;

// What a list is asked for, as its query says it.
const SEARCHES: [RawSearch<'static>; 4] = [
    EVERYTHING,
    RawSearch {
        game: Some("chess"),
        ..EVERYTHING
    },
    RawSearch {
        status: Some("Open"),
        ..EVERYTHING
    },
    RawSearch {
        starts_after: Some("2020-01-01T00:00:00Z"),
        ..EVERYTHING
    },
];
const EVERYTHING: RawSearch<'static> = RawSearch {
    limit: None,
    cursor: None,
    game: None,
    status: None,
    starts_after: None,
};

async fn read_pages(db: &Db) {
    for search in &SEARCHES {
        let search = TournamentSearch::parse(search).expect("a sound search");
        let found = tournaments::list(db, &search, Freshness::Latest).await;
        assert_eq!(found.expect("rows").len(), usize::from(search.page.fetch_count()));
    }
    let page = |list| PageRequest::parse(list, None, None).expect("the usual page");
    let user = UserId(Uuid::now_v7());
    registrations::of_user(db, user, &page(List::OwnRegistrations), Freshness::Latest)
        .await
        .expect("rows");
    let tournament = TournamentId(Uuid::now_v7());
    registrations::of_tournament(db, tournament, &page(List::Participants), Freshness::Latest)
        .await
        .expect("rows");
}

#[tokio::test]
async fn a_page_is_not_planned_anew_each_time_it_is_read() {
    let postgres = Postgres::start().await;
    // One, so that all of it is in its session.
    let db = postgres.pool(1).await;
    // Enough that a tenth of them is a lot.
    postgres
        .execute(
            "insert into tournaments (id, name, game, seats, starts_at, created_at)
                select gen_random_uuid(), 'Cup', 'chess', 2, now() + interval '1 day', now() from generate_series(1, 2000);
            analyze tournaments",
        )
        .await;
    for _ in 0..EXECUTIONS {
        read_pages(&db).await;
    }
    let statements = || {
        query_as::<_, (String, i64, i64)>(
            "select statement, generic_plans, custom_plans from pg_prepared_statements where statement like $1",
        )
        .bind("% limit %")
    };
    let statements = db.read(QueryType::ListTournaments, Freshness::Latest, statements);
    let statements = statements.await.expect("rows");
    assert_eq!(statements.len(), SEARCHES.len() + 2, "{statements:#?}");
    for (statement, generic, custom) in statements {
        assert_eq!(generic + custom, EXECUTIONS, "{statement}");
        assert!(custom <= PLANNED, "planned {custom} times: {statement}");
    }
}
