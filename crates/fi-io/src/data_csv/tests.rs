//! Tables that parse, and one sentence for each that does not.

use super::*;

fn read(text: &str, options: &CsvOptions) -> Result<Dataset> {
    read_csv_from(text.as_bytes(), "t.csv", options)
}

fn plain(text: &str) -> Dataset {
    read(text, &CsvOptions::default()).unwrap()
}

fn problem(text: &str, options: &CsvOptions) -> String {
    read(text, options).unwrap_err().to_string()
}

#[expect(clippy::unnecessary_wraps, reason = "for fields that are options")]
fn column(name: &str) -> Option<String> {
    Some(name.to_owned())
}

#[test]
fn quotes_byte_order_marks_line_ends_and_spaces_are_understood() {
    let data = plain("\u{feff}\"a, b\", c ,y\r\n\"1\", 2.5 ,0.1\r\n\r\n-3e2,?,0.2\r\n");
    assert_eq!(data.feature_names(), ["a, b", "c"]);
    assert_eq!(data.rows()[[0, 1]], 2.5);
    assert_eq!(data.rows()[[1, 0]], -300.0);
    assert!(data.rows()[[1, 1]].is_nan());
    assert_eq!(data.target().values(), Some(&[0.1, 0.2][..]));
}

#[test]
fn text_targets_are_classes_in_order_of_text() {
    let data = plain("x,y\n1,b\n2,a\n3,b\n");
    let names = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(*data.target(), Target::Classes { labels: vec![1, 0, 1], names });
}

#[test]
fn repeating_whole_numbers_are_classes_in_order_of_number() {
    let data = plain("x,y\n1,10\n2,9\n3,10.0\n4,9\n");
    let names = vec!["9".to_owned(), "10".to_owned()];
    assert_eq!(*data.target(), Target::Classes { labels: vec![1, 0, 1, 0], names });
}

#[test]
fn other_numbers_are_values_unless_told_otherwise() {
    assert_eq!(plain("x,y\n1,1\n2,2\n3,3\n").target().n_classes(), None);
    assert_eq!(plain("x,y\n1,0.5\n2,0.5\n").target().n_classes(), None);
    let classes = CsvOptions { task: Some(Task::Classification), ..CsvOptions::default() };
    let data = read("x,y\n1,0.5\n2,0.25\n3,-0\n4,0\n", &classes).unwrap();
    assert_eq!(data.target().labels(), Some(&[2, 1, 0, 0][..]));
    let values = CsvOptions { task: Some(Task::Regression), ..CsvOptions::default() };
    assert_eq!(read("x,y\n1,1\n2,1\n", &values).unwrap().target().n_classes(), None);
    assert_eq!(
        problem("x,y\n1,1\n2,low\n", &values),
        "`t.csv`, line 3, column `y`: the target `low` is not a number, regression needs numbers"
    );
}

#[test]
fn columns_are_used_as_the_options_say() {
    let options = CsvOptions {
        target: column("y"),
        weights: column("w"),
        groups: column("who"),
        drop: vec!["id".to_owned()],
        ..CsvOptions::default()
    };
    let data = read("y,id,x,w,who\na,i,1,0.5,tom\nb,j,2,2,ann\na,k,3,1,tom\n", &options).unwrap();
    assert_eq!(data.feature_names(), ["x"]);
    assert_eq!(data.weights(), Some(&[0.5, 2.0, 1.0][..]));
    assert_eq!(data.groups(), Some(&[0, 1, 0][..]));
    assert_eq!(data.target().labels(), Some(&[0, 1, 0][..]));
}

#[test]
fn the_default_target_is_the_last_column_without_another_use() {
    let options = CsvOptions { weights: column("w"), ..CsvOptions::default() };
    let data = read("x,y,w\n1,0.5,1\n", &options).unwrap();
    assert_eq!(data.target().values(), Some(&[0.5][..]));
}

#[test]
fn another_delimiter_can_be_given() {
    let options = CsvOptions { delimiter: b';', ..CsvOptions::default() };
    assert_eq!(read("x;y\n1;0.5\n", &options).unwrap().n_features(), 1);
}

#[test]
fn a_gigantic_line_is_read() {
    let n = 200_000;
    let header = (0..n).map(|i| format!("x{i}")).collect::<Vec<_>>().join(",");
    let data = plain(&format!("{header},y\n{}0.5\n", "1,".repeat(n)));
    assert_eq!(data.n_features(), n);
}

#[test]
fn each_bad_file_gets_its_own_sentence() {
    let none = CsvOptions::default();
    let cases = [
        ("", "`t.csv`: the file is empty, it needs a header line with column names"),
        ("a,y\n", "`t.csv`: there is only a header, at least one line of data must follow"),
        ("y\n1\n", "`t.csv`: no column is left as a feature, there must be one"),
        ("a,a,y\n", "`t.csv`, line 1: two columns are called `a`, give every column its own name"),
        ("a,,y\n", "`t.csv`, line 1: column 2 has no name, give every column a name"),
        (
            "a;y\n1;2\n",
            "`t.csv`, line 1: the header has one column and contains `;`, separate the columns \
             with commas or set `delimiter`",
        ),
        ("a,y\n1,2\n3\n", "`t.csv`, line 3: the line has 1 cells, the header has 2"),
        ("a,y\n1,2\n\n3,4,5\n", "`t.csv`, line 4: the line has 3 cells, the header has 2"),
        ("a,y\r\n1,2\r\n3\r\n", "`t.csv`, line 3: the line has 1 cells, the header has 2"),
        ("\n\na,y\n\"1\",\"2\n\n\"\n3", "`t.csv`, line 7: the line has 1 cells, the header has 2"),
        (
            "a,city,y\n1,2,3\n2,Berlin,3\n",
            "`t.csv`, line 3, column `city`: `Berlin` is not a number, but cells above are: write a \
             number, leave the column out with `drop`, or name it as `categorical` to take all its \
             cells as text",
        ),
        (
            "a,city,y\n1,,3\n1,Berlin,3\n2,2,3\n",
            "`t.csv`, line 4, column `city`: `2` is a number, but cells above hold text: write a \
             text, leave the cell empty, or name the column as `categorical` to take all its cells \
             as text",
        ),
        (
            "a,y\n-inf,3\n",
            "`t.csv`, line 2, column `a`: `-inf` is not a finite number, only finite ones have a \
             meaning; leave the cell empty if the value is missing",
        ),
        (
            "a,y\n1e999,3\n",
            "`t.csv`, line 2, column `a`: `1e999` is not a finite number, only finite ones have a \
             meaning; leave the cell empty if the value is missing",
        ),
        (
            "a,y\n1,2\n1,NA\n",
            "`t.csv`, line 3, column `y`: the target is missing, remove the line or fill it in",
        ),
        ("a,y\n1,inf\n", "`t.csv`, line 2, column `y`: the target `inf` is not a finite number"),
    ];
    for (text, expected) in cases {
        assert_eq!(problem(text, &none), expected, "{text:?}");
    }
    let long = format!("a,y\n1,1\n{},1\n", "z".repeat(5000));
    assert!(problem(&long, &none).len() < 300);
}

#[test]
fn text_is_categories_in_alphabetical_order() {
    let text = "city,size,y\nRome,1,0.5\n,2,1.5\n Berlin ,3,2.5\nRome,NA,3.5\n";
    let data = plain(text);
    assert_eq!(data.category_names(0), Some(&["Berlin".to_owned(), "Rome".to_owned()][..]));
    assert_eq!((data.categorical(), data.category_names(1)), (&[0][..], None));
    let codes = data.rows().column(0).to_vec();
    assert_eq!((codes[0], codes[2], codes[3], codes[1].is_nan()), (1.0, 0.0, 1.0, true));
    // A model's numbers, whatever the order.
    let known = |names: &[&str]| CsvOptions {
        features: Some(vec!["size".to_owned(), "city".to_owned()]),
        target: column("y"),
        categories: vec![("city".to_owned(), names.iter().map(|&name| name.into()).collect())],
        ..CsvOptions::default()
    };
    let data = read(text, &known(&["Rome", "Oslo", "Berlin"])).unwrap();
    assert_eq!(data.feature_names(), ["size", "city"]);
    assert_eq!((data.rows()[[0, 1]], data.rows()[[2, 1]]), (0.0, 2.0));
    assert_eq!(data.category_names(1).unwrap().len(), 3);
    assert_eq!(
        problem(text, &known(&["Berlin", "Oslo"])),
        "`t.csv`, line 2, column `city`: the model does not know the category `Rome`, only \
         `Berlin`, `Oslo`; leave the cell empty (null) where it is missing"
    );
    let unnumbered = CsvOptions { categories: Vec::new(), ..known(&[]) };
    assert_eq!(
        problem(text, &unnumbered),
        "`t.csv`, line 2, column `city`: `Rome` is text, but the model does not say which number \
         each category has: write the numbers that it was trained on"
    );
}

#[test]
fn a_column_called_categorical_may_mix_numbers_and_text() {
    let options = CsvOptions { categorical: vec!["kind".to_owned()], ..CsvOptions::default() };
    let data = read("kind,y\n10,0.5\n9,1.5\nA,2.5\n10,3.5\n", &options).unwrap();
    assert_eq!(data.category_names(0).unwrap(), ["10", "9", "A"]);
    assert_eq!(data.rows().column(0).to_vec(), [0.0, 1.0, 2.0, 0.0]);
    // Numbers alone stay the numbers that they are.
    let data = read("kind,y\n10,0.5\n9.0,1.5\n,2.5\n10,3.5\n", &options).unwrap();
    assert_eq!(data.category_names(0), None);
    assert_eq!(data.rows().column(0).to_vec()[..2], [10.0, 9.0]);
    assert!(data.rows()[[2, 0]].is_nan());
}

#[test]
fn each_bad_option_gets_its_own_sentence() {
    let text = "a,w,y\n1,1,2\n";
    let with = |change: fn(&mut CsvOptions)| {
        let mut options = CsvOptions::default();
        change(&mut options);
        options
    };
    assert_eq!(
        problem(text, &with(|o| o.target = column("z"))),
        "`t.csv`: there is no column `z`, the columns are `a`, `w`, `y`"
    );
    assert_eq!(
        problem(text, &with(|o| (o.target, o.weights) = (column("y"), column("y")))),
        "`t.csv`: column `y` is given two uses, give it one"
    );
    assert_eq!(
        problem(text, &with(|o| o.drop = ["a", "w", "y"].map(String::from).to_vec())),
        "`t.csv`: no column is left for the target, drop fewer columns"
    );
    assert_eq!(
        problem("a,w,y\n1,x,2\n", &with(|o| o.weights = column("w"))),
        "`t.csv`, line 2, column `w`: the weight `x` is not a number"
    );
    assert_eq!(
        problem("a,w,y\n1,-1,2\n", &with(|o| o.weights = column("w"))),
        "`t.csv`: the weight is `-1` in row 0, weights must not be negative"
    );
    assert_eq!(
        problem("a,w,y\n1,,2\n", &with(|o| o.groups = column("w"))),
        "`t.csv`, line 2, column `w`: the group is missing, remove the line or fill it in"
    );
}

#[test]
fn text_that_is_not_utf8_is_named() {
    let bytes = b"a,y\n1,2\n1,\xe9t\xe9\n";
    let error = read_csv_from(&bytes[..], "t.csv", &CsvOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`t.csv`, line 3, column `y`: the text is not UTF-8, save the file as UTF-8"
    );
}

#[test]
fn a_missing_file_is_named() {
    let text = read_csv("no/such.csv", &CsvOptions::default()).unwrap_err().to_string();
    assert!(text.starts_with("`no/such.csv` could not be read: "), "{text}");
}
