//! The stages of opportunities: each decides what an opportunity in it is.

use super::Org;
use super::cell::Cell;
use super::kind::Kind;
use super::row::Row;
use super::schema::Choice;

/// A stage to add.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewStage<'a> {
    /// What opportunities hold.
    pub(crate) name: &'a str,
    pub(crate) label: &'a str,
    pub(crate) percent: u8,
    pub(crate) closed: bool,
}

/// What a stage makes of an opportunity.
#[derive(Clone, Debug)]
pub(crate) struct StageFacts {
    pub(crate) closed: bool,
    pub(crate) won: bool,
    pub(crate) percent: Cell,
    pub(crate) category: Cell,
    pub(crate) category_name: Cell,
}

impl Org {
    /// Puts these stages in the place of all others.
    pub(crate) fn set_stages(&mut self, stages: &[NewStage<'_>]) {
        let old: Vec<_> = self.table(Kind::OpportunityStage).rows().map(|row| row.id).collect();
        for id in old {
            self.erase(Kind::OpportunityStage, id);
        }
        self.stage_choices(|choices| choices.clear());
        for stage in stages {
            self.add_stage(stage);
        }
    }

    /// Adds a stage after all others; one of that name stays as it is.
    pub(crate) fn add_stage(&mut self, stage: &NewStage<'_>) {
        if self.stage_row(stage.name).is_some() {
            return;
        }
        let won = stage.closed && stage.percent == 100;
        let (category, category_name) = match (stage.closed, stage.percent) {
            (true, 100) => ("Closed", "Closed"),
            (true, _) => ("Omitted", "Omitted"),
            (false, 90..) => ("Forecast", "Commit"),
            (false, 70..) => ("BestCase", "Best Case"),
            (false, _) => ("Pipeline", "Pipeline"),
        };
        let order = self.table(Kind::OpportunityStage).rows().len() + 1;
        let cells = [
            ("MasterLabel", Cell::text(stage.label)),
            ("ApiName", Cell::text(stage.name)),
            ("IsActive", Cell::Bool(true)),
            ("SortOrder", Cell::Number(f64::from(u32::try_from(order).unwrap_or(u32::MAX)))),
            ("IsClosed", Cell::Bool(stage.closed)),
            ("IsWon", Cell::Bool(won)),
            ("ForecastCategory", Cell::text(category)),
            ("ForecastCategoryName", Cell::text(category_name)),
            ("DefaultProbability", Cell::Number(f64::from(stage.percent))),
        ];
        let by = self.itself();
        self.insert_raw(Kind::OpportunityStage, cells, by);
        let choice =
            Choice { value: stage.name.to_owned(), label: stage.label.to_owned(), active: true, default: false };
        self.stage_choices(|choices| choices.push(choice));
    }

    /// Gives a stage another label; what opportunities hold stays.
    pub(crate) fn rename_stage(&mut self, name: &str, label: &str) {
        let Some(mut row) = self.stage_row(name).cloned() else { return };
        let (at, by) = (self.stamp(), self.itself());
        let field = self.table(Kind::OpportunityStage).schema.known("MasterLabel");
        row.set(field, Cell::text(label), at, by);
        row.touch(at, by);
        self.store(Kind::OpportunityStage, row);
        self.stage_choices(|choices| {
            for choice in choices.iter_mut().filter(|choice| choice.value == name) {
                choice.label = label.to_owned();
            }
        });
    }

    pub(crate) fn stage_facts(&self, name: &str) -> Option<StageFacts> {
        let schema = &self.table(Kind::OpportunityStage).schema;
        let row = self.stage_row(name)?;
        let get = |field| row.get(schema.known(field));
        Some(StageFacts {
            closed: get("IsClosed").is_true(),
            won: get("IsWon").is_true(),
            percent: get("DefaultProbability").clone(),
            category: get("ForecastCategory").clone(),
            category_name: get("ForecastCategoryName").clone(),
        })
    }

    fn stage_row(&self, name: &str) -> Option<&Row> {
        let table = self.table(Kind::OpportunityStage);
        let field = table.schema.known("ApiName");
        table.rows().find(|row| row.get(field).as_text() == Some(name))
    }

    fn stage_choices(&mut self, edit: impl FnOnce(&mut Vec<Choice>)) {
        let schema = &mut self.table_mut(Kind::Opportunity).schema;
        let field = schema.known("StageName");
        edit(&mut schema.field_mut(field).choices);
    }
}
