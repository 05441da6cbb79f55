//! Times the steps that an envelope cannot do without. Run with
//! `cargo run --release --features floor --example floor`.

use std::hint::black_box;
use std::time::Instant;

use keyfold::floor::{DRAW, Floor, WRAPPED};

fn main() -> keyfold::Result<()> {
    let mut floor = Floor::new()?;
    let (dek, nonce) = ([1; 32], [2; 12]);
    let mut random = [0; DRAW];
    time("44 random bytes", || floor.draw(black_box(&mut random)).is_ok());
    time("44 bytes by getrandom(2)", || {
        // SAFETY: pointer and length are those of `random`.
        unsafe { libc::getrandom(random.as_mut_ptr().cast(), DRAW, 0) == DRAW as isize }
    });
    time("key set-up", || {
        floor.set_key(black_box(&dek));
        true
    });
    let (mut wrapped, mut unwrapped) = ([0; WRAPPED], [0; 32]);
    time("wrap 32 bytes", || {
        floor.wrap(black_box(&nonce), &dek, &mut wrapped);
        true
    });
    time("unwrap 32 bytes", || floor.unwrap(black_box(&nonce), &wrapped, &mut unwrapped).is_ok());
    for len in [100, 16 << 10, 1 << 20] {
        let plaintext = vec![3; len];
        let mut sealed = vec![0; len + 12 + WRAPPED + 16];
        let mut opened = vec![0; len];
        time(&format!("seal {len}"), || {
            floor.seal(black_box(&nonce), &plaintext, &mut sealed[..len + 16]);
            true
        });
        time(&format!("open {len}"), || {
            floor.open(black_box(&nonce), &sealed[..len + 16], &mut opened).is_ok()
        });
        time(&format!("floor of encrypting {len}"), || {
            floor.encrypt(black_box(&plaintext), &mut sealed).is_ok()
        });
        time(&format!("floor of decrypting {len}"), || {
            floor.decrypt(black_box(&sealed), &mut opened).is_ok()
        });
    }
    Ok(())
}

/// The best of many batches, in nanoseconds a call.
fn time(what: &str, mut call: impl FnMut() -> bool) {
    let started = Instant::now();
    assert!(call());
    let batch = (200_000 / started.elapsed().as_nanos().max(1)).clamp(1, 2_000) as u32;
    let mut best = f64::INFINITY;
    for _ in 0..400 {
        let started = Instant::now();
        for _ in 0..batch {
            assert!(call());
        }
        best = best.min(started.elapsed().as_nanos() as f64 / f64::from(batch));
    }
    println!("{what:<28} {best:>10.1} ns");
}
