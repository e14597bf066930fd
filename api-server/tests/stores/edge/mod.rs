//! The edge of the program: live events over several servers, payments through a gateway that limits, fails, hangs and
//! repeats itself, uploads, and clients that behave badly.

mod gateway;
mod live;
mod payments;
mod people;
mod posters;
mod wire;
