//! Which coalitions KernelSHAP asks for, and what they weigh.

use std::collections::BTreeSet;
use std::ops::Range;

use ndarray::{Array2, Axis};

use crate::rng::Rng;

/// Coalitions, each standing for itself and its complement.
#[derive(Debug)]
pub(in crate::shapley) struct Pairs {
    /// `(n_pairs, n_players)`; of two complements, the smaller.
    pub(in crate::shapley) coalitions: Array2<bool>,
    /// What each pair weighs in the regression.
    pub(in crate::shapley) weights: Vec<f64>,
    /// The sampled pairs, in sets between which the variance is not counted; every set has at
    /// least 2 pairs, unless there is only one sampled pair at all.
    pub(in crate::shapley) strata: Vec<Range<usize>>,
    /// Per pair, the share of its size's pairs that were not drawn: 0 where all were.
    pub(in crate::shapley) unseen: Vec<f64>,
}

impl Pairs {
    /// `(n_pairs + 1, n_players)`: 1 for a player that is absent, −1 for one that is present; none
    /// and all are the last pair.
    pub(super) fn signs(&self) -> Array2<f64> {
        let mut signs = Array2::from_elem((self.weights.len() + 1, self.coalitions.ncols()), -1.0);
        for (at, _) in self.coalitions.indexed_iter().filter(|(_, present)| !**present) {
            signs[at] = 1.0;
        }
        signs
    }

    /// The same pairs, of which some drawn ones, in ascending order, are set apart: they stand for
    /// themselves, before the others, which stand for all of their size that are not known. Where
    /// the known pairs are then, too.
    pub(super) fn set_apart(&self, known: &[usize]) -> (Self, Vec<usize>) {
        let n_pairs = self.weights.len();
        let first = self.strata.first().map_or(n_pairs, |stratum| stratum.start);
        let is_known = |pair: &usize| known.binary_search(pair).is_ok();
        let size = |pair: usize| self.coalitions.row(pair).iter().filter(|&&x| x).count();
        let (mut weights, mut unseen) = (self.weights.clone(), self.unseen.clone());
        let (mut apart, mut left, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let mut start = first;
        while start < n_pairs {
            let own = size(start);
            let end = (start..n_pairs).find(|&pair| size(pair) != own).unwrap_or(n_pairs);
            let (own_known, own_left): (Vec<usize>, Vec<usize>) =
                (start..end).partition(|pair| is_known(pair));
            // If all are known, they stand for all of their size.
            if !own_left.is_empty() {
                let seen = 1.0 - self.unseen[start];
                let [n_drawn, n_known, n_left] =
                    [end - start, own_known.len(), own_left.len()].map(|n| n as f64);
                let others = n_drawn - seen * n_known;
                for &pair in &own_known {
                    (weights[pair], unseen[pair]) = (weights[pair] * seen, 0.0);
                }
                for &pair in &own_left {
                    weights[pair] *= others / n_left;
                    unseen[pair] = 1.0 - seen * n_left / others;
                }
            }
            apart.extend(own_known);
            left.extend(own_left);
            ends.push(left.len());
            start = end;
        }
        let first_left = first + apart.len();
        ends.dedup();
        let ends: Vec<usize> =
            ends.into_iter().filter(|&end| end > 0).map(|end| first_left + end).collect();
        let order: Vec<usize> = (0..first).chain(apart).chain(left).collect();
        let at = (0..n_pairs).filter(|&at| is_known(&order[at])).collect();
        let pairs = Self {
            coalitions: self.coalitions.select(Axis(0), &order),
            weights: order.iter().map(|&pair| weights[pair]).collect(),
            strata: strata(first_left, &ends),
            unseen: order.iter().map(|&pair| unseen[pair]).collect(),
        };
        (pairs, at)
    }
}

/// The pairs of one coalition size `size ≤ n / 2`.
#[derive(Clone, Copy)]
struct Size {
    /// How many players a coalition has.
    n_members: usize,
    /// How many there are; infinite beyond 10³⁰⁸.
    n_pairs: f64,
    /// Their kernel weight together.
    weight: f64,
    /// Their share of the budget: all sizes are sampled alike. In the middle, where a coalition
    /// and its complement have one size, there are half as many pairs.
    share: f64,
}

/// Chooses `budget` pairs of `n ≥ 2` players; all there are if there are no more.
///
/// The size 1 is always taken in full, which needs `budget ≥ n` and gives the regression full
/// rank. Then sizes are taken in full as long as their share of what is left suffices. The rest
/// is drawn without replacement from the remaining sizes.
pub(in crate::shapley) fn choose(n: usize, budget: usize, rng: &mut Rng) -> Pairs {
    let sizes = sizes(n);
    let mut pairs = Pairs {
        coalitions: Array2::from_elem((0, n), false),
        weights: Vec::new(),
        strata: Vec::new(),
        unseen: Vec::new(),
    };
    let mut chosen: Vec<Vec<usize>> = Vec::new();
    let mut left = budget;
    let mut n_full = 0;
    for (i, size) in sizes.iter().enumerate() {
        let shares: f64 = sizes[i..].iter().map(|size| size.share).sum();
        let quota = left as f64 * size.share / shares;
        if i > 0 && size.n_pairs > quota {
            break;
        }
        chosen.extend(subsets(n, size.n_members, size.n_pairs as usize));
        pairs.weights.resize(chosen.len(), size.weight / size.n_pairs);
        left = budget.saturating_sub(chosen.len());
        n_full = i + 1;
    }
    pairs.unseen.resize(chosen.len(), 0.0);
    let first_sampled = chosen.len();
    // A random start makes every size's expected number of pairs its quota, to the last fraction.
    let shares: f64 = sizes[n_full..].iter().map(|size| size.share).sum();
    let (start, mut cumulative) = (rng.uniform(), 0.0);
    let mut ends = Vec::new();
    for size in &sizes[n_full..] {
        let quota = left as f64 * size.share / shares;
        let before = (cumulative + start).floor();
        cumulative += quota;
        let amount = ((cumulative + start).floor() - before).min(size.n_pairs);
        if amount == 0.0 {
            continue;
        }
        let drawn = draw(n, size.n_members, amount as usize, rng);
        chosen.extend(drawn);
        // A size that may come out empty has to count more when it does not.
        let expected = if quota < 1.0 { quota } else { amount };
        pairs.weights.resize(chosen.len(), size.weight / expected);
        pairs.unseen.resize(chosen.len(), 1.0 - amount / size.n_pairs);
        ends.push(chosen.len());
    }
    pairs.strata = strata(first_sampled, &ends);
    pairs.coalitions = Array2::from_elem((chosen.len(), n), false);
    for (members, mut coalition) in chosen.iter().zip(pairs.coalitions.outer_iter_mut()) {
        for &player in members {
            coalition[player] = true;
        }
    }
    pairs
}

fn sizes(n: usize) -> Vec<Size> {
    let mut n_subsets = 1.0;
    (1..=n / 2)
        .map(|size| {
            n_subsets *= (n - size + 1) as f64 / size as f64;
            let half = if 2 * size == n { 0.5 } else { 1.0 };
            Size {
                n_members: size,
                n_pairs: (n_subsets * half).round(),
                weight: 2.0 * half * (n - 1) as f64 / (size * (n - size)) as f64,
                share: half,
            }
        })
        .collect()
}

/// The first `amount` subsets of `size` of `n` players in lexicographic order. In the middle,
/// the first half are those that hold player 0.
fn subsets(n: usize, size: usize, amount: usize) -> impl Iterator<Item = Vec<usize>> {
    let first: Vec<usize> = (0..size).collect();
    std::iter::successors(Some(first), move |subset| {
        let mut next = subset.clone();
        let i = (0..size).rev().find(|&i| next[i] < n - size + i)?;
        next[i] += 1;
        for j in i + 1..size {
            next[j] = next[j - 1] + 1;
        }
        Some(next)
    })
    .take(amount)
}

/// `amount` different pairs of a size, in the order they were drawn.
fn draw(n: usize, size: usize, amount: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
    let mut seen = BTreeSet::new();
    let mut drawn = Vec::with_capacity(amount);
    while drawn.len() < amount {
        let mut members = rng.sample(n, size);
        if 2 * size == n && !members.contains(&0) {
            members = (0..n).filter(|player| !members.contains(player)).collect();
        }
        members.sort_unstable();
        if seen.insert(members.clone()) {
            drawn.push(members);
        }
    }
    drawn
}

/// Sizes with a single drawn pair are put together with their neighbour.
fn strata(first: usize, ends: &[usize]) -> Vec<Range<usize>> {
    let mut strata: Vec<Range<usize>> = Vec::new();
    let mut start = first;
    for (i, &end) in ends.iter().enumerate() {
        if end - start >= 2 {
            strata.push(start..end);
            start = end;
        } else if i + 1 == ends.len() {
            match strata.last_mut() {
                Some(last) => last.end = end,
                None => strata.push(start..end),
            }
        }
    }
    strata
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes_of(pairs: &Pairs) -> Vec<usize> {
        pairs.coalitions.outer_iter().map(|row| row.iter().filter(|&&x| x).count()).collect()
    }

    #[test]
    fn a_budget_for_all_takes_every_pair_once_with_its_kernel_weight() {
        for n in 2..=9 {
            let all = (1 << (n - 1)) - 1;
            let pairs = choose(n, all, &mut Rng::new(0, 0));
            let mut seen: Vec<Vec<bool>> =
                pairs.coalitions.outer_iter().map(|row| row.to_vec()).collect();
            seen.extend(pairs.coalitions.outer_iter().map(|row| row.mapv(|x| !x).to_vec()));
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), (1 << n) - 2, "{n} players");
            assert!(pairs.strata.is_empty());
            for (size, weight) in sizes_of(&pairs).into_iter().zip(&pairs.weights) {
                let subsets =
                    (0..size).fold(1.0, |product, i| product * (n - i) as f64 / (i + 1) as f64);
                let kernel = 2.0 * (n - 1) as f64 / (subsets * (size * (n - size)) as f64);
                assert!((weight / kernel - 1.0).abs() < 1e-12, "{n} players, size {size}");
            }
        }
    }

    #[test]
    fn small_sizes_come_first_and_in_full_and_nothing_comes_twice() {
        let pairs = choose(12, 300, &mut Rng::new(3, 0));
        assert_eq!(pairs.coalitions.nrows(), 300);
        let sizes = sizes_of(&pairs);
        let count = |size| sizes.iter().filter(|&&s| s == size).count();
        // 288 pairs are left after size 1; 66 is more than 288 / 4.5 = 64.
        assert_eq!((count(1), count(2)), (12, 64));
        assert_eq!(pairs.strata[0].start, 12);
        let mut rows: Vec<Vec<bool>> = pairs.coalitions.outer_iter().map(|r| r.to_vec()).collect();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), 300);
    }

    #[test]
    fn every_size_keeps_its_kernel_weight_on_average() {
        // 40 pairs for the 249 sizes above 1: most sizes come out empty.
        let n = 500;
        let mut total = 0.0;
        for seed in 0..200 {
            let pairs = choose(n, n + 40, &mut Rng::new(seed, 0));
            assert!(pairs.strata.iter().all(|stratum| stratum.len() >= 2));
            total += pairs.weights.iter().sum::<f64>() / 200.0;
        }
        let expected: f64 = sizes(n).iter().map(|size| size.weight).sum();
        assert!((total / expected - 1.0).abs() < 0.02, "{total} {expected}");
    }

    #[test]
    fn pairs_set_apart_stand_for_themselves_and_the_others_for_the_rest() {
        let n = 14;
        let pairs = choose(n, 1500, &mut Rng::new(3, 0));
        let first = pairs.strata[0].start;
        let known: Vec<usize> = (0..1500).step_by(3).collect();
        let (apart, at) = pairs.set_apart(&known);
        assert_eq!(at.len(), known.len());
        for (&now, &before) in at.iter().zip(&known) {
            assert_eq!(apart.coalitions.row(now), pairs.coalitions.row(before));
        }
        let first_left = apart.strata[0].start;
        assert_eq!(first_left, first + known.iter().filter(|&&pair| pair >= first).count());
        assert_eq!(apart.strata.last().unwrap().end, 1500);
        let (before, now) = (sizes_of(&pairs), sizes_of(&apart));
        for size in sizes(n) {
            let of = |all: &[usize], from: usize, pairs: &Pairs| -> Vec<usize> {
                (from..pairs.weights.len()).filter(|&pair| all[pair] == size.n_members).collect()
            };
            let sum =
                |of: &[usize], pairs: &Pairs| of.iter().map(|&p| pairs.weights[p]).sum::<f64>();
            let (all_before, all_now) = (of(&before, 0, &pairs), of(&now, 0, &apart));
            assert_eq!(all_before.len(), all_now.len());
            assert!((sum(&all_now, &apart) / size.weight - 1.0).abs() < 1e-12);
            let left = of(&now, first_left, &apart);
            for &pair in all_now.iter().filter(|pair| !left.contains(pair)) {
                assert!((apart.weights[pair] * size.n_pairs / size.weight - 1.0).abs() < 1e-12);
                assert_eq!(apart.unseen[pair], 0.0);
            }
            for &pair in &left {
                let unknown = size.n_pairs - (all_now.len() - left.len()) as f64;
                assert!((apart.unseen[pair] - 1.0 + left.len() as f64 / unknown).abs() < 1e-12);
            }
        }
    }
}
