//! A hierarchy of features: which say the same, at every threshold at once.

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::correlation_groups::{Ranks, components};
use crate::dataset::{Dataset, check_names};
use crate::error::{Error, Result, require, require_shape};
use crate::players::Players;

/// The distances of more features would not fit into memory.
const MAX_FEATURES: usize = 10_000;

/// How far two clusters are apart, from the distances `d` of their members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Linkage {
    /// The smallest `d`. Chains grow: it finds the groups of [`Players::correlated`].
    Single,
    /// The largest `d`: all members of a cluster are as near as its height says.
    Complete,
    /// The mean `d` (UPGMA).
    #[default]
    Average,
    /// The growth of the squares within clusters, as if `d` were Euclidean (the formula of Lance
    /// and Williams): scikit-learn's recipe for correlated features.
    Ward,
}

/// Two clusters that become one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Merge {
    /// The clusters, the smaller number first: features have the numbers `0..n`, and the cluster
    /// that merge `k` makes has `n + k`.
    pub clusters: (usize, usize),
    /// How far they are apart: the height of the merge in a dendrogram.
    pub distance: f64,
    /// How many features the new cluster has.
    pub n_features: usize,
}

/// The tree of merges of an agglomerative clustering of features, a dendrogram.
///
/// Every feature starts alone; the two clusters that are nearest in the chosen [`Linkage`] become
/// one until one is left. Between features the distance is
///
/// ```text
/// d(i, j) = 1 − |ρᵢⱼ|      ρ  Spearman's rank correlation, as in [`Players::correlated`]
/// ```
///
/// so 0 for features that order the rows alike or in reverse, and 1 for those that have nothing to
/// do with each other. A cut of the tree is a set of [`Players`]; several cuts are nested players,
/// or the structure of Owen values ([`Hierarchy::structure`]).
///
/// # Cost
///
/// `O(n_features² × n_rows)` for the correlations, `O(n_features²)` time and memory for the tree
/// (by chains of nearest neighbours).
///
/// # When it misleads
///
/// Rank correlation sees monotone dependence of pairs only. A tree is found in noise too: look at
/// the heights. Where distances are tied the tree is one of several; this one does not depend on
/// threads, but may on the order of the columns.
///
/// # Example
///
/// ```
/// use fi_core::{Dataset, Hierarchy, Linkage, Target};
/// use ndarray::array;
///
/// let rows = array![[1.0, 3.0, 1.0], [2.0, 1.0, 4.0], [3.0, 4.0, 9.0], [4.0, 2.0, 16.0]];
/// let data = Dataset::new(rows, Target::Values(vec![0.0; 4]))?
///     .with_feature_names(["width", "age", "area"])?;
/// let tree = Hierarchy::of_features(&data, Linkage::Average)?;
/// assert_eq!(tree.merges()[0].clusters, (0, 2));
/// assert_eq!(tree.cut(0.5)?.names(), ["width & area", "age"]);
/// assert_eq!(tree.cut_into(1)?.names(), ["width & age & area"]);
/// # Ok::<(), fi_core::Error>(())
/// ```
///
/// # References
///
/// - Müllner (2011). *Modern hierarchical, agglomerative clustering algorithms.*
///   <https://arxiv.org/abs/1109.2378>
/// - Ward (1963). *Hierarchical grouping to optimize an objective function.* JASA 58(301).
///   <https://doi.org/10.1080/01621459.1963.10500845>
///
/// # See also
///
/// [`Players::correlated`], the groups of single linkage at one threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hierarchy {
    names: Vec<String>,
    merges: Vec<Merge>,
}

impl Hierarchy {
    /// The tree of a table's features by the distance `1 − |ρ|` of their ranks.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] for more than 10 000 features.
    pub fn of_features(data: &Dataset, linkage: Linkage) -> Result<Self> {
        check_size(data.n_features())?;
        let ranks = Ranks::new(data);
        let distances = Distances::new(data.n_features(), |i, j| 1.0 - ranks.spearman(i, j).abs());
        Ok(Self::new(data.feature_names(), distances, linkage))
    }

    /// The tree of features by distances of your own, `(n_features, n_features)`.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] without features, for more than 10 000, an empty or double name, or for a
    /// distance that is negative, not the same in both directions, or not 0 to itself;
    /// [`Error::Shape`] for another number of distances; [`Error::NotFinite`].
    pub fn of_distances(
        names: &[String],
        distances: ArrayView2<'_, f64>,
        linkage: Linkage,
    ) -> Result<Self> {
        let n = names.len();
        check_size(n)?;
        check_names("feature", names)?;
        if n == 0 {
            return Err(Error::Data(
                "there is nothing to cluster, give at least one feature".into(),
            ));
        }
        require_shape("the table of distances", &[n, n], distances.shape())?;
        for ((i, j), &distance) in distances.indexed_iter() {
            if !distance.is_finite() {
                let (what, column) = ("a distance".to_owned(), Some(names[j].clone()));
                return Err(Error::NotFinite { what, row: i, column, value: distance });
            }
            if distance < 0.0 || distance != distances[[j, i]] || (i == j && distance != 0.0) {
                return Err(Error::Data(format!(
                    "the distance of `{}` and `{}` is `{distance}` and in the other direction \
                     `{}`, distances must be symmetric, not negative, and 0 to themselves",
                    names[i],
                    names[j],
                    distances[[j, i]]
                )));
            }
        }
        Ok(Self::new(names, Distances::new(n, |i, j| distances[[i, j]]), linkage))
    }

    fn new(names: &[String], distances: Distances, linkage: Linkage) -> Self {
        let mut found = chains(distances, linkage);
        // Chains find the merges of separate branches in any order.
        found.sort_by(|a, b| a.2.total_cmp(&b.2));
        let n = names.len();
        let mut cluster_of: Vec<usize> = (0..n).collect();
        let mut sizes = vec![1; n];
        let mut merges = Vec::with_capacity(found.len());
        for (i, j, distance) in found {
            let (a, b) = (cluster_of[i], cluster_of[j]);
            let n_features = sizes[a] + sizes[b];
            cluster_of.iter_mut().filter(|c| **c == a || **c == b).for_each(|c| *c = sizes.len());
            sizes.push(n_features);
            merges.push(Merge { clusters: (a.min(b), a.max(b)), distance, n_features });
        }
        Self { names: names.to_vec(), merges }
    }

    /// The features' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The merges, from the nearest to the farthest: one less than there are features.
    pub fn merges(&self) -> &[Merge] {
        &self.merges
    }

    /// The features from left to right, so that no branches of a dendrogram cross: of each merge
    /// first the cluster of the smaller number.
    pub fn leaves(&self) -> Vec<usize> {
        let n = self.names.len();
        let mut leaves = Vec::with_capacity(n);
        let mut open = vec![n + self.merges.len() - 1];
        while let Some(cluster) = open.pop() {
            match cluster.checked_sub(n) {
                None => leaves.push(cluster),
                Some(merge) => {
                    let (left, right) = self.merges[merge].clusters;
                    open.extend([right, left]);
                }
            }
        }
        leaves
    }

    /// The clusters that are left when only merges up to a distance are made. They are called
    /// `a & b` and stand in column order, like their members.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] unless `distance` is a number that is not negative; [`Error::Data`] if
    /// a cluster's name is the name of a feature.
    pub fn cut(&self, distance: f64) -> Result<Players> {
        let component = self.components(self.merges_up_to(distance)?);
        Players::groups(self.names.len(), components(&self.names, &component))
    }

    /// This many clusters: the last merges are not made.
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] unless `n_clusters` is between 1 and the number of features;
    /// [`Error::Data`] as for [`Hierarchy::cut`].
    pub fn cut_into(&self, n_clusters: usize) -> Result<Players> {
        let n = self.names.len();
        let requirement = format!("between 1 and the number of features, {n}");
        require((1..=n).contains(&n_clusters), "n_clusters", n_clusters, requirement)?;
        let component = self.components(n - n_clusters);
        Players::groups(n, components(&self.names, &component))
    }

    /// The clusters of several cuts as nested players, each once: those of the smallest distance
    /// first.
    ///
    /// # Errors
    ///
    /// As for [`Hierarchy::cut`]; [`Error::Data`] without a distance.
    pub fn nested(&self, distances: &[f64]) -> Result<Players> {
        let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
        for level in self.levels(distances)? {
            let new: Vec<_> = components(&self.names, &level)
                .into_iter()
                .filter(|group| !groups.contains(group))
                .collect();
            groups.extend(new);
        }
        Players::groups(self.names.len(), groups)
    }

    /// The components of each cut, from the smallest distance to the largest.
    pub(crate) fn levels(&self, distances: &[f64]) -> Result<Vec<Vec<usize>>> {
        let mut cuts = distances
            .iter()
            .map(|&distance| self.merges_up_to(distance))
            .collect::<Result<Vec<_>>>()?;
        cuts.sort_unstable();
        Ok(cuts.into_iter().map(|n_merges| self.components(n_merges)).collect())
    }

    fn merges_up_to(&self, distance: f64) -> Result<usize> {
        require(distance >= 0.0, "distance", distance, "a number that is not negative")?;
        Ok(self.merges.partition_point(|merge| merge.distance <= distance))
    }

    /// Each feature's smallest companion after the first `n_merges` merges.
    fn components(&self, n_merges: usize) -> Vec<usize> {
        let n = self.names.len();
        // The smallest feature of each cluster.
        let mut smallest: Vec<usize> = (0..n).collect();
        let mut component: Vec<usize> = (0..n).collect();
        for merge in &self.merges[..n_merges] {
            let (a, b) = (smallest[merge.clusters.0], smallest[merge.clusters.1]);
            smallest.push(a.min(b));
            component.iter_mut().filter(|c| **c == a.max(b)).for_each(|c| *c = a.min(b));
        }
        component
    }
}

fn check_size(n_features: usize) -> Result<()> {
    if n_features <= MAX_FEATURES {
        return Ok(());
    }
    Err(Error::Data(format!(
        "{n_features} features are too many to cluster, at most {MAX_FEATURES} are possible; \
         choose some with `Dataset::select_features`"
    )))
}

/// The distances of all pairs `i < j`, row by row.
struct Distances {
    n: usize,
    values: Vec<f64>,
}

impl Distances {
    fn new(n: usize, distance: impl Fn(usize, usize) -> f64) -> Self {
        let mut values = Vec::with_capacity(n * n.saturating_sub(1) / 2);
        for i in 0..n {
            values.extend((i + 1..n).map(|j| distance(i, j)));
        }
        Self { n, values }
    }

    fn place(&self, i: usize, j: usize) -> usize {
        let (i, j) = (i.min(j), i.max(j));
        i * (2 * self.n - i - 1) / 2 + j - i - 1
    }

    fn of(&self, i: usize, j: usize) -> f64 {
        self.values[self.place(i, j)]
    }
}

/// The merges `(i, j, distance)` by chains of nearest neighbours, where `i` and `j` are any members
/// of the two clusters. A chain ends in two clusters that are each other's nearest; in all these
/// linkages they stay so whatever else is merged, so they may be merged at once.
fn chains(mut distances: Distances, linkage: Linkage) -> Vec<(usize, usize, f64)> {
    let n = distances.n;
    // A cluster has the number of one of its members; the others have size 0.
    let mut sizes = vec![1.0; n];
    let mut chain: Vec<usize> = Vec::new();
    let mut merges = Vec::with_capacity(n.saturating_sub(1));
    while merges.len() + 1 < n {
        if chain.is_empty() {
            chain.extend((0..n).find(|&i| sizes[i] > 0.0));
        }
        let Some(&end) = chain.last() else { break };
        // Of equal distances the one before wins, so that a chain ends.
        let before = chain.len().checked_sub(2).map(|place| chain[place]);
        let mut nearest = before;
        let mut least = before.map_or(f64::INFINITY, |before| distances.of(end, before));
        for other in (0..n).filter(|&other| sizes[other] > 0.0 && other != end) {
            if distances.of(end, other) < least {
                (nearest, least) = (Some(other), distances.of(end, other));
            }
        }
        let Some(nearest) = nearest else { break };
        if before != Some(nearest) {
            chain.push(nearest);
            continue;
        }
        chain.truncate(chain.len() - 2);
        let (gone, kept) = (end.min(nearest), end.max(nearest));
        for other in (0..n).filter(|&other| sizes[other] > 0.0 && other != gone && other != kept) {
            let place = distances.place(kept, other);
            distances.values[place] = linkage.updated(
                [distances.of(gone, other), distances.of(kept, other), least],
                [sizes[gone], sizes[kept], sizes[other]],
            );
        }
        sizes[kept] += sizes[gone];
        sizes[gone] = 0.0;
        merges.push((gone, kept, least));
    }
    merges
}

impl Linkage {
    /// The distance of `a ∪ b` to `c` from those of `a, c`, of `b, c` and of `a, b`, and the sizes
    /// of the three.
    fn updated(self, [ac, bc, ab]: [f64; 3], [a, b, c]: [f64; 3]) -> f64 {
        match self {
            Self::Single => ac.min(bc),
            Self::Complete => ac.max(bc),
            Self::Average => (a * ac + b * bc) / (a + b),
            Self::Ward => {
                let squares = (a + c) * ac * ac + (b + c) * bc * bc - c * ab * ab;
                (squares.max(0.0) / (a + b + c)).sqrt()
            }
        }
    }
}

#[cfg(test)]
mod tests;
