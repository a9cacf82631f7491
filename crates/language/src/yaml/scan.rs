//! Use of the scanner.

use granit_parser::Parser;

use crate::source::Span;

use super::limits::YamlLimits;

/// Returns the offset of the first syntax error.
pub(super) fn first_error(text: &str, limits: &YamlLimits) -> Option<u32> {
    Parser::new_from_str_with_options(text, options(limits))
        .find_map(Result::err)
        .map(|error| error.marker().byte_offset().unwrap_or(0) as u32)
}

/// Returns the options of the scanner.
pub(super) fn options(limits: &YamlLimits) -> granit_parser::Options {
    granit_parser::options! {
        disallow_directives: true,
        emit_unresolved_aliases: true,
        flow_nesting_limit: limits.depth,
        block_nesting_limit: limits.depth,
        // With the scanner's own limit, many consecutive comment lines would be an error.
        max_buffered_comment_events: usize::MAX,
    }
}

/// Converts a span of the scanner, which has byte offsets for a text in memory.
pub(super) fn span_of(place: &granit_parser::Span) -> Span {
    let range = place.byte_range().unwrap_or(0..0);
    Span::new(range.start as u32, range.end.max(range.start) as u32)
}
