//! A bounded search for bytes that make a parser panic, hang, or accept what was changed.
//!
//!     fuzz SECONDS [SEED]
//!
//! Mutates what the corpus holds, by bits, cuts, splices and the numbers that lengths like to be, and gives it to the targets in
//! turns. A panic ends the program with the seed and the input.

mod corpus;
mod targets;

use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use targets::{TARGETS, on_ground};

/// A small generator of its own, so that a seed repeats a run (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Changes some bytes; sometimes the length.
fn mutate(random: &mut Random, corpus: &[Vec<u8>], data: &mut Vec<u8>) {
    for _ in 0..=random.below(4) {
        // Heads are where the fields are; most changes go there.
        let near = if random.below(3) == 0 { data.len() } else { data.len().min(200) };
        let at = random.below(near);
        match random.below(8) {
            0 | 1 if !data.is_empty() => data[at] ^= 1 << random.below(8),
            2 if !data.is_empty() => data[at] = random.next() as u8,
            3 if data.len() >= at + 2 => {
                let numbers = [0u16, 1, 3, 4, 7, 88, 104, 105, 256, 8192, 32_768, 32_769, 0x7FFF, 0xFFFF];
                data[at..at + 2].copy_from_slice(&numbers[random.below(numbers.len())].to_be_bytes());
            }
            4 => data.truncate(at),
            5 => {
                let extra = random.below(64);
                data.extend((0..extra).map(|i| i as u8));
            }
            6 => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.len());
                let piece = &other[from..(from + random.below(128)).min(other.len())];
                let end = (at + piece.len()).min(data.len());
                data.splice(at.min(end)..end, piece.iter().copied());
            }
            _ if !data.is_empty() => {
                let end = (at + random.below(32)).min(data.len());
                let cut: Vec<u8> = data.drain(at..end).collect();
                let to = random.below(data.len());
                data.splice(to..to, cut);
            }
            _ => {}
        }
    }
}

fn main() -> keyfold::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(10);
    let clock =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |t| t.as_nanos() as u64);
    let seed = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(clock);

    let mut corpora = Vec::new();
    for (name, _) in TARGETS {
        let mut inputs = on_ground(|ground| ground.seeds(name))?;
        inputs.extend(corpus::of(name).into_iter().map(|(_, input)| input));
        corpora.push(inputs);
    }
    let (mut random, mut inputs) = (Random(seed), 0u64);
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        let which = random.below(TARGETS.len());
        let (name, target) = TARGETS[which];
        let mut data = corpora[which][random.below(corpora[which].len())].clone();
        mutate(&mut random, &corpora[which], &mut data);
        let start = Instant::now();
        let fed = catch_unwind(|| target(&data));
        if fed.is_err() || start.elapsed() > Duration::from_secs(10) {
            let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
            eprintln!("target {name}, seed {seed}, input {inputs}: {hex}");
            std::process::exit(1);
        }
        inputs += 1;
    }
    println!(
        "fuzz: {inputs} inputs in {seconds} s from seed {seed}: nothing panicked, nothing changed opened"
    );
    Ok(())
}
