//! Which features a coalition shows, as bits: feature `f` is bit `f % 64` of word `f / 64`.

use ndarray::ArrayView1;

use super::Players;

/// What coalitions of some players show.
pub(crate) struct Shown<'p> {
    players: &'p Players,
    /// The features of no player: always shown.
    always: Vec<u64>,
    /// If a word has room for all features, those of each player.
    of_players: Vec<u64>,
}

impl<'p> Shown<'p> {
    pub(crate) fn new(players: &'p Players) -> Self {
        let n_words = players.n_features().div_ceil(64).max(1);
        let mut always = vec![0; n_words];
        (0..players.n_features()).for_each(|feature| set(&mut always, feature));
        let members = || (0..players.len()).map(|player| players.members(player));
        members().flatten().for_each(|feature| always[feature / 64] &= !(1 << (feature % 64)));
        let word = |members: &[usize]| members.iter().fold(0, |word, feature| word | 1 << feature);
        let of_players = if n_words == 1 { members().map(word).collect() } else { Vec::new() };
        Self { players, always, of_players }
    }

    pub(crate) fn n_words(&self) -> usize {
        self.always.len()
    }

    /// Whether there is a feature of no player.
    pub(crate) fn any_always(&self) -> bool {
        self.always.iter().any(|&word| word != 0)
    }

    /// Writes what a coalition shows.
    pub(crate) fn by(&self, coalition: ArrayView1<'_, bool>, shown: &mut [u64]) {
        shown.copy_from_slice(&self.always);
        if let (&mut [ref mut shown], Some(coalition)) = (&mut *shown, coalition.as_slice()) {
            // Who is there is as good as random: a branch would be mistaken half of the time.
            let mask = |there: bool| u64::from(there).wrapping_neg();
            let players = self.of_players.iter().zip(coalition);
            *shown |= players.fold(0, |all, (player, &there)| all | (player & mask(there)));
            return;
        }
        for (player, _) in coalition.iter().enumerate().filter(|(_, there)| **there) {
            self.players.members(player).iter().for_each(|&feature| set(shown, feature));
        }
    }

    /// Writes what nobody shows.
    pub(crate) fn by_nobody(&self, shown: &mut [u64]) {
        shown.copy_from_slice(&self.always);
    }
}

fn set(shown: &mut [u64], feature: usize) {
    shown[feature / 64] |= 1 << (feature % 64);
}

/// Whether a set of features has this one.
pub(crate) fn shows(shown: &[u64], feature: usize) -> bool {
    shown[feature / 64] >> (feature % 64) & 1 == 1
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, s};

    use super::*;
    use crate::rng::Rng;

    #[test]
    fn a_coalition_shows_the_features_of_its_players_and_of_none() {
        for n_features in [1, 3, 64, 65, 200] {
            let groups = (0..n_features).step_by(3).map(|first| {
                // Neighbours overlap, and every third feature but one has no player.
                let last = if first == 0 { first } else { first - 1 };
                let members = if last == first { vec![first] } else { vec![last, first] };
                (format!("p{first}"), members)
            });
            let players = Players::groups(n_features, groups).unwrap();
            let shown = Shown::new(&players);
            assert_eq!(shown.any_always(), n_features > 1);
            let mut rng = Rng::new(1, n_features as u64);
            // Of every second flag, which is no slice, it is the same.
            let flags = Array1::from_shape_simple_fn(2 * players.len(), || rng.below(2) == 1);
            let every_second = flags.slice(s![..;2]);
            let mut found = [0; 2].map(|_| vec![u64::MAX; shown.n_words()]);
            shown.by(every_second, &mut found[0]);
            shown.by(every_second.to_owned().view(), &mut found[1]);
            let mut of_nobody = vec![u64::MAX; shown.n_words()];
            shown.by_nobody(&mut of_nobody);
            for feature in 0..64 * shown.n_words() {
                let members = |player: &usize| players.members(*player).contains(&feature);
                let mut of: Vec<usize> = (0..players.len()).filter(members).collect();
                let free = of.is_empty() && feature < n_features;
                of.retain(|&player| every_second[player]);
                for found in &found {
                    assert_eq!(shows(found, feature), free || !of.is_empty(), "{feature}");
                }
                assert_eq!(shows(&of_nobody, feature), free, "{feature}");
            }
        }
    }
}
