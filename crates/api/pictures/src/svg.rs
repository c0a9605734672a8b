//! What SVG pictures share: the frame, the style, the title, the legend.

use crate::state::{State, rules};
use crate::text::{Xml, clean, columns, shorten, wrap};
use alloc::format;
use alloc::string::String;
use core::fmt::Write as _;

/// The advance of a column, in hundredths of a pixel: of the monospaced ids,
/// and of the smaller text in the page's font, whose letters differ.
pub(crate) const LABEL: i32 = 735;
pub(crate) const SMALL: i32 = 620;
/// Names of steps, and ids under them.
pub(crate) const NAME: i32 = 830;
pub(crate) const UNDER: i32 = 675;
/// Titles.
const TITLE: i32 = 960;

/// How wide a text is drawn, at most as a rule.
pub(crate) fn text_width(text: &str, column: i32) -> i32 {
    let columns = i32::try_from(columns(text)).unwrap_or(i32::MAX / 1000);
    columns.saturating_mul(column) / 100
}

/// The rules of shapes and lines, after those of the colours.
const SHAPES: &str = "\
.rokpic{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\
.rokpic text{stroke:none}\
.rokpic .title{font-size:16px;font-weight:600}\
.rokpic .s{font-size:11px}\
.rokpic .id{font-size:12px;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}\
.rokpic .box{stroke:currentColor;stroke-width:1.3}\
.rokpic .hard{stroke-width:2.4}\
.rokpic .opt{stroke-dasharray:4 3}\
.rokpic .i{fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}\
.rokpic .solid{fill:currentColor;stroke-width:1.2}\
.rokpic .e{fill:none;stroke-width:1.3}\
.rokpic .after{stroke-dasharray:6 4}\
.rokpic .fallback{stroke-dasharray:9 3 2 3;stroke-width:1.6}\
.rokpic .compensation{stroke-dasharray:1 4;stroke-linecap:round;stroke-width:1.8}\
.rokpic .nm{font-size:12.5px;font-weight:600}\
.rokpic .idf{font-size:11px;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}\
.rokpic .on{paint-order:stroke;stroke-width:4px;stroke-linejoin:round}\
.rokpic .b{font-weight:600}\
.rokpic .grid{fill:none;stroke-width:1}\
.rokpic .band{fill-opacity:.55;stroke-width:1;stroke-dasharray:3 3}\
.rokpic .hit{fill:transparent}\
.rokpic .queued{stroke-width:1.2}\
.rokpic .delay{stroke-width:1.6;stroke-dasharray:1 4;stroke-linecap:round}\
.rokpic .decision{stroke:currentColor;stroke-width:8;stroke-dasharray:2 3}\
.rokpic .cut{fill:none;stroke-dasharray:5 4}\
.rokpic .path{fill:none;stroke-width:1.6}\
.rokpic .bar{fill:currentColor;fill-opacity:.3;stroke:currentColor;stroke-width:1.2}\
.rokpic .undone{stroke-dasharray:3 2}\
.rokpic .moment{stroke-width:1;stroke-dasharray:2 3}\
.rokpic .crit{stroke-width:2.6}\
.rokpic .end{text-anchor:end}\
.rokpic .mid{text-anchor:middle}\n";

/// Every style rule that pictures need.
pub(crate) fn style() -> String {
    let mut style = rules(".rokpic");
    style.push_str(SHAPES);
    style
}

/// The opening of a picture, with what it says to those who do not see it.
pub(crate) fn open(
    name: &str,
    (width, height): (i32, i32),
    title: &str,
    description: &str,
    inline: bool,
) -> String {
    let title = clean(title);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"rokpic\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"graphics-document document\" \
         aria-labelledby=\"{name}-title {name}-desc\"><title id=\"{name}-title\">{}</title>\
         <desc id=\"{name}-desc\">{}</desc>",
        Xml(&title),
        Xml(description)
    );
    if !inline {
        let _ = write!(out, "<style>{}</style>", style());
    }
    let _ = write!(
        out,
        "<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>"
    );
    out
}

/// The sign of a state, around a point.
pub(crate) fn icon(state: State, x: i32, y: i32, out: &mut String) {
    let filled = matches!(state, State::Running | State::Partial);
    let class = if filled { "i solid" } else { "i" };
    let _ = write!(
        out,
        "<path class=\"{class}\" transform=\"translate({x} {y})\" d=\"{}\"/>",
        state.icon()
    );
}

/// The head of a picture, written from the top down.
pub(crate) struct Sheet<'a> {
    out: &'a mut String,
    width: i32,
    margin: i32,
    y: i32,
}

impl<'a> Sheet<'a> {
    /// Title and subtitle.
    pub(crate) fn new(
        out: &'a mut String,
        width: i32,
        title: &str,
        subtitle: &str,
        margin: i32,
    ) -> Self {
        let room = |column: i32| usize::try_from((width - 2 * margin) * 100 / column).unwrap_or(0);
        let mut y = margin + 12;
        let _ = write!(
            out,
            "<text class=\"t title\" x=\"{margin}\" y=\"{y}\">{}</text>",
            Xml(&shorten(title, room(TITLE)))
        );
        y += 4;
        for line in wrap(subtitle, room(SMALL)) {
            y += 16;
            let _ = write!(
                out,
                "<text class=\"f s\" x=\"{margin}\" y=\"{y}\">{}</text>",
                Xml(&line)
            );
        }
        Self {
            out,
            width,
            margin,
            y: y + 12,
        }
    }

    /// Where the head ends.
    pub(crate) fn y(&self) -> i32 {
        self.y
    }
}

/// Signs with words, line by line.
pub(crate) struct Flow<'a, 'b> {
    sheet: &'a mut Sheet<'b>,
    x: i32,
    any: bool,
}

impl<'a, 'b> Flow<'a, 'b> {
    pub(crate) fn new(sheet: &'a mut Sheet<'b>) -> Self {
        let x = sheet.margin;
        sheet.y += 10;
        Self {
            sheet,
            x,
            any: false,
        }
    }

    /// A sign of at most 22 columns, drawn at x and the middle of the line.
    pub(crate) fn item(&mut self, words: &str, sign: impl FnOnce(&mut String, i32, i32)) {
        let width = 28 + text_width(words, SMALL) + 18;
        if self.any && self.x + width > self.sheet.width - self.sheet.margin {
            self.x = self.sheet.margin;
            self.sheet.y += 20;
        }
        let (x, y) = (self.x, self.sheet.y);
        sign(self.sheet.out, x, y);
        let _ = write!(
            self.sheet.out,
            "<text class=\"f s\" x=\"{}\" y=\"{}\">{}</text>",
            x + 28,
            y + 4,
            Xml(words)
        );
        self.x += width;
        self.any = true;
    }

    /// Leaves room under the last line.
    pub(crate) fn end(self) {
        self.sheet.y += if self.any { 14 } else { -10 };
    }
}
