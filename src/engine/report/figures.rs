//! Shares, intervals and percentiles: exact where a number can be.

use rust_decimal::Decimal;

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// The part.
    pub part: u64,
    /// The whole: the cases.
    pub whole: u64,
}

impl Share {
    /// The share as a decimal with four places, half up; `None` without cases.
    pub fn ratio(self) -> Option<Decimal> {
        let scaled = self.scaled(10_000)?;
        Some(Decimal::new(i64::try_from(scaled).ok()?, 4))
    }

    /// The share in percent with one place: `41.7 %`; `-` without cases.
    pub fn percent(self) -> String {
        self.scaled(1_000).map_or_else(|| "-".to_owned(), |tenths| format!("{}.{} %", tenths / 10, tenths % 10))
    }

    /// Whether the share is at least the mark, exactly.
    pub fn reaches(self, mark: Decimal) -> bool {
        self.whole > 0 && mark.checked_mul(self.whole.into()).is_some_and(|least| Decimal::from(self.part) >= least)
    }

    /// The Wilson interval that holds the true share in 95 of 100 samples, as fractions; `None` without cases.
    ///
    /// <https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval#Wilson_score_interval>
    #[expect(clippy::cast_precision_loss, reason = "counts of records lie far below 2^52")]
    pub fn interval(self) -> Option<(f64, f64)> {
        if self.whole == 0 {
            return None;
        }
        let (count, share) = (self.whole as f64, self.part as f64 / self.whole as f64);
        let square = Z * Z / count;
        let middle = (share + square / 2.0) / (1.0 + square);
        let reach = Z / (1.0 + square) * (share * (1.0 - share) / count + square / (4.0 * count)).sqrt();
        Some(((middle - reach).max(0.0), (middle + reach).min(1.0)))
    }

    fn scaled(self, by: u128) -> Option<u128> {
        let (part, whole) = (u128::from(self.part), u128::from(self.whole));
        (whole > 0).then(|| (part * by * 2 + whole) / (whole * 2))
    }
}

/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The median of seconds: of an even number of them the middle between the two in the middle, rounded down.
pub fn median(sorted: &[i64]) -> Option<i64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
    Some(lower + (upper - lower) / 2)
}

/// The least of the values that at least `percent` in a hundred of them do not exceed.
pub fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

/// Seconds as a person reads them: `2 d 4 h`.
pub fn duration(secs: i64) -> String {
    let (days, hours, minutes) = (secs / 86_400, secs % 86_400 / 3_600, secs % 3_600 / 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{secs} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}
