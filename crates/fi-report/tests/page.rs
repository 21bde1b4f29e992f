//! The page as a file: whole, small, the same every time, and safe to open whatever the names are.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail the test")]

use fi_core::{Dataset, Players, Run, Target};
use fi_models::Fitted;
use fi_models::linear::{LinearModel, Scores};
use fi_models::store::Stored;
use fi_models::tree::RandomForest;
use fi_report::{Findings, LARGEST_PAGE, Page, Report, Rows};
use ndarray::{Array1, Array2};
use scraper::{Html, Selector};
use serde_json::Value;

/// Numbers that look drawn and are the same everywhere.
fn table(n_rows: usize, n_columns: usize) -> Array2<f64> {
    let mut rng = fi_core::Rng::new(7, 0);
    Array2::from_shape_fn((n_rows, n_columns), |_| rng.normal())
}

/// A linear model of these features, whose coefficients fall from the first to the last.
fn linear(names: &[&str]) -> Stored {
    let n = names.len();
    let weights = Array2::from_shape_fn((n, 1), |(i, _)| (n - i) as f64);
    let model = LinearModel::new(weights, Array1::zeros(1), Scores::Values).unwrap();
    Stored {
        model: Fitted::from(model),
        feature_names: names.iter().map(|name| (*name).to_owned()).collect(),
        class_names: None,
        scaler: None,
        training_rows: None,
        categories: Vec::new(),
    }
}

fn data(names: &[&str], n_rows: usize) -> Dataset {
    let rows = table(n_rows, names.len());
    let target = Target::Values(rows.sum_axis(ndarray::Axis(1)).to_vec());
    Dataset::new(rows, target).unwrap().with_feature_names(names.iter().copied()).unwrap()
}

fn single(model: &Stored) -> Players {
    Players::features(model.feature_names.clone()).unwrap()
}

/// A forest of many features and classes.
fn forest(n_rows: usize, n_features: usize, n_classes: usize) -> (Stored, Dataset) {
    let rows = table(n_rows, n_features);
    let labels = (0..n_rows)
        .map(|i| ((rows[[i, 0]] + rows[[i, 1]]).abs() * 3.0) as usize % n_classes)
        .collect();
    let names = (0..n_classes).map(|class| format!("class {class}")).collect();
    let features = (0..n_features).map(|i| format!("feature {i}"));
    let data = Dataset::new(rows, Target::Classes { labels, names }).unwrap();
    let data = data.with_feature_names(features).unwrap();
    let settings = RandomForest { n_estimators: 5, ..RandomForest::default() };
    let model = settings.fit(&Run::new(1), &data).unwrap();
    (Stored::new(model, &data, None).unwrap(), data)
}

fn findings(model: &Stored, data: &Dataset) -> Findings {
    let players = single(model);
    Report::default().findings(&Run::new(3), model, Rows::Scored(data), &players).unwrap()
}

/// The page, read as a browser reads it.
fn parsed(html: &str) -> Html {
    let page = Html::parse_document(html);
    assert!(page.errors.is_empty(), "{:?}", page.errors);
    page
}

fn texts(page: &Html, selector: &str) -> Vec<String> {
    let selector = Selector::parse(selector).unwrap();
    page.select(&selector).map(|element| element.text().collect()).collect()
}

const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "</title></style><!--",
    "a\"b'c&d&amp;",
    "長い名前",
    "اسم العمود",
    "]]>\u{2028}{{x}}${y}`",
    " ",
];

#[test]
fn hostile_names_are_text_everywhere() {
    let (model, data) = (linear(&HOSTILE), data(&HOSTILE, 60));
    let page = Page {
        title: "</title><script>alert(2)</script>".to_owned(),
        command: vec!["fi".to_owned(), "</code><script>".to_owned(), "it's".to_owned()],
        ..Page::default()
    };
    let html = page.html(&findings(&model, &data)).unwrap();
    let page = parsed(&html);
    assert_eq!(texts(&page, "script").len(), 2, "the page's own script and its data");
    assert!(texts(&page, "img").is_empty() && texts(&page, "b").is_empty());
    assert_eq!(texts(&page, "title")[0], "</title><script>alert(2)</script>");
    assert_eq!(texts(&page, "pre code")[0], r"fi '</code><script>' 'it'\''s'");
    let named = texts(&page, "#importances tbody th");
    // The coefficients fall, and so do the scores but for chance.
    let mut sorted = named.clone();
    sorted.sort();
    let mut expected = HOSTILE.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(sorted, expected);
    let rows: Value = serde_json::from_str(&texts(&page, "#row-data")[0]).unwrap();
    let names = rows["names"].as_array().unwrap();
    assert!(HOSTILE.iter().all(|name| names.contains(&Value::from(*name))), "{names:?}");
}

#[test]
fn nothing_outside_is_asked_for() {
    let (model, data) = (linear(&["a", "b", "c"]), data(&["a", "b", "c"], 40));
    let html = Page::default().html(&findings(&model, &data)).unwrap();
    let page = parsed(&html);
    let links = Selector::parse("[src], [href], [srcset], [action], [data], link, base, iframe");
    for element in page.select(&links.unwrap()) {
        let to = element.value().attr("href").unwrap_or_default();
        assert!(to.starts_with('#'), "{}", element.html());
    }
    let named_spaces = html.replace("http://www.w3.org/", "");
    for outside in ["http:", "https:", "url(", "@import", "import(", "fetch(", "data:"] {
        assert!(!named_spaces.contains(outside), "{outside}");
    }
    let policy = Selector::parse("meta[http-equiv=Content-Security-Policy]").unwrap();
    let policy = page.select(&policy).next().unwrap().value().attr("content").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
}

#[test]
fn a_wide_table_of_many_classes_stays_small() {
    let (model, data) = forest(1200, 600, 12);
    let html = Page::default().html(&findings(&model, &data)).unwrap();
    assert!(html.len() <= LARGEST_PAGE, "{} bytes", html.len());
    let page = parsed(&html);
    assert_eq!(texts(&page, "#importances tbody tr").len(), 500);
    let caption = &texts(&page, "#importances caption")[0];
    assert!(caption.ends_with("; the first 500 of 600"), "{caption}");
    let rows: Value = serde_json::from_str(&texts(&page, "#row-data")[0]).unwrap();
    let n_rows = rows["rows"].as_array().unwrap().len();
    assert!((50..=500).contains(&n_rows), "{n_rows} rows can be chosen");
    let said = &texts(&page, "section[aria-labelledby=rows] p")[0];
    assert!(said.starts_with(&format!("{n_rows} of 1200 rows can be chosen, a sample.")), "{said}");
    let done = texts(&page, "section[aria-labelledby=again] li").join(" ");
    assert!(done.contains("SHAP values are of 1000 rows, drawn from 1200."), "{done}");
}

#[test]
fn the_page_is_the_same_on_any_number_of_threads() {
    let (model, data) = forest(150, 5, 3);
    let black_box = linear(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
    let names: Vec<&str> = black_box.feature_names.iter().map(String::as_str).collect();
    let values = self::data(&names, 80);
    let pages = [1, 2, 3, 8].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            [findings(&model, &data), findings(&black_box, &values)]
                .map(|findings| Page::default().html(&findings).unwrap())
        })
    });
    assert!(pages.windows(2).all(|two| two[0] == two[1]));
}

#[test]
fn the_table_says_what_the_methods_say() {
    let (model, data) = forest(300, 4, 2);
    let found = findings(&model, &data);
    let methods: Vec<&str> = found.importances.iter().map(|i| i.method.as_str()).collect();
    assert_eq!(methods, ["permutation", "mean |path-dependent TreeSHAP|", "impurity"]);
    let page = parsed(&Page::default().html(&found).unwrap());
    let first = &found.importances[0];
    let order = first.order();
    let named = texts(&page, "#importances tbody th");
    let expected: Vec<String> = order.iter().map(|&i| first.features[i].clone()).collect();
    assert_eq!(named, expected);
    let interval = first.interval.as_ref().unwrap();
    let top = order[0];
    let cells = texts(&page, "#importances tbody tr:first-child td");
    assert_eq!(cells[0], fi_viz::number(first.values[top]));
    let (low, high) = (fi_viz::number(interval.low[top]), fi_viz::number(interval.high[top]));
    assert_eq!(cells[1], format!("{low} to {high}"));
    assert!(cells[2].starts_with("1 ("), "{}", cells[2]);
    // The first row's table adds up to what the forest predicts.
    let ends = texts(&page, "#row-table tr.end td:nth-child(3)");
    let predicted = fi_core::Model::predict(&model, data.rows()).unwrap();
    assert_eq!(ends[1], fi_viz::number(predicted[[0, 0]]));
    // Trained rows are told apart, in the section that says so.
    let warned = texts(&page, ".warnings li").join(" ");
    assert!(warned.contains("300 of 300 rows have the values of training rows"), "{warned}");
}

#[test]
fn without_a_target_and_with_groups_the_page_says_what_is_left_out() {
    let names = ["a", "b", "c"];
    let (model, rows) = (linear(&names), table(50, 3));
    let groups = [("first", vec![0, 1]), ("last", vec![2])];
    let players = Players::groups(3, groups).unwrap();
    let found = Report::default()
        .findings(&Run::new(0), &model, Rows::Alone(rows.view()), &players)
        .unwrap();
    assert_eq!(found.importances.len(), 1);
    let page = parsed(&Page::default().html(&found).unwrap());
    let done = texts(&page, "section[aria-labelledby=again] li").join(" ");
    assert!(done.contains("Without a target nothing says how good the model is"), "{done}");
    assert!(done.contains("left out because groups are scored"), "{done}");
    let summary = texts(&page, "section[aria-labelledby=summary] p").join(" ");
    assert!(summary.contains("3 features, scored as 2 groups, and answers with"), "{summary}");
    assert!(
        summary.contains("the most important groups of features are “\u{2068}first\u{2069}”"),
        "{summary}"
    );
    // 2 coefficients of 3 and 2 against one of 1.
    assert_eq!(texts(&page, "#importances tbody th"), ["first", "last"]);
}

#[test]
fn gaps_constants_and_tiny_tables_make_pages() {
    let (model, data) = forest(120, 3, 2);
    let mut rows = data.rows().to_owned();
    rows.column_mut(0).fill(f64::NAN);
    rows.column_mut(1).fill(1.0);
    rows[[5, 2]] = f64::NAN;
    let data = data.with_rows(rows).unwrap();
    let page = parsed(&Page::default().html(&findings(&model, &data)).unwrap());
    assert_eq!(texts(&page, "#importances tbody tr").len(), 3);
    assert!(texts(&page, "#row-table td").contains(&"missing".to_owned()));
    // One row, one feature: no interval, no correlation, no agreement.
    let (model, rows) = (linear(&["only"]), table(1, 1));
    let found = Report::default()
        .findings(&Run::new(0), &model, Rows::Alone(rows.view()), &single(&model))
        .unwrap();
    let page = parsed(&Page::default().html(&found).unwrap());
    assert_eq!(texts(&page, "#importances tbody th"), ["only"]);
    assert!(texts(&page, "#agreement, #correlation").is_empty());
}

#[test]
fn gigantic_names_are_shortened() {
    let gigantic = "長".repeat(100_000);
    let names = [gigantic.as_str(), "b", "c"];
    let (model, data) = (linear(&names), data(&names, 30));
    let html = Page::default().html(&findings(&model, &data)).unwrap();
    assert!(html.len() < 1_000_000, "{} bytes", html.len());
}

#[test]
fn wrong_calls_say_what_is_wrong() {
    let (model, rows) = (linear(&["a", "b"]), table(20, 2));
    let players = single(&model);
    let fails = |report: Report, rows: &Array2<f64>, players: &Players| {
        let rows = Rows::Alone(rows.view());
        report.findings(&Run::new(0), &model, rows, players).unwrap_err().to_string()
    };
    let default = Report::default;
    assert_eq!(
        fails(default(), &table(0, 2), &players),
        "`rows` is `0`, it must be at least one row"
    );
    assert_eq!(
        fails(default(), &table(5, 3), &players),
        "the table has shape [5, 3], expected [5, 2]"
    );
    let other = Players::features(["a", "b", "c"]).unwrap();
    assert!(
        fails(default(), &rows, &other).contains("features"),
        "{}",
        fails(default(), &rows, &other)
    );
    assert_eq!(
        fails(Report { confidence: 1.0, ..default() }, &rows, &players),
        "`confidence` is `1`, it must be inside (0, 1)"
    );
    assert_eq!(
        fails(Report { n_repeats: 0, ..default() }, &rows, &players),
        "`n_repeats` is `0`, it must be at least 1"
    );
    let mut gaps = rows.clone();
    gaps[[3, 0]] = f64::NAN;
    let error = fails(default(), &gaps, &players);
    assert!(error.starts_with("SHAP failed: "), "{error}");
}

#[test]
fn a_stopped_report_is_cancelled() {
    struct Stop;
    impl fi_core::Progress for Stop {
        fn advance(&self, _: usize, _: usize) -> std::ops::ControlFlow<()> {
            std::ops::ControlFlow::Break(())
        }
    }
    let (model, data) = (linear(&["a", "b"]), data(&["a", "b"], 30));
    let run = Run::new(0).with_progress(&Stop);
    let players = single(&model);
    // In permutation importance, and without a target in SHAP.
    for rows in [Rows::Scored(&data), Rows::Alone(data.rows())] {
        let error = Report::default().findings(&run, &model, rows, &players);
        assert!(error.unwrap_err().is_cancelled());
    }
}

/// A group of one is no feature at its place: nothing is drawn over another feature's values.
#[test]
fn groups_of_one_in_another_order_have_no_dependence() {
    let (model, data) = (linear(&["a", "b", "c"]), data(&["a", "b", "c"], 40));
    let page = |players: &Players| {
        let report = Report::default();
        let found = report.findings(&Run::new(0), &model, Rows::Scored(&data), players).unwrap();
        Page::default().html(&found).unwrap()
    };
    assert!(page(&single(&model)).contains("SHAP values of a"));
    let groups = [("c", vec![2]), ("a", vec![0]), ("b", vec![1])];
    assert!(!page(&Players::groups(3, groups).unwrap()).contains("SHAP values of "));
}
