//! The functions against the standard library's, in the next precision where there is one.

use super::*;

/// Numbers of all magnitudes and both signs, dense where the functions bend.
fn places() -> Vec<f64> {
    let even = (-80_000..=80_000).map(|i| f64::from(i) * 1.3e-2);
    let dense = (-60_000..=60_000).map(|i| f64::from(i) * 3.7e-4);
    let small = (0..3_000).flat_map(|i| {
        let x = 2.0_f64.powf(-f64::from(i) / 100.0);
        [x, -x]
    });
    even.chain(dense).chain(small).collect()
}

/// The unit in the last place of the number nearest to the exact value.
trait Ulp: Real {
    fn ulp(exact: f64) -> f64;
}

impl Ulp for f32 {
    fn ulp(exact: f64) -> f64 {
        let x = (exact as f32).abs();
        f64::from(x.next_up()) - f64::from(x)
    }
}

impl Ulp for f64 {
    fn ulp(exact: f64) -> f64 {
        exact.abs().next_up() - exact.abs()
    }
}

/// The largest error in units in the last place; both infinite counts as none.
fn worst<T: Ulp>(level: Level, function: Function, exact: impl Fn(f64) -> f64) -> f64 {
    let places: Vec<T> = places().into_iter().map(T::of).collect();
    let mut found = places.clone();
    each(level, function, &mut found);
    let mut worst = 0.0_f64;
    for (x, found) in places.iter().zip(found) {
        let exact = exact(x.wide());
        if T::of(exact) != found {
            worst = worst.max((found.wide() - exact).abs() / T::ulp(exact));
        }
    }
    worst
}

#[test]
fn errors_stay_below_what_is_said() {
    for level in Level::all() {
        let sigmoid = |x: f64| {
            let e = (-x.abs()).exp();
            (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
        };
        let below = |found: f64, bound: f64| assert!(found < bound, "{level:?} {found} {bound}");
        below(worst::<f32>(level, Function::Exp, f64::exp), 1.5);
        below(worst::<f32>(level, Function::Tanh, f64::tanh), 3.0);
        below(worst::<f32>(level, Function::Sigmoid, sigmoid), 3.0);
        // In double precision, the standard library's own error of 1 unit counts as ours.
        below(worst::<f64>(level, Function::Exp, f64::exp), 2.5);
        below(worst::<f64>(level, Function::Tanh, f64::tanh), 4.0);
        below(worst::<f64>(level, Function::Sigmoid, sigmoid), 4.0);
    }
}

fn edges<T: Real>() {
    for level in Level::all() {
        let of = |function: Function, x: f64| {
            let mut all = [T::of(x); 37];
            each(level, function, &mut all);
            assert!(all.iter().all(|y| y.wide().to_bits() == all[0].wide().to_bits()));
            all[0].wide()
        };
        for function in [Function::Exp, Function::Tanh, Function::Sigmoid] {
            assert!(of(function, f64::NAN).is_nan());
        }
        let inf = f64::INFINITY;
        assert_eq!([of(Function::Exp, inf), of(Function::Exp, -inf)], [inf, 0.0]);
        assert_eq!([of(Function::Tanh, inf), of(Function::Tanh, -inf)], [1.0, -1.0]);
        assert_eq!([of(Function::Sigmoid, inf), of(Function::Sigmoid, -inf)], [1.0, 0.0]);
        assert_eq!([of(Function::Exp, 0.0), of(Function::Sigmoid, 0.0)], [1.0, 0.5]);
        assert_eq!(of(Function::Tanh, -0.0).to_bits(), (-0.0_f64).to_bits());
        assert_eq!([of(Function::Exp, 1e30), of(Function::Exp, -1e30)], [inf, 0.0]);
    }
}

#[test]
fn edges_are_exact() {
    edges::<f32>();
    edges::<f64>();
}

fn fused_levels_agree<T: Real>() {
    let places: Vec<T> = places().into_iter().map(T::of).collect();
    for function in [Function::Exp, Function::Tanh, Function::Sigmoid] {
        let all = Level::all();
        let found: Vec<Vec<T>> = all
            .iter()
            .map(|level| {
                let mut found = places.clone();
                each(*level, function, &mut found);
                found
            })
            .collect();
        assert!(found.iter().skip(1).all(|other| *other == found[found.len() - 1]));
        // An element alone, and at the end of a register.
        for start in [1, 2, 5] {
            let mut part = places[start..start + 19].to_vec();
            each(Level::detect(), function, &mut part);
            assert_eq!(part, found[found.len() - 1][start..start + 19]);
        }
    }
}

#[test]
fn an_element_has_the_same_bits_wherever_it_stands() {
    fused_levels_agree::<f32>();
    fused_levels_agree::<f64>();
}
