//! Random rows of calls against a model of the service.
//!
//! The model was written from the API notes and shares nothing with the emulator: it has seconds for
//! time, numbers for machines, its own library, its own windows of calls. It never looks at an
//! answer to know what comes next, so every answer can be held against it.

mod game;
mod steps;
mod truth;

use proptest::prelude::*;

use self::game::Match;
use self::steps::steps;
use super::properties::cases;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(150)))]

    #[test]
    fn every_answer_is_the_models(steps in steps()) {
        let mut game = Match::new();
        for step in &steps {
            game.step(step)?;
        }
        game.settle()?;
    }
}
