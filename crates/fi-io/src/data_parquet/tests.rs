//! Numbers as Parquet stores them.

use super::*;

#[test]
fn halves_are_those_of_ieee_754() {
    let cases: [(u16, f64); 7] = [
        (0x3c00, 1.0),
        (0xc000, -2.0),
        (0x7bff, 65504.0),
        (0x0400, 6.103_515_625e-5),
        (0x0001, 5.960_464_477_539_063e-8),
        (0x8000, -0.0),
        (0x7c00, f64::INFINITY),
    ];
    for (bits, value) in cases {
        assert_eq!(half(bits).to_bits(), value.to_bits(), "{bits:x}");
    }
    assert!(half(0x7e00).is_nan());
}

#[test]
fn decimals_are_rounded_once() {
    assert_eq!(scaled(-1234, 2), -12.34);
    assert_eq!(scaled(1, 25), 1e-25);
    // The quotient of the rounded parts would be 12345678901234567000.
    let nearest: f64 = "12345678901234567890.123456".parse().unwrap();
    assert_eq!(scaled(12_345_678_901_234_567_890_123_456, 6), nearest);
    assert_eq!(of_bytes(&[0xff, 0x38], Kind::Decimal { scale: 2 }), Ok(-2.0));
    assert_eq!(of_bytes(&[], Kind::Decimal { scale: 2 }), Ok(0.0));
    let problem = of_bytes(&[1; 17], Kind::Decimal { scale: 2 }).unwrap_err();
    assert_eq!(problem, "the decimal has more than 38 digits, write float64");
    let problem = of_bytes(&[1], Kind::Half).unwrap_err();
    assert_eq!(problem, "a half has two bytes, the file is damaged");
}
