//! The mixed load: which request comes next. 70 % list and get by a Zipf law, 15 % own registrations, 10 % register or
//! cancel, 4 % session checks, 1 % logins.

use std::collections::BTreeSet;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Zipf};

use crate::{connection::request, plan::Plan};

/// What a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A page of the list.
    List,
    /// One tournament.
    Get,
    /// Own registrations.
    Own,
    /// A registration.
    Register,
    /// Its end.
    Cancel,
    /// A look at the own session.
    Session,
    /// A login.
    Login,
}

impl Kind {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Get => "get",
            Self::Own => "own registrations",
            Self::Register => "register",
            Self::Cancel => "cancel",
            Self::Session => "session",
            Self::Login => "login",
        }
    }
}

/// Makes requests, the same ones for the same seed.
#[derive(Debug)]
pub struct Mix {
    plan: Plan,
    random: ChaCha8Rng,
    tournament: Zipf<f64>,
    page: Zipf<f64>,
    // Made by this mix, and not cancelled yet.
    registered: BTreeSet<(usize, usize)>,
}

impl Mix {
    /// Over everything in the plan.
    ///
    /// # Errors
    /// When there is nothing in it.
    pub fn new(plan: Plan, seed: u64) -> anyhow::Result<Self> {
        Ok(Self {
            tournament: law(plan.tournaments.len())?,
            page: law(plan.pages.len())?,
            plan,
            random: ChaCha8Rng::seed_from_u64(seed),
            registered: BTreeSet::new(),
        })
    }

    /// The next request.
    pub fn next_request(&mut self) -> (Kind, Vec<u8>) {
        let user = self.random.random_range(0..self.plan.users.len());
        let token = Some(self.plan.users[user].token.clone());
        let token = token.as_deref();
        match self.random.random_range(0..100_u32) {
            0..35 => {
                let page = rank(&self.page, &mut self.random);
                (Kind::List, request(("GET", &self.plan.pages[page]), None, None))
            }
            35..70 => {
                let tournament = rank(&self.tournament, &mut self.random);
                (
                    Kind::Get,
                    request(("GET", &self.plan.tournaments[tournament]), None, None),
                )
            }
            70..85 => (Kind::Own, request(("GET", "/api/users/me/registrations"), token, None)),
            85..95 => self.register_or_cancel(user),
            95..99 => (Kind::Session, request(("GET", "/api/sessions/current"), token, None)),
            _ => {
                let login = Some(&*self.plan.users[user].login);
                (Kind::Login, request(("POST", "/api/sessions"), None, login))
            }
        }
    }

    // As many come as go, once some have come.
    fn register_or_cancel(&mut self, user: usize) -> (Kind, Vec<u8>) {
        let cancels = self.registered.len() >= 200 && self.random.random_bool(0.5);
        if cancels && let Some(pair @ (user, tournament)) = self.any_registered() {
            self.registered.remove(&pair);
            let path = format!("{}/registrations/me", self.plan.tournaments[tournament]);
            return (
                Kind::Cancel,
                request(("DELETE", &path), Some(&self.plan.users[user].token), None),
            );
        }
        let tournament = rank(&self.tournament, &mut self.random);
        self.registered.insert((user, tournament));
        let path = format!("{}/registrations", self.plan.tournaments[tournament]);
        (
            Kind::Register,
            request(("POST", &path), Some(&self.plan.users[user].token), Some("{}")),
        )
    }

    fn any_registered(&mut self) -> Option<(usize, usize)> {
        let from = (self.random.random_range(0..self.plan.users.len()), 0);
        self.registered
            .range(from..)
            .next()
            .or(self.registered.first())
            .copied()
    }
}

// Exponent 1: the classic law of popularity.
fn law(count: usize) -> anyhow::Result<Zipf<f64>> {
    let count = u32::try_from(count)?;
    Zipf::new(f64::from(count), 1.0).map_err(|error| anyhow::anyhow!("a law over {count}: {error}"))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank is a whole number from 1 to the count"
)]
fn rank(law: &Zipf<f64>, random: &mut impl Rng) -> usize {
    law.sample(random) as usize - 1
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plan::User;

    fn mix() -> Mix {
        let user = |number: u32| User {
            token: format!("t{number}"),
            login: "{}".to_owned(),
        };
        let plan = Plan {
            tournaments: (0..1000).map(|id| format!("/api/tournaments/{id}")).collect(),
            pages: (0..50).map(|page| format!("/api/tournaments?cursor={page}")).collect(),
            users: (0..20).map(user).collect(),
        };
        Mix::new(plan, 1).unwrap()
    }

    #[test]
    fn the_shares_are_those_of_the_goal() {
        let mut mix = mix();
        let mut counts: BTreeMap<Kind, f64> = BTreeMap::new();
        for _ in 0..100_000 {
            *counts.entry(mix.next_request().0).or_default() += 1.0 / 1000.0;
        }
        let share = |kinds: &[Kind]| kinds.iter().filter_map(|kind| counts.get(kind)).sum::<f64>();
        for (kinds, percent) in [
            (&[Kind::List, Kind::Get][..], 70.0),
            (&[Kind::Own], 15.0),
            (&[Kind::Register, Kind::Cancel], 10.0),
            (&[Kind::Session], 4.0),
            (&[Kind::Login], 1.0),
        ] {
            assert!((share(kinds) - percent).abs() < 0.5, "{kinds:?}: {}", share(kinds));
        }
    }

    #[test]
    fn nothing_is_cancelled_that_was_not_registered_before() {
        let mut mix = mix();
        let mut cancelled = 0;
        for _ in 0..50_000 {
            let before = mix.registered.clone();
            if mix.next_request().0 == Kind::Cancel {
                assert!(mix.registered.is_subset(&before));
                assert_eq!(mix.registered.len() + 1, before.len());
                cancelled += 1;
            }
        }
        assert!(cancelled > 100, "{cancelled}");
    }

    #[test]
    fn the_first_is_asked_for_most() {
        let mut mix = mix();
        let ranks: Vec<usize> = (0..10_000).map(|_| rank(&mix.tournament, &mut mix.random)).collect();
        let of = |rank: usize| ranks.iter().filter(|seen| **seen == rank).count();
        assert!(of(0) > of(9) && of(9) > of(99), "{} {} {}", of(0), of(9), of(99));
        assert!(ranks.iter().all(|rank| *rank < 1000));
    }
}
