//! The own queries of one cluster, asked beside its tick: a slow one delays nobody, not even its own cluster.
//!
//! IO. What they said is kept with its age; what that means is for `look`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    cluster::Queries,
    scale::{
        look::Own,
        prometheus::{
            Endpoints,
            beside::{Answered, Background},
            user::UserAnswer,
        },
    },
};

// How long a tick waits for them.
const PATIENCE: Duration = Duration::from_millis(750);

/// What is asked for one cluster, and what was said.
#[derive(Default)]
pub struct OwnQueries {
    endpoint: String,
    queries: Queries,
    background: Background<Own>,
}

impl OwnQueries {
    /// What these queries gave, asked now or a little earlier. Other queries than the last time are asked anew.
    pub async fn look(
        &mut self,
        endpoints: &Arc<Endpoints>,
        (endpoint, queries): (&str, &Queries),
        now: Instant,
    ) -> Own {
        if *queries == Queries::default() {
            *self = Self::default();
            return Own::default();
        }
        if (self.endpoint.as_str(), &self.queries) != (endpoint, queries) {
            *self = Self {
                endpoint: endpoint.to_owned(),
                queries: queries.clone(),
                background: Background::default(),
            };
        }
        let ask = ask(endpoints.clone(), endpoint.to_owned(), queries.clone());
        match self.background.look(ask, (now, PATIENCE)).await {
            Some((own, age)) => Own { age, ..(*own).clone() },
            None => not_yet(queries),
        }
    }
}

impl Answered for Own {
    fn is_whole(&self) -> bool {
        let said = [&self.load, &self.latency];
        !said.iter().any(|said| matches!(said, Some(UserAnswer::Unreachable(_))))
    }
}

async fn ask(endpoints: Arc<Endpoints>, endpoint: String, queries: Queries) -> Own {
    let ask = async |query: &Option<String>| match query {
        Some(query) => Some(endpoints.ask_user(&endpoint, query).await),
        None => None,
    };
    let (load, latency) = tokio::join!(ask(&queries.requests_per_second), ask(&queries.latency));
    Own {
        load,
        latency,
        age: Duration::ZERO,
    }
}

fn not_yet(queries: &Queries) -> Own {
    let said = |query: &Option<String>| query.as_ref().map(|_| UserAnswer::NotYet);
    Own {
        load: said(&queries.requests_per_second),
        latency: said(&queries.latency),
        age: Duration::ZERO,
    }
}
