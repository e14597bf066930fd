//! The ways of a payment.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const FEE: i64 = 50_000;

fn payment() -> Payment {
    Payment {
        state: PaymentState::Ordering,
        amount: FEE,
        currency: "INR".to_owned(),
        capture: None,
        returned: Vec::new(),
    }
}

fn capture(id: &str, amount: i64) -> PaymentEvent {
    PaymentEvent::Captured(Capture {
        id: id.to_owned(),
        amount,
        currency: "INR".to_owned(),
    })
}

/// Money and seats as they are in the world, moved only by decisions.
#[derive(Debug, Default)]
struct World {
    captured: BTreeSet<String>,
    refunds: Vec<String>,
    confirmed: u32,
    released: u32,
    /// Given up by the user, before or after it was confirmed.
    withdrawn: bool,
}

fn play(events: &[PaymentEvent]) -> (Payment, World) {
    let (mut payment, mut world) = (payment(), World::default());
    for event in events {
        if let PaymentEvent::Captured(capture) = event {
            world.captured.insert(capture.id.clone());
        }
        world.withdrawn |= *event == PaymentEvent::Withdrawn;
        if let Some(decision) = payment.decide(event) {
            world.refunds.extend(decision.refund.clone());
            world.confirmed += u32::from(decision.seat == Seat::Confirm);
            world.released += u32::from(decision.seat == Seat::Release);
            payment = payment.after(&decision);
        }
    }
    (payment, world)
}

fn event() -> impl Strategy<Value = PaymentEvent> {
    let id = prop_oneof![Just("pay_1"), Just("pay_2"), Just("pay_3")];
    prop_oneof![
        Just(PaymentEvent::OrderMade),
        Just(PaymentEvent::OrderRefused),
        (id.clone(), prop_oneof![4 => Just(FEE), 1 => Just(FEE - 1)]).prop_map(|(id, amount)| capture(id, amount)),
        Just(PaymentEvent::TimeOver),
        Just(PaymentEvent::Withdrawn),
        id.prop_map(|id| PaymentEvent::RefundMade(id.to_owned())),
    ]
}

proptest! {
    #[test]
    fn every_amount_taken_either_pays_a_seat_or_goes_back_exactly_once(events in vec(event(), 0..20)) {
        let (payment, world) = play(&events);
        let refunded: BTreeSet<_> = world.refunds.iter().cloned().collect();
        prop_assert_eq!(refunded.len(), world.refunds.len(), "refunded twice: {:?}", world.refunds);
        let mut kept = world.captured.clone();
        kept.retain(|id| !refunded.contains(id));
        let paying: BTreeSet<_> = payment.capture.iter().filter(|_| payment.state == PaymentState::Paid).cloned().collect();
        prop_assert_eq!(kept, paying);
    }

    #[test]
    fn a_seat_is_confirmed_at_most_once_and_never_also_given_away(events in vec(event(), 0..20)) {
        let (payment, world) = play(&events);
        prop_assert!(world.confirmed + world.released <= 1);
        let is_seated = world.confirmed == 1 && !world.withdrawn;
        prop_assert_eq!(is_seated && payment.state == PaymentState::Paid, is_seated);
        if payment.state == PaymentState::Paid {
            prop_assert_eq!(world.confirmed, 1);
        }
    }

    #[test]
    fn a_capture_that_is_told_again_changes_nothing(events in vec(event(), 0..20), amount in 1..FEE + 2) {
        let told = capture("pay_1", amount);
        let mut once = events;
        once.push(told.clone());
        let (payment, _) = play(&once);
        prop_assert_eq!(payment.decide(&told), None);
    }

    #[test]
    fn a_pause_is_bounded_and_at_least_what_the_gateway_asked_for(attempts in 0u32..1000, share in -1.0..2.0f64, asked in 0u64..100_000) {
        let asked = Duration::from_secs(asked);
        let pause = retry_pause(attempts, share, Some(asked));
        prop_assert!(pause >= asked.min(Duration::from_secs(600)));
        prop_assert!(pause <= Duration::from_secs(600));
        prop_assert!(retry_pause(attempts, share, None) >= Duration::from_millis(125));
    }
}

#[test]
fn a_fee_paid_in_time_confirms_the_seat() {
    let (payment, world) = play(&[PaymentEvent::OrderMade, capture("pay_1", FEE)]);
    assert_eq!((payment.state, world.confirmed), (PaymentState::Paid, 1));
}

#[test]
fn a_fee_paid_too_late_goes_back() {
    let events = [PaymentEvent::OrderMade, PaymentEvent::TimeOver, capture("pay_1", FEE)];
    let (payment, world) = play(&events);
    assert_eq!((payment.state, world.released), (PaymentState::RefundDue, 1));
    assert_eq!(world.refunds, ["pay_1"]);
}

#[test]
fn a_wrong_amount_frees_the_seat_and_goes_back() {
    let (payment, world) = play(&[PaymentEvent::OrderMade, capture("pay_1", 1)]);
    assert_eq!(
        (payment.state, world.confirmed, world.released),
        (PaymentState::RefundDue, 0, 1)
    );
    assert_eq!(world.refunds, ["pay_1"]);
}

#[test]
fn a_user_who_withdraws_after_paying_gets_the_money_back() {
    let refund = PaymentEvent::RefundMade("pay_1".to_owned());
    let (payment, world) = play(&[capture("pay_1", FEE), PaymentEvent::Withdrawn, refund]);
    assert_eq!(payment.state, PaymentState::Refunded);
    assert_eq!(world.refunds, ["pay_1"]);
}

#[test]
fn every_state_is_found_by_its_name() {
    for state in PaymentState::ALL {
        assert_eq!(PaymentState::named(state.as_str()), Some(state));
    }
    assert_eq!(PaymentState::named("Lost"), None);
}

#[test]
fn pauses_double_and_are_spread_over_their_later_half() {
    assert_eq!(retry_pause(1, 1.0, None), Duration::from_millis(250));
    assert_eq!(retry_pause(1, 0.0, None), Duration::from_millis(125));
    assert_eq!(retry_pause(3, 1.0, None), Duration::from_secs(1));
    assert_eq!(retry_pause(50, 1.0, None), Duration::from_secs(60));
}
