//! The real program against a real PostgreSQL and a real Redis, each started by its test on loopback. Needs the Debian
//! packages postgresql and redis-server.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod edge;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod outage;
#[cfg(test)]
mod people;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod renewal;
#[cfg(test)]
mod replica;
#[cfg(test)]
mod seats;
#[cfg(test)]
mod support;
