//! Where the build under test is.

use std::sync::OnceLock;

use vm::Testbed;

/// Environment variable with the folder of the artifacts under test.
pub const IMAGES: &str = "BERTH_TEST_IMAGES";
/// Environment variable with the root of the tools tree.
pub const TOOLS: &str = "BERTH_TEST_TOOLS";

/// The build under test and the tools to test it with, opened once.
///
/// # Panics
/// Where the environment does not name a finished build: a test that cannot run is not passed.
pub fn bed() -> &'static Testbed {
    static BED: OnceLock<Testbed> = OnceLock::new();
    BED.get_or_init(|| {
        let place = |name: &str| match std::env::var(name) {
            Ok(value) if !value.is_empty() => value,
            _ => panic!("{name} is not set: these tests need a built image. Run `cargo xtask test`"),
        };
        let images = place(IMAGES);
        match Testbed::open(place(TOOLS), images) {
            Ok(bed) => bed,
            Err(error) => panic!("{error}"),
        }
    })
}
