//! Columns that line up, as kubectl prints them: two spaces between, nothing after the last.
//!
//! Pure. The caller gives the titles and rows of equal length; what they mean is not known here.

use crate::text::lines;

/// `titles` and `rows` as lines, each after `indent`. A column is as wide as its widest cell.
pub(crate) fn table<const N: usize>(indent: &str, titles: [&str; N], rows: &[[String; N]]) -> String {
    let titles = titles.map(str::to_owned);
    let all = || std::iter::once(&titles).chain(rows);
    let width = |column: usize| all().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    lines(all().map(|line| format!("{indent}{}", join(line, &widths))))
}

fn join<const N: usize>(line: &[String; N], widths: &[usize; N]) -> String {
    let cells = line.iter().zip(widths).map(|(cell, &width)| format!("{cell:width$}"));
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_end_without_spaces() {
        let rows = [["shop".to_owned(), "6".to_owned()], ["a".to_owned(), String::new()]];
        assert_eq!(table("", ["NAME", "PODS"], &rows), "NAME  PODS\nshop  6\na\n");
    }

    #[test]
    fn letters_count_and_not_bytes() {
        let rows = [["é".to_owned(), "x".to_owned()], ["ab".to_owned(), "y".to_owned()]];
        assert_eq!(table("  ", ["A", "B"], &rows), "  A   B\n  é   x\n  ab  y\n");
    }
}
