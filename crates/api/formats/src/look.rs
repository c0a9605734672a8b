//! What the one who reads can be shown.

/// What the one who reads can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Colours are wanted.
    pub color: bool,
    /// Only ASCII is shown rightly.
    pub ascii: bool,
    /// Columns; more than 100 are never used.
    pub width: usize,
}

/// Longer lines are not read.
pub(crate) const MAX_WIDTH: usize = 100;

/// In less than this no table has room.
const MIN_WIDTH: usize = 40;

impl Look {
    /// Text that is kept: no colours.
    pub const PLAIN: Self = Self {
        color: false,
        ascii: false,
        width: MAX_WIDTH,
    };

    /// The same in ASCII.
    pub const ASCII: Self = Self {
        ascii: true,
        ..Self::PLAIN
    };

    /// The columns that are used.
    #[must_use]
    pub const fn columns(self) -> usize {
        if self.width < MIN_WIDTH {
            MIN_WIDTH
        } else if self.width > MAX_WIDTH {
            MAX_WIDTH
        } else {
            self.width
        }
    }
}
