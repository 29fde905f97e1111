use std::fmt::Debug;

use proptest::prelude::*;

use super::*;
use crate::dhcp::message::ReplyKind;

fn reply(address: [u8; 4], field: &[u8]) -> Reply {
    let mut options = Options::default();
    options.read(field);
    let server = options.array(code::SERVER).map(Ipv4Addr::from);
    Reply { kind: ReplyKind::Ack, xid: 0, address: address.into(), server, options }
}

const HOUR: [u8; 6] = [51, 4, 0, 0, 14, 16];

/// The lease of 10.0.0.9/24 for an hour with more options.
fn lease(more: &[u8]) -> Lease {
    let field = [&HOUR[..], &[1, 4, 255, 255, 255, 0], more].concat();
    Lease::of(&reply([10, 0, 0, 9], &field)).unwrap()
}

fn check<T: Debug + PartialEq>(cases: &[(&[u8], T)], get: impl Fn(Lease) -> T) {
    for (more, expected) in cases {
        assert_eq!(get(lease(more)), *expected, "{more:?}");
    }
}

#[test]
fn addresses_that_no_host_can_have_are_refused() {
    let mask = |bits: u32| u32::MAX.checked_shl(32 - bits).unwrap_or(0).to_be_bytes();
    let cases: [([u8; 4], [u8; 4], Option<u8>); 14] = [
        ([10, 0, 2, 15], mask(24), Some(24)),
        ([10, 128, 0, 7], mask(32), Some(32)), // Google's cloud
        ([192, 0, 2, 0], mask(31), Some(31)),
        ([192, 0, 2, 0], mask(16), Some(16)),
        ([192, 0, 2, 0], mask(24), None),
        ([192, 0, 2, 255], mask(24), None),
        ([192, 0, 2, 1], [255, 0, 255, 0], None),
        ([192, 0, 2, 1], mask(0), None),
        ([0, 0, 0, 0], mask(24), None),
        ([0, 1, 2, 3], mask(8), None),
        ([127, 0, 0, 1], mask(8), None),
        ([224, 0, 0, 5], mask(24), None),
        ([255, 255, 255, 255], mask(32), None),
        ([169, 254, 3, 4], mask(16), Some(16)),
    ];
    for (address, mask, prefix) in cases {
        let field = [&HOUR[..], &[1, 4], &mask].concat();
        let got = Lease::of(&reply(address, &field)).map(|l| l.prefix);
        assert_eq!(got, prefix, "{address:?} {mask:?}");
    }
    for (address, prefix) in [([10, 0, 0, 1], 8), ([172, 16, 0, 1], 16), ([192, 168, 0, 1], 24)] {
        assert_eq!(Lease::of(&reply(address, &HOUR)).unwrap().prefix, prefix);
    }
    assert_eq!(Lease::of(&reply([10, 0, 0, 1], &[])), None, "no lease time");
}

#[test]
fn times_are_put_in_order() {
    let times =
        |renew, rebind, expire| Times { renew: Some(renew), rebind: Some(rebind), expire: Some(expire) };
    let of = |expire: u32, t1: Option<u32>, t2: Option<u32>| {
        let mut field = Vec::new();
        crate::dhcp::options::write(&mut field, code::LEASE_TIME, &expire.to_be_bytes());
        for (code, time) in [(code::RENEWAL, t1), (code::REBINDING, t2)] {
            if let Some(time) = time {
                crate::dhcp::options::write(&mut field, code, &time.to_be_bytes());
            }
        }
        Lease::of(&reply([10, 0, 0, 9], &field)).unwrap().times
    };
    assert_eq!(of(3600, None, None), times(1800, 3150, 3600));
    assert_eq!(of(3600, Some(100), Some(200)), times(100, 200, 3600));
    assert_eq!(of(3600, Some(300), Some(200)), times(200, 200, 3600));
    assert_eq!(of(3600, Some(0), Some(9999)), times(1800, 3150, 3600));
    assert_eq!(of(0, None, None), times(5, 9, 10));
    let for_ever = Times { renew: None, rebind: None, expire: None };
    assert_eq!(of(u32::MAX, Some(1), None), for_ever);
}

#[test]
fn routes_are_option_121s_or_the_first_router() {
    let route = |d: [u8; 4], prefix, gateway: Option<[u8; 4]>| Route {
        destination: d.into(),
        prefix,
        gateway: gateway.map(Ipv4Addr::from),
    };
    let default = route([0; 4], 0, Some([10, 0, 0, 1]));
    let cases: [(&[u8], Vec<Route>); 7] = [
        (&[], vec![]),
        (&[3, 8, 10, 0, 0, 1, 10, 0, 0, 2], vec![default]),
        (&[3, 4, 0, 0, 0, 0], vec![]),
        // 121 wins over 3 (RFC 3442); a router of 0.0.0.0 is the link itself.
        (
            &[3, 4, 10, 0, 0, 7, 121, 14, 32, 10, 0, 0, 1, 0, 0, 0, 0, 0, 10, 0, 0, 1],
            vec![route([10, 0, 0, 1], 32, None), default],
        ),
        (&[121, 8, 24, 192, 0, 2, 10, 0, 0, 3], vec![route([192, 0, 2, 0], 24, Some([10, 0, 0, 3]))]),
        // Bits beyond the prefix are not part of the network.
        (&[121, 6, 4, 255, 10, 0, 0, 3], vec![route([240, 0, 0, 0], 4, Some([10, 0, 0, 3]))]),
        // Cut, or a prefix of 33 bits: option 3 counts.
        (&[3, 4, 10, 0, 0, 1, 121, 3, 33, 1, 2], vec![default]),
    ];
    check(&cases, |l| l.routes);
}

#[test]
fn only_names_that_may_stand_in_resolv_conf_are_taken() {
    let names = |n: &[&str]| n.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let cases: [(&[u8], Vec<String>); 9] = [
        (b"\x0f\x0bexample.org", names(&["example.org"])),
        (b"\x0f\x09a.b. c.d\0", names(&["a.b", "c.d"])),
        (b"\x0f\x0cx\nnameserver", names(&[])),
        (b"\x0f\x03a;b", names(&[])),
        // "eng.apple.com", "marketing.apple.com" (RFC 3397, section 2).
        (
            b"\x77\x1b\x03eng\x05apple\x03com\0\x09marketing\xc0\x04",
            names(&["eng.apple.com", "marketing.apple.com"]),
        ),
        (b"\x0f\x01z\x77\x03\x01a\0", names(&["a"])),
        (b"\x77\x02\xc0\x00", names(&[])),
        (b"\x77\x06\x01a\xc0\x02\x01b", names(&[])),
        (b"\x77\x04\x02 b\0", names(&[])),
    ];
    check(&cases, |l| l.domains);
}

/// Options, and the servers and MTU in them.
type ServersCase = (&'static [u8], (Vec<Ipv4Addr>, Option<u16>));

#[test]
fn servers_and_mtu() {
    let cases: [ServersCase; 4] = [
        (
            &[6, 12, 10, 0, 2, 3, 0, 0, 0, 0, 10, 0, 2, 3, 26, 2, 0x05, 0x78],
            (vec![Ipv4Addr::new(10, 0, 2, 3)], Some(1400)),
        ),
        (&[26, 2, 0, 68], (vec![], None)),
        (&[26, 4, 0, 0, 5, 0x78], (vec![], None)),
        (&[6, 3, 1, 2, 3], (vec![], None)),
    ];
    check(&cases, |l| (l.dns, l.mtu));
}

#[test]
fn routers_on_and_off_the_link() {
    let lease = lease(&[]);
    assert!(lease.is_on_link(Ipv4Addr::new(10, 0, 0, 254)));
    assert!(!lease.is_on_link(Ipv4Addr::new(10, 0, 1, 1)));
}

proptest! {
    #[test]
    fn no_options_make_it_fail(field in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Lease::of(&reply([10, 0, 0, 9], &field));
    }

    /// Values that are nearly right reach further into the parsers.
    #[test]
    fn no_odd_values_make_it_fail(
        options in prop::collection::vec(
            (
                prop::sample::select(vec![1u8, 3, 6, 15, 26, 42, 51, 52, 58, 59, 119, 121]),
                prop::collection::vec(
                    prop_oneof![0u8..40, Just(97u8), 190u8..=255],
                    0..40,
                ),
            ),
            0..12,
        )
    ) {
        let mut field = HOUR.to_vec();
        for (code, value) in options {
            crate::dhcp::options::write(&mut field, code, &value);
        }
        if let Some(lease) = Lease::of(&reply([10, 0, 0, 9], &field)) {
            for route in &lease.routes {
                prop_assert!(route.prefix <= 32);
            }
            let times = lease.times;
            prop_assert!(times.renew <= times.rebind && times.rebind <= times.expire);
        }
    }
}
