//! One field of a cron expression: its bounds, its names, and its text read into a set of values.
//!
//! A set is a `u64` whose bit n stands for the value n. Knows one field at a time; how fields work together is the
//! expression's business, and what time it is is nobody's here.

use std::fmt;

use super::error::CronError;

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The fields of a cron expression, in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CronField {
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31.
    DayOfMonth,
    /// 1 to 12, or JAN to DEC.
    Month,
    /// 0 to 7, or SUN to SAT; 0 and 7 are both Sunday.
    DayOfWeek,
}

impl fmt::Display for CronField {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of month",
            Self::Month => "month",
            Self::DayOfWeek => "day of week",
        })
    }
}

impl CronField {
    /// The lowest value.
    pub(super) const fn first(self) -> u32 {
        match self {
            Self::Minute | Self::Hour | Self::DayOfWeek => 0,
            Self::DayOfMonth | Self::Month => 1,
        }
    }

    /// The highest value that may be written.
    pub(super) const fn last(self) -> u32 {
        match self {
            Self::Minute => 59,
            Self::Hour => 23,
            Self::DayOfMonth => 31,
            Self::Month => 12,
            Self::DayOfWeek => 7,
        }
    }

    /// The highest value that is not another name of the lowest.
    const fn last_of_its_own(self) -> u32 {
        match self {
            Self::DayOfWeek => 6,
            Self::Minute | Self::Hour | Self::DayOfMonth | Self::Month => self.last(),
        }
    }

    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Minute | Self::Hour | Self::DayOfMonth => &[],
            Self::Month => &MONTHS,
            Self::DayOfWeek => &WEEKDAYS,
        }
    }

    /// What may stand for one value, in words.
    pub(super) fn values(self) -> String {
        let numbers = format!("a number from {} to {}", self.first(), self.last());
        match self.names() {
            [] => numbers,
            names => format!("{numbers} or one of {}", names.join(", ")),
        }
    }

    /// The name that a longer or misspelt word begins with: JAN for January.
    fn name_like(self, word: &str) -> Option<&'static str> {
        let begins = |name: &str| {
            word.get(..name.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(name))
        };
        self.names().iter().copied().find(|name| begins(name))
    }

    /// The set that a whole field stands for: items with commas between.
    pub(super) fn set(self, text: &str) -> Result<u64, CronError> {
        text.split(',')
            .try_fold(0, |set, item| Ok(set | self.item(item, text)?))
    }

    fn item(self, item: &str, text: &str) -> Result<u64, CronError> {
        if item.is_empty() {
            return Err(CronError::EmptyItem {
                field: self,
                text: text.to_owned(),
            });
        }
        let (base, step) = match item.split_once('/') {
            Some((base, step)) => (base, Some(step)),
            None => (item, None),
        };
        let (first, last) = self.bounds(base, step, item)?;
        let stride = step.map_or(Ok(1), |step| self.stride(step, item))?;
        Ok((first..=last)
            .step_by(stride)
            .fold(0, |set, value| set | self.bit(value)))
    }

    const fn bit(self, value: u32) -> u64 {
        if value > self.last_of_its_own() {
            1 << self.first()
        } else {
            1 << value
        }
    }

    /// First and last value of `*`, `a-b` or `a`.
    fn bounds(self, base: &str, step: Option<&str>, item: &str) -> Result<(u32, u32), CronError> {
        if base == "*" {
            return Ok((self.first(), self.last_of_its_own()));
        }
        match (base.split_once('-'), step) {
            (Some((from, to)), _) => self.range(from, to, item),
            (None, None) => self.value(base, item).map(|value| (value, value)),
            (None, Some(step)) => {
                let end = self.value(base, item)?.max(self.last_of_its_own());
                Err(CronError::StepWithoutRange {
                    field: self,
                    item: item.to_owned(),
                    instead: format!("{base}-{end}/{step}"),
                })
            }
        }
    }

    fn range(self, from: &str, to: &str, item: &str) -> Result<(u32, u32), CronError> {
        let first = self.value(from, item)?;
        let last = match self.value(to, item)? {
            // A week that ends on SUN: nobody means the Sunday before.
            0 if self == Self::DayOfWeek && to.eq_ignore_ascii_case("SUN") && first > 0 => 7,
            last => last,
        };
        if first <= last {
            return Ok((first, last));
        }
        let until_end = match self.last_of_its_own() {
            end if end <= first => from.to_owned(),
            end => format!("{from}-{end}"),
        };
        let from_start = match self.first() {
            start if start == last => to.to_owned(),
            start => format!("{start}-{to}"),
        };
        Err(CronError::Reversed {
            field: self,
            item: item.to_owned(),
            instead: format!("{until_end},{from_start}"),
        })
    }

    fn stride(self, step: &str, item: &str) -> Result<usize, CronError> {
        step.parse()
            .ok()
            .filter(|_| is_digits(step))
            .filter(|stride| (1..=self.last()).contains(stride))
            .and_then(|stride: u32| usize::try_from(stride).ok())
            .ok_or_else(|| CronError::Step {
                field: self,
                item: item.to_owned(),
                step: step.to_owned(),
            })
    }

    fn value(self, word: &str, item: &str) -> Result<u32, CronError> {
        if is_digits(word) {
            return word
                .parse()
                .ok()
                .filter(|value| (self.first()..=self.last()).contains(value))
                .ok_or_else(|| CronError::OutOfRange {
                    field: self,
                    item: item.to_owned(),
                    value: word.to_owned(),
                });
        }
        (self.first()..)
            .zip(self.names())
            .find_map(|(value, name)| name.eq_ignore_ascii_case(word).then_some(value))
            .ok_or_else(|| CronError::NotAValue {
                field: self,
                item: item.to_owned(),
                word: word.to_owned(),
                like: self.name_like(word),
            })
    }
}

fn is_digits(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn values(set: u64) -> Vec<u32> {
        (0..64).filter(|value| set >> value & 1 == 1).collect()
    }

    #[rstest]
    #[case::one(CronField::Minute, "7", &[7])]
    #[case::leading_zero(CronField::Hour, "09", &[9])]
    #[case::list(CronField::Hour, "9,17,9", &[9, 17])]
    #[case::range(CronField::DayOfMonth, "29-31", &[29, 30, 31])]
    #[case::range_of_one(CronField::Hour, "5-5", &[5])]
    #[case::step_of_all(CronField::Minute, "*/20", &[0, 20, 40])]
    #[case::step_of_all_from_one(CronField::Month, "*/5", &[1, 6, 11])]
    #[case::step_of_a_range(CronField::Minute, "5-59/25", &[5, 30, 55])]
    #[case::list_of_all_kinds(CronField::Hour, "1,4-6,20-23/2", &[1, 4, 5, 6, 20, 22])]
    #[case::months_by_name(CronField::Month, "jan,Nov-DEC", &[1, 11, 12])]
    #[case::weekdays_by_name(CronField::DayOfWeek, "Mon-fri", &[1, 2, 3, 4, 5])]
    #[case::seven_is_sunday(CronField::DayOfWeek, "7", &[0])]
    #[case::a_range_to_seven(CronField::DayOfWeek, "5-7", &[0, 5, 6])]
    #[case::a_range_to_sun(CronField::DayOfWeek, "SAT-SUN", &[0, 6])]
    #[case::a_range_from_sun(CronField::DayOfWeek, "SUN-TUE", &[0, 1, 2])]
    #[case::all_of_a_week_once(CronField::DayOfWeek, "*/3", &[0, 3, 6])]
    fn a_field_stands_for_its_values(#[case] field: CronField, #[case] text: &str, #[case] expected: &[u32]) {
        assert_eq!(values(field.set(text).unwrap()), expected);
    }

    #[rstest]
    #[case(CronField::Hour, "22-4", "22-23,0-4")]
    #[case(CronField::Hour, "23-0", "23,0")]
    #[case(CronField::Month, "NOV-FEB", "NOV-12,1-FEB")]
    #[case(CronField::DayOfWeek, "5-2", "5-6,0-2")]
    #[case(CronField::DayOfWeek, "7-2", "7,0-2")]
    fn what_is_offered_for_a_reversed_range_is_accepted_and_wraps_around(
        #[case] field: CronField,
        #[case] text: &str,
        #[case] instead: &str,
    ) {
        let error = field.set(text).unwrap_err();
        assert!(error.to_string().contains(instead), "{error}");
        field.set(instead).unwrap();
    }

    #[rstest]
    #[case(CronField::Minute, "5/15", "5-59/15")]
    #[case(CronField::Month, "FEB/3", "FEB-12/3")]
    #[case(CronField::DayOfWeek, "7/2", "7-7/2")]
    fn what_is_offered_for_a_step_without_a_range_is_accepted(
        #[case] field: CronField,
        #[case] text: &str,
        #[case] instead: &str,
    ) {
        let error = field.set(text).unwrap_err();
        assert!(error.to_string().ends_with(instead), "{error}");
        field.set(instead).unwrap();
    }
}
