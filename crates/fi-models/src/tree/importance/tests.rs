//! What trees say of their features, against slow plain recomputations and by hand.
