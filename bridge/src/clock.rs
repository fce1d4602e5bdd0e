//! strftime on a fixed day, so that prompts do not drift: the time is always 00:00 of the given date.

use crate::outcome::Outcome;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Date {
    year: i32,
    month: u32, // 1..12
    day: u32,
}

/// The day that Llama 3.2's template names without a clock.
pub const DEFAULT: Date = Date {
    year: 2024,
    month: 7,
    day: 26,
};

fn leap(year: i32) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn month_days(year: i32, month: u32) -> u32 {
    match month {
        2 => 28 + u32::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Date {
    /// "26 Jul 2024" or "2024-07-26".
    pub fn parse(text: &str) -> Outcome<Date> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let parts: Vec<&str> = text.split('-').collect();
        let date = match (words[..].len(), parts[..].len()) {
            (3, 1) => MONTHS
                .iter()
                .position(|m| m.starts_with(words[1]) && words[1].len() >= 3)
                .and_then(|m| Date::checked(words[2], m as u32 + 1, words[0])),
            (1, 3) => parts[1]
                .parse()
                .ok()
                .and_then(|m| Date::checked(parts[0], m, parts[2])),
            _ => None,
        };
        date.ok_or_else(|| format!("\"{text}\" is not a date; write it as \"26 Jul 2024\""))
    }

    fn checked(year: &str, month: u32, day: &str) -> Option<Date> {
        let (year, day): (i32, u32) = (year.parse().ok()?, day.parse().ok()?);
        let good = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=month_days(year, month)).contains(&day);
        good.then_some(Date { year, month, day })
    }

    /// 1..366
    fn day_of_year(self) -> u32 {
        (1..self.month)
            .map(|m| month_days(self.year, m))
            .sum::<u32>()
            + self.day
    }

    /// 0 is Sunday.
    fn weekday(self) -> u32 {
        let y = self.year - 1;
        let before = y * 365 + y / 4 - y / 100 + y / 400; // days before this year since 1 Jan 1, a Monday
        (before as u32 + self.day_of_year()) % 7
    }

    /// Year and week by ISO 8601.
    fn iso_week(self) -> (i32, u32) {
        let from_monday = (self.weekday() + 6) % 7;
        let thursday = self.day_of_year() as i32 + 3 - from_monday as i32;
        let length = |y: i32| 365 + i32::from(leap(y));
        let (year, day) = if thursday < 1 {
            (self.year - 1, thursday + length(self.year - 1))
        } else if thursday > length(self.year) {
            (self.year + 1, thursday - length(self.year))
        } else {
            (self.year, thursday)
        };
        (year, (day as u32 - 1) / 7 + 1)
    }

    fn number(self, code: char) -> Option<(u32, usize, char)> {
        let (first_week_day, day) = (self.weekday(), self.day_of_year());
        Some(match code {
            'd' => (self.day, 2, '0'),
            'e' => (self.day, 2, ' '),
            'm' => (self.month, 2, '0'),
            'y' => (self.year as u32 % 100, 2, '0'),
            'C' => (self.year as u32 / 100, 2, '0'),
            'g' => (self.iso_week().0 as u32 % 100, 2, '0'),
            'H' | 'M' | 'S' => (0, 2, '0'),
            'k' => (0, 2, ' '),
            'I' => (12, 2, '0'),
            'l' => (12, 2, ' '),
            'j' => (day, 3, '0'),
            'f' => (0, 6, '0'),
            'u' => ((first_week_day + 6) % 7 + 1, 1, '0'),
            'w' => (first_week_day, 1, '0'),
            'U' => ((day + 6 - first_week_day) / 7, 2, '0'),
            'W' => ((day + 6 - (first_week_day + 6) % 7) / 7, 2, '0'),
            'V' => (self.iso_week().1, 2, '0'),
            'Y' => (self.year as u32, 1, '0'),
            'G' => (self.iso_week().0 as u32, 1, '0'),
            _ => return None,
        })
    }

    fn composite(code: char) -> Option<&'static str> {
        Some(match code {
            'D' | 'x' => "%m/%d/%y",
            'F' => "%Y-%m-%d",
            'T' | 'X' => "%H:%M:%S",
            'R' => "%H:%M",
            'r' => "%I:%M:%S %p",
            'c' => "%a %b %e %H:%M:%S %Y",
            _ => return None,
        })
    }

    fn word(self, code: char) -> Option<&'static str> {
        let (month, day) = (
            MONTHS[self.month as usize - 1],
            DAYS[self.weekday() as usize],
        );
        Some(match code {
            'B' => month,
            'b' | 'h' => &month[..3],
            'A' => day,
            'a' => &day[..3],
            'p' => "AM",
            'P' => "am",
            'n' => "\n",
            't' => "\t",
            '%' => "%",
            'z' | 'Z' => "", // a naive time has no zone
            _ => return None,
        })
    }

    /// As C's strftime in the C locale, with glibc's flags `-` (no padding), `_` (spaces), `0` and `^`.
    pub fn format(self, format: &str) -> String {
        let mut out = String::new();
        let mut chars = format.chars().peekable();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let flag = chars.next_if(|c| matches!(c, '-' | '_' | '0' | '^'));
            match chars.next() {
                Some(code) => self.push(&mut out, code, flag),
                None => out.push('%'),
            }
        }
        out
    }

    fn push(self, out: &mut String, code: char, flag: Option<char>) {
        if let Some(word) = self.word(code) {
            match flag {
                Some('^') => out.push_str(&word.to_uppercase()),
                _ => out.push_str(word),
            }
        } else if let Some((value, width, fill)) = self.number(code) {
            let digits = value.to_string();
            let fill = match flag {
                Some('_') => ' ',
                Some('0') => '0',
                _ => fill,
            };
            let missing = width.saturating_sub(digits.len());
            if flag != Some('-') {
                out.extend(std::iter::repeat_n(fill, missing));
            }
            out.push_str(&digits);
        } else if let Some(composite) = Date::composite(code) {
            out.push_str(&self.format(composite));
        } else {
            out.push('%'); // glibc copies an unknown code
            out.extend(flag);
            out.push(code);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_as_c_does() {
        let text = DEFAULT.format("%d %b %Y|%A, %B %-d|%j %U %W %V %u|%F %T|%y%% %Q|%I %p");
        assert_eq!(
            text,
            "26 Jul 2024|Friday, July 26|208 29 30 30 5|2024-07-26 00:00:00|24% %Q|12 AM"
        );
        let new_year = Date::parse("2021-01-01").unwrap();
        assert_eq!(
            new_year.format("%G-W%V %a %e %U %W"),
            "2020-W53 Fri  1 00 00"
        );
        assert_eq!(Date::parse("1 Jan 2021"), Ok(new_year));
    }

    #[test]
    fn refuses_what_is_not_a_day() {
        for bad in ["", "30 Feb 2024", "2024-13-01", "26 X 2024", "tomorrow"] {
            assert!(Date::parse(bad).is_err(), "{bad}");
        }
    }
}
