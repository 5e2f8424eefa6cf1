//! A table in a CSV file, as people's programs read and save it.

use std::path::Path;

/// A table: its columns, and rows of as many cells.
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn load(file: &Path) -> Table {
        let mut rows = parse(&std::fs::read_to_string(file).unwrap());
        Table { columns: rows.remove(0), rows }
    }

    pub fn save(&self, file: &Path) {
        let line = |cells: &Vec<String>| cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\n";
        let text: String = std::iter::once(&self.columns).chain(&self.rows).map(line).collect();
        std::fs::write(file, text).unwrap();
    }

    fn column(&self, name: &str) -> usize {
        self.columns.iter().position(|column| column == name).unwrap()
    }

    pub fn get<'a>(&self, row: &'a [String], name: &str) -> &'a str {
        &row[self.column(name)]
    }

    /// Changes a cell of the row with an id.
    pub fn set(&mut self, id: &str, name: &str, value: &str) {
        let (key, column) = (self.column("id"), self.column(name));
        let row = self.rows.iter_mut().find(|row| row[key] == id).unwrap();
        value.clone_into(&mut row[column]);
    }

    /// Adds a row; cells that are not named stay empty.
    pub fn add(&mut self, cells: &[(&str, &str)]) {
        let value = |column: &String| cells.iter().find(|(name, _)| name == column).map_or("", |(_, value)| value);
        self.rows.push(self.columns.iter().map(|column| value(column).to_owned()).collect());
    }

    /// Takes a row out.
    pub fn take(&mut self, id: &str) -> Vec<String> {
        let key = self.column("id");
        let place = self.rows.iter().position(|row| row[key] == id).unwrap();
        self.rows.remove(place)
    }
}

fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

fn parse(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut is_quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    rows
}
