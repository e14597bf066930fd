//! Seats and the waiting list against a model of a few lines: whatever users and the owner do in whatever order, the
//! database gives the same seats to the same people, and its counts are the numbers of rows.

use jiff::{SignedDuration, Timestamp};
use pathfinder_api::domain::page::{List, PageRequest};
use pathfinder_api::domain::registration::{Refusal, Registering, RegistrationId, RegistrationStatus};
use pathfinder_api::domain::tournament::{TournamentDraft, TournamentId, TournamentPatch};
use pathfinder_api::domain::user::{User, UserId};
use pathfinder_api::store::db::{Db, Freshness};
use pathfinder_api::store::{registrations, tournaments, users};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use uuid::Uuid;

use crate::support::Postgres;

const PLAYERS: usize = 6;

/// Something that somebody does.
#[derive(Debug, Clone)]
enum Deed {
    Register(usize),
    Unregister(usize),
    Seats(u32),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        4 => (0..PLAYERS).prop_map(Deed::Register),
        3 => (0..PLAYERS).prop_map(Deed::Unregister),
        1 => (2..5_u32).prop_map(Deed::Seats),
    ];
    proptest::collection::vec(deed, 1..40)
}

/// Who came in which order, and how many may sit.
struct Model {
    seats: usize,
    seated: Vec<usize>,
    waiting: Vec<usize>,
}

impl Model {
    fn register(&mut self, player: usize) -> (bool, RegistrationStatus, Option<u64>) {
        let is_new = !self.seated.contains(&player) && !self.waiting.contains(&player);
        if is_new && self.seated.len() < self.seats {
            self.seated.push(player);
        } else if is_new {
            self.waiting.push(player);
        }
        match self.waiting.iter().position(|one| *one == player) {
            Some(index) => (is_new, RegistrationStatus::Waiting, Some(index as u64 + 1)),
            None => (is_new, RegistrationStatus::Registered, None),
        }
    }

    fn unregister(&mut self, player: usize) -> bool {
        let before = self.seated.len() + self.waiting.len();
        self.seated.retain(|one| *one != player);
        self.waiting.retain(|one| *one != player);
        self.fill();
        self.seated.len() + self.waiting.len() < before
    }

    fn set_seats(&mut self, seats: usize) -> bool {
        if seats < self.seated.len() {
            return false;
        }
        self.seats = seats;
        self.fill();
        true
    }

    fn fill(&mut self) {
        while self.seated.len() < self.seats && !self.waiting.is_empty() {
            self.seated.push(self.waiting.remove(0));
        }
    }
}

async fn database(postgres: &Postgres) -> (Db, Vec<UserId>) {
    let db = postgres.pool(2).await;
    let mut players = Vec::new();
    for number in 0..PLAYERS {
        let user = User {
            id: UserId(Uuid::now_v7()),
            email: format!("{number}@example.com"),
            name: format!("Player {number}"),
            created_at: Timestamp::now(),
        };
        users::create(&db, &user, "no hash").await.expect("a new user");
        players.push(user.id);
    }
    (db, players)
}

async fn tournament(db: &Db, owner: UserId) -> TournamentId {
    let now = Timestamp::now();
    let draft = TournamentDraft {
        name: "Cup".to_owned(),
        game: "chess".to_owned(),
        seats: 2,
        starts_at: now + SignedDuration::from_hours(24),
        entry_fee: None,
    };
    let tournament = draft
        .establish(TournamentId(Uuid::now_v7()), owner, now)
        .expect("a sound draft");
    tournaments::create(db, &tournament).await.expect("it is stored");
    tournament.id
}

async fn compare(db: &Db, players: &[UserId], deeds: Vec<Deed>) -> Result<(), TestCaseError> {
    let id = tournament(db, players[0]).await;
    let mut model = Model {
        seats: 2,
        seated: Vec::new(),
        waiting: Vec::new(),
    };
    for deed in deeds {
        act(db, players, (id, &deed), &mut model).await?;
        let page = PageRequest::parse(List::Participants, Some("100"), None).expect("a page");
        let rows = registrations::of_tournament(db, id, &page, Freshness::Latest).await;
        let rows = rows.expect("an answer").expect("it exists");
        let with = |status| {
            let of = rows.iter().filter(move |row| row.status == status);
            of.map(|row| row.user_id).collect::<Vec<_>>()
        };
        let of = |players_of: &[usize]| players_of.iter().map(|player| players[*player]).collect::<Vec<_>>();
        let (mut seated, mut expected) = (with(RegistrationStatus::Registered), of(&model.seated));
        seated.sort();
        expected.sort();
        prop_assert_eq!(seated, expected, "seats after {:?}", deed);
        let waiting = with(RegistrationStatus::Waiting);
        prop_assert_eq!(
            waiting,
            of(&model.waiting),
            "the order of those who wait after {:?}",
            deed
        );
        let counts = tournaments::get(db, id, Freshness::Latest)
            .await
            .expect("an answer")
            .expect("it exists");
        prop_assert_eq!(counts.seats_taken as usize, model.seated.len());
        prop_assert_eq!(counts.waiting as usize, model.waiting.len());
    }
    Ok(())
}

async fn act(
    db: &Db,
    players: &[UserId],
    (id, deed): (TournamentId, &Deed),
    model: &mut Model,
) -> Result<(), TestCaseError> {
    match *deed {
        Deed::Register(player) => {
            let fresh = RegistrationId(Uuid::now_v7());
            let (is_new, registration) = match registrations::register(db, id, players[player], fresh).await {
                Ok(Registering::Made(made)) => (true, made),
                Ok(Registering::Already(made)) => (false, made),
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            let seen = (is_new, registration.status, registration.waiting_position);
            prop_assert_eq!(seen, model.register(player));
        }
        Deed::Unregister(player) => {
            let outcome = registrations::unregister(db, id, players[player])
                .await
                .expect("an answer");
            let expected = if model.unregister(player) {
                Ok(())
            } else {
                Err(Refusal::NotRegistered)
            };
            prop_assert_eq!(outcome, expected);
        }
        Deed::Seats(seats) => {
            let patch = TournamentPatch {
                seats: Some(i64::from(seats)),
                ..TournamentPatch::default()
            };
            let outcome = tournaments::update(db, id, players[0], &patch)
                .await
                .expect("an answer");
            let expected = if model.set_seats(seats as usize) {
                Ok(())
            } else {
                Err(Refusal::SeatsTaken)
            };
            prop_assert_eq!(outcome, expected);
        }
    }
    Ok(())
}

#[test]
fn whatever_happens_seats_and_the_waiting_list_are_those_of_the_model() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let postgres = runtime.block_on(Postgres::start());
    let (db, players) = runtime.block_on(database(&postgres));
    let mut runner = TestRunner::new(Config {
        cases: 48,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&deeds(), |deeds| runtime.block_on(compare(&db, &players, deeds)));
    outcome.expect("the database and the model agree");
}
