//! No text is covered or cut, bytes do not change, and bad input gives a sentence.

#![expect(clippy::unwrap_used, reason = "a helper of tests may fail the test")]

mod checks;
mod gallery;

use expect_test::expect;
use fi_core::{Estimand, Importance, Interval, Replicate};
use fi_viz::{
    Annotate, BarChart, BoxPlot, ColorScale, CurveChart, CurveLine, Diagonal, Figure, Heatmap,
    Order, Result,
};
use ndarray::{Array2, array};

fn check(name: &str, figure: &Figure) {
    assert_eq!(figure.overlaps(), [], "{name}");
    assert_eq!(figure.cut_texts(), [], "{name}");
    let svg = figure.svg().unwrap();
    assert_eq!(svg.matches("<text").count(), figure.texts().len(), "{name}");
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count(), "{name}");
    assert!(!svg.contains("NaN"), "{name}");
}

#[test]
fn no_text_is_covered_or_cut_at_any_size() {
    for n in [1, 2, 4, 7, 20, 60, 100, 101, 250] {
        for (name, figure) in gallery::figures(n).unwrap() {
            check(&name, &figure);
        }
    }
}

#[test]
fn boxes_have_the_size_of_their_text() {
    let (_, figure) = gallery::figures(4).unwrap().swap_remove(3);
    let texts = figure.texts();
    let first = texts.iter().find(|text| text.text == "petal width (cm)").unwrap();
    assert!(first.width > 90.0 && first.width < 120.0, "{first:?}");
    assert!((first.height - 14.4).abs() < 1e-9, "{first:?}");
}

#[test]
fn a_thousand_names_make_a_picture() {
    let names: Vec<String> = (0..1000).map(|i| format!("a rather long feature name {i}")).collect();
    let bars = BarChart {
        names: names.clone(),
        values: (0..1000).map(f64::from).collect(),
        order: Order::Descending,
        caption: "No whiskers.".to_owned(),
        ..BarChart::default()
    };
    let figure = bars.figure().unwrap();
    check("bars", &figure);
    assert!(figure.texts().iter().any(|t| t.text == "No whiskers. 60 of 1000 are shown."));
    let whole = BarChart { max_bars: usize::MAX, ..bars }.figure().unwrap();
    check("all bars", &whole);
    let heatmap = Heatmap {
        rows: names.clone(),
        columns: names.clone(),
        values: Array2::zeros((1000, 1000)),
        ..Heatmap::default()
    };
    let figure = heatmap.figure().unwrap();
    check("heatmap", &figure);
    assert!(figure.texts().iter().any(|t| t.text.contains("One row name in 15 is written.")));
    let boxes = BoxPlot {
        groups: names.into_iter().map(|name| (name, vec![1.0])).collect(),
        ..BoxPlot::default()
    };
    check("boxes", &boxes.figure().unwrap());
}

#[test]
fn too_large_pictures_are_refused() {
    let n = 40_000;
    let bars = BarChart {
        names: (0..n).map(|i| i.to_string()).collect(),
        values: vec![1.0; n],
        max_bars: n,
        ..BarChart::default()
    };
    let text = bars.figure().unwrap_err().to_string();
    assert!(
        text.ends_with("at most 30000 a side can be drawn: show fewer rows or columns"),
        "{text}"
    );
}

#[test]
fn hostile_names_are_escaped_and_kept() {
    let names = ["a<b>&\"c\"", "tab\there\u{0}\u{1b}[0m", "", "漢字", "</text><script>"];
    let long = "Ж".repeat(300);
    let names: Vec<String> = names.into_iter().map(String::from).chain([long.clone()]).collect();
    let bars = BarChart {
        title: "<&> ".repeat(60),
        values: vec![1.0; names.len()],
        names,
        ..BarChart::default()
    };
    let figure = bars.figure().unwrap();
    check("bars", &figure);
    let svg = figure.svg().unwrap();
    assert!(svg.contains("a&lt;b&gt;&amp;&quot;c&quot;"), "{svg}");
    assert!(svg.contains(&format!("<title>{long}</title></text>")), "{svg}");
    assert!(!svg.contains("<script>") && !svg.contains('\u{0}') && !svg.contains('\u{1b}'));
    assert_eq!(figure.unknown_characters(), ['字', '漢']);
    assert!(figure.png().is_ok());
}

#[test]
fn odd_values_make_sensible_pictures() {
    let bars = |values: &[f64]| BarChart {
        names: (0..values.len()).map(|i| format!("x{i}")).collect(),
        values: values.to_vec(),
        ..BarChart::default()
    };
    for values in [
        &[0.0, 0.0][..],
        &[f64::NAN, f64::NAN],
        &[5e-324, 0.0],
        &[1e300, -1e300],
        &[1e-12, 1e12],
        &[-3.0, -3.0],
        &[f64::NAN, 1.0],
    ] {
        check(&format!("{values:?}"), &bars(values).figure().unwrap());
        let boxes =
            BoxPlot { groups: vec![("a".to_owned(), values.to_vec()); 3], ..BoxPlot::default() };
        if values.iter().all(|value| value.is_finite()) {
            check(&format!("{values:?}"), &boxes.figure().unwrap());
        }
        let values = Array2::from_shape_vec((1, values.len()), values.to_vec()).unwrap();
        let heatmap = Heatmap {
            rows: vec!["r".to_owned()],
            columns: (0..values.ncols()).map(|i| format!("c{i}")).collect(),
            scale: ColorScale::fitting(&values),
            values,
            ..Heatmap::default()
        };
        check("heatmap", &heatmap.figure().unwrap());
    }
}

#[test]
fn each_bad_input_gets_its_own_sentence() {
    let text = |result: Result<Figure>| result.unwrap_err().to_string();
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let bars = BarChart { names: names(&["a", "b"]), values: vec![1.0, 2.0], ..Default::default() };
    let with = |change: &dyn Fn(&mut BarChart)| {
        let mut bars = bars.clone();
        change(&mut bars);
        text(bars.figure())
    };
    assert_eq!(
        text(BarChart::default().figure()),
        "the bar chart cannot be drawn: there are no bars, give at least one"
    );
    assert_eq!(
        with(&|b| b.values.truncate(1)),
        "the bar chart cannot be drawn: it has 2 names and 1 values, give one value per name"
    );
    assert_eq!(
        with(&|b| b.values[1] = f64::INFINITY),
        "the bar chart cannot be drawn: `b` is `inf`, give a finite number or NaN for none"
    );
    assert_eq!(
        with(&|b| b.max_bars = 0),
        "the bar chart cannot be drawn: `max_bars` is `0`, it must be at least 1"
    );
    assert_eq!(
        with(&|b| b.intervals = Some(vec![(0.0, 1.0)])),
        "the bar chart cannot be drawn: it has 2 names and 1 intervals, give one interval per name"
    );
    assert_eq!(
        with(&|b| b.intervals = Some(vec![(0.0, 1.0), (2.0, 1.0)])),
        "the bar chart cannot be drawn: the interval of `b` is `2` to `1`, give the lower end first"
    );
    assert_eq!(
        with(&|b| b.intervals = Some(vec![(0.0, 1.0), (2.0, f64::INFINITY)])),
        "the bar chart cannot be drawn: the interval of `b` is `2` to `inf`, give finite ends"
    );

    let boxes = |groups: &[(&str, &[f64])], line: f64| {
        let groups = groups.iter().map(|(name, v)| ((*name).to_owned(), v.to_vec())).collect();
        let references = vec![("line".to_owned(), line)];
        text(BoxPlot { groups, references, ..BoxPlot::default() }.figure())
    };
    assert_eq!(
        boxes(&[], 0.0),
        "the box plot cannot be drawn: there are no groups, give at least one"
    );
    assert_eq!(
        boxes(&[("a", &[]), ("b", &[])], 0.0),
        "the box plot cannot be drawn: no group has a value, give at least one"
    );
    assert_eq!(
        boxes(&[("a", &[0.0, f64::NAN])], 0.0),
        "the box plot cannot be drawn: value 1 of `a` is `NaN`, leave out what is not finite"
    );
    assert_eq!(
        boxes(&[("a", &[0.0])], f64::NAN),
        "the box plot cannot be drawn: the line `line` is at `NaN`, give a finite number"
    );

    let heatmap = Heatmap {
        rows: names(&["r"]),
        columns: names(&["a", "b"]),
        values: array![[1.0, 2.0]],
        ..Heatmap::default()
    };
    let with = |change: &dyn Fn(&mut Heatmap)| {
        let mut heatmap = heatmap.clone();
        change(&mut heatmap);
        text(heatmap.figure())
    };
    assert_eq!(
        text(Heatmap::default().figure()),
        "the heatmap cannot be drawn: there are no cells, give at least one row and one column"
    );
    assert_eq!(
        with(&|h| h.rows.clear()),
        "the heatmap cannot be drawn: its values have shape [1, 2], but there are 0 row and 2 \
         column names"
    );
    assert_eq!(
        with(&|h| h.values[[0, 1]] = f64::NEG_INFINITY),
        "the heatmap cannot be drawn: row `r`, column `b` is `-inf`, give a finite number or NaN \
         for none"
    );
    assert_eq!(
        with(&|h| h.scale = ColorScale::Diverging { max_abs: 0.0 }),
        "the heatmap cannot be drawn: its colours go from `0` to `0`, give a finite range that \
         is not empty"
    );
    assert_eq!(
        with(&|h| h.diagonal = Diagonal::Blank),
        "the heatmap cannot be drawn: only a square matrix has a diagonal to leave blank, it is 1 \
         × 2"
    );
}

#[test]
fn files_are_written_by_their_extension() {
    let folder = tempfile::tempdir().unwrap();
    let (_, figure) = gallery::figures(4).unwrap().swap_remove(0);
    let path = |name: &str| folder.path().join(name);
    figure.save(path("a.svg")).unwrap();
    figure.save(path("a.PNG")).unwrap();
    assert_eq!(std::fs::read_to_string(path("a.svg")).unwrap(), figure.svg().unwrap());
    let png = std::fs::read(path("a.PNG")).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n"));
    assert_eq!(png[16..20], (2 * figure.width()).to_be_bytes());
    assert_eq!(png[20..24], (2 * figure.height()).to_be_bytes());
    let text = figure.save("a.jpeg").unwrap_err().to_string();
    assert_eq!(text, "`a.jpeg` does not end in `.svg` or `.png`, name the picture so");
    let text = figure.save(path("no").join("a.svg")).unwrap_err().to_string();
    assert!(text.contains("a.svg` could not be written: "), "{text}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_result_becomes_a_chart() {
    let names = ["low", "high"].map(String::from);
    let replicates = array![[0.1, 0.2], [0.5, 0.9]];
    let mut importance =
        Importance::from_replicates("LOFO", &names, replicates, Replicate::Fold).unwrap();
    importance.metric = Some("log loss".to_owned());
    importance.interval = Some(Interval {
        estimand: Estimand::LearnerOverTrainingSets,
        confidence: 0.95,
        low: vec![0.0, 0.3],
        high: vec![0.3, 1.1],
    });
    let texts = |figure: Figure| {
        check("chart", &figure);
        figure.texts().into_iter().map(|text| text.text).collect::<Vec<_>>().join("|")
    };
    expect![["LOFO|high|0.700|low|0.150|0.0|0.2|0.4|0.6|0.8|1.0|importance (log loss)|Whiskers: 95 % intervals for this learner over training sets of this size (refits vary)."]].assert_eq(&texts(BarChart::of(&importance).figure().unwrap()));
    expect![["LOFO|high|low|0.2|0.4|0.6|0.8|importance (log loss)|Each value is one fold. Circles: single values."]].assert_eq(&texts(BoxPlot::of(&importance).figure().unwrap()));
}

#[test]
fn a_small_heatmap_is_these_bytes() {
    let heatmap = Heatmap {
        title: "A & B".to_owned(),
        rows: vec!["α".to_owned()],
        columns: vec!["x".to_owned(), "y".to_owned()],
        values: array![[0.5, f64::NAN]],
        annotate: Annotate::Digits(1),
        ..Heatmap::default()
    };
    let figure = heatmap.figure().unwrap();
    let svg = figure.svg().unwrap();
    let cells = svg.lines().filter(|line| line.contains("<rect")).skip(1).take(2);
    let texts = svg.lines().filter(|line| !line.contains("<rect"));
    let lines: Vec<&str> = cells.chain(texts).collect();
    expect![[r##"
        <rect x="33" y="66" width="39" height="25" fill="#41B6C4" stroke="none"/>
        <rect x="73" y="66" width="39" height="25" fill="#DDDDDD" stroke="none"/>
        <svg width="344" height="167" viewBox="0 0 344 167" xmlns="http://www.w3.org/2000/svg" role="img">
        <title>A &amp; B</title>
        <text x="16" y="16" dy="0.76em" text-anchor="start" font-family="DejaVu Sans, Verdana, sans-serif" font-size="16" fill="#222222">
        A &amp; B</text>
        <text x="53" y="50" dy="0.76em" text-anchor="middle" font-family="DejaVu Sans, Verdana, sans-serif" font-size="12" fill="#222222">
        x</text>
        <text x="93" y="50" dy="0.76em" text-anchor="middle" font-family="DejaVu Sans, Verdana, sans-serif" font-size="12" fill="#222222">
        y</text>
        <text x="25" y="74" dy="0.76em" text-anchor="end" font-family="DejaVu Sans, Verdana, sans-serif" font-size="12" fill="#222222">
        α</text>
        <text x="53" y="75" dy="0.76em" text-anchor="middle" font-family="DejaVu Sans, Verdana, sans-serif" font-size="11" fill="#222222">
        0.5</text>
        <text x="263" y="113" dy="0.76em" text-anchor="start" font-family="DejaVu Sans, Verdana, sans-serif" font-size="11" fill="#595959">
        no value</text>
        <text x="33" y="134" dy="0.76em" text-anchor="middle" font-family="DejaVu Sans, Verdana, sans-serif" font-size="11" fill="#595959">
        0.0</text>
        <text x="69" y="134" dy="0.76em" text-anchor="middle" font-family="DejaVu Sans, Verdana, sans-serif" font-size="11" fill="#595959">
        0.2</text>
        <text x="105" y="134" dy="0.76em" text-anchor="middle" font-family="DejaVu Sans, Verdana, sans-serif" font-size="11" fill="#595959">
        0.4</text>
        <text x="141" y="134" dy="0.76em" text-anchor="middle" font-family="DejaVu Sans, Verdana, sans-serif" font-size="11" fill="#595959">
        0.6</text>
        <text x="177" y="134" dy="0.76em" text-anchor="middle" font-family="DejaVu Sans, Verdana, sans-serif" font-size="11" fill="#595959">
        0.8</text>
        <text x="213" y="134" dy="0.76em" text-anchor="middle" font-family="DejaVu Sans, Verdana, sans-serif" font-size="11" fill="#595959">
        1.0</text>
        </svg>"##]].assert_eq(&lines.join("\n"));
    assert_eq!(figure.png().unwrap(), heatmap.figure().unwrap().png().unwrap());
}

#[test]
fn a_curve_and_a_surface_become_charts() {
    use fi_core::{
        AccumulatedLocalEffects, Dataset, Function, Grid, PartialDependence, Run, Target,
    };
    let rows =
        Array2::from_shape_fn((9, 2), |(i, j)| if j == 0 { i as f64 } else { (i % 3) as f64 });
    let data = Dataset::new(rows, Target::Values(vec![0.0; 9])).unwrap();
    let data = data.with_feature_names(["width", "kind"]).unwrap().with_categorical([1]).unwrap();
    let model = Function::new(2, 2, |x: ndarray::ArrayView2<'_, f64>| {
        ndarray::stack![ndarray::Axis(1), &x.column(0) * &x.column(1), x.column(0)]
    });
    let texts = |figure: Figure| {
        check("chart", &figure);
        figure.texts().into_iter().map(|text| text.text).collect::<Vec<_>>().join("|")
    };
    let dependence =
        PartialDependence { grid: Grid::Uniform(3), lines: 4, ..PartialDependence::default() };
    let run = Run::new(0);
    let curve = dependence.curve(&run, &model, &data, 0).unwrap();
    let chart = CurveChart::of(&curve, &["product".to_owned()]);
    assert_eq!(chart.outputs[0].rows.len(), 4);
    expect!["partial dependence|0|5|10|15|prediction|product|output 1|0|2|4|6|8|width|Bands: 95 % intervals for this model on the population (test rows vary), each point by|itself. Thin lines: single rows. Below: where the rows are."].assert_eq(&texts(chart.figure().unwrap()));
    let curve = AccumulatedLocalEffects::default().curve(&run, &model, &data, 1).unwrap();
    expect!["accumulated local effects|−5|0|5|change of the prediction|output 0|output 1|0|1|2|kind|Bars: 95 % intervals for this model on the population (test rows vary), each point by itself.|Below: where the rows are."].assert_eq(&texts(CurveChart::of(&curve, &[]).figure().unwrap()));
    let surface = dependence.surface(&run, &model, &data, [0, 1]).unwrap();
    let heatmap = Heatmap::of_surface(&surface, 0);
    // The product: 0 in the lowest row, the largest at the upper right.
    assert_eq!(heatmap.values, array![[0.0, 8.0, 16.0], [0.0, 4.0, 8.0], [0.0, 0.0, 0.0]]);
    expect!["partial dependence|width|0|4.00|8.00|2.00|1.00|0|kind|0|5|10|15|prediction|1 of 9 points have no row near them: there it is|the model's invention."].assert_eq(&texts(heatmap.figure().unwrap()));
    let effects = AccumulatedLocalEffects { grid: Grid::Uniform(3), ..Default::default() };
    let numbers = data.with_categorical([]).unwrap();
    let surface = effects.surface(&run, &model, &numbers, [0, 1]).unwrap();
    assert!(matches!(Heatmap::of_surface(&surface, 0).scale, ColorScale::Diverging { .. }));
}

#[test]
fn a_small_curve_is_these_bytes() {
    let chart = CurveChart {
        title: "A & B".to_owned(),
        grid: vec![0.0, 1.0],
        outputs: vec![CurveLine {
            values: vec![0.0, 1.0],
            band: Some(vec![(-0.5, 0.5), (0.0, 2.0)]),
            rows: vec![vec![1.0, 0.0]],
            ..CurveLine::default()
        }],
        shares: vec![1.0, 3.0],
        ..CurveChart::default()
    };
    let svg = chart.figure().unwrap().svg().unwrap();
    let shapes = svg.lines().filter(|line| line.contains("<poly") || line.contains("#8C8C8C"));
    expect![[r##"
        <rect x="74" y="50" width="1" height="260" fill="#8C8C8C" stroke="none"/>
        <polyline fill="none" stroke="#AAD0E5" stroke-width="1" points="74,156 474,252 "/>
        <polygon opacity="0.25" fill="#0072B2" points="74,204 474,60 474,252 74,300 "/>
        <rect x="74" y="331" width="200" height="9" fill="#8C8C8C" stroke="none"/>
        <rect x="274" y="314" width="200" height="26" fill="#8C8C8C" stroke="none"/>
        <rect x="74" y="342" width="401" height="1" fill="#8C8C8C" stroke="none"/>
        <rect x="74" y="342" width="1" height="5" fill="#8C8C8C" stroke="none"/>
        <rect x="154" y="342" width="1" height="5" fill="#8C8C8C" stroke="none"/>
        <rect x="234" y="342" width="1" height="5" fill="#8C8C8C" stroke="none"/>
        <rect x="314" y="342" width="1" height="5" fill="#8C8C8C" stroke="none"/>
        <rect x="394" y="342" width="1" height="5" fill="#8C8C8C" stroke="none"/>
        <rect x="474" y="342" width="1" height="5" fill="#8C8C8C" stroke="none"/>"##]]
    .assert_eq(&shapes.collect::<Vec<_>>().join("\n"));
}

#[test]
fn each_bad_curve_gets_its_own_sentence() {
    let with = |change: &dyn Fn(&mut CurveChart)| {
        let mut chart = gallery::curve(3, &["a", "b"], 1);
        change(&mut chart);
        let text = chart.figure().unwrap_err().to_string();
        text.strip_prefix("the curve chart cannot be drawn: ").unwrap().to_owned()
    };
    assert_eq!(with(&|c| c.grid.clear()), "the grid has no points, give at least one");
    assert_eq!(
        with(&|c| c.grid[1] = f64::INFINITY),
        "a point of the grid is `inf`, give finite numbers"
    );
    assert_eq!(
        with(&|c| c.grid.swap(0, 1)),
        "the grid does not ascend, sort it and leave out what is double"
    );
    assert_eq!(
        with(&|c| c.categories = Some(vec![])),
        "there are 0 categories for 3 points, give one each"
    );
    assert_eq!(with(&|c| c.outputs.clear()), "there are 0 curves, give 1 to 6");
    assert_eq!(
        with(&|c| c.outputs[1].values.truncate(2)),
        "the curve `b` has 2 values for 3 points, give one each"
    );
    assert_eq!(
        with(&|c| c.outputs[0].rows[0][1] = f64::NAN),
        "a row's line of `a` has the value `NaN`, give finite numbers"
    );
    assert_eq!(
        with(&|c| c.outputs[0].band.as_mut().unwrap()[2].1 = f64::INFINITY),
        "the band of `a` has the value `inf`, give finite numbers"
    );
    assert_eq!(with(&|c| c.shares[0] = -1.0), "a share is negative, give numbers of rows");
}
