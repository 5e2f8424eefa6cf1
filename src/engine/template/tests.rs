//! What templates show, what they refuse, and that nothing a record holds can break out of its line.

use chrono_tz::Tz;
use dealclock_model::{PersonId, ValueType};
use proptest::prelude::*;

use super::*;

fn catalog() -> Catalog {
    Catalog::opportunity().with("complex", ValueType::Bool).with("delay_reason", ValueType::Text)
}

fn deal(name: &str) -> Record {
    let fields = [
        ("name", Value::text(name)),
        ("amount", Value::Number("1234567.50".parse().unwrap())),
        ("amount_record", Value::Number("-999".parse().unwrap())),
        ("complex", Value::Bool(true)),
        ("close_date", Value::Date("2026-11-24".parse().unwrap())),
        ("created_at", Value::Time("2026-11-24T08:00:00Z".parse().unwrap())),
    ];
    let fields = fields.into_iter().map(|(name, value)| (FieldName::from(name), value)).collect();
    Record { owner: Some(PersonId::from("7")), fields, url: None, parked: None }
}

fn render(text: &str, shape: Shape, record: &Record, due: &str, zone: Tz) -> String {
    let template = Template::read(text, shape, &catalog()).unwrap_or_else(|flaws| panic!("{text}: {flaws:?}"));
    let due = due.parse().unwrap();
    template.render(&Scene { record, owner: None, title: "Proposal within 5 days", due, zone })
}

fn check(text: &str, expected: &str) {
    let shown = render(text, Shape::Line, &deal("Atlas"), "2026-11-24T23:00:00Z", Tz::Europe__Berlin);
    assert_eq!(shown, expected, "{text}");
}

#[test]
fn templates_show_what_they_name() {
    check("plain", "plain");
    check("{{record.name}}: {{ rule.title }}", "Atlas: Proposal within 5 days");
    check("{{ record.amount }}", "1234567.5");
    check("{{ record.amount | money }} {{ record.amount_record | money }}", "1,234,567.50 -999");
    check("{{ record.created_at | date }} {{ record.created_at | datetime }}", "2026-11-24 2026-11-24 09:00");
    check("{{ record.created_at }} {{ record.close_date }}", "2026-11-24 09:00 2026-11-24");
    check("{{ record.close_date | date }} {{ record.complex }}", "2026-11-24 yes");
    check("{{ record.name | upper }} {{ record.name | lower }}", "ATLAS atlas");
    check("[{{ record.stage }}] [{{ owner.name }}]", "[] []");
    check("{{ record.stage | default(\"no | stage }}\") | upper }}", "NO | STAGE }}");
    check("{{ record.name | default(\"x\") }}", "Atlas");
    check("{{ record.created_at | date | default(\"never\") }}", "2026-11-24");
    check("{{ \"{{\" }} and }}", "{{ and }}");
    check("a { b } c", "a { b } c");
}

#[test]
fn a_deadline_at_midnight_is_shown_as_the_day_before() {
    let cases = [
        ("{{ due | date }}", "2026-11-24T23:00:00Z", Tz::Europe__Berlin, "2026-11-24"),
        ("{{ due | datetime }}", "2026-11-24T23:00:00Z", Tz::Europe__Berlin, "2026-11-24 23:59"),
        ("{{ due }}", "2026-11-24T23:00:00Z", Tz::Europe__Berlin, "2026-11-24"),
        ("{{ due }}", "2026-11-24T16:00:00Z", Tz::Europe__Berlin, "2026-11-24 17:00"),
        ("{{ due | date }}", "2026-11-24T23:00:00Z", Tz::UTC, "2026-11-24"),
        // The clocks in Santiago go forward at midnight: 2026-09-06 begins at 01:00.
        ("{{ due | date }}", "2026-09-06T04:00:00Z", Tz::America__Santiago, "2026-09-05"),
        ("{{ due | datetime }}", "2026-09-06T04:00:00Z", Tz::America__Santiago, "2026-09-05 23:59"),
    ];
    for (text, due, zone, expected) in cases {
        assert_eq!(render(text, Shape::Line, &deal("Atlas"), due, zone), expected, "{text} {due}");
    }
}

#[test]
fn money_is_grouped_and_rounded_to_cents() {
    let cases = [
        ("0", "0"),
        ("-0.001", "0"),
        ("999", "999"),
        ("1000", "1,000"),
        ("-1000000", "-1,000,000"),
        ("12.5", "12.50"),
        ("12.345", "12.35"),
        ("999.999", "1,000"),
        ("79228162514264337593543950335", "79,228,162,514,264,337,593,543,950,335"),
    ];
    for (amount, expected) in cases {
        let mut record = deal("Atlas");
        record.fields.insert(FieldName::from("amount"), Value::Number(amount.parse().unwrap()));
        let shown = render("{{ record.amount | money }}", Shape::Line, &record, "2026-11-24T23:00:00Z", Tz::UTC);
        assert_eq!(shown, expected, "{amount}");
    }
}

#[test]
fn a_subject_is_one_line_of_bounded_length() {
    let line = |name: &str| render("Re: {{ record.name }}", Shape::Line, &deal(name), "2026-11-24T23:00:00Z", Tz::UTC);
    assert_eq!(line("A\r\nBcc: all"), "Re: A  Bcc: all");
    assert_eq!(line("A\u{0}B\u{2028}C\u{85}D\tE"), "Re: A B C D E");
    let long = line(&"ü".repeat(1000));
    assert_eq!(long.chars().count(), 250);
    assert!(long.ends_with("ü…"));
}

#[test]
fn a_body_keeps_its_lines_and_is_bounded_too() {
    let body = |name: &str| render("Hi\n{{ record.name }}", Shape::Body, &deal(name), "2026-11-24T23:00:00Z", Tz::UTC);
    assert_eq!(body("A\r\nB\u{7}"), "Hi\nA\nB ");
    assert_eq!(body(&"x".repeat(1_000_000)).chars().count(), 10_000);
}

#[test]
fn a_value_of_an_unpromised_type_is_shown_as_it_is() {
    let mut record = deal("Atlas");
    record.fields.insert(FieldName::from("amount"), Value::text("lots"));
    let shown = render("{{ record.amount | money }}", Shape::Line, &record, "2026-11-24T23:00:00Z", Tz::UTC);
    assert_eq!(shown, "lots");
}

#[test]
fn a_refusal_says_where_what_and_what_instead() {
    let texts = [
        "Hi {{ record.name",
        "Hi {{ record.name | default(\"}} }}",
        "{{ }}",
        "{{ record.nmae }}",
        "{{ record. }}",
        "{{ record.owner.name }}",
        "{{ name }}",
        "{{ owner.email }}",
        "{{ now }}",
        "{{ due | dat }}",
        "{{ due | }}",
        "{{ due | money }}",
        "{{ due | date | date }}",
        "{{ due | date() }}",
        "{{ record.close_date | datetime }}",
        "{{ record.amount | upper }}",
        "{{ record.complex | money }}",
        "{{ record.stage | default }}",
        "{{ record.stage | default(none) }}",
        "{{ record.stage | default(\"a\" }}",
        "ü {{ record.nmae }} {{ due | mony }} {{",
    ];
    let table: Vec<String> = texts
        .iter()
        .map(|text| {
            let flaws = Template::read(text, Shape::Line, &catalog()).expect_err(text);
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

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_panic(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{{", "}}", "{", "}", " ", "record.", "name", "amount", "due", "|", "date", "money", "default(", "\"", ")", "ü", "\n",
        ]), 0..16),
    ) {
        let text = pieces.concat();
        match Template::read(&text, Shape::Line, &catalog()) {
            Ok(template) => {
                let record = deal("Atlas");
                let due = "2026-11-24T23:00:00Z".parse().unwrap();
                let scene = Scene { record: &record, owner: None, title: "t", due, zone: Tz::UTC };
                prop_assert!(!template.render(&scene).contains('\n'));
            }
            Err(flaws) => for flaw in flaws {
                prop_assert!(text.get(flaw.span.clone()).is_some(), "{:?}", flaw);
            },
        }
    }

    #[test]
    fn any_instant_and_amount_is_shown_without_panic(seconds in any::<i64>(), amount in any::<i128>(), scale in 0u32..28) {
        let mut record = deal("Atlas");
        if let Ok(amount) = rust_decimal::Decimal::try_from_i128_with_scale(amount, scale) {
            record.fields.insert(FieldName::from("amount"), Value::Number(amount));
        }
        let due = chrono::DateTime::from_timestamp(seconds, 0)
            .unwrap_or(if seconds % 2 == 0 { Instant::MIN_UTC } else { Instant::MAX_UTC });
        let text = "{{ due }} {{ due | date }} {{ due | datetime }} {{ record.amount | money }}";
        for zone in [Tz::UTC, Tz::Pacific__Apia, Tz::Australia__Lord_Howe] {
            let template = Template::read(text, Shape::Line, &catalog()).unwrap();
            template.render(&Scene { record: &record, owner: None, title: "t", due, zone });
        }
    }
}
