//! Files of host keys.

#![no_main]

use libfuzzer_sys::fuzz_target;
use underdesk::session::{KnownKeys, Place, parse_pins};

fuzz_target!(|text: &str| {
    let mut known = KnownKeys::default();
    let _ = known.add_known_hosts(text);
    let pins = parse_pins(text);
    for pin in pins.pins.iter().take(4) {
        known.pin(&pin.host, pin.port, pin.key.clone());
        let place = Place {
            address: [127, 0, 0, 1].into(),
            port: pin.port,
            name: Some(&pin.host),
        };
        let _ = known.judge(&place, &pin.key);
        let _ = known.algorithms(&place);
    }
});
