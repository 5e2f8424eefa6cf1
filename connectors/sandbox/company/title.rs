//! Names for opportunities, no two alike.

use rand::Rng;
use rand::seq::SliceRandom;

const CUSTOMERS: [&str; 40] = [
    "Adler Optik",
    "Bellweather Foods",
    "Café Lumière",
    "Delta Shipping",
    "Elbtal Maschinen",
    "Fjord Energy",
    "Granite Bank",
    "Harbor Clinics",
    "Isar Textil",
    "Juniper Hotels",
    "Kyoto Ceramics",
    "Lakeside Schools",
    "Müller & Söhne",
    "Nordwind Logistik",
    "Oakfield Farms",
    "Pacific Timber",
    "Quarry Stone",
    "Rhein Chemie",
    "Sakura Robotics",
    "Tidewater Rail",
    "Umbra Lighting",
    "Vesta Pharma",
    "Westpark Media",
    "Xenia Travel",
    "Yamato Steel",
    "Zephyr Air",
    "Alpen Sport",
    "Blue Mesa Mining",
    "Copper & Co.",
    "Donau Versicherung",
    "Eastgate Retail",
    "Falcon Security",
    "Global Paper",
    "Hanse Kontor",
    "Ivory Dental",
    "Jasper Motors",
    "Kestrel Aviation",
    "Lumen Telecom",
    "Marina Boats",
    "Noble Insurance",
];

const SUBJECTS: [&str; 24] = [
    "fleet tracking",
    "warehouse rollout",
    "support contract",
    "data centre move",
    "new website",
    "payroll system",
    "spare parts",
    "training",
    "licence renewal",
    "security audit",
    "pilot line",
    "energy saving",
    "call centre",
    "field service",
    "quality control",
    "ordering portal",
    "network upgrade",
    "branch refit",
    "archive scan",
    "maintenance",
    "second shift",
    "analytics",
    "packaging",
    "mobile app",
];

/// Hands out names.
#[derive(Debug)]
pub(super) struct Titles {
    customers: Vec<&'static str>,
    subjects: Vec<&'static str>,
    given: usize,
}

impl Titles {
    pub(super) fn new(rng: &mut impl Rng) -> Titles {
        let (mut customers, mut subjects) = (CUSTOMERS.to_vec(), SUBJECTS.to_vec());
        customers.shuffle(rng);
        subjects.shuffle(rng);
        Titles { customers, subjects, given: 0 }
    }

    /// A name that was not given before.
    pub(super) fn next(&mut self) -> String {
        let (customers, subjects) = (self.customers.len(), self.subjects.len());
        let (index, round) = (self.given % (customers * subjects), self.given / (customers * subjects));
        self.given += 1;
        // The customer moves on each time and the subject each lap, shifted, so that neighbours look unlike each other.
        let (customer, lap) = (index % customers, index / customers);
        let name = format!("{}: {}", self.customers[customer], self.subjects[(lap + customer) % subjects]);
        if round == 0 { name } else { format!("{name}, phase {}", round + 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_names_are_alike() {
        let mut titles = Titles::new(&mut StdRng::seed_from_u64(1));
        let names: BTreeSet<String> = (0..3000).map(|_| titles.next()).collect();
        assert_eq!(names.len(), 3000);
    }
}
