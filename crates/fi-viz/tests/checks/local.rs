use expect_test::expect;
use fi_core::Attribution;
use fi_viz::{Beeswarm, Dependence, Theme, Waterfall};
use ndarray::{Array2, Array3, array};

use super::super::{check, gallery};
use super::{drawn, refused, texts};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn beeswarm() -> Beeswarm {
    Beeswarm {
        title: "A & B".to_owned(),
        features: names(&["weak", "strong Δ"]),
        values: array![[0.1, 2.0], [0.0, -2.0], [-0.1, 2.0]],
        feature_values: Some(array![[1.0, 7.0], [f64::NAN, 3.0], [2.0, 5.0]]),
        x_label: "contribution".to_owned(),
        ..Beeswarm::default()
    }
}

fn waterfall() -> Waterfall {
    Waterfall {
        title: "Row 3".to_owned(),
        features: names(&["a", "b", "c"]),
        values: vec![0.5, -1.0, 0.25],
        feature_values: Some(vec![2.0, f64::NAN, 0.125]),
        base_value: Some(0.5),
        x_label: "prediction".to_owned(),
        ..Waterfall::default()
    }
}

fn dependence() -> Dependence {
    Dependence {
        title: "Width".to_owned(),
        x_label: "width".to_owned(),
        y_label: "contribution".to_owned(),
        x: vec![1.0, 2.0, f64::NAN, 3.0],
        y: vec![-1.0, 0.0, 5.0, 1.0],
        color: Some(("length".to_owned(), vec![10.0, 20.0, 30.0, f64::NAN])),
        ..Dependence::default()
    }
}

#[test]
fn no_text_of_a_local_picture_is_covered_or_cut() {
    for (n, n_rows) in [(1, 1), (1, 40), (2, 7), (4, 150), (20, 33), (60, 300), (3, 3000)] {
        for (name, figure) in gallery::local::figures(n, n_rows).unwrap() {
            check(&name, &figure);
        }
    }
}

#[test]
fn small_local_pictures_are_these() {
    let figure = beeswarm().figure().unwrap();
    expect!["A & B|strong Δ|2.00|weak|0.0667|−2|−1|0|1|2|contribution|the feature's value|low|high|missing|A dot is one of 3 rows. Colours: 5th to 95th percentile of each feature. On the right: mean size."].assert_eq(&texts(&figure));
    expect![[r##"
        <title>A &amp; B</title>
        <desc>Contributions of 2 features to 3 rows; largest mean sizes: strong Δ 2.00, weak 0.0667. A dot is one of 3 rows. Colours: 5th to 95th percentile of each feature. On the right: mean size.</desc>
        <circle cx="88" cy="62" r="2" fill="#0A4C9B" stroke-width="1"/>
        <circle cx="504" cy="65" r="2" fill="#937A9C" stroke-width="1"/>
        <circle cx="504" cy="59" r="2" fill="#E67E00" stroke-width="1"/>
        <circle cx="286" cy="86" r="2" fill="#E67E00" stroke-width="1"/>
        <circle cx="296" cy="86" r="2" fill="#595959" stroke-width="1"/>
        <circle cx="296" cy="86" r="1" fill="#FFFFFF" stroke-width="1"/>
        <circle cx="306" cy="86" r="2" fill="#0A4C9B" stroke-width="1"/>
        <circle cx="399" cy="156" r="3" fill="#595959" stroke-width="1"/>
        <circle cx="399" cy="156" r="2" fill="#FFFFFF" stroke-width="1"/>"##]].assert_eq(&drawn(&figure));
    let figure = waterfall().figure().unwrap();
    expect!["Row 3|base value|0.500|b = missing|−1.00|a = 2|+0.500|c = 0.125|+0.250|base value + contributions|0.250|−0.4|−0.2|0.0|0.2|0.4|prediction"].assert_eq(&texts(&figure));
    expect![[r##"
        <title>Row 3</title>
        <desc>From 0.500 (base value) to 0.250 by 3 features: b = missing −1.00, a = 2 +0.500, c = 0.125 +0.250.</desc>
        <circle cx="614" cy="62" r="5" fill="#222222" stroke-width="1"/>
        <circle cx="512" cy="158" r="5" fill="#222222" stroke-width="1"/>"##]].assert_eq(&drawn(&figure));
    let figure = dependence().figure().unwrap();
    expect!["Width|−1.0|−0.5|0.0|0.5|1.0|contribution|1.0|1.5|2.0|2.5|3.0|width|length|10.5|19.5|missing|Below: where the rows are. Rows that miss the feature and are left out: 1."].assert_eq(&texts(&figure));
    expect![[r##"
        <title>Width</title>
        <desc>contribution over width. Below: where the rows are. Rows that miss the feature and are left out: 1.</desc>
        <circle cx="87" cy="342" r="2" fill="#0A4C9B" stroke-width="1"/>
        <circle cx="304" cy="200" r="2" fill="#E67E00" stroke-width="1"/>
        <circle cx="521" cy="58" r="2" fill="#595959" stroke-width="1"/>
        <circle cx="521" cy="58" r="1" fill="#FFFFFF" stroke-width="1"/>
        <circle cx="332" cy="436" r="3" fill="#595959" stroke-width="1"/>
        <circle cx="332" cy="436" r="2" fill="#FFFFFF" stroke-width="1"/>"##]].assert_eq(&drawn(&figure));
}

#[test]
fn bars_of_a_waterfall_follow_each_other() {
    let svg = waterfall().figure().unwrap().svg().unwrap();
    let edge = |line: &str, name: &str| -> i32 {
        let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap();
        rest.split_once('"').unwrap().0.parse().unwrap()
    };
    // −1 from 0.5 to −0.5, +0.5 to 0, +0.25 to 0.25.
    let bars = svg.lines().filter(|line| line.contains("#E69F00") || line.contains("#56B4E9"));
    let bars: Vec<(i32, i32)> =
        bars.map(|bar| (edge(bar, "x"), edge(bar, "x") + edge(bar, "width"))).collect();
    let [(b_low, b_high), (a_low, a_high), (c_low, c_high)] = bars[..] else { panic!("{bars:?}") };
    assert_eq!((b_low, a_high), (a_low, c_low));
    let unit = b_high - b_low;
    assert!((2 * (a_high - a_low) - unit).abs() <= 2 && (4 * (c_high - c_low) - unit).abs() <= 4);
}

#[test]
fn many_rows_stay_a_small_picture_and_none_is_lost() {
    let n = 100_000;
    let wave = |i: usize, k: f64| (i as f64 * k).sin();
    let mut values =
        Array2::from_shape_fn((n, 2), |(i, j)| wave(i, 0.37 + j as f64) * wave(i, 0.11));
    values[[777, 0]] = -9.0;
    let rows = Array2::from_shape_fn((n, 2), |(i, j)| wave(i, 0.37 + j as f64));
    let bees = Beeswarm {
        features: names(&["a", "b"]),
        values: values.clone(),
        feature_values: Some(rows.clone()),
        ..Beeswarm::default()
    };
    let figure = bees.figure().unwrap();
    check("beeswarm", &figure);
    let svg = figure.svg().unwrap();
    assert!(svg.len() < 100_000, "{}", svg.len());
    let caption = figure.texts().into_iter().find(|text| text.text.contains("of 100000 rows"));
    assert!(caption.unwrap().text.starts_with("A dot is up to "));
    // The outlier stands alone at the left.
    let centres = |svg: &str| -> Vec<i32> {
        let circles = svg.split("<circle cx=\"").skip(1);
        let mut all: Vec<i32> =
            circles.map(|rest| rest.split_once('"').unwrap().0.parse().unwrap()).collect();
        all.sort_unstable();
        all
    };
    let left = centres(&svg);
    assert!(left[1] - left[0] > 100, "{:?}", &left[..3]);

    let dots = Dependence {
        x: rows.column(0).to_vec(),
        y: values.column(0).to_vec(),
        color: Some(("b".to_owned(), rows.column(1).to_vec())),
        ..Dependence::default()
    };
    let figure = dots.figure().unwrap();
    check("dependence", &figure);
    let svg = figure.svg().unwrap();
    assert!(svg.len() < 300_000, "{}", svg.len());
    assert!(svg.contains("A dot is all of 100000 rows that lie within 6 pixels"));
}

#[test]
fn odd_contributions_make_sensible_pictures() {
    for size in [0.0, 1e-300, 5e-324, 1e-12, 1.0, 1e299] {
        for base in [0.0, 1.0, -1e6] {
            let values = vec![size, -size, 0.0];
            let figure = Waterfall {
                features: names(&["a", "b", "c"]),
                values: values.clone(),
                base_value: Some(base),
                ..Waterfall::default()
            };
            check(&format!("waterfall {size} {base}"), &figure.figure().unwrap());
            let figure = Beeswarm {
                features: names(&["a", "b", "c"]),
                values: Array2::from_shape_fn((4, 3), |(i, j)| values[(i + j) % 3]),
                feature_values: Some(Array2::from_elem((4, 3), f64::NAN)),
                ..Beeswarm::default()
            };
            check(&format!("beeswarm {size}"), &figure.figure().unwrap());
            // A narrow range far from 0, and missing values of what colours.
            let figure = Dependence {
                x: values.iter().map(|v| base + v).collect(),
                y: values,
                color: Some(("none".to_owned(), vec![f64::NAN; 3])),
                ..Dependence::default()
            };
            check(&format!("dependence {size} {base}"), &figure.figure().unwrap());
        }
    }
}

#[test]
fn a_dark_picture_is_the_same_one_on_another_ground() {
    let light = beeswarm().figure().unwrap();
    let dark = light.clone().with_theme(Theme::Dark);
    let (light, dark) = (light.svg().unwrap(), dark.svg().unwrap());
    let plain = |svg: &str| {
        let parts =
            svg.split('#').enumerate().map(|(i, part)| if i == 0 { part } else { &part[6..] });
        parts.collect::<String>()
    };
    assert_ne!(light, dark);
    assert_eq!(plain(&light), plain(&dark));
    assert!(light.contains("fill=\"#FFFFFF\"") && !dark.contains("fill=\"#FFFFFF\""));
    let png = |theme| beeswarm().figure().unwrap().with_theme(theme).png().unwrap();
    assert_ne!(png(Theme::Light), png(Theme::Dark));
}

#[test]
fn screen_readers_get_an_escaped_description() {
    let bees = Beeswarm { features: names(&["a<b>", "c"]), ..beeswarm() };
    let svg = bees.figure().unwrap().svg().unwrap();
    let (_, rest) = svg.split_once("<desc>").unwrap();
    let (description, _) = rest.split_once("</desc>").unwrap();
    assert!(
        description.starts_with(
            "Contributions of 2 features to 3 rows; largest mean sizes: c 2.00, a&lt;b&gt; 0.0667."
        ),
        "{description}"
    );
    let own = bees.figure().unwrap().with_description("tab\there").svg().unwrap();
    assert!(own.contains("<desc>tab here</desc>"));
}

#[test]
fn a_result_becomes_local_pictures() {
    let (attribution, rows) = gallery::local::explained(3, 200);
    let chart = Dependence::of(&attribution, 0, 0, rows.view(), None).unwrap();
    assert_eq!(chart.color.as_ref().unwrap().0, attribution.features[2]);
    assert!(chart.caption.starts_with("Colour: of all features x2 explains most, "), "{chart:?}");
    let own = Dependence::of(&attribution, 0, 0, rows.view(), Some(1)).unwrap();
    assert_eq!((own.color.unwrap().0.as_str(), own.caption.as_str()), ("x1", ""));
    let lonely = Dependence::of(&attribution, 0, 2, rows.view(), None).unwrap();
    assert_eq!(lonely.color, None);
    assert!(lonely.caption.starts_with("No other feature explains 5 %"), "{lonely:?}");

    let two = Attribution::new(
        "SHAP",
        &names(&["a"]),
        Array3::zeros((2, 2, 1)),
        array![[0.0, f64::NAN], [1.0, 2.0]],
    );
    let two = two.unwrap();
    let row = Waterfall::of(&two, 0, 1, None).unwrap();
    assert_eq!((row.title.as_str(), row.base_value), ("SHAP, row 0, output 1", None));
    let texts = texts(&row.figure().unwrap());
    assert!(texts.contains("no base value|0|"), "{texts}");
    let text = |error: fi_viz::Error| error.to_string();
    assert_eq!(
        text(Waterfall::of(&two, 2, 0, None).unwrap_err()),
        "the waterfall cannot be drawn: there is no row 2, the result has 2, counted from 0"
    );
    assert_eq!(
        text(Beeswarm::of(&two, 2, None).unwrap_err()),
        "the beeswarm cannot be drawn: there is no output 2, the result has 2, counted from 0"
    );
    let wide = Array2::zeros((2, 5));
    assert_eq!(
        text(Dependence::of(&two, 0, 0, wide.view(), None).unwrap_err()),
        "the dependence plot cannot be drawn: the result has 2 rows and 1 features, the data 2 and \
         5: give the rows that were explained, a column per feature"
    );
    assert_eq!(
        text(Dependence::of(&two, 0, 1, wide.view(), None).unwrap_err()),
        "the dependence plot cannot be drawn: there is no feature 1, the result has 1, from 0"
    );
}

#[test]
fn each_bad_local_result_gets_its_own_sentence() {
    let with = |change: &dyn Fn(&mut Beeswarm)| {
        let mut chart = beeswarm();
        change(&mut chart);
        refused("beeswarm", chart.figure())
    };
    assert_eq!(
        refused("beeswarm", Beeswarm::default().figure()),
        "there are 0 rows and 0 features, give at least one of each"
    );
    assert_eq!(
        with(&|c| c.features.truncate(1)),
        "it has 1 names and 2 columns of contributions, give one per name"
    );
    assert_eq!(
        with(&|c| c.values[[1, 0]] = f64::NAN),
        "the contribution to row 1 of `weak` is `NaN`, give finite numbers"
    );
    assert_eq!(
        with(&|c| c.feature_values = Some(Array2::zeros((2, 2)))),
        "its contributions have shape [3, 2] and its features' values [2, 2], give one value per \
         contribution"
    );
    assert_eq!(
        with(&|c| c.feature_values.as_mut().unwrap()[[2, 1]] = f64::INFINITY),
        "the value in row 2 of `strong Δ` is `inf`, give a finite number or NaN"
    );
    assert_eq!(with(&|c| c.max_features = 0), "`max_features` is `0`, it must be at least 1");

    let with = |change: &dyn Fn(&mut Waterfall)| {
        let mut chart = waterfall();
        change(&mut chart);
        refused("waterfall", chart.figure())
    };
    assert_eq!(with(&|c| c.features.clear()), "there are no features, give at least one");
    assert_eq!(
        with(&|c| c.values.truncate(1)),
        "it has 3 names and 1 contributions, give one per name"
    );
    assert_eq!(
        with(&|c| c.feature_values = Some(vec![])),
        "it has 3 names and 0 values, give one per name"
    );
    assert_eq!(
        with(&|c| c.values[1] = f64::NEG_INFINITY),
        "the contribution of `b` is `-inf`, give finite numbers"
    );
    assert_eq!(
        with(&|c| c.base_value = Some(f64::NAN)),
        "the base value is `NaN`, give a finite number or none"
    );
    assert_eq!(
        with(&|c| c.values = vec![9e299, 9e299, 0.0]),
        "its contributions are too large to add up, divide them by a constant"
    );
    assert_eq!(with(&|c| c.max_features = 0), "`max_features` is `0`, it must be at least 1");

    let with = |change: &dyn Fn(&mut Dependence)| {
        let mut chart = dependence();
        change(&mut chart);
        refused("dependence plot", chart.figure())
    };
    assert_eq!(
        with(&|c| c.y.truncate(2)),
        "it has 4 values and 2 contributions, give one per value"
    );
    assert_eq!(
        with(&|c| c.x = vec![f64::NAN; 4]),
        "none of its 4 rows has a value of the feature, give at least one"
    );
    assert_eq!(
        refused("dependence plot", Dependence::default().figure()),
        "none of its 0 rows has a value of the feature, give at least one"
    );
    assert_eq!(
        with(&|c| c.y[3] = f64::NAN),
        "the contribution to row 3 is `NaN`, give finite numbers"
    );
    assert_eq!(
        with(&|c| c.x[0] = f64::INFINITY),
        "the value in row 0 is `inf`, give a finite number or NaN"
    );
    assert_eq!(
        with(&|c| c.color.as_mut().unwrap().1.truncate(1)),
        "`length` has 1 values for 4 rows, give one each"
    );
    assert_eq!(
        with(&|c| c.color.as_mut().unwrap().1[1] = f64::INFINITY),
        "`length` is `inf` in row 1, give a finite number or NaN"
    );
}
