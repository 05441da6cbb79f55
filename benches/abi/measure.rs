//! Two sides measured in turns, many short rounds, medians: what a neighbour on the machine does hits both.

use std::time::{Duration, Instant};

/// How long a round should take: long against the clock, short against a change of the machine's mood.
const ROUND: Duration = Duration::from_micros(400);

/// Medians of both sides in nanoseconds a call, and the median of the rounds' ratios (first to second).
pub struct Pair {
    pub first_ns: f64,
    pub second_ns: f64,
    pub ratio: f64,
}

/// Runs both in turns, `rounds` times each, the order changing from round to round.
pub fn pair(rounds: usize, mut first: impl FnMut(), mut second: impl FnMut()) -> Pair {
    let calls = (calls_in_a_round(&mut first), calls_in_a_round(&mut second));
    let (mut firsts, mut seconds, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let (a, b);
        if round % 2 == 0 {
            a = time(calls.0, &mut first);
            b = time(calls.1, &mut second);
        } else {
            b = time(calls.1, &mut second);
            a = time(calls.0, &mut first);
        }
        firsts.push(a);
        seconds.push(b);
        ratios.push(a / b);
    }
    Pair { first_ns: median(firsts), second_ns: median(seconds), ratio: median(ratios) }
}

/// Median nanoseconds a call.
pub fn single(rounds: usize, mut call: impl FnMut()) -> f64 {
    let calls = calls_in_a_round(&mut call);
    median((0..rounds).map(|_| time(calls, &mut call)).collect())
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn time(calls: u32, call: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        call();
    }
    start.elapsed().as_nanos() as f64 / f64::from(calls)
}

fn calls_in_a_round(call: &mut impl FnMut()) -> u32 {
    for _ in 0..10 {
        call();
    }
    let one = time(10, call);
    ((ROUND.as_nanos() as f64 / one) as u32).clamp(1, 100_000)
}
