//! What conditions read, refuse and say; and that they agree with cel's own evaluator where both are exact.

use std::collections::BTreeMap;

use cel::{Context, Program};
use dealclock_model::record::FieldSpec;
use dealclock_model::{PersonId, ValueType};
use proptest::prelude::*;

use super::*;

fn catalog() -> Catalog {
    let mut catalog = Catalog::opportunity()
        .with("complex", ValueType::Bool)
        .with("discount", ValueType::Number)
        .with("proposal_sent_at", ValueType::Time);
    let options = Some(vec!["Open".to_owned(), "Proposal sent".to_owned(), "Won".to_owned()]);
    catalog.fields.insert(FieldName::from("stage"), FieldSpec { value_type: ValueType::Text, options });
    catalog
}

fn read(text: &str) -> Result<Condition, Vec<Flaw>> {
    Condition::read(text, &catalog(), &mut Layout::default())
}

fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap())
}

fn instant(text: &str) -> Value {
    Value::Time(text.parse().unwrap())
}

fn record(fields: &[(&str, Value)]) -> Record {
    let fields = fields.iter().map(|(name, value)| (FieldName::from(name), value.clone())).collect();
    Record { owner: None, fields, url: None, parked: None }
}

fn deal() -> Record {
    record(&[
        ("name", Value::text("Übermorgen AG")),
        ("amount", number("50000.10")),
        ("stage", Value::text("Open")),
        ("complex", Value::Bool(true)),
        ("close_date", Value::Date("2026-03-31".parse().unwrap())),
        ("created_at", instant("2026-01-01T00:00:00Z")),
    ])
}

fn ann() -> Person {
    Person {
        id: PersonId::from("7"),
        name: "Ann".to_owned(),
        email: None,
        zone: None,
        active: true,
        manager: None,
        hours: None,
        absences: Vec::new(),
        deputy: None,
    }
}

fn verdict(text: &str, record: &Record) -> Verdict {
    let mut layout = Layout::default();
    let condition = Condition::read(text, &catalog(), &mut layout).unwrap_or_else(|flaws| panic!("{text}: {flaws:?}"));
    condition.eval(&layout.row(record, Some(&ann())))
}

#[test]
fn conditions_say_what_their_words_say() {
    let cases = [
        ("true", true),
        ("amount >= 50000 && stage == \"Open\"", true),
        ("amount == 50000.1", true),
        ("amount > 50000.1", false),
        ("amount < 5.00001e4 || stage != 'Open'", false),
        ("amount <= 50000.1 ? complex : false", true),
        ("(complex ? amount : 0) > 1", true),
        ("complex", true),
        ("!complex", false),
        ("complex == true", true),
        ("complex != (amount > 1)", false),
        ("is_closed == false", true),
        ("stage in [\"Open\", 'Won']", true),
        ("amount in [1, 2.5, 50000.10]", true),
        ("!(stage in [\"Won\"])", true),
        ("name.startsWith(\"Über\") && name.endsWith(\"AG\") && name.contains(\"morgen\")", true),
        ("name.contains(\"x\")", false),
        ("size(name) == 13", true),
        ("-amount < 0 && - 5 < -4.5", true),
        ("-0.5 < 0 && -(0.5) == -0.5 && 1 - 0.5 == 0.5", true),
        ("amount + 1 - 2 * 3 / 4 == 50000.10 - 0.5", true),
        ("amount * 0.1 == 5000.01", true),
        ("0.1 + 0.2 == 0.3", true),
        ("close_date < date(\"2026-04-01\")", true),
        ("created_at >= timestamp(\"2026-01-01T01:00:00+01:00\")", true),
        ("owner.name == \"Ann\" && owner.active && owner.id == \"7\"", true),
        ("10u < 11 && 0x10 == 16", true),
        ("proposal_sent_at == null && name != null", true),
        ("stage < \"P\"", true),
    ];
    for (text, expected) in cases {
        assert_eq!(verdict(text, &deal()).holds(), expected, "{text}");
    }
}

#[test]
fn a_comparison_with_an_empty_field_is_false_and_names_the_field() {
    let empty = |field: &str| Verdict::Empty(FieldName::from(field));
    let cases = [
        ("discount > 5", empty("discount")),
        ("discount != 5", empty("discount")),
        ("5 < discount", empty("discount")),
        ("discount in [1, 2]", empty("discount")),
        ("discount + 1 > 0", empty("discount")),
        ("-discount > 0", empty("discount")),
        ("owner.email == \"a\"", empty("owner.email")),
        ("owner.email.contains(\"a\")", empty("owner.email")),
        ("size(owner.email) >= 0", empty("owner.email")),
        ("stage == \"Open\" && discount > 5", empty("discount")),
        ("discount > 5 && stage == \"Open\"", empty("discount")),
        ("discount > 5 || stage == \"Won\"", empty("discount")),
        ("discount > 5 || stage == \"Open\"", Verdict::True),
        ("stage == \"Won\" && discount > 5", Verdict::False),
        ("!(discount > 5)", Verdict::True),
        ("(discount > 5) == false", Verdict::True),
        ("discount == null", Verdict::True),
        ("discount != null", Verdict::False),
    ];
    for (text, expected) in cases {
        assert_eq!(verdict(text, &deal()), expected, "{text}");
    }
}

#[test]
fn an_empty_checkbox_is_unticked() {
    let record = record(&[]);
    for (text, expected) in
        [("complex", false), ("!complex", true), ("complex == false", true), ("complex == null", true)]
    {
        assert_eq!(verdict(text, &record).holds(), expected, "{text}");
    }
}

#[test]
fn a_result_that_no_decimal_holds_counts_as_empty() {
    let record = record(&[("amount", Value::Number(Decimal::MAX)), ("discount", number("0"))]);
    assert_eq!(verdict("amount * 2 > 0", &record), Verdict::Empty(FieldName::from("amount")));
    assert_eq!(verdict("5 / discount > 0", &record), Verdict::Empty(FieldName::from("discount")));
}

#[test]
fn a_value_of_an_unpromised_type_counts_as_empty() {
    let record = record(&[("amount", Value::text("lots")), ("complex", Value::text("yes"))]);
    assert_eq!(verdict("amount > 5", &record), Verdict::Empty(FieldName::from("amount")));
    assert_eq!(verdict("-amount > 5", &record), Verdict::Empty(FieldName::from("amount")));
    assert_eq!(verdict("amount in [1, 2]", &record), Verdict::Empty(FieldName::from("amount")));
    assert_eq!(verdict("complex", &record), Verdict::False);
}

#[test]
fn a_row_that_lacks_a_field_reads_it_as_empty() {
    let row = Layout::default().row(&deal(), None).cells.len();
    assert_eq!(row, 0);
    let mut layout = Layout::default();
    let condition = Condition::read("amount > 1", &catalog(), &mut layout).unwrap();
    let empty = Layout::default();
    assert_eq!(condition.eval(&empty.row(&deal(), None)), Verdict::Empty(FieldName::from("amount")));
}

#[test]
fn presence_is_told_of_a_bare_null_test_only() {
    let presence = |text| read(text).unwrap().presence().map(|field| field.as_str().to_owned());
    assert_eq!(presence("proposal_sent_at != null").as_deref(), Some("proposal_sent_at"));
    assert_eq!(presence("null != proposal_sent_at").as_deref(), Some("proposal_sent_at"));
    assert_eq!(presence("proposal_sent_at != null && complex"), None);
    assert_eq!(presence("proposal_sent_at == null"), None);
}

#[test]
fn the_meaning_of_a_condition_depends_on_neither_spacing_nor_slots() {
    let mut layout = Layout::default();
    let mut meaning = |text| Condition::read(text, &catalog(), &mut layout).unwrap().meaning();
    let first = meaning("stage == \"Open\"&&amount>1");
    meaning("complex");
    assert_eq!(meaning(" stage == 'Open' && (amount > 1) // as before"), first);
    assert_ne!(meaning("stage == \"Open\" && amount > 2"), first);
}

/// Every refusal: `offset..end message | help`.
#[test]
fn a_refusal_says_where_what_and_what_instead() {
    let texts = [
        "",
        "amount >",
        "amount = 5",
        "amount > 5 and complex",
        "amount > 5 & complex",
        "amuont > 5",
        "record.amount > 5",
        "probability > 5",
        "amount > \"5\"",
        "amount > \"lots\"",
        "amount == stage",
        "amount",
        "stage",
        "complex > true",
        "complex == 1",
        "1 == complex",
        "amount && complex",
        "!stage",
        "-stage > 1",
        "stage == \"Opne\"",
        "\"Opne\" != stage",
        "stage in [\"Open\", \"Lost\"]",
        "stage in []",
        "stage in [\"Open\", name]",
        "stage in \"Open\"",
        "stage in [1]",
        "complex in [true]",
        "amount < null",
        "amount + 1 == null",
        "null == null",
        "complex && null",
        "close_date < \"2026-01-01\"",
        "close_date < date(\"01.02.2026\")",
        "close_date < date(stage)",
        "created_at < date(\"2026-01-01\")",
        "created_at < timestamp(\"yesterday\")",
        "created_at < now()",
        "amount % 2 == 0",
        "amount / 0 > 1",
        "amount + 79228162514264337593543950335 * 2 > 1",
        "amount > 0.12345678901234567890123456789012",
        "amount > 99999999999999999999",
        "name.matches(\"a.*\")",
        "name.size() > 1",
        "lower(name) == \"a\"",
        "has(owner.name)",
        "has(amount)",
        "[1, 2].all(x, x > 1)",
        "[1][0] == 1",
        "{\"a\": 1}.a == 1",
        "Deal{a: 1} == 1",
        "b\"a\" == b\"a\"",
        "complex ? amount : stage",
        "complex ? amount : 1",
        "amuont > 1 && stgae == \"Open\" || size(amount) > 1",
        "stage == \"Open",
        "name == \"ü\" && amuont > 1",
        "while > 1",
    ];
    let table: Vec<String> = texts
        .iter()
        .map(|text| {
            let flaws = read(text).expect_err(text);
            assert!(!flaws.is_empty(), "{text}");
            let lines = flaws.iter().map(|flaw| {
                let marked = text.get(flaw.span.clone()).expect("a span within the text");
                format!("  {:?} `{marked}`: {}\n    {}", flaw.span, flaw.message, flaw.help.as_deref().unwrap_or("-"))
            });
            format!("{text}\n{}", lines.collect::<Vec<_>>().join("\n"))
        })
        .collect();
    let shown = table.join("\n");
    insta::assert_snapshot!(shown);
}

#[test]
fn long_and_deep_conditions_are_refused_before_they_are_parsed() {
    let deep = |open: &str, close: &str, depth| format!("{}true{}", open.repeat(depth), close.repeat(depth));
    for (text, reads) in [
        (deep("(", ")", 40), true),
        (deep("(", ")", 100_000), false),
        (deep("(", ")", 65), false),
        (deep("!", "", 500), true),
        (format!("{}0{} < 1", "(1 + 1 - ".repeat(60), ")".repeat(60)), true),
        (format!("{}amount > 1{}", "!(complex && ".repeat(60), ")".repeat(60)), true),
        (format!("{}0 < 1", "1 + ".repeat(290)), true),
        (format!("{}0 < 1", "1 + ".repeat(400)), false),
        (format!("{}true", "true && ".repeat(190)), true),
        (format!("{}true", "complex ? true : ".repeat(140)), false),
        (format!("size(owner{} ) > 1", ".name".repeat(280)), false),
        (format!("name == \"{}\"", "x".repeat(4000)), true),
        (format!("name == \"{}\"", "x".repeat(5000)), false),
    ] {
        let outcome = read(&text);
        assert_eq!(outcome.is_ok(), reads, "{:.80} {:?}", text, outcome.err());
    }
}

/// Expressions within what both evaluators hold exactly: whole numbers, texts and checkboxes, none of them empty.
fn exact_test() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        Just("amount".to_owned()),
        Just("discount".to_owned()),
        (-50i64..50).prop_map(|number| number.to_string()),
        Just("size(name)".to_owned()),
    ]
    .prop_recursive(3, 8, 2, |inner| {
        (inner.clone(), prop_oneof![Just("+"), Just("-"), Just("*")], inner)
            .prop_map(|(left, sign, right)| format!("({left} {sign} {right})"))
    });
    let text = prop_oneof![Just("name".to_owned()), Just("currency".to_owned()), "\"[a-cü]{0,3}\""];
    let relation = prop_oneof![Just("=="), Just("!="), Just("<"), Just("<="), Just(">"), Just(">=")];
    let leaf = prop_oneof![
        Just("complex".to_owned()),
        Just("is_won".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        (number.clone(), relation.clone(), number.clone()).prop_map(|(l, r, n)| format!("{l} {r} {n}")),
        (text.clone(), relation, text.clone()).prop_map(|(l, r, n)| format!("{l} {r} {n}")),
        (text.clone(), prop_oneof![Just("startsWith"), Just("endsWith"), Just("contains")], text.clone())
            .prop_map(|(text, how, part)| format!("{text}.{how}({part})")),
        (text, prop::collection::vec("\"[a-cü]{0,2}\"", 1..4))
            .prop_map(|(text, list)| format!("{text} in [{}]", list.join(", "))),
        (number, prop::collection::vec(-9i64..9, 1..4)).prop_map(|(number, list)| format!("{number} in {list:?}")),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), prop_oneof![Just("&&"), Just("||"), Just("=="), Just("!=")], inner.clone())
                .prop_map(|(left, sign, right)| format!("({left}) {sign} ({right})")),
            inner.clone().prop_map(|test| format!("!({test})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(test, yes, no)| format!("({test}) ? ({yes}) : ({no})")),
        ]
    })
    .prop_filter("within the bounds", |text| syntax::check_bounds(text).is_ok())
}

proptest! {
    #[test]
    fn a_condition_agrees_with_cels_own_evaluator(
        text in exact_test(),
        (amount, discount) in (-50i64..50, -50i64..50),
        (name, currency) in ("[a-cü]{0,3}", "[a-cü]{0,3}"),
        (complex, is_won) in any::<(bool, bool)>(),
    ) {
        let record = record(&[
            ("amount", Value::Number(amount.into())),
            ("discount", Value::Number(discount.into())),
            ("name", Value::text(&name)),
            ("currency", Value::text(&currency)),
            ("complex", Value::Bool(complex)),
            ("is_won", Value::Bool(is_won)),
        ]);
        let mut context = Context::default();
        context.add_variable_from_value("amount", amount);
        context.add_variable_from_value("discount", discount);
        context.add_variable_from_value("name", name);
        context.add_variable_from_value("currency", currency);
        context.add_variable_from_value("complex", complex);
        context.add_variable_from_value("is_won", is_won);
        let expected = Program::compile(&text).unwrap().execute(&context).unwrap();
        prop_assert_eq!(cel::Value::Bool(verdict(&text, &record).holds()), expected, "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused_without_panic(text in "\\PC{0,60}") {
        let _ = read(&text);
    }

    #[test]
    fn any_words_and_signs_are_read_or_refused_without_panic(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "amount", "stage", "complex", "owner", ".", "name", "==", "!=", "<", ">=", "&&", "||", "!", "?", ":", "(", ")",
            "[", "]", "{", "}", "in", "null", "true", "1", "2.5", "1e400", "0x", "1u", "'a'", "\"", "b'a'", "r'\\'", "-", "+",
            "/", "%", ",", "has(", "size(", ".all(", "x", "ü", "\n", "//", "`", "$", "\\", "\u{1}", "timestamp(", "date(",
        ]), 0..24),
        glue in prop::sample::select(vec!["", " "]),
    ) {
        let text = pieces.join(glue);
        if let Err(flaws) = read(&text) {
            prop_assert!(!flaws.is_empty());
            for flaw in flaws {
                prop_assert!(text.get(flaw.span.clone()).is_some(), "{:?}", flaw);
            }
        }
    }
}

/// One `Layout` serves many conditions; each still finds its own fields.
#[test]
fn conditions_share_a_layout() {
    let mut layout = Layout::default();
    let texts = ["stage == \"Open\"", "amount > 1 && stage == \"Open\"", "complex && amount > 1"];
    let conditions: Vec<_> = texts.iter().map(|text| Condition::read(text, &catalog(), &mut layout).unwrap()).collect();
    let names: BTreeMap<_, _> = layout.slots.iter().map(|(name, slot)| (*slot, name.as_str())).collect();
    assert_eq!(names.into_values().collect::<Vec<_>>(), ["stage", "amount", "complex"]);
    let deal = deal();
    let row = layout.row(&deal, None);
    assert!(conditions.iter().all(|condition| condition.eval(&row).holds()));
}
