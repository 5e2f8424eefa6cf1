//! Values as they are read: stored ones, and those that the CRM calculates from them.

use std::borrow::Cow;

use super::Portal;
use super::instant::{Millis, iso, parse_instant};
use super::kind::Kind;
use super::pipelines::Stage;
use super::record::{Life, Record};
use super::schema::{Calculation, PropertyId};

impl Portal {
    /// The value of a property as it was at an instant.
    pub(crate) fn value_at<'a>(
        &'a self,
        kind: Kind,
        record: &'a Record,
        property: PropertyId,
        at: Millis,
    ) -> Option<Cow<'a, str>> {
        match &self.schema(kind).property(property).calculation {
            Some(calculation) => self.calculate(kind, record, calculation, at),
            None => record.value_at(property, at).map(|value| Cow::Borrowed(&**value)),
        }
    }

    fn calculate<'a>(
        &'a self,
        kind: Kind,
        record: &'a Record,
        calculation: &Calculation,
        at: Millis,
    ) -> Option<Cow<'a, str>> {
        let owned = |text: String| Some(Cow::Owned(text));
        match calculation {
            Calculation::ObjectId => owned(record.id.to_string()),
            Calculation::Created => owned(iso(record.created)),
            Calculation::Updated => owned(iso(record.updated_at(at))),
            Calculation::SourceName => Some(Cow::Borrowed(record.source.name())),
            Calculation::SourceId => owned(record.source.id()),
            Calculation::MergedIds => self.merged_ids(kind, record).map(Cow::Owned),
            Calculation::StageEntered(stage) => self.stage_entered(record, stage, at).map(iso).map(Cow::Owned),
            Calculation::StageExited(stage) => self.stage_exited(record, stage, at).map(iso).map(Cow::Owned),
            Calculation::CurrentStageEntered => {
                let stage = record.value_at(self.known.deal_stage, at)?;
                self.stage_entered(record, stage, at).map(iso).map(Cow::Owned)
            }
            Calculation::IsClosed => Some(flag(self.stage_of(record, at)?.closed)),
            Calculation::IsClosedWon => Some(flag(self.stage_of(record, at)?.is_won())),
            Calculation::StageProbability => owned(exact_share(self.stage_of(record, at)?.percent)),
            Calculation::HomeAmount => self.home_amount(record, at),
            Calculation::TaskIsCompleted => {
                Some(Cow::Borrowed(if self.completed_at(record, at).is_some() { "1" } else { "0" }))
            }
            Calculation::TaskIsOverdue => {
                let due = parse_instant(record.value_at(self.known.task_due, at)?)?;
                Some(flag(due < at.min(self.now) && self.completed_at(record, at).is_none()))
            }
            Calculation::TaskCompletedAt => self.completed_at(record, at).map(iso).map(Cow::Owned),
            Calculation::Coordinates => owned(format!("{}-{}", kind.number(), record.id)),
        }
    }

    /// The ids of all records that this one absorbed, also by way of another.
    fn merged_ids(&self, kind: Kind, record: &Record) -> Option<String> {
        let mut ids = Vec::new();
        let mut open = vec![record];
        while let Some(next) = open.pop() {
            for (_, life) in &next.life {
                if let Life::Absorbed(id) = life {
                    ids.push(id.to_string());
                    open.extend(self.record(kind, *id));
                }
            }
        }
        (!ids.is_empty()).then(|| ids.join(";"))
    }

    fn stage_entered(&self, record: &Record, stage: &str, at: Millis) -> Option<Millis> {
        let mut history = record.history(self.known.deal_stage);
        history.find(|version| version.at <= at && version.value.as_deref() == Some(stage)).map(|version| version.at)
    }

    fn stage_exited(&self, record: &Record, stage: &str, at: Millis) -> Option<Millis> {
        let mut left = None;
        for version in record.history(self.known.deal_stage).filter(|version| version.at <= at) {
            if version.value.as_deref() == Some(stage) && left.is_some() {
                return left;
            }
            left = Some(version.at);
        }
        None
    }

    fn stage_of(&self, record: &Record, at: Millis) -> Option<&Stage> {
        self.stage(record.value_at(self.known.deal_stage, at)?).map(|(_, stage)| stage)
    }

    fn home_amount<'a>(&self, record: &'a Record, at: Millis) -> Option<Cow<'a, str>> {
        let amount = record.value_at(self.known.deal_amount, at)?;
        let foreign = record.value_at(self.known.deal_currency, at).filter(|code| ***code != *self.currency);
        let Some(code) = foreign else { return Some(Cow::Borrowed(&**amount)) };
        let rate = self.exchange_rates.get(&**code)?;
        let amount: rust_decimal::Decimal = amount.parse().ok()?;
        Some(Cow::Owned(amount.checked_mul(*rate)?.normalize().to_string()))
    }

    fn completed_at(&self, record: &Record, at: Millis) -> Option<Millis> {
        let current = record.history(self.known.task_status).find(|version| version.at <= at)?;
        (current.value.as_deref() == Some("COMPLETED")).then_some(current.at)
    }
}

fn flag(value: bool) -> Cow<'static, str> {
    Cow::Borrowed(if value { "true" } else { "false" })
}

/// A share as recorded from a live account: all the digits of the binary fraction.
fn exact_share(percent: u8) -> String {
    let digits = format!("{:.60}", f64::from(percent) / 100.0);
    let trimmed = digits.trim_end_matches('0');
    if trimmed.ends_with('.') { format!("{trimmed}0") } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_written_with_all_its_digits() {
        assert_eq!(exact_share(40), "0.40000000000000002220446049250313080847263336181640625");
        assert_eq!(exact_share(100), "1.0");
        assert_eq!(exact_share(0), "0.0");
    }
}
