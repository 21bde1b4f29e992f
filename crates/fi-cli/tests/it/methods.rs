//! The methods that train again, draw conditionally, fit lines or score pairs, as a user calls them.

use std::path::Path;

use fi_core::Importance;
use fi_io::Cell;

use crate::desk::Desk;

/// A folder with `y = 3 a + c` and noise in `b`, half of it to test on; and the command there.
fn desk() -> Desk {
    let desk = Desk::with(&[]);
    let mut rng = fi_core::Rng::new(11, 0);
    for name in ["train.csv", "test.csv"] {
        let mut table = fi_io::Table::new(["a", "b", "c", "y", "site"]);
        for i in 0..60_usize {
            let [a, b, c] = [0; 3].map(|_| rng.normal());
            let y = 3.0 * a + c + 0.1 * rng.normal();
            table.push([a.into(), b.into(), c.into(), y.into(), Cell::from(i % 6)]);
        }
        fi_io::write_table_csv(desk.path(name), &table).unwrap();
    }
    desk
}

/// The same with a model: a few trees.
fn desk_with_model() -> Desk {
    let desk = desk();
    desk.done(
        "train forest --data train.csv --target y --drop site --n-estimators 8 --test-size 0 \
         --output m.fi",
    );
    desk
}

impl Desk {
    fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    /// The results of a call of `fi importance`.
    fn scores(&self, words: &str) -> Vec<Importance> {
        self.done(&format!("importance {words} --output i.json"));
        fi_io::read_importance_json(self.path("i.json")).unwrap()
    }
}

const TRAINED: &str = "--data train.csv --target y --drop site --learner ridge";
const SCORED: &str = "--model m.fi --data test.csv --target y";

/// The repository's `docs` folder.
fn docs(name: &str) -> serde_json::Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn learners_are_trained_again_without_a_feature_or_with_it_alone() {
    let desk = desk();
    let a_then_c = |found: &Importance| {
        assert_eq!(found.features, ["a", "b", "c"]);
        assert_eq!(found.order(), [0, 2, 1], "{found:?}");
        assert!(found.values[0] > 5.0 && found.values[1].abs() < 0.5, "{found:?}");
    };
    let lofo = desk.scores(&format!("lofo {TRAINED} --folds repeated:3x2 --metric mse,r2"));
    a_then_c(&lofo[0]);
    assert_eq!((lofo[0].replicates.ncols(), lofo[1].metric.as_deref()), (6, Some("R²")));
    assert!(lofo[0].p_values.is_some());
    let json = desk.json("i.json");
    assert_eq!(json["settings"]["learner"], "ridge");
    assert_eq!(json["settings"]["folds"], "repeated:3x2");
    assert_eq!(json["settings"]["confidence"], 0.95);
    assert_eq!(json["inputs"].as_array().unwrap().len(), 1);

    let loco = desk.scores(&format!("loco {TRAINED} --metric mae --location median"));
    assert!(loco[0].values[0] > 1.0 && loco[0].values[1].abs() < 0.1, "{loco:?}");
    assert_eq!(loco[0].replicates.ncols(), 30);
    let alone = desk.scores(&format!("leave-one-in {TRAINED} --folds 3"));
    assert_eq!(alone[0].order()[0], 0);
    assert!(alone[0].values[0] > 5.0, "{alone:?}");
    // On top of what is there already.
    let added = desk.scores(&format!("leave-one-in {TRAINED} --folds 3 --base a"));
    assert_eq!(added[0].features, ["b", "c"]);
    assert!(added[0].values[1] > 0.5 && added[0].values[0] < 0.1, "{added:?}");

    // Folds from a file, and groups of rows and of features.
    let folds: Vec<String> = (0..60).map(|i| (i % 3).to_string()).collect();
    std::fs::write(desk.path("folds.csv"), format!("fold\n{}\n", folds.join("\n"))).unwrap();
    let given = desk.scores(&format!("lofo {TRAINED} --folds folds.csv"));
    assert_eq!(given[0].replicates.ncols(), 3);
    assert_eq!(desk.json("i.json")["inputs"].as_array().unwrap().len(), 2);
    std::fs::write(desk.path("g.toml"), "ac = ['a', 'c']\nb = ['b']\n").unwrap();
    let grouped =
        "lofo --data train.csv --target y --rows-group site --learner linear --groups g.toml";
    let (_, said) = desk.both(&format!("importance {grouped} --output i.json"));
    assert!(!said.contains("both sides of a fold"), "{said}");
    let found = &fi_io::read_importance_json(desk.path("i.json")).unwrap()[0];
    assert_eq!((found.features[0].as_str(), found.replicates.ncols()), ("ac", 5));

    // Work that is stopped goes on, to the same bytes.
    let call = format!("importance lofo {TRAINED} --checkpoint c --output k.json");
    desk.done(&format!("importance lofo {TRAINED} --output w.json"));
    desk.done(&format!("importance lofo {TRAINED} --shard 1/2 --checkpoint c"));
    desk.done(&call);
    assert_eq!(desk.text("k.json"), desk.text("w.json"));
}

#[test]
fn sage_and_conditional_permutation_take_what_stands_in() {
    let desk = desk_with_model();
    for removal in ["marginal", "baseline", "gaussian", "copula"] {
        let call = format!(
            "sage {SCORED} --background train.csv --removal {removal} --draws 256 --tolerance 0.2"
        );
        let found = desk.scores(&call);
        assert_eq!(found[0].order()[..2], [0, 2], "{removal}: {found:?}");
        assert!(found[0].interval.is_some());
    }
    let kernel = desk.scores(&format!(
        "sage {SCORED} --estimator kernel --draws 512 --tolerance 0.2 --metric mse"
    ));
    assert_eq!(kernel[0].order()[0], 0);
    let settings = &desk.json("i.json")["settings"];
    assert_eq!((&settings["estimator"], &settings["draws"]), (&"kernel".into(), &512.into()));
    let (_, said) = desk.both(&format!("importance sage {SCORED} --draws 64"));
    assert!(said.contains("The rows of --data are the background"), "{said}");
    assert!(said.contains("raise `n_draws`"), "{said}");
    for how in ["trees", "gaussian", "copula"] {
        let call = format!("conditional-permutation {SCORED} --conditional {how} --repeats 3");
        let found = desk.scores(&call);
        assert_eq!((found[0].order()[0], found[0].replicates.ncols()), (0, 3), "{how}");
        assert_eq!(desk.json("i.json")["settings"]["conditional"], how);
        let again = desk.scores(&format!("{call} --background train.csv"));
        assert_ne!(again[0].values, found[0].values, "{how} learns from other rows");
    }
    // Pairs of features, as one.
    let found = desk.scores(&format!("permutation {SCORED} --pairs --repeats 3"));
    assert_eq!(found[0].features, ["a × b", "a × c", "b × c"]);
}

#[test]
fn lime_says_what_its_lines_are_worth() {
    let desk = desk_with_model();
    let call = "explain lime --model m.fi --data test.csv --drop site,y --n-samples 300";
    let (_, said) = desk
        .both(&format!("{call} --background train.csv --n-repeats 2 --fits f.csv --output l.npy"));
    assert!(said.contains("The lines' R² is 0."), "{said}");
    assert!(!said.contains("Samples are drawn from the rows of --data"), "{said}");
    assert_eq!(fi_io::read_npy_2d(desk.path("l.npy")).unwrap().dim(), (60, 4));
    let fits = fi_io::read_table_csv(desk.path("f.csv")).unwrap();
    assert_eq!(fits.rows.len(), 60);
    assert_eq!(
        fits.columns.join(","),
        "row,output,r2,prediction,local_prediction,effective_samples,vsi,csi,condition_a,\
         condition_b,condition_c"
    );
    let text = |column: &str| fits.rows[0][fits.column(column).unwrap()].text();
    assert!(text("condition_a").contains('a') && text("r2").starts_with("0."), "{fits:?}");
    let options = "--discretizer continuous --around instance --kernel-width 1 --penalty 0.5 \
                   --feature-selection lasso-path --n-features 1 --n-repeats 1";
    desk.done(&format!("{call} {options} --output c.csv"));
    let table = fi_io::read_table_csv(desk.path("c.csv")).unwrap();
    let zero = |row: &Vec<Cell>| row[..3].iter().filter(|cell| cell.text() == "0").count();
    assert!(table.rows.iter().all(|row| zero(row) >= 2), "one feature is chosen");
    for selection in ["auto", "all", "forward-selection", "highest-weights"] {
        desk.done(&format!("{call} --discretizer deciles --feature-selection {selection}"));
    }
    // Bins where classes change, of the rows that samples are drawn from.
    desk.done(
        "train forest --data train.csv --target site --drop y --n-estimators 3 --task classification \
         --output c.fi",
    );
    let call = "explain lime --data test.csv --n-samples 50 --n-repeats 1 --discretizer entropy";
    let on = "--model c.fi --target site --drop y --task classification --background train.csv";
    desk.done(&format!("{call} {on} --fits e.csv --output e.npy"));
    let fits = fi_io::read_table_csv(desk.path("e.csv")).unwrap();
    let bins: std::collections::BTreeSet<String> =
        fits.rows.iter().map(|row| row[fits.column("condition_a").unwrap()].text()).collect();
    assert!((5..=8).contains(&bins.len()), "{bins:?}");
    let (code, said) = desk.fails(&format!("{call} --model c.fi --drop y,site"));
    assert!(code == 2 && said.contains("cuts where the classes change: give --target"), "{said}");
    let (code, said) = desk.fails(&format!("{call} --model m.fi --drop site --target y"));
    assert!(code == 1 && said.contains("bins by entropy tell classes apart"), "{said}");
    assert!(desk.done("explain occlusion --model m.fi --data test.csv").contains("base_value"));
}

#[test]
fn every_algorithm_of_shap_adds_up() {
    let desk = desk_with_model();
    let text = desk.text("test.csv");
    let head = text.split_inclusive('\n').take(13).collect::<String>();
    std::fs::write(desk.path("few.csv"), head).unwrap();
    let on = "--model m.fi --data few.csv --background few.csv";
    desk.done("predict --model m.fi --data few.csv --output p.npy");
    let predictions = fi_io::read_npy_2d(desk.path("p.npy")).unwrap();
    std::fs::write(desk.path("g.toml"), "ab = ['a', 'b']\n").unwrap();
    for words in [
        "auto",
        "tree",
        "exact",
        "kernel --shap-samples 8",
        "kernel --rates equal --shap-samples 12",
        "permutation --shap-samples 4",
        "sampling --shap-samples 500",
        "owen",
        "owen --groups g.toml",
        "owen --shap-samples 4",
    ] {
        desk.done(&format!("explain shap {on} --algorithm {words} --output s.npy"));
        let values = fi_io::read_npy_2d(desk.path("s.npy")).unwrap();
        assert_eq!(values.ncols(), 4, "{words}");
        let sums = values.sum_axis(ndarray::Axis(1));
        let gap = (&sums - &predictions.column(0)).iter().fold(0.0, |w: f64, g| w.max(g.abs()));
        let bound = if words.starts_with("sampling") { 2.0 } else { 1e-6 };
        assert!(gap < bound, "{words}: {gap}");
    }
    let (code, said) = desk.fails(&format!("explain shap {on} --algorithm linear"));
    assert_eq!(
        (code, said.as_str()),
        (2, "fi: --algorithm linear is for linear models: leave it out")
    );
    for (call, why) in [
        ("explain shap", "--rates is for --algorithm kernel: leave it out"),
        ("interactions shap --algorithm kernel", "--rates has no meaning for interactions"),
    ] {
        let (code, said) = desk.fails(&format!("{call} {on} --rates equal"));
        assert_eq!((code, said), (2, format!("fi: {why}")));
    }
    let (code, said) = desk.fails("explain shap --model m.fi --data test.csv --algorithm exact");
    assert_eq!(code, 2, "{said}");
    assert!(said.ends_with("for background rows: give --background"), "{said}");
}

#[test]
fn rates_of_kernel_shap_are_learned_unless_they_are_said_to_be_equal() {
    let desk = desk();
    // Eight features, of which three matter together.
    let line = |i: usize| {
        let bits: Vec<usize> = (0..8).map(|k| (i * (2 * k + 3) / 7) % 2).collect();
        let cells: Vec<String> = bits.iter().map(ToString::to_string).collect();
        format!("{},{}\n", cells.join(","), bits[0] * bits[3] * bits[6] + i % 3)
    };
    let lines: String = (0..60).map(line).collect();
    desk.write("e.csv", &format!("a,b,c,d,e,f,g,h,y\n{lines}"));
    desk.done("train forest --data e.csv --target y --task regression --output e.fi");
    let values = |rates: &str| {
        let call = "explain shap --model e.fi --data e.csv --background e.csv --algorithm kernel";
        desk.done(&format!("{call} --shap-samples 60 {rates} --output s.npy"));
        fi_io::read_npy_2d(desk.path("s.npy")).unwrap()
    };
    let (learned, equal) = (values("--rates learned"), values("--rates equal"));
    assert_eq!(values(""), learned);
    assert!((learned - equal).iter().any(|gap| gap.abs() > 1e-6));
}

#[test]
fn linear_models_are_trained_read_and_explained_exactly() {
    let desk = desk();
    let on = "--data train.csv --target y --drop site --output";
    desk.done(&format!("train linear {on} l.fi"));
    let printed = desk.done("importance coefficients --model l.fi");
    assert!(printed.contains("p_value") && printed.contains("| a "), "{printed}");
    desk.done("importance standardized-coefficients --model l.fi --output i.json");
    conforms(&desk.json("i.json"), "importance.schema.json");
    desk.done(&format!("train ridge --penalty 0.1 {on} r.fi"));
    for model in ["l.fi", "r.fi"] {
        let explain =
            format!("explain shap --model {model} --data test.csv --background train.csv");
        desk.done(&format!("{explain} --output linear.npy"));
        desk.done(&format!("{explain} --algorithm exact --output exact.npy"));
        let read = |name: &str| fi_io::read_npy_2d(desk.path(name)).unwrap();
        let gaps = &read("linear.npy") - &read("exact.npy");
        assert!(gaps.iter().all(|gap| gap.abs() < 1e-9), "{model}: {gaps}");
        let found =
            desk.scores(&format!("shap --model {model} --data test.csv --background train.csv"));
        assert_eq!((found[0].method.as_str(), found[0].order()[0]), ("mean |linear SHAP|", 0));
    }
    // Of classes the scores are log-odds, unless probabilities are asked for.
    let text = desk.text("train.csv");
    let rows = text.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let class = if cells[3].starts_with('-') { "low" } else { "high" };
        format!("{},{},{},{class}\n", cells[0], cells[1], cells[2])
    });
    std::fs::write(desk.path("k.csv"), format!("a,b,c,k\n{}", rows.collect::<String>())).unwrap();
    desk.done("train logistic --data k.csv --target k --output k.fi");
    let explain = "explain shap --model k.fi --data k.csv --background k.csv --output";
    desk.done(&format!("{explain} odds.npy"));
    assert_eq!(fi_io::read_npy_2d(desk.path("odds.npy")).unwrap().ncols(), 4);
    desk.done(&format!("{explain} shares.npy --output-scale probability --algorithm exact"));
    assert_eq!(fi_io::read_npy_3d(desk.path("shares.npy")).unwrap().dim(), (60, 2, 4));
    let wrong = format!("{explain} w.npy --algorithm linear --output-scale probability");
    let (code, said) = desk.fails(&wrong);
    assert_eq!(code, 2);
    assert!(said.ends_with("explains scores before the link: leave --output-scale out"), "{said}");
    let (code, said) = desk.fails("train linear --data k.csv --target k --output w.fi");
    assert_eq!(code, 1);
    assert!(said.ends_with("and the target has classes: take logistic"), "{said}");
}

#[test]
fn pairs_are_redundant_or_need_each_other() {
    let desk = desk();
    // A product, which each factor alone says nothing of.
    let mut rng = fi_core::Rng::new(2, 0);
    let mut table = fi_io::Table::new(["a", "b", "c", "y"]);
    for _ in 0..150 {
        let [a, b, c] = [0; 3].map(|_| rng.normal());
        table.push([a, b, c, a * b + c].map(Cell::from));
    }
    fi_io::write_table_csv(desk.path("p.csv"), &table).unwrap();
    desk.done("train boosting --data p.csv --target y --n-estimators 60 --output p.fi");
    let on = "--model p.fi --data p.csv --target y";
    let call = format!("interactions permutation {on} --repeats 5");
    let printed = desk.done(&call);
    let first = printed.lines().find(|line| line.contains("synergy")).unwrap();
    let cells: Vec<&str> = first.split('|').map(str::trim).collect();
    assert_eq!(cells[1..3], ["a", "b"], "{printed}");
    desk.done(&format!("{call} --output pairs.csv"));
    let text = desk.text("pairs.csv");
    assert!(text.starts_with("feature_a,feature_b,importance,std,ci_low,ci_high,p_value\n"));
    assert_eq!(text.lines().count(), 4);
    assert!(text.lines().nth(3).unwrap().starts_with("a,b,-"), "{text}");
    desk.done(&format!("{call} --pairs a:c,b:c --metric r2 --output some.csv"));
    assert_eq!(desk.text("some.csv").lines().count(), 3);
    desk.done(&format!("{call} --output square.npy"));
    assert_eq!(fi_io::read_npy_2d(desk.path("square.npy")).unwrap().dim(), (3, 3));
    let refit = "interactions permutation --data p.csv --target y --folds 2 --output refit.csv";
    desk.done(&format!("{refit} --learner tree:max_depth=4"));
    assert_eq!(desk.text("refit.csv").lines().count(), 4);

    // SHAP interactions: of trees by their structure, and by predictions of any model.
    let shap = "interactions shap --model p.fi --data p.csv --background p.csv";
    desk.done(&format!("{shap} --output tree.csv"));
    let strongest = |name: &str| desk.text(name).lines().nth(1).unwrap().to_owned();
    assert!(strongest("tree.csv").starts_with("a,b,"));
    for words in ["exact", "exact --index taylor", "kernel --index faith --shap-samples 8"] {
        let few = "--data few.csv --background few.csv";
        let text = desk.text("p.csv");
        let head = text.split_inclusive('\n').take(13).collect::<String>();
        std::fs::write(desk.path("few.csv"), head).unwrap();
        let call = format!("interactions shap --model p.fi {few} --algorithm {words}");
        desk.done(&format!("{call} --output any.csv"));
        assert!(strongest("any.csv").starts_with("a,b,"), "{words}: {}", desk.text("any.csv"));
        desk.done(&format!("{call} --output any.npy"));
        let cube = fi_io::read_npy_3d(desk.path("any.npy")).unwrap();
        assert_eq!(cube.dim(), (12, 4, 4), "{words}");
    }
}

#[test]
fn long_choices_go_on_from_a_checkpoint_and_stop_in_time() {
    let desk = desk();
    let call = |words: &str| {
        format!(
            "select {words} --data train.csv --target y --drop site --no-honest \
             --learner forest:n_estimators=5 --importance impurity"
        )
    };
    // Fewer rounds or halves, and then the rest.
    for (part, whole) in [
        ("boruta --rounds 2", "boruta --rounds 12"),
        ("stability --n-pairs 2", "stability --n-pairs 6"),
        ("knockoffs --draws 2", "knockoffs --draws 5 --fdr 0.4"),
        ("rfecv --step 2", "rfecv --step 2"),
    ] {
        let kept = part.split(' ').next().unwrap();
        desk.done(&call(&format!("{part} --checkpoint {kept}")));
        desk.done(&call(&format!(
            "{whole} --checkpoint {kept} --output part.csv --features p.csv"
        )));
        desk.done(&call(&format!("{whole} --output whole.csv --features w.csv")));
        assert_eq!(desk.bytes("part.csv"), desk.bytes("whole.csv"), "{whole}");
        assert_eq!(desk.bytes("p.csv"), desk.bytes("w.csv"), "{whole}");
    }
    for part in 1..=2 {
        desk.done(&call(&format!("stability --n-pairs 6 --shard {part}/2 --checkpoint {part}.c")));
    }
    desk.done(&call("stability --n-pairs 6 --merge 2.c,1.c --checkpoint all.c --output part.csv"));
    desk.done(&call("stability --n-pairs 6 --output whole.csv"));
    assert_eq!(desk.bytes("part.csv"), desk.bytes("whole.csv"));
    // SAGE, whose shards know no tolerance.
    desk.done("train linear --data train.csv --target y --drop site --output m.fi");
    let sage = format!("importance sage {SCORED} --draws 256");
    for part in 1..=2 {
        desk.done(&format!("{sage} --shard {part}/2 --checkpoint {part}.s"));
    }
    for tolerance in ["", "--tolerance 0.2"] {
        std::fs::remove_file(desk.path("all.s")).ok();
        desk.done(&format!(
            "{sage} {tolerance} --merge 1.s,2.s --checkpoint all.s --output part.csv"
        ));
        desk.done(&format!("{sage} {tolerance} --output whole.csv"));
        assert_eq!(desk.bytes("part.csv"), desk.bytes("whole.csv"), "{tolerance}");
    }
    let (code, said) = desk.fails(&format!("{sage} --tolerance 0.1 --shard 1/2 --checkpoint d"));
    assert!(
        code == 1 && said.contains("`tolerance` is `0.1`, it must be None in a shard"),
        "{said}"
    );
    // Out of time after the first step.
    let (code, said) =
        desk.fails(&call("rfe --n-features 1 --budget 1e-9 --checkpoint r --threads 1"));
    let too_few = "fi: cancelled after 1 of 2 steps, too few for a result; the same call goes on \
                   from `r`";
    assert_eq!((code, said.trim_end().lines().last()), (130, Some(too_few)));
    let (_, said) = desk.both(&call("boruta --budget 1e-9 --checkpoint b --threads 1"));
    let stopped = "Note: stopped after 1 of 100 replicates; the same call goes on from `b`.";
    assert!(said.trim_end().ends_with(stopped), "{said}");
    for (words, text) in [
        ("boruta --shard 1/2 --checkpoint d", "this method has no parts for other machines"),
        ("top --n-features 1 --budget 1", "--budget has no meaning for this method"),
        ("rfecv --shard 1/2 --checkpoint d --refit m.fi", "leave --refit out"),
        ("rfecv --shard 1/2 --checkpoint d --features f.csv", "leave --features out"),
    ] {
        let (_, said) = desk.fails(&call(words));
        assert!(said.contains(text), "{words}: {said}");
    }
    let (code, said) = desk.fails("select rfe --data train.csv --target y --budget 1");
    let honest = "fi: --budget keeps one choice and not those of the folds that score it: give \
                  --no-honest, too";
    assert_eq!((code, said.trim_end()), (2, honest));
}

#[test]
fn selectors_choose_what_matters_and_are_scored_honestly() {
    let desk = desk();
    let on = "--data train.csv --target y --drop site --learner ridge";
    let quick = "--importance coefficients --folds 3";
    let cases = [
        ("top --n-features 2", true),
        ("threshold --at 0.3*mean", true),
        ("rfe --n-features 2", true),
        ("rfecv --one-standard-error --inner-folds 3", true),
        ("stability --n-features 2 --n-pairs 10", true),
        ("stability --n-pairs 4 --no-honest", false),
    ];
    for (words, honest) in cases {
        let call = format!("select {words} {on} {quick}");
        let (_, said) = desk.both(&format!("{call} --output s.csv --refit r.fi --features f.csv"));
        let text = desk.text("s.csv");
        let header = "n_features,features,score,ci_low,ci_high,chosen,honest_score,honest_ci_low,\
                      honest_ci_high";
        assert_eq!(text.lines().next(), Some(header));
        let chosen = text.lines().find(|line| line.split(',').nth(5) == Some("1")).unwrap();
        if honest {
            assert!(chosen.starts_with("2,a;c,"), "{words}: {text}");
            assert!(said.contains("2 of 3 are chosen: a, c."), "{words}: {said}");
            assert!(said.contains("Chosen again in each fold, MSE"), "{words}: {said}");
            assert!(!chosen.ends_with(",,,"), "{text}");
        } else {
            assert!(chosen.ends_with(",,,") && !said.contains("Chosen again"), "{text}");
            assert!(said.contains("useless ones are expected among them"), "{said}");
        }
        assert_eq!(desk.text("f.csv").lines().count(), 4);
        // The model reads the table by the names of what was chosen.
        assert!(desk.done("inspect r.fi").contains('a'));
        desk.done("predict --model r.fi --data test.csv --output p.npy");
    }
    let boruta = "select boruta --data train.csv --target y --drop site --rounds 30 --no-honest";
    let forest = "--learner forest:n_estimators=20 --importance impurity";
    let (printed, _) = desk.both(&format!("{boruta} {forest} --two-step --rough-fix"));
    assert!(printed.contains("a;c") && !printed.contains("a;b"), "{printed}");
    let (code, said) = desk
        .fails("select top --n-features 2 --data train.csv --target y --importance coefficients --learner tree");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("the learner `tree` has no coefficients to read"), "{said}");
}

#[test]
fn knockoffs_choose_by_a_rate_and_say_what_they_cannot() {
    let desk = desk();
    let on = "--data train.csv --target y --drop site --learner ridge --importance coefficients";
    let call = format!("select knockoffs {on} --no-honest --features f.csv");
    desk.write("g.toml", "both = [\"a\", \"b\"]\n");
    // Three columns cannot hold the ten that several draws choose at least.
    let (_, said) = desk.both(&call);
    assert!(said.contains("0 of 3 are chosen."), "{said}");
    assert!(
        said.contains("Note: nothing can be chosen: at a false discovery rate of 0.2"),
        "{said}"
    );
    // Two matter, which a single draw may choose at a rate of one half; the third tosses a coin.
    let both = |said: &str| {
        ["2 of 3 are chosen: a, c.", "3 of 3 are chosen: a, b, c."].iter().any(|x| said.contains(x))
    };
    let (_, said) = desk.both(&format!("{call} --draws 1 --fdr 0.5 --equicorrelated"));
    assert!(both(&said), "{said}");
    assert!(said.contains("At most a share of 0.500 of them is expected to be useless."), "{said}");
    let text = desk.text("f.csv");
    let header = "feature,chosen,rank,score,hits,decision,n_folds_chosen,spread,e_value";
    assert_eq!(text.lines().next(), Some(header));
    assert!(text.contains("\na,1,,") && text.contains("\nc,1,,"), "{text}");
    let (_, said) = desk.both(&format!("{call} --draws 1 --offset 0 --copula"));
    assert!(both(&said) && !said.contains("share of"), "{said}");
    desk.done("plot stability f.csv --output f.svg");
    assert!(desk.text("f.svg").contains("score: a "), "{}", desk.text("f.svg"));
    for (words, code, text) in [
        ("--rounds 3", 2, "--rounds has no meaning for this method"),
        ("--offset 0", 1, "`offset` is `0`, it must be 1 with several draws"),
        ("--groups g.toml", 1, "a knockoff is of one: give players of single features"),
    ] {
        let (ended, said) = desk.fails(&format!("{call} {words}"));
        assert!(ended == code && said.contains(text), "{words}: {ended} {said}");
    }
    let (code, said) = desk.fails(&format!("select boruta {on} --fdr 0.1"));
    assert!(code == 2 && said.contains("--fdr has no meaning for this method"), "{said}");
}

#[test]
fn methods_and_models_are_compared() {
    let desk = desk_with_model();
    desk.done("train tree --data train.csv --target y --drop site --test-size 0 --output t.fi");
    let on = "--data test.csv --target y --repeats 2 --metric mae";
    let one = format!("compare --model m.fi --methods permutation,shap,impurity {on}");
    let printed = desk.done(&one);
    assert!(printed.contains("mean_rank") && printed.contains("| a "), "{printed}");
    desk.done(&format!("{one} --output folder"));
    let text = desk.text("folder/importances.csv");
    assert!(text.starts_with("feature,permutation,shap,impurity,mean_rank\na,"), "{text}");
    assert!(desk.text("folder/agreement.csv").starts_with("result,permutation,shap,impurity\n"));
    assert!(desk.text("folder/report.md").contains("## Agreement"));
    let settings = &desk.json("folder/comparison.json")["settings"];
    assert_eq!((&settings["repeats"], &settings["metric"]), (&2.into(), &"mae".into()));
    for picture in ["ranks.svg", "agreement.svg"] {
        assert!(desk.text(&format!("folder/{picture}")).contains("permutation"));
    }
    let two = "compare --models m.fi,t.fi --methods permutation,lofo --learner tree --folds 2 \
         --data test.csv --target y --drop site --measure kendall --output c.json";
    desk.done(two);
    let json = desk.json("c.json");
    assert_eq!(json["comparison"]["measure"], "Kendall τ-b");
    let names = ["m.fi: permutation", "t.fi: permutation", "lofo"];
    assert_eq!(json["comparison"]["names"], serde_json::json!(names));
    conforms(&json, "comparison.schema.json");
    conforms(&desk.json("folder/comparison.json"), "comparison.schema.json");
}

#[test]
fn json_results_are_what_their_schema_says() {
    let desk = desk_with_model();
    let calls = [
        format!("permutation {SCORED} --repeats 3 --metric mse,r2"),
        "impurity --model m.fi".to_owned(),
        format!("lofo {TRAINED} --folds 2"),
        "permutation --model m.fi --data train.csv --target y --repeats 2".to_owned(),
        format!("sage {SCORED} --draws 64"),
    ];
    for call in calls {
        desk.done(&format!("importance {call} --output i.json"));
        conforms(&desk.json("i.json"), "importance.schema.json");
    }
    // The checker itself sees what is wrong.
    let schema = docs("importance.schema.json");
    let mut json = desk.json("i.json");
    json["results"][0]["features"][0]["importance"] = "much".into();
    assert!(check(&json, &schema, &schema).is_err());
    let mut json = desk.json("i.json");
    json["results"][0]["extra"] = 1.into();
    assert!(check(&json, &schema, &schema).is_err());
    let mut json = desk.json("i.json");
    json.as_object_mut().unwrap().remove("settings");
    assert!(check(&json, &schema, &schema).is_err());
}

#[test]
fn each_wrong_call_gets_one_sentence_and_leaves_nothing_behind() {
    let desk = desk_with_model();
    std::fs::write(desk.path("short.csv"), "fold\n0\n1\n").unwrap();
    let before = desk.files();
    let calls = [
        ("importance lofo --model m.fi --data train.csv --target y", "leave --model out"),
        ("importance permutation --data train.csv --target y", "give --model"),
        ("importance lofo --data train.csv --target y --learner svm", "`learner` is `svm`"),
        ("importance lofo --data train.csv --target y --folds often", "`folds` is `often`"),
        ("importance lofo --data train.csv", "--target"),
        ("importance shap --model m.fi --data test.csv --folds 3", "--folds has no meaning"),
        ("importance lofo --data train.csv --target y --draws 4", "--draws has no meaning"),
        ("importance sage --model m.fi --data test.csv --conditional trees", "--conditional has"),
        (
            "importance leave-one-in --data train.csv --target y --base q",
            "--base `q` is no feature here: they are a, b, c",
        ),
        ("explain shap --model m.fi --data test.csv --n-samples 9", "--n-samples has no meaning"),
        ("explain lime --model m.fi --data test.csv --around mean", "--around is for"),
        ("interactions permutation --model m.fi --data test.csv --learner tree", "leave one out"),
        ("interactions permutation --model m.fi --data test.csv --target y --pairs a:q", "`a:q`"),
        ("interactions shap --model m.fi --data test.csv --metric r2", "--metric has no meaning"),
        ("select top --data train.csv --target y --alpha 0.1", "--alpha has no meaning"),
        ("select threshold --data train.csv --target y --at high", "`cutoff` is `high`"),
        ("select top --data train.csv --target y", "give --n-features"),
        ("select top --data train.csv --target y --output s.txt", "no extension"),
        // Before permutation importance has done its work, which would be lost.
        (
            "compare --model m.fi --methods permutation,impurity --data test.csv --target y \
             --memory 1GiB",
            "--memory has no meaning for this method",
        ),
        (
            "compare --model m.fi --methods impurity,split-count --repeats 7",
            "--repeats has no meaning for these methods",
        ),
        (
            "compare --model m.fi --methods permutation,shap --data test.csv --target y --output \
             none/c.json",
            "there is no folder `none`",
        ),
        ("compare --methods permutation --data test.csv --target y", "give --models"),
        ("compare --methods lofo --data train.csv --target y --output c.csv", "no extension"),
    ];
    for (words, sentence) in calls {
        let (code, text) = desk.fails(words);
        assert_eq!(code, 2, "fi {words}: {text}");
        assert!(text.contains(sentence), "fi {words}: {text}");
    }
    let work = [
        ("importance lofo --data train.csv --target y --folds short.csv", "it has 2 rows"),
        ("importance lofo --data train.csv --target y --folds 99", "at most the 60 rows"),
        ("importance lofo --data train.csv --target y --learner logistic", "learns classes"),
        ("importance sage --model m.fi --data test.csv --target y --draws 1", "`n_draws` is `1`"),
        ("select top --data train.csv --target y --n-features 9 --learner linear", "`k` is `9`"),
        ("compare --model m.fi --methods impurity", "at least 2 results"),
        ("compare --model m.fi --methods impurity,impurity", "two results are called `impurity`"),
    ];
    for (words, sentence) in work {
        let (code, text) = desk.fails(words);
        assert_eq!(code, 1, "fi {words}: {text}");
        let last = text.lines().last().unwrap_or_default();
        assert!(last.contains(sentence), "fi {words}: {text}");
    }
    assert_eq!(desk.files(), before);
}

fn conforms(json: &serde_json::Value, schema: &str) {
    let schema = docs(schema);
    if let Err(problem) = check(json, &schema, &schema) {
        panic!("{problem} in {json:#}");
    }
}

/// The part of JSON Schema that our schemas use; a keyword beyond it is refused, not passed over.
fn check(
    json: &serde_json::Value,
    schema: &serde_json::Value,
    root: &serde_json::Value,
) -> Result<(), String> {
    use serde_json::Value;
    for (keyword, wanted) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "$id" | "title" | "description" | "$defs" => true,
            "$ref" => {
                let place = wanted.as_str().unwrap().strip_prefix('#').unwrap();
                check(json, root.pointer(place).unwrap(), root)?;
                true
            }
            "type" => {
                let name = match json {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(number) if number.is_f64() => "number",
                    Value::Number(_) => "integer",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                let is = |kind: &Value| kind == name || (kind == "number" && name == "integer");
                wanted.as_array().map_or_else(|| is(wanted), |kinds| kinds.iter().any(is))
            }
            "const" => json == wanted,
            "enum" => wanted.as_array().unwrap().contains(json),
            "minimum" => json.as_f64().is_none_or(|x| x >= wanted.as_f64().unwrap()),
            "minItems" => {
                json.as_array().is_none_or(|a| a.len() as u64 >= wanted.as_u64().unwrap())
            }
            "pattern" => {
                // The only one: a SHA-256.
                assert_eq!(wanted, "^[0-9a-f]{64}$");
                json.as_str()
                    .is_some_and(|s| s.len() == 64 && !s.contains(|c: char| !c.is_ascii_hexdigit()))
            }
            "anyOf" => wanted.as_array().unwrap().iter().any(|one| check(json, one, root).is_ok()),
            "items" => {
                for item in json.as_array().into_iter().flatten() {
                    check(item, wanted, root)?;
                }
                true
            }
            "required" => wanted.as_array().unwrap().iter().all(|key| {
                json.as_object().is_none_or(|object| object.contains_key(key.as_str().unwrap()))
            }),
            "properties" => {
                for (key, value) in json.as_object().into_iter().flatten() {
                    if let Some(of_key) = wanted.get(key) {
                        check(value, of_key, root).map_err(|e| format!("{key}: {e}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                for (key, value) in json.as_object().into_iter().flatten() {
                    if schema["properties"].get(key).is_none() {
                        if wanted == false {
                            return Err(format!("`{key}` is not in the schema"));
                        }
                        check(value, wanted, root).map_err(|e| format!("{key}: {e}"))?;
                    }
                }
                true
            }
            other => panic!("the schema uses `{other}`, which this test does not know"),
        };
        if !holds {
            return Err(format!("{keyword} {wanted} does not hold for {json}"));
        }
    }
    Ok(())
}
