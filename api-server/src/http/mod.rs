//! The handlers: each reads its request, asks the layers below and writes its answer, and decides nothing else. Each area
//! has its own `routes()`, from which the router and the OpenAPI document are made.

pub mod answer;
pub mod extract;
pub mod health;
pub mod live;
pub mod metrics;
pub mod openapi;
pub mod payments;
pub mod posters;
pub mod registrations;
pub mod scores;
pub mod sessions;
pub mod tournaments;
pub mod users;
