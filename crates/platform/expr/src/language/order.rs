//! CEL's numbers are one line: `1 == 1u == 1.0`, whatever the types.

use core::cmp::Ordering;

/// A number of any of CEL's three types.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Int(i64),
    Uint(u64),
    Double(f64),
}

impl Number {
    fn whole(self) -> Option<i128> {
        match self {
            Self::Int(i) => Some(i.into()),
            Self::Uint(u) => Some(u.into()),
            Self::Double(_) => None,
        }
    }
}

/// How two numbers compare, exactly; `None` where one is not a number.
pub(crate) fn compare(left: Number, right: Number) -> Option<Ordering> {
    match (left.whole(), right.whole(), left, right) {
        (Some(a), Some(b), ..) => Some(a.cmp(&b)),
        (Some(a), None, _, Number::Double(b)) => whole_with_double(a, b),
        (None, Some(b), Number::Double(a), _) => whole_with_double(b, a).map(Ordering::reverse),
        (None, None, Number::Double(a), Number::Double(b)) => a.partial_cmp(&b),
        _ => None,
    }
}

/// A conversion of either side would round, so the double is split instead.
fn whole_with_double(whole: i128, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    // Saturates beyond i128, which is far beyond every whole number here.
    let floor = double as i128;
    Some(match whole.cmp(&floor) {
        Ordering::Equal => 0.0.partial_cmp(&(double % 1.0))?,
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Number::Int(1), Number::Uint(1), Some(Ordering::Equal))]
    #[case(Number::Int(-1), Number::Uint(u64::MAX), Some(Ordering::Less))]
    #[case(Number::Int(1), Number::Double(1.0), Some(Ordering::Equal))]
    #[case(Number::Int(1), Number::Double(1.5), Some(Ordering::Less))]
    #[case(Number::Int(-1), Number::Double(-1.5), Some(Ordering::Greater))]
    #[case(
        Number::Int(i64::MAX),
        Number::Double(9_223_372_036_854_775_808.0),
        Some(Ordering::Less)
    )]
    #[case(
        Number::Uint(u64::MAX),
        Number::Double(f64::INFINITY),
        Some(Ordering::Less)
    )]
    #[case(Number::Int(0), Number::Double(f64::NAN), None)]
    #[case(
        Number::Double(f64::NEG_INFINITY),
        Number::Int(i64::MIN),
        Some(Ordering::Less)
    )]
    fn exact(#[case] left: Number, #[case] right: Number, #[case] expected: Option<Ordering>) {
        assert_eq!(compare(left, right), expected);
        assert_eq!(compare(right, left), expected.map(Ordering::reverse));
    }
}
