//! Format of the correlation tag in the comment of an action.

use svar_wire::LiveResponseRequest;
use svar_wire::Tag;

const OPEN: &str = " [svar ";
const CLOSE: char = ']';

/// Returns the request with the tag at the end of its comment: ` [svar 0123456789abcdef0123]`.
pub fn tagged(request: &LiveResponseRequest, tag: &Tag) -> LiveResponseRequest {
    let mut request = request.clone();
    request.comment = format!("{}{OPEN}{tag}{CLOSE}", request.comment.trim_end());
    request
}

/// Returns the tag at the end of a comment of an action.
///
/// Only the last bracket counts, so that a comment of a playbook with such a bracket is not mistaken for a tag.
pub fn find_tag(comment: &str) -> Option<Tag> {
    let inner = comment.trim_end().strip_suffix(CLOSE)?;
    // If the comment was empty, the service removes the leading space.
    let start = inner.rfind(OPEN.trim_start())?;
    Tag::parse(&inner[start + OPEN.trim_start().len()..]).ok()
}

/// Number of bytes that the tag adds to a comment.
pub const TAG_LENGTH: usize = OPEN.len() + 20 + 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_again_at_the_end_only() {
        let tag = Tag::parse("0123456789abcdef0123").expect("a tag");
        let request = LiveResponseRequest {
            commands: Vec::new(),
            comment: "case 7 [svar ffffffffffffffffffff]".into(),
        };
        let sent = tagged(&request, &tag);
        assert_eq!(
            sent.comment,
            "case 7 [svar ffffffffffffffffffff] [svar 0123456789abcdef0123]"
        );
        assert_eq!(sent.comment.len(), request.comment.len() + TAG_LENGTH);
        assert_eq!(find_tag(&sent.comment), Some(tag.clone()));
        assert_eq!(find_tag("[svar 0123456789abcdef0123]"), Some(tag));
        assert_eq!(find_tag("[svar 0123456789abcdef0123] and more"), None);
        assert_eq!(find_tag("somebody else"), None);
    }
}
