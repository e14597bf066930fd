//! Writes one `<svg>`: shapes with classes, so that the page's style sheet alone decides on colours.
//!
//! Pure. Text is escaped here and nowhere else. Coordinates have one digit after the point: a tenth of a pixel.

use std::fmt::{Display, Write};

/// Where a text is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// At its beginning.
    Start,
    /// In its middle.
    Middle,
    /// At its end.
    End,
}

/// A drawing that grows.
#[derive(Clone, Debug)]
pub(crate) struct Svg {
    text: String,
}

/// For a place between tags or in an attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

impl Svg {
    /// An image of that size with a title for who cannot see it.
    pub(crate) fn new(id: &str, title: &str, (width, height): (f64, f64)) -> Self {
        let (id, title) = (escape(id), escape(title));
        Self {
            text: format!(
                "<svg id=\"{id}\" role=\"img\" aria-labelledby=\"{id}-title\" viewBox=\"0 0 {width} {height}\">\
                 <title id=\"{id}-title\">{title}</title>\n"
            ),
        }
    }

    /// The whole of it.
    pub(crate) fn finish(self) -> String {
        self.text + "</svg>\n"
    }

    /// A path with these commands.
    pub(crate) fn path(&mut self, class: &str, commands: &str) {
        if !commands.is_empty() {
            self.add(format_args!("<path class=\"{}\" d=\"{commands}\"/>\n", escape(class)));
        }
    }

    /// A straight line.
    pub(crate) fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.add(format_args!(
            "<line class=\"{}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>\n",
            escape(class)
        ));
    }

    /// A text at a point.
    pub(crate) fn text(&mut self, class: &str, anchor: Anchor, (x, y): (f64, f64), text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.add(format_args!(
            "<text class=\"{}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>\n",
            escape(class),
            escape(text)
        ));
    }

    /// A disc that tells `title` when pointed at.
    pub(crate) fn disc(&mut self, class: &str, (x, y): (f64, f64), radius: f64, title: &str) {
        self.add(format_args!(
            "<circle class=\"{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\"><title>{}</title></circle>\n",
            escape(class),
            escape(title)
        ));
    }

    fn add(&mut self, text: impl Display) {
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{text}");
    }
}

/// Commands of a path, point by point.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path {
    commands: String,
}

impl Path {
    /// Begins at a point.
    pub(crate) fn begin(&mut self, (x, y): (f64, f64)) -> &mut Self {
        self.add(format_args!("M{x:.1} {y:.1}"))
    }

    /// Along to `x`.
    pub(crate) fn across(&mut self, x: f64) -> &mut Self {
        self.add(format_args!("H{x:.1}"))
    }

    /// Up or down to `y`.
    pub(crate) fn up(&mut self, y: f64) -> &mut Self {
        self.add(format_args!("V{y:.1}"))
    }

    /// Back to where it began.
    pub(crate) fn close(&mut self) -> &mut Self {
        self.add("Z")
    }

    /// The commands.
    pub(crate) fn commands(&self) -> &str {
        &self.commands
    }

    fn add(&mut self, text: impl Display) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.commands, "{text}");
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_cannot_become_markup() {
        let mut svg = Svg::new("a\"b", "<script>", (10.0, 10.0));
        svg.text("c", Anchor::Middle, (1.0, 2.0), "x < y & 'z'");
        let text = svg.finish();
        assert!(!text.contains("<script>"), "{text}");
        assert!(text.contains("x &lt; y &amp; &#39;z&#39;</text>"), "{text}");
        assert!(text.contains("id=\"a&quot;b\""), "{text}");
    }

    #[test]
    fn a_path_of_nothing_is_not_written() {
        let mut svg = Svg::new("a", "b", (10.0, 10.0));
        svg.path("line", Path::default().commands());
        assert!(!svg.finish().contains("<path"));
    }
}
