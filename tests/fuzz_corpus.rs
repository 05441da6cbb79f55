//! Every input that is worth keeping, from the searches for crashes, goes through its target again. KEYFOLD_BLESS=1 writes those
//! that a search begins with.

#[path = "fuzz/corpus.rs"]
mod corpus;
#[path = "fuzz/targets.rs"]
mod targets;

/// Fails with a target that looks away: with `whole` of `chunks` taken for true, or a chunk's number left out of its nonce.
#[test]
fn what_the_searches_found_worth_keeping_does_no_harm() {
    for (name, target) in targets::TARGETS {
        let inputs = corpus::of(name);
        assert!(inputs.len() >= 8, "the corpus of {name} is missing");
        for (file, input) in inputs {
            println!("{name}/{file}");
            target(&input);
        }
    }
}

#[test]
fn the_inputs_that_a_search_begins_with_do_no_harm() {
    for (name, target) in targets::TARGETS {
        let seeds = targets::on_ground(|ground| ground.seeds(name)).unwrap();
        for (number, seed) in seeds.iter().enumerate() {
            target(seed);
            if std::env::var_os("KEYFOLD_BLESS").is_some() {
                corpus::keep(name, &format!("begin-{number:02}"), seed);
            }
        }
    }
}
