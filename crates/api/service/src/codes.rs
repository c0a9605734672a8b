//! Every error that a user can meet: its code and its page. The only list.

/// An error's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorPage {
    /// The code, `ROK0007`.
    pub code: &'static str,
    /// The page, Markdown.
    pub text: &'static str,
}

impl ErrorPage {
    /// The page of a code, in whatever case it is written.
    #[must_use]
    pub fn of(code: &str) -> Option<&'static Self> {
        ERROR_PAGES
            .iter()
            .find(|page| page.code.eq_ignore_ascii_case(code))
    }

    /// What the code means, from the page's first line.
    #[must_use]
    pub fn title(&self) -> &'static str {
        let first = self.text.lines().next().unwrap_or_default();
        first.split_once(": ").map_or(first, |(_, title)| title)
    }
}

macro_rules! pages {
    ($($code:literal)+) => {
        /// Every code and its page, in the codes' order.
        pub const ERROR_PAGES: &[ErrorPage] = &[
            $(ErrorPage {
                code: $code,
                text: include_str!(concat!("../../../../docs/errors/", $code, ".md")),
            },)+
        ];
    };
}

pages! {
    "ROK0001" "ROK0002" "ROK0003" "ROK0004" "ROK0005" "ROK0006" "ROK0007" "ROK0008" "ROK0009"
    "ROK0010" "ROK0011" "ROK0012" "ROK0013" "ROK0014"
    "ROK0101" "ROK0102" "ROK0103" "ROK0104" "ROK0105" "ROK0106" "ROK0107" "ROK0108" "ROK0109"
    "ROK0110" "ROK0111" "ROK0112" "ROK0113" "ROK0114" "ROK0115" "ROK0116" "ROK0117" "ROK0118" "ROK0119"
    "ROK0120" "ROK0121" "ROK0122" "ROK0123"
    "ROK0131"
    "ROK0140" "ROK0141" "ROK0142" "ROK0143" "ROK0144" "ROK0145" "ROK0150"
    "ROK0160" "ROK0161" "ROK0162"
    "ROK0170" "ROK0171" "ROK0172" "ROK0173"
    "ROK0180" "ROK0181" "ROK0182" "ROK0183" "ROK0184"
    "ROK0190" "ROK0191"
    "ROK0201" "ROK0202" "ROK0203" "ROK0204" "ROK0205" "ROK0206" "ROK0208" "ROK0209"
    "ROK0211" "ROK0212" "ROK0213"
    "ROK0220" "ROK0221" "ROK0222" "ROK0223" "ROK0224" "ROK0225" "ROK0226"
    "ROK0230" "ROK0231" "ROK0232" "ROK0233" "ROK0234" "ROK0235" "ROK0236"
    "ROK0240" "ROK0241"
}
